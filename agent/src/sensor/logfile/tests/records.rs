//! Records of several lines, records of logins, and rotations that are hard to follow.

use super::*;

fn shown(event: &soc_event::Event, name: &str) -> String {
    event.fields.get(name).map(ToString::to_string).unwrap_or_default()
}

fn audit(kind: &str, serial: u32, rest: &str) -> String {
    format!("type={kind} msg=audit(1795366825.770:{serial}): {rest}\n")
}

/// A program that was started, in so many lines.
fn started(serial: u32, pid: u32, parent: u32, image: &str) -> [String; 3] {
    [
        audit(
            "SYSCALL",
            serial,
            &format!(
                "arch=c000003e syscall=59 success=yes ppid={parent} pid={pid} uid=0 exe=\"{image}\" key=(null)"
            ),
        ),
        audit("EXECVE", serial, &format!("argc=2 a0=\"{image}\" a1=\"-c\"")),
        audit("PROCTITLE", serial, "proctitle=\"x\""),
    ]
}

#[test]
fn an_audit_event_is_one_event_wherever_the_agent_is_killed() {
    let [a, b, c] = started(1, 7, 1, "/bin/sh");
    let [d, e, f] = started(2, 8, 7, "/usr/bin/id");
    // The records of two events come mixed.
    let lines = [&a, &d, &b, &e, &f, &c];
    let whole: Vec<String> = [[a.as_str(), &b, &c].concat(), [d.as_str(), &e, &f].concat()]
        .map(|text| text.trim_end().to_owned())
        .to_vec();
    for killed in 0..=lines.len() {
        let mut host = Host::new(&["/var/log/audit.log"]);
        let mut seen = Vec::new();
        for (place, line) in lines.iter().enumerate() {
            if place == killed {
                host.stop();
            }
            host.write("audit.log", line.as_bytes());
            // Within the second in which more may come.
            seen.extend(host.read_at_once());
        }
        seen.extend(host.read());
        assert_eq!(seen, whole, "killed before line {killed}");
    }
}

#[test]
fn a_parent_is_named_and_a_list_of_types_is_kept() {
    let mut host = Host::new(&["/var/log/audit.log"]);
    host.write("audit.log", started(1, 7, 1, "/bin/sh").concat());
    host.write("audit.log", started(2, 8, 7, "/usr/bin/id").concat());
    let events = host.events();
    assert_eq!(shown(&events[1], "ParentImage"), "/bin/sh");
    assert_eq!(shown(&events[1], "CommandLine"), "/usr/bin/id -c");
    assert_eq!(events[1].logsource.category.as_deref(), Some("process_creation"));
    assert_eq!(
        shown(&events[1], "log.offset"),
        started(1, 7, 1, "/bin/sh").concat().len().to_string()
    );
}

#[test]
fn a_record_that_nothing_follows_is_handed_over_when_it_is_quiet() {
    let mut host = Host::new(&["/var/log/postgresql/*.log"]);
    fs::create_dir_all(host.path("postgresql")).unwrap();
    host.read();
    let begin = "2026-11-22 16:48:38.860 UTC [7] bob@shop ERROR:  no";
    host.write("postgresql/a.log", format!("{begin}\n\tsecond\n"));
    assert_eq!(host.read_at_once(), NOTHING);
    // A crash now reads it again; half a record is not lost.
    host.stop();
    host.write("postgresql/a.log", "\tthird\n");
    assert_eq!(host.read_at_once(), NOTHING);
    host.wait(2);
    assert_eq!(host.read(), [format!("{begin}\n\tsecond\n\tthird")]);
    host.stop();
    assert_eq!(host.read(), NOTHING);
}

#[test]
fn a_record_goes_on_over_a_rotation() {
    let mut host = Host::new(&["/var/log/app.log"]);
    host.config.files[0].join = Some(soc_formats::join::Rule::Indented);
    host.write("app.log", "one\n two\n");
    assert_eq!(host.read_at_once(), NOTHING);
    host.rename("app.log", "app.log.1");
    host.write("app.log", " three\nfour\n");
    assert_eq!(host.read_at_once(), ["one\n two\n three"]);
    host.stop();
    host.wait(2);
    assert_eq!(host.read(), ["four"]);
}

#[test]
fn a_folder_that_appears_later_is_found() {
    let mut host = Host::new(&["/var/log/sites/*/access.log"]);
    assert_eq!(host.read(), NOTHING);
    fs::create_dir_all(host.path("sites/one")).unwrap();
    host.write("sites/one/access.log", "first\n");
    assert_eq!(host.read(), ["first"]);
    fs::create_dir_all(host.path("sites/two")).unwrap();
    host.write("sites/two/access.log", "second\n");
    assert_eq!(host.read(), ["second"]);
}

#[test]
fn two_rotations_while_stopped_of_which_one_is_compressed_are_an_accounted_gap() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.stop();
    host.write("a.log", "two, which nobody will read\n");
    let unread = fs::read(host.path("a.log")).unwrap();
    fs::remove_file(host.path("a.log")).unwrap();
    fs::write(host.path("a.log.2.gz"), [b"\x1f\x8b".as_slice(), &unread].concat()).unwrap();
    host.write("a.log.1", "three\n");
    touch(&host, 10);
    host.write("a.log", "four\n");
    let seen = host.read();
    assert_eq!(seen.iter().filter(|line| line.starts_with("gap")).count(), 1, "{seen:?}");
    let lines: Vec<&String> = seen.iter().filter(|line| !line.starts_with("gap")).collect();
    assert_eq!(lines, ["three", "four"]);
    host.stop();
    assert_eq!(host.read(), NOTHING);
}

#[test]
fn another_file_with_the_same_inode_is_read_from_its_beginning() {
    let mut host = host();
    host.write("a.log", "one\ntwo\n");
    assert_eq!(host.read(), ["one", "two"]);
    host.stop();
    // Written over in place: the same inode, as long as before and longer, other content.
    fs::write(host.path("a.log"), "1 other\n2 other\n3 other\n").unwrap();
    assert_eq!(host.read(), ["gap: rotated_unread", "1 other", "2 other", "3 other"]);
}

#[test]
fn logins_are_read_from_their_records_over_rotation_and_restart() {
    let record = |user: &str| {
        let mut bytes = vec![0_u8; soc_formats::utmp::Layout::NATIVE.bytes()];
        bytes[0] = 6;
        bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
        bytes[76..85].copy_from_slice(b"192.0.2.7");
        // Any plausible time; both layouts have one here.
        bytes[340..344].copy_from_slice(&1_795_366_825_u32.to_le_bytes());
        bytes
    };
    let mut host = Host::new(&["/var/log/btmp"]);
    host.write("btmp", record("root"));
    host.write("btmp", &record("bob")[..100]);
    assert_eq!(host.read(), ["login failure root 192.0.2.7"]);
    host.stop();
    host.write("btmp", &record("bob")[100..]);
    host.write("btmp", record("a\nb"));
    let events = host.events();
    assert_eq!(shown(&events[0], "user.name"), "bob");
    assert_eq!(shown(&events[0], "event.outcome"), "failure");
    assert_eq!(shown(&events[0], "source.ip"), "192.0.2.7");
    assert_eq!(shown(&events[1], "user.name"), "ab");
    host.rename("btmp", "btmp.1");
    host.write("btmp", record("eve"));
    assert_eq!(host.read(), ["login failure eve 192.0.2.7"]);
}

#[test]
fn containers_are_named_and_their_lines_unwrapped() {
    let mut host = Host::new(&["/var/log/containers/*/*-json.log"]);
    fs::create_dir_all(host.path("containers/abc")).unwrap();
    host.read();
    let part = |text: &str| {
        format!(
            "{{\"log\":\"{text}\",\"stream\":\"stderr\",\"time\":\"2026-11-22T10:00:00.5Z\"}}\n"
        )
    };
    host.write("containers/abc/abc-json.log", part("half "));
    host.write("containers/abc/abc-json.log", part("whole\\n"));
    host.write("containers/abc/abc-json.log", part("next\\n"));
    let events = host.events();
    assert_eq!(events.len(), 2);
    assert_eq!(shown(&events[0], "message"), "half whole");
    assert_eq!(shown(&events[0], "container.id"), "abc");
}

#[test]
fn a_line_cannot_name_its_log_or_its_host() {
    let mut host = host();
    host.write(
        "a.log",
        "{\"log.file.path\":\"/etc/shadow\",\"log.source\":\"x\"} log.file.path=/x\n",
    );
    let events = host.events();
    assert_eq!(shown(&events[0], "log.file.path"), "/var/log/a.log");
    assert_eq!(shown(&events[0], "log.source"), "file");
    assert_eq!(events[0].fields.get("host.id"), None);
}

#[test]
fn what_filters_leave_out_moves_the_position_all_the_same() {
    let mut host = host();
    let filter = Filter { contains: Some("noise".into()), ..Filter::default() };
    host.config.filters = vec![filter];
    host.write("a.log", "noise\none\nnoise\n");
    assert_eq!(host.read(), ["one"]);
    host.stop();
    assert_eq!(host.read(), NOTHING);
}

#[test]
fn logs_of_every_kind_are_looked_at_for_the_report() {
    let mut host = Host::new(&["/var/log/audit.log", "/var/log/btmp", "/var/log/dpkg.log"]);
    host.write("audit.log", started(1, 7, 1, "/bin/sh").concat());
    let mut record = vec![0_u8; soc_formats::utmp::Layout::NATIVE.bytes()];
    record[0] = 6;
    record[340..344].copy_from_slice(&1_795_366_825_u32.to_le_bytes());
    // Longer than what is looked at, and cut in the middle of a record.
    host.write("btmp", record.repeat(300));
    host.write("btmp", &record[..10]);
    host.write("dpkg.log", "2026-11-22 16:45:01 install a:amd64 <none> 1\nwhat is this\n");
    let seen = observe(&Root::new(host.folder.path()), &host.config, &SystemClock);
    let found: Vec<(u64, u64)> = seen.iter().map(|log| (log.lines, log.lines_parsed)).collect();
    let records = (BUFFER_BYTES - 10) / record.len();
    assert_eq!(found, [(1, 1), (records as u64, records as u64), (2, 1)]);
    host.stop();
}
