use proptest::prelude::*;

use super::*;

/// What comes out of a log, flushed at its end.
fn join(rule: Rule, lines: &[&str]) -> Vec<String> {
    let (mut joiner, mut found) = (Joiner::new(rule), Vec::new());
    let mut out = |joined: Joined| found.push(joined.text);
    for (place, line) in (0..).zip(lines) {
        joiner.push(line, place, false, &mut out);
    }
    joiner.flush(&mut out);
    found
}

#[test]
fn a_stack_trace_is_one_record() {
    let lines = [
        "2026-11-22 10:00:00,123 ERROR [main] it broke",
        "java.lang.IllegalStateException: no",
        "\tat a.b.C.d(C.java:1)",
        "Caused by: java.io.IOException: disk",
        "\t... 5 more",
        "2026-11-22 10:00:01,000 INFO [main] on",
    ];
    assert_eq!(join(Rule::Timed, &lines), [lines[..5].join("\n"), lines[5].to_owned()]);
    let first = Rule::First("####-##-## ##:##:##,### ".to_owned());
    assert_eq!(join(first, &lines).len(), 2);
}

#[test]
fn lines_that_begin_with_a_blank_go_on() {
    let lines = ["\tfrom before us", "one", "\ttwo", " three", "four"];
    assert_eq!(join(Rule::Indented, &lines), ["\tfrom before us", "one\n\ttwo\n three", "four"]);
}

#[test]
fn parts_of_a_container_line_become_one_and_streams_stay_apart() {
    let part =
        |text: &str, stream: &str| format!(r#"{{"log":"{text}","stream":"{stream}","time":""}}"#);
    let lines = [
        part("half ", "stdout"),
        part("whole\\n", "stdout"),
        part("error\\n", "stderr"),
        part("  at x\\n", "stderr"),
        part("next\\n", "stdout"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let found = join(Rule::Docker, &lines);
    assert_eq!(found, [lines[..2].join("\n"), lines[2..4].join("\n"), lines[4].to_owned()]);
}

#[test]
fn quotes_in_csv_hold_lines_together_whatever_these_look_like() {
    let lines = [
        "end of a record before us\",1",
        "2026-11-22 16:48:38.860 UTC,\"a\",\"select",
        "2026-11-22 16:48:39.000 UTC,\"\"forged\"\"",
        "\",16",
        "2026-11-22 16:48:40.000 UTC,\"b\"",
    ];
    let found = join(Rule::Csv, &lines);
    assert_eq!(found, [lines[0].to_owned(), lines[1..4].join("\n"), lines[4].to_owned()]);
}

fn audit(kind: &str, seconds: u64, serial: u64) -> String {
    format!("type={kind} msg=audit({seconds}.000:{serial}): a=1")
}

#[test]
fn records_of_events_that_overlap_come_out_together_and_in_order() {
    let lines = [
        audit("SYSCALL", 100, 1),
        audit("SYSCALL", 100, 2),
        audit("PROCTITLE", 100, 2),
        audit("USER_LOGIN", 100, 3),
        audit("CWD", 100, 1),
        audit("PROCTITLE", 100, 1),
        audit("EOE", 100, 1),
        audit("EOE", 100, 2),
    ];
    let mut joiner = Joiner::new(Rule::Audit);
    let mut found = Vec::new();
    for (place, line) in (0..).zip(&lines) {
        joiner.push(line, place, false, &mut |joined| found.push((joined.place, joined.text)));
        assert_eq!(joiner.held(), (place < 5).then_some(0), "{line}");
    }
    let first = [&lines[0], &lines[4], &lines[5]].map(String::as_str).join("\n");
    let second = [&lines[1], &lines[2]].map(String::as_str).join("\n");
    // The end mark of the event that overlapped is one of its own: nobody remembers it by then.
    let expected = [(0, first), (1, second), (3, lines[3].clone())];
    assert_eq!(found[..3], expected);
}

#[test]
fn an_event_whose_end_is_missing_ends_when_time_has_gone_on() {
    let lines = [audit("AVC", 100, 1), audit("USER_LOGIN", 101, 2), audit("SYSCALL", 104, 3)];
    let mut joiner = Joiner::new(Rule::Audit);
    let mut found = 0;
    for (place, line) in (0..).zip(&lines) {
        joiner.push(line, place, false, &mut |_| found += 1);
    }
    assert_eq!((found, joiner.held()), (2, Some(2)));
}

#[test]
fn what_waits_is_bounded() {
    let mut joiner = Joiner::new(Rule::Audit);
    let mut found = 0;
    for serial in 0..10_000 {
        joiner.push(&audit("SYSCALL", 100, serial), serial, false, &mut |_| found += 1);
        assert!(joiner.waiting.len() <= RECORDS_MAX);
    }
    let mut joiner = Joiner::new(Rule::Indented);
    joiner.push("first", 0, false, &mut |_| {});
    let long = format!(" {}", "x".repeat(1000));
    for place in 1..10_000 {
        joiner.push(&long, place, false, &mut |joined| {
            assert!(joined.text.len() <= BYTES_MAX + long.len());
        });
        assert!(joiner.lines <= LINES_MAX + 1);
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    prop::sample::select(vec![
        Rule::Single,
        Rule::Indented,
        Rule::Timed,
        Rule::First("#?x".to_owned()),
        Rule::Audit,
        Rule::Csv,
        Rule::Apt,
        Rule::Docker,
    ])
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \\t]?[a-z0-9:\" ]{0,12}",
        (
            prop::sample::select(vec!["SYSCALL", "EXECVE", "PROCTITLE", "USER_LOGIN"]),
            0..4_u64,
            0..5_u64
        )
            .prop_map(|(kind, seconds, serial)| audit(kind, 100 + seconds, serial)),
        Just("Start-Date: x".to_owned()),
        Just("End-Date: x".to_owned()),
        Just("2026-11-22 10:00:00,1 \"a".to_owned()),
        Just(r#"{"log":"x","stream":"s"}"#.to_owned()),
    ]
}

proptest! {
    #[test]
    fn every_line_is_in_one_record_and_reading_again_from_what_is_held_gives_the_rest(
        rule in any_rule(),
        lines in prop::collection::vec(any_line(), 0..40),
        crash in 0..40_usize,
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let whole = join(rule.clone(), &lines);
        let mut said: Vec<&str> = whole.iter().flat_map(|text| text.split('\n')).collect();
        let mut all = lines.clone();
        said.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(said, all);

        // What came out before a crash is committed; the rest is read again.
        let crash = crash.min(lines.len());
        let (mut joiner, mut found) = (Joiner::new(rule.clone()), Vec::new());
        for (place, line) in (0..).zip(&lines[..crash]) {
            joiner.push(line, place, false, &mut |joined| found.push(joined.text));
        }
        let resume = joiner.held().map_or(crash, |held| usize::try_from(held).unwrap());
        found.extend(join(rule, &lines[resume..]));
        let mut said: Vec<&str> = found.iter().flat_map(|text| text.split('\n')).collect();
        said.sort_unstable();
        let mut all = lines.clone();
        all.sort_unstable();
        prop_assert_eq!(said, all);
    }
}
