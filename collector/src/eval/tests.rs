use std::fs;
use std::path::Path;

use super::*;

/// Two rules and a correlation, made for these tests.
const RULES: &str = r"
title: Reads the shadow file
id: 11111111-1111-1111-1111-111111111111
level: high
logsource: {product: linux, service: auditd}
detection:
    selection: {type: EXECVE, a1: /etc/shadow}
    condition: selection
---
title: Says 'bad'
id: 22222222-2222-2222-2222-222222222222
logsource: {product: test}
detection:
    selection: {word: bad}
    condition: selection
---
title: Failed login
name: failed_login
id: 33333333-3333-3333-3333-333333333333
logsource: {product: linux, service: sshd}
detection:
    selection: {event.outcome: failure}
    condition: selection
---
title: Many failed logins
id: 44444444-4444-4444-4444-444444444444
level: critical
correlation:
    type: event_count
    rules: [failed_login]
    group-by: [source.ip]
    timespan: 1m
    condition: {gte: 3}
";

/// What an evaluation said.
struct Said {
    matches: Vec<String>,
    errors: Vec<String>,
    summary: serde_json::Value,
    code: ExitCode,
}

fn evaluate_with(rules: &str, logs: &[(&str, &[u8])], format: Format, threads: usize) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let config = Config {
        rules: vec![put("rules.yml", rules.as_bytes())],
        site: Site::default(),
        events: logs.iter().map(|(name, bytes)| put(name, bytes)).collect(),
        hints: Hints::default(),
        format,
        threads: NonZeroUsize::new(threads).unwrap(),
        shows_progress: false,
    };
    let (mut matches, mut errors) = (Vec::new(), Vec::new());
    let code = run(&config, Outputs { matches: &mut matches, errors: &mut errors });
    let prefix = format!("{}/", folder.path().display());
    let lines = |bytes: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8(bytes).unwrap().replace(&prefix, "");
        text.lines().map(str::to_owned).collect()
    };
    let mut errors = lines(errors);
    let summary = match format {
        Format::Json => serde_json::from_str(&errors.pop().unwrap()).unwrap(),
        Format::Table => serde_json::Value::Null,
    };
    errors.pop();
    Said { matches: lines(matches), errors, summary, code }
}

fn evaluate(logs: &[(&str, &[u8])]) -> Said {
    evaluate_with(RULES, logs, Format::Json, 1)
}

#[test]
fn json_events_are_passed_on_as_they_were_written() {
    let log = b"{ \"word\":\"bad\", \"product\":\"test\", \"n\":1.50 }\r\n{\"word\":\"good\",\"product\":\"test\"}\n";
    let said = evaluate(&[("x.jsonl", log)]);
    assert_eq!(
        said.matches,
        [
            r#"{"rule_id":"22222222-2222-2222-2222-222222222222","rule":"Says 'bad'","level":"medium","event":{ "word":"bad", "product":"test", "n":1.50 }}"#
        ]
    );
    assert_eq!(said.errors, [""; 0]);
    assert_eq!(said.code, ExitCode::SUCCESS);
    assert_eq!(said.summary["events"], 2);
    assert_eq!(said.summary["matches"], 1);
    assert_eq!(said.summary["rules_loaded"], 4);
    assert!(said.summary["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn documents_of_several_lines_become_one() {
    let said = evaluate(&[("x.json", b"{\n  \"word\": \"bad\",\n  \"product\": \"test\"\n}\n")]);
    assert_eq!(said.matches.len(), 1);
    let told: serde_json::Value = serde_json::from_str(&said.matches[0]).unwrap();
    assert_eq!(told["event"]["word"], "bad");
}

#[test]
fn other_logs_become_fields_and_a_time() {
    let line =
        b"type=EXECVE msg=audit(1795341600.250:1): argc=2 a0=\"cat\" a1=2F6574632F736861646F77\n";
    let said = evaluate(&[("audit.log", line)]);
    assert_eq!(
        said.matches,
        [
            r#"{"rule_id":"11111111-1111-1111-1111-111111111111","rule":"Reads the shadow file","level":"high","event":{"time":"2026-11-22T10:00:00.250000Z","a0":"cat","a1":"/etc/shadow","argc":"2","message":"argc=2 a0=\"cat\" a1=2F6574632F736861646F77","msg":"audit(1795341600.250:1)","type":"EXECVE"}}"#
        ]
    );
}

#[test]
fn what_is_broken_is_told_with_its_place_and_the_rest_goes_on() {
    let rules = format!("{RULES}\n---\ntitle: Broken\nlogsource: {{product: x}}\ndetection: 7\n");
    let log = b"{\"word\":\"bad\",\"product\":\"test\"}\nnonsense\n{\"word\":\"bad\",\"product\":\"test\"}\n";
    let said = evaluate_with(&rules, &[("x.jsonl", log)], Format::Json, 1);
    assert_eq!(said.matches.len(), 2);
    assert_eq!(said.errors.len(), 2, "{:?}", said.errors);
    assert!(said.errors[0].starts_with("rules.yml:"), "{:?}", said.errors);
    assert!(said.errors[1].starts_with("x.jsonl:2: "), "{:?}", said.errors);
    assert_eq!(said.code, ExitCode::FAILURE);
    let counts = ["rules_loaded", "rules_refused", "events", "events_failed"];
    assert_eq!(counts.map(|name| said.summary[name].as_u64().unwrap()), [4, 1, 2, 1]);
}

#[test]
fn a_file_that_is_missing_is_told_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("r.yml");
    fs::write(&rules, RULES).unwrap();
    let log = folder.path().join("x.jsonl");
    fs::write(&log, b"{\"word\":\"bad\",\"product\":\"test\"}").unwrap();
    let missing = |events: Vec<PathBuf>| {
        let threads = NonZeroUsize::MIN;
        let rules = vec![rules.clone()];
        let (site, format) = (Site::default(), Format::Json);
        let config = Config {
            rules,
            site,
            events,
            hints: Hints::default(),
            format,
            threads,
            shows_progress: false,
        };
        let (mut matches, mut errors) = (Vec::new(), Vec::new());
        let code = run(&config, Outputs { matches: &mut matches, errors: &mut errors });
        assert_eq!(code, ExitCode::FAILURE);
        assert_eq!(matches.iter().filter(|byte| **byte == b'\n').count(), 1);
        let errors = String::from_utf8(errors).unwrap();
        assert!(errors.contains("/absent.log: No such file"), "{errors}");
    };
    missing(vec![folder.path().join("absent.log"), log.clone()]);
    missing(vec![log.clone(), folder.path().join("absent.log")]);
}

#[test]
fn correlations_are_told_with_the_event_that_completed_them() {
    let line = |second: u32| {
        format!(
            "Nov 22 10:00:0{second} srv sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2\n"
        )
    };
    let log: String = (1..=4).map(line).collect();
    let said = evaluate(&[("auth.log", log.as_bytes())]);
    assert_eq!(said.matches.len(), 1, "{:?}", said.matches);
    let told: serde_json::Value = serde_json::from_str(&said.matches[0]).unwrap();
    assert_eq!(told["rule"], "Many failed logins");
    assert!(told["event"]["time"].as_str().unwrap().contains("10:00:03"));
    assert_eq!(told["correlation"]["count"], 3);
    assert_eq!(told["correlation"]["group"]["source.ip"], "192.0.2.7");
}

#[test]
fn tables_are_for_people_and_nothing_in_them_steers_a_terminal() {
    let log = b"type=EXECVE msg=audit(1795341600.250:1): a0=\"cat\" a1=\"/etc/shadow\"\n";
    let said = evaluate_with(RULES, &[("\u{1b}[31m.log", log)], Format::Table, 1);
    assert_eq!(
        said.matches,
        ["2026-11-22T10:00:00.250000Z high          Reads the shadow file  (\\u{1b}[31m.log:1)"]
    );
}

#[test]
fn any_number_of_threads_tells_the_same_in_the_same_order() {
    let line = |n: usize| {
        let word = if n.is_multiple_of(7) { "bad" } else { "good" };
        let broken = if n.is_multiple_of(50_000) { "x" } else { "" };
        format!("{{\"word\":\"{word}\",\"product\":\"test\",\"n\":{n}}}{broken}\n")
    };
    let log: String = (1..120_000).map(line).collect();
    let failed: String = (0..5000)
        .map(|n| format!("Nov 22 10:00:00 srv sshd[7]: Failed password for root from 192.0.2.{} port 22 ssh2\n", n % 200))
        .collect();
    let logs =
        [("a.jsonl", log.as_bytes()), ("b.log", failed.as_bytes()), ("c.jsonl", log.as_bytes())];
    let one = evaluate_with(RULES, &logs, Format::Json, 1);
    assert!(one.matches.len() > 2 * 17_000);
    for threads in [2, 5] {
        let more = evaluate_with(RULES, &logs, Format::Json, threads);
        assert!(more.matches == one.matches, "{threads} threads");
        assert_eq!(more.errors, one.errors);
    }
}

/// Takes so much, then has gone.
struct Leaving(usize);
impl Write for Leaving {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_gone_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &Path, text: &str| fs::write(path, text).unwrap();
    let (rules, log) = (folder.path().join("r.yml"), folder.path().join("x.jsonl"));
    put(&rules, RULES);
    put(&log, &"{\"word\":\"bad\",\"product\":\"test\"}\n".repeat(100_000));
    let config = Config {
        rules: vec![rules],
        site: Site::default(),
        events: vec![log],
        hints: Hints::default(),
        format: Format::Json,
        threads: NonZeroUsize::new(3).unwrap(),
        shows_progress: false,
    };
    let mut errors = Vec::new();
    let code = run(&config, Outputs { matches: &mut Leaving(100), errors: &mut errors });
    assert_eq!(code, ExitCode::SUCCESS);
    let errors = String::from_utf8(errors).unwrap();
    assert_eq!(errors.lines().count(), 2, "{errors}");
}
