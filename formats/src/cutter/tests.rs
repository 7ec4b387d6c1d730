use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::limits::LINE_BYTES_MAX;
use crate::limits::RECORD_BYTES_MAX;
use crate::text::{Moment, Profile};
use crate::{Record, Stretch};

/// Reads a log as a program does: `step` bytes at a time, until its end.
fn read_in_steps(format: &Format, log: &[u8], step: usize) -> Vec<String> {
    let zone = TimeZone::UTC;
    let moment = Moment::kept("2026-11-22T10:00:00Z".parse().unwrap(), &zone);
    let mut cutter = Cutter::new(format.clone());
    let (mut start, mut end, mut found) = (0, step.min(log.len()), Vec::new());
    loop {
        let shown = &log[start..end];
        match cutter.cut(shown, end == log.len()) {
            Cut::Take { bytes, first } => {
                format.read(Stretch { bytes: &shown[..bytes], first }, moment, &mut |one| {
                    found.push(match one.record {
                        Ok(Record::Json(json)) => {
                            format!("{}: {}", one.place, String::from_utf8_lossy(json))
                        }
                        Ok(Record::Event(event)) => format!("{}: {:?}", one.place, event.raw),
                        Err(fault) => format!("{}: {fault}", one.place),
                    });
                });
                start += bytes;
            }
            Cut::Drop { bytes, fault } => {
                found.extend(fault.map(|(place, fault)| format!("{place}: {fault}")));
                start += bytes;
            }
            Cut::More if end == log.len() => return found,
            Cut::More => end = (end + step).min(log.len()),
        }
    }
}

fn check(format: &Format, log: &[u8], expected: &[&str]) {
    for step in [1, 2, 3, 7, 1_000_000_000] {
        assert_eq!(read_in_steps(format, log, step), expected, "{step}");
    }
}

#[test]
fn lines_are_read_whole_wherever_the_reading_stops() {
    check(
        &Format::Ndjson,
        b"\xef\xbb\xbf{\"a\":1}\r\n\n {\"b\":2} \n{\"c\":3}",
        &["line 1: {\"a\":1}", "line 3: {\"b\":2}", "line 4: {\"c\":3}"],
    );
    check(
        &Format::Text(Profile::of_path("x")),
        b"one\r\n\xff\n",
        &["line 1: Some(\"one\")", "line 2: Some(\"\u{fffd}\")"],
    );
}

#[test]
fn documents_are_read_whole_wherever_the_reading_stops() {
    check(
        &Format::Documents,
        br#"[ {"a": {"b": "}\"{\\"} }, {"Event": {"System": {"EventID": 1}}}, {"c": 1} ] {"d":"#,
        &[
            r#"record 1: {"a": {"b": "}\"{\\"} }"#,
            "record 2: None",
            r#"record 3: {"c": 1}"#,
            "record 4: ends in the middle",
        ],
    );
}

#[test]
fn lines_that_are_too_long_are_told_once_and_skipped() {
    let long = format!("{{\"a\":1}}\n{}\n{{\"b\":2}}\n", "x".repeat(LINE_BYTES_MAX + 1));
    let told = ["line 1: {\"a\":1}", "line 2: longer than 1048576 bytes", "line 3: {\"b\":2}"];
    assert_eq!(read_in_steps(&Format::Ndjson, long.as_bytes(), 1 << 20), told);
    let longer = format!("{{\"a\":1}}\n{}\n{{\"b\":2}}\n", "x".repeat(3 * RECORD_BYTES_MAX));
    let told = ["line 1: {\"a\":1}", "line 2: longer than 4194304 bytes", "line 3: {\"b\":2}"];
    assert_eq!(read_in_steps(&Format::Ndjson, longer.as_bytes(), 1 << 20), told);
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![
        Format::Ndjson,
        Format::Documents,
        Format::JournalJson,
        Format::JournalExport,
        #[cfg(feature = "evtx")]
        Format::Evtx,
        Format::Text(Profile::of_path("x")),
        Format::Text(Profile::auditd()),
    ])
}

proptest! {
    #[test]
    fn the_same_is_found_however_a_log_is_read(
        log in prop::collection::vec(
            prop_oneof![
                any::<u8>(),
                prop::sample::select(b"\n{}\"\\[],=_CURSO\0".to_vec()),
            ],
            0..200,
        ),
        format in any_format(),
        step in 1_usize..50,
    ) {
        let whole = read_in_steps(&format, &log, usize::MAX / 2);
        prop_assert_eq!(read_in_steps(&format, &log, step), whole);
        let _ = Format::detect(&log, "x");
    }
}
