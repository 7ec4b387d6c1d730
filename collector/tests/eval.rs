//! `soc-collector rules eval` as operators run it: the program, its arguments, both outputs, its
//! exit code.

mod eval {
    pub mod place;
    pub mod shared;
}

use std::error::Error;
use std::fmt::Write as _;

use eval::place::Place;
use eval::shared;

type Fault = Box<dyn Error>;

/// A rule for each of the logs below, and a correlation.
const RULES: &str = r"
title: Reads the shadow file
id: 11111111-1111-1111-1111-111111111111
level: high
logsource: {product: linux, service: auditd}
detection:
    selection: {type: EXECVE, a1: /etc/shadow}
    condition: selection
---
title: Runs whoami
id: 22222222-2222-2222-2222-222222222222
level: medium
logsource: {product: windows, category: process_creation}
detection:
    selection: {CommandLine|contains: whoami}
    condition: selection
---
title: Failed login
name: failed_login
id: 33333333-3333-3333-3333-333333333333
level: low
logsource: {product: app, service: login}
detection:
    selection: {outcome: failure}
    condition: selection
---
title: Many failed logins
id: 44444444-4444-4444-4444-444444444444
level: critical
correlation:
    type: event_count
    rules: [failed_login]
    group-by: [user]
    timespan: 1m
    condition: {gte: 3}
";

const WHOAMI: &str =
    r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"CommandLine":"whoami /all"}"#;

#[test]
fn recorded_attacks_are_found_by_the_public_rules_written_for_them() -> Result<(), Fault> {
    let (Some(rules), Some(recordings)) =
        (shared::unpack("sigma-rules.tar.zst")?, shared::unpack("sigma-regression.tar.zst")?)
    else {
        return Ok(());
    };
    let cases = shared::cases(recordings.path())?;
    let mut arguments = vec!["--rules".into()];
    arguments.extend(
        ["rules", "rules-emerging-threats", "rules-threat-hunting"]
            .map(|name| rules.path().join(name).into()),
    );
    arguments.push("--events".into());
    arguments.extend(cases.iter().map(|case| case.recording.clone().into_os_string()));
    let said = Place::new()?.eval(&arguments, "")?;
    let mut missed = String::new();
    for case in &cases {
        let found =
            said.matches.iter().filter(|told| told["rule_id"] == case.rule.as_str()).count();
        if found < case.matches {
            writeln!(missed, "{}: {found} of {}", case.recording.display(), case.matches)?;
        }
    }
    println!("{} recordings, {}", cases.len(), said.summary);
    assert!(
        cases.len() >= 90 && missed.is_empty(),
        "{} recordings, missed:\n{missed}",
        cases.len()
    );
    // Two public rules want values for placeholders, and that is said.
    assert_eq!(said.summary["rules_refused"], 2);
    assert_eq!(said.code, Some(1));
    Ok(())
}

#[test]
fn json_lines_come_from_standard_input() -> Result<(), Fault> {
    let place = Place::new()?;
    let rules = place.put("rules.yml", RULES)?;
    let input = format!("{WHOAMI}\n{{\"EventID\":2}}\n");
    let said = place.eval(&["--rules".into(), rules, "--events".into(), "-".into()], &input)?;
    assert_eq!(said.rules(), ["Runs whoami"]);
    assert_eq!(said.matches[0]["level"], "medium");
    assert_eq!(said.matches[0]["event"], serde_json::from_str::<serde_json::Value>(WHOAMI)?);
    assert_eq!(said.summary["events"], 2);
    assert_eq!(said.summary["events_failed"], 0);
    assert_eq!(said.code, Some(0));
    Ok(())
}

#[test]
fn a_log_of_auditd_is_known_by_its_lines() -> Result<(), Fault> {
    let place = Place::new()?;
    let rules = place.put("rules.yml", RULES)?;
    let log = "type=EXECVE msg=audit(1795341600.250:1): argc=2 a0=\"cat\" a1=\"/etc/shadow\"\n\
               type=EXECVE msg=audit(1795341600.350:2): argc=2 a0=\"cat\" a1=\"/etc/hosts\"\n";
    let log = place.put("audit.log", log)?;
    let said = place.eval(&["--rules".into(), rules, "--events".into(), log], "")?;
    assert_eq!(said.rules(), ["Reads the shadow file"]);
    assert_eq!(said.matches[0]["event"]["time"], "2026-11-22T10:00:00.250000Z");
    assert_eq!(said.code, Some(0));
    Ok(())
}

#[test]
fn what_is_broken_is_told_with_its_place_and_the_rest_goes_on() -> Result<(), Fault> {
    let place = Place::new()?;
    let rules = place.put("rules.yml", RULES)?;
    let broken = place.put(
        "broken.yml",
        "title: Broken\nid: 55555555-5555-5555-5555-555555555555\nlogsource: {product: app}\n\
         detection:\n    selection: {a|contain: b}\n    condition: selection\n",
    )?;
    let log = place.put("events.jsonl", &format!("{{\"EventID\":\n{WHOAMI}\n"))?;
    let absent = place.path("absent.log");
    let arguments = ["--rules".into(), rules, broken, "--events".into(), log, absent];
    let said = place.eval(&arguments, "")?;
    assert_eq!(said.rules(), ["Runs whoami"]);
    for told in ["broken.yml:5:5: error: ", "events.jsonl:1: ", "absent.log: "] {
        assert!(said.errors.iter().any(|line| line.contains(told)), "{told} in {:?}", said.errors);
    }
    let counts = ["rules_loaded", "rules_refused", "events", "events_failed", "matches"];
    assert_eq!(counts.map(|name| said.summary[name].as_u64()), [4, 1, 1, 2, 1].map(Some));
    assert_eq!(said.code, Some(1));
    Ok(())
}

#[test]
fn an_empty_log_has_no_matches_and_that_is_no_failure() -> Result<(), Fault> {
    let place = Place::new()?;
    let (rules, log) = (place.put("rules.yml", RULES)?, place.put("empty.log", "")?);
    let said = place.eval(&["--rules".into(), rules, "--events".into(), log], "")?;
    assert_eq!(said.matches, [0; 0]);
    assert_eq!(said.summary["events"], 0);
    assert_eq!(said.code, Some(0));
    Ok(())
}

#[test]
fn a_table_has_a_line_a_match_with_its_place() -> Result<(), Fault> {
    let place = Place::new()?;
    let (rules, log) = (place.put("rules.yml", RULES)?, place.put("events.jsonl", WHOAMI)?);
    let mut arguments = vec!["--rules".into(), rules, "--events".into(), log];
    arguments.extend(["--format".into(), "table".into()]);
    let said = place.run(&arguments, "")?;
    let out = String::from_utf8(said.stdout)?;
    let line = out.lines().next().unwrap_or_default();
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(line.contains("medium") && line.contains("Runs whoami"), "{line}");
    assert!(line.ends_with("events.jsonl:1)"), "{line}");
    let errors = String::from_utf8(said.stderr)?;
    assert!(
        errors.contains("4 rules loaded, 0 refused; 1 events, 0 failed; 1 matches"),
        "{errors}"
    );
    Ok(())
}

#[test]
fn correlations_go_by_the_time_in_the_events() -> Result<(), Fault> {
    let place = Place::new()?;
    let rules = place.put("rules.yml", RULES)?;
    let failure = |user: &str, time: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-22T{time}Z\",\"product\":\"app\",\"service\":\"login\",\
             \"outcome\":\"failure\",\"user\":\"{user}\"}}\n"
        )
    };
    // Three of ann's within a minute; three of bob's within two.
    let log = failure("ann", "10:00:00")
        + &failure("bob", "10:00:05")
        + &failure("ann", "10:00:20")
        + &failure("bob", "10:01:00")
        + &failure("ann", "10:00:40")
        + &failure("bob", "10:02:00");
    let log = place.put("events.jsonl", &log)?;
    for threads in ["1", "4"] {
        let arguments =
            ["--rules", "RULES", "--events", "LOG", "--threads", threads].map(|word| match word {
                "RULES" => rules.clone(),
                "LOG" => log.clone(),
                word => word.into(),
            });
        let said = place.eval(&arguments, "")?;
        assert_eq!(said.rules(), ["Many failed logins"], "{threads} threads");
        let told = &said.matches[0]["correlation"];
        assert_eq!(told["group"]["user"], "ann");
        assert_eq!(told["count"], 3);
        assert_eq!(told["first"], "2026-11-22T10:00:00.000000Z");
        assert_eq!(told["last"], "2026-11-22T10:00:40.000000Z");
    }
    Ok(())
}

#[test]
fn what_the_site_adds_counts_for_eval_check_and_test() -> Result<(), Fault> {
    let place = Place::new()?;
    let rule = place.put(
        "admins.yml",
        "title: An administrator's door\nid: 66666666-6666-6666-6666-666666666666\n\
         logsource: {product: acme, service: access}\ndetection:\n    \
         selection: {User|expand: '%admins%'}\n    condition: selection\n",
    )?;
    place.put(
        "admins.test.yml",
        "- name: an administrator\n  fires: true\n  events: [{fields: {badge_holder: root}}]\n\
         - name: anybody else\n  fires: false\n  events: [{fields: {badge_holder: bob}}]\n",
    )?;
    let mut site =
        ["--placeholders".into(), place.put("site.toml", "admins = [\"root\"]\n")?].to_vec();
    let pipeline = "name: doors\npriority: 10\ntransformations:\n  - type: field_name_mapping\n    \
                    mapping: {User: badge_holder}\n";
    site.extend(["--pipeline".into(), place.put("pipeline.yml", pipeline)?]);
    let logsource = "product: acme\npriority: 50\ntelltale: [acme_log]\nentries:\n  \
                     - when: {acme_log: door}\n    service: access\n  \
                     - when: {acme_log: lift}\n    service: lift\n";
    site.extend(["--logsources".into(), place.put("logsource.yml", logsource)?]);
    let events = "{\"acme_log\":\"door\",\"badge_holder\":\"root\"}\n\
                  {\"acme_log\":\"lift\",\"badge_holder\":\"root\"}\n\
                  {\"acme_log\":\"door\",\"badge_holder\":\"bob\"}\n";
    let arguments = ["--rules".into(), rule.clone(), "--events".into(), "-".into()];
    let said = place.eval(&[&arguments, site.as_slice()].concat(), events)?;
    assert_eq!(said.rules(), ["An administrator's door"], "{:?}", said.errors);
    assert_eq!(said.matches[0]["event"]["acme_log"], "door");
    assert_eq!(said.code, Some(0));
    for task in ["check", "test"] {
        let alone = place.rules(task, std::slice::from_ref(&rule))?;
        assert_eq!(alone.status.code(), Some(1), "{task} without values");
        let told = place.rules(task, &[std::slice::from_ref(&rule), &site].concat())?;
        assert_eq!(told.status.code(), Some(0), "{task}: {}", String::from_utf8(told.stdout)?);
    }
    Ok(())
}
