use std::ffi::OsStr;

use super::*;

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
}

/// A host with one telnet server, a hostile log and no antivirus product.
fn report() -> (tempfile::TempDir, Report) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/sys/kernel/hostname", "srv\u{1b}[31m\n");
    write("proc/1/comm", "init\n");
    write("proc/net/tcp", "  sl\n   0: 00000000:0017 00000000:0000 0A 0:0 0:0 0 0 0 71 1\n");
    let failed = "Nov 22 09:00:00 s sshd[1]: Failed password for root from 192.0.2.7 port 1 ssh2\n";
    write("var/log/auth.log", &failed.repeat(12));
    let report = run(
        &Root::new(folder.path()),
        &Config::default(),
        &TestFolder::below(folder.path()),
        &Fixed,
    );
    (folder, report)
}

fn written(report: &Report, options: Options) -> String {
    let mut output = Vec::new();
    report.write(options, &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

#[test]
fn findings_are_sentences_and_the_worst_come_first() {
    let (_folder, report) = report();
    let found: Vec<&str> = report.findings.iter().map(|it| &*it.sentence).collect();
    assert_eq!(found[0], "No antivirus product found.");
    assert_eq!(found[1], "Port 23 (Telnet) is open to the network, held by an unknown program.");
    assert!(found.contains(&"12 failed logins in the last 12 lines of /var/log/auth.log."));
    assert!(report.findings.is_sorted_by_key(|it| it.weight));
    assert!(
        report.could_not_see.iter().any(|it| it.starts_with("The program behind 1 of 1 ports"))
    );
}

#[test]
fn json_is_one_object_with_all_parts() {
    let (_folder, report) = report();
    let text = written(&report, Options { json: true, colour: true });
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for part in ["hostname", "antivirus", "ports", "logs", "host", "findings", "could_not_see"] {
        assert!(value.get(part).is_some(), "{part}");
    }
    assert_eq!(value["antivirus"][0]["antivirus.state"], "missing");
    assert_eq!(value["ports"][0]["server.port"], 23);
    assert_eq!(value["logs"][0]["logins_failed"], 12);
}

#[test]
fn text_has_colours_only_when_asked_and_never_those_of_a_stranger() {
    let (_folder, report) = report();
    let plain = written(&report, Options::default());
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(plain.contains("srv\\u{1b}[31m"), "{plain}");
    for part in ["Host", "Antivirus", "Ports", "Logs", "Could not be seen", "telnet", "missing"] {
        assert!(plain.to_lowercase().contains(&part.to_lowercase()), "{part}\n{plain}");
    }
    let coloured = written(&report, Options { json: false, colour: true });
    assert!(coloured.contains("\u{1b}[31mBAD "));
    assert!(!coloured.contains("srv\u{1b}"));
}

#[test]
fn colours_need_a_terminal_and_no_objection() {
    assert!(wants_colour(true, None));
    assert!(wants_colour(true, Some(OsStr::new(""))));
    assert!(!wants_colour(true, Some(OsStr::new("1"))));
    assert!(!wants_colour(false, None));
}
