use super::*;
use crate::text::Format as Lines;

#[test]
fn formats_are_told_by_their_first_bytes() {
    let check = |head: &str, expected: Format| {
        assert_eq!(Format::detect(head.as_bytes(), "events.dat"), expected, "{head}");
    };
    check("{\"a\":1}\n{\"a\":2}\n", Format::Ndjson);
    check("\u{feff}{\"a\":1}", Format::Ndjson);
    check("\n  {\"a\":1}\r\n", Format::Ndjson);
    check("{\"a\":\n{\"a\":2}\n", Format::Ndjson);
    check("{\n  \"a\": 1\n}\n", Format::Documents);
    check("[\n{\"a\": 1},", Format::Documents);
    check("[{\"a\": 1}]", Format::Documents);
    check("{\"__CURSOR\":\"c\",\"__REALTIME_TIMESTAMP\":\"1\"}\n", Format::JournalJson);
    check("__CURSOR=c\n__REALTIME_TIMESTAMP=1\n", Format::JournalExport);
    #[cfg(feature = "evtx")]
    check("ElfFile\0\0", Format::Evtx);
    check("type=CWD msg=audit(1.2:3): cwd=\"/\"\n", Format::Text(Profile::auditd()));
    check("rotated\nnode=a type=EOE msg=audit(1.2:3): \n", Format::Text(Profile::auditd()));
    let access = "192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n";
    check(access, Format::Text(Profile::access("events.dat")));
    check("[22/Nov/2026] hi\n", Format::Text(Profile::of_path("events.dat")));
    check("", Format::Text(Profile::of_path("events.dat")));
}

#[test]
fn the_name_decides_where_the_bytes_leave_a_choice() {
    let named = |head: &str, name: &str| match Format::detect(head.as_bytes(), name) {
        Format::Text(profile) => (profile.format, profile.logsource.service),
        other => panic!("{other:?}"),
    };
    let line = "Nov 22 10:00:00 srv sshd[1]: hi\n";
    assert_eq!(named(line, "/var/log/auth.log"), (Lines::Syslog, Some("auth".to_owned())));
    assert_eq!(named(line, "x"), (Lines::Syslog, Some("syslog".to_owned())));
    assert_eq!(named(line, "access.log"), (Lines::Syslog, Some("syslog".to_owned())));
}
