use jiff::tz::TimeZone;

use super::*;

fn read(text: &str) -> Result<Event, Fault> {
    event(text.as_bytes(), Moment::kept(Timestamp::default(), &TimeZone::UTC))
}

fn check(text: &str, expected: &[(&str, &str)]) -> Event {
    let event = read(text).unwrap();
    for (name, value) in expected {
        let found = event.fields.get(*name).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(*value), "{name} in {:?}", event.fields);
    }
    event
}

#[test]
fn objects_become_flat_and_keep_everything() {
    let event = check(
        r#"{"@timestamp":"2026-11-22T10:00:00.000Z","process":{"executable":"/bin/sh","args":["a","b"]},
            "process.pid":7,"a":[{"b":1},{"b":2,"c":true}],"n":null,"product":"acme"}"#,
        &[
            ("process.executable", "/bin/sh"),
            ("process.args", "a, b"),
            ("process.pid", "7"),
            ("a.b", "1, 2"),
            ("a.c", "true"),
            ("n", ""),
        ],
    );
    assert_eq!(event.time.to_string(), "2026-11-22T10:00:00.000000Z");
    assert_eq!(event.logsource.product.as_deref(), Some("acme"));
    assert!(!event.fields.contains_key("@timestamp"));
}

#[test]
fn winlogbeat_has_the_names_of_the_event_log_again() {
    let event = check(
        r#"{"@timestamp":"2026-11-22T10:00:00.123Z","ecs":{"version":"1.12.0"},"event":{"code":"4625",
            "provider":"Microsoft-Windows-Security-Auditing","kind":"event"},
            "winlog":{"channel":"Security","event_id":"4625","computer_name":"PC-01","record_id":99,
            "provider_name":"Microsoft-Windows-Security-Auditing","process":{"pid":4,"thread":{"id":8}},
            "event_data":{"TargetUserName":"root","IpAddress":"192.0.2.7"},
            "user_data":{"EventXML":{"Param1":"x"}},"keywords":["Audit Failure"]},"message":"An account"}"#,
        &[
            ("Channel", "Security"),
            ("EventID", "4625"),
            ("Computer", "PC-01"),
            ("TargetUserName", "root"),
            ("IpAddress", "192.0.2.7"),
            ("Param1", "x"),
            ("Execution_ThreadID", "8"),
            ("Keywords", "Audit Failure"),
            ("message", "An account"),
            ("ecs.version", "1.12.0"),
            ("event.kind", "event"),
        ],
    );
    assert_eq!(event.fields.get("EventID"), Some(&Value::from(4625_u64)));
    assert_eq!(event.logsource.product.as_deref(), Some("windows"));
}

#[test]
fn what_the_sysmon_module_moved_away_is_back() {
    check(
        r#"{"@timestamp":"2026-11-22T10:00:00Z","winlog":{"channel":"Microsoft-Windows-Sysmon/Operational",
            "event_id":"1","event_data":{"IntegrityLevel":"High"}},
            "process":{"executable":"C:\\a.exe","command_line":"a /x","hash":{"md5":"ab"},
            "parent":{"executable":"C:\\p.exe"}},"user":{"domain":"D","name":"u"}}"#,
        &[
            ("Image", "C:\\a.exe"),
            ("CommandLine", "a /x"),
            ("ParentImage", "C:\\p.exe"),
            ("User", "D\\u"),
            ("Hashes", "MD5=AB"),
            ("IntegrityLevel", "High"),
            ("process.executable", "C:\\a.exe"),
        ],
    );
}

#[test]
fn events_of_ours_are_what_they_were() {
    let event = soc_event::Event::own("2026-11-22T10:00:00Z".parse().unwrap(), kind::LOG_GAP)
        .with("a", 1_u64);
    assert_eq!(read(&soc_event::wire::encode_event(&event)).unwrap(), event);
}

#[test]
fn what_is_no_object_or_too_deep_is_told() {
    assert!(read("[1]").is_err());
    assert!(read("{\"a\":").is_err());
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    assert!(read(&deep).unwrap_err().to_string().contains("deeper"), "{:?}", read(&deep));
    let lists = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    assert!(read(&lists).is_err());
}
