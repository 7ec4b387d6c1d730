use jiff::tz::TimeZone;

use super::*;
use crate::{Cut, Cutter, Format, Stretch};

static UTC: TimeZone = TimeZone::UTC;

fn moment() -> Moment<'static> {
    Moment::live("2026-11-22T10:00:00Z".parse().unwrap(), &UTC)
}

/// Made by hand after lines of journalctl 252.
const LINE: &str = r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795341600000000","MESSAGE":"Failed password for root from 192.0.2.7 port 22 ssh2","SYSLOG_IDENTIFIER":"sshd","_PID":"71","_HOSTNAME":"srv","PRIORITY":"6","SYSLOG_FACILITY":"4","_SYSTEMD_UNIT":"ssh.service"}"#;

#[test]
fn an_entry_becomes_a_parsed_event() {
    let entry = Entry::parse(LINE.as_bytes()).unwrap();
    assert_eq!(entry.cursor, "s=1;i=2");
    let event = entry.event(moment());
    assert_eq!(event.time.to_string(), "2026-11-22T10:00:00.000000Z");
    assert_eq!(event.logsource.service.as_deref(), Some("sshd"));
    let hidden = ["message", "ssh.method", "event.action"];
    let fields = event.fields.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
    let shown: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        shown.join(" "),
        "event.outcome=failure host.name=srv log.source=journald log.syslog.facility.code=4 \
         log.syslog.severity.code=6 process.name=sshd process.pid=71 service.unit=ssh.service \
         source.ip=192.0.2.7 source.port=22 user.name=root"
    );
}

#[test]
fn unusual_values_are_read_and_nonsense_is_not() {
    let message = |value: &str| {
        let line = format!(r#"{{"__CURSOR":"c","MESSAGE":{value}}}"#);
        Entry::parse(line.as_bytes()).map(|entry| entry.event(moment()).raw.unwrap())
    };
    assert_eq!(message("[104,105,255]").as_deref(), Some("hi\u{fffd}"));
    assert_eq!(message(r#"["one","two"]"#).as_deref(), Some("one"));
    assert_eq!(message("null").as_deref(), Some(""));
    assert_eq!(message("[104,400]").as_deref(), Some(""));
    for line in ["", "{", "[]", r#"{"MESSAGE":"no cursor"}"#, "\u{0}"] {
        assert_eq!(Entry::parse(line.as_bytes()), None, "{line}");
    }
}

/// The same entry in the export format, and one whose message is bytes. Made by hand after
/// journalctl 252.
fn export() -> Vec<u8> {
    let mut bytes = b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1795341600000000\n_PID=71\n\
        MESSAGE=Failed password for root from 192.0.2.7 port 22 ssh2\nSYSLOG_IDENTIFIER=sshd\n\
        _HOSTNAME=srv\nPRIORITY=6\nSYSLOG_FACILITY=4\n_SYSTEMD_UNIT=ssh.service\n\n"
        .to_vec();
    bytes.extend(b"__CURSOR=s=1;i=3\n__REALTIME_TIMESTAMP=1795341600000001\nMESSAGE\n");
    let message = b"two\n\n__CURSOR=lines\xff";
    bytes.extend(u64::try_from(message.len()).unwrap().to_le_bytes());
    bytes.extend(message);
    bytes.extend(b"\nSYSLOG_IDENTIFIER=app\n\n");
    bytes
}

fn read(format: &Format, bytes: &[u8], first: u64) -> Vec<Result<Event, Fault>> {
    let mut found = Vec::new();
    format.read(Stretch { bytes, first }, moment(), &mut |one| {
        found.push(one.record.map(|record| match record {
            Record::Event(event) => *event,
            Record::Json(_) => panic!("an entry is an event"),
        }));
    });
    found
}

#[test]
fn export_and_json_say_the_same() {
    let exported = read(&Format::JournalExport, &export(), 1);
    assert_eq!(exported.len(), 2);
    assert_eq!(exported[..1], read(&Format::JournalJson, LINE.as_bytes(), 1));
    let second = exported[1].as_ref().unwrap();
    assert_eq!(second.raw.as_deref(), Some("two\n\n__CURSOR=lines\u{fffd}"));
}

#[test]
fn an_export_is_cut_between_entries_wherever_it_is_read() {
    let all = export();
    let whole = read(&Format::JournalExport, &all, 1);
    for at in 0..all.len() {
        let mut cutter = Cutter::new(Format::JournalExport);
        let taken = match cutter.cut(&all[..at], false) {
            Cut::Take { bytes, first: 1 } => bytes,
            Cut::More => 0,
            other => panic!("{at}: {other:?}"),
        };
        let mut found = read(&Format::JournalExport, &all[..taken], 1);
        found.extend(read(&Format::JournalExport, &all[taken..], 2));
        assert_eq!(found, whole, "{at}");
    }
}

#[test]
fn damaged_entries_leave_the_next_one_alone() {
    let mut bytes = b"__CURSOR=1\nno field\n\nMESSAGE=no cursor\n\n".to_vec();
    bytes.extend(export());
    bytes.extend(b"__CURSOR=s=4\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff");
    let found: Vec<bool> =
        read(&Format::JournalExport, &bytes, 1).iter().map(Result::is_ok).collect();
    assert_eq!(found, [false, false, true, true, false]);
}

#[test]
fn records_of_the_kernels_audit_are_records_of_audit() {
    let line = r#"{"__CURSOR":"c","_TRANSPORT":"audit","_AUDIT_TYPE_NAME":"EXECVE","MESSAGE":"EXECVE argc=2 a0=\"ls\" a1=2D6C"}"#;
    let event = Entry::parse(line.as_bytes()).unwrap().event(moment());
    assert_eq!(event.logsource, Logsource::service("linux", "auditd"));
    assert_eq!(event.text("type"), Some("EXECVE"));
    assert_eq!(event.text("a1"), Some("-l"));
}
