use proptest::prelude::*;

use super::*;
use crate::{Fields, Kind, Logsource, Value};

fn envelope(count: u32) -> Envelope {
    Envelope {
        version: VERSION,
        agent: AgentId::from_random([7; 16]),
        epoch: Epoch(42),
        lane: Lane::Log,
        first: Sequence(1),
        count,
        run: RunId(9),
        fingerprint: "f".into(),
        sent: Timestamp::from_micros(0),
        clock_offset_us: None,
        configuration: 0,
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e15..1.0e15).prop_map(|number: f64| Value::from(number + 0.5)),
        any::<String>().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![scalar(), prop::collection::vec(scalar(), 0..8).prop_map(Value::List)]
}

prop_compose! {
    fn event()(
        micros in Timestamp::from_micros(i64::MIN).as_micros()
            ..Timestamp::from_micros(i64::MAX).as_micros(),
        kind in "[a-z]{1,8}(\\.[a-z]{1,8})?",
        service in prop::option::of("[a-z]{1,8}"),
        fields in prop::collection::btree_map("[a-zA-Z0-9._ -]{1,16}", value(), 0..12),
        raw in prop::option::of(any::<String>()),
        unknown in prop::collection::btree_map("x_[a-z]{1,8}", any::<i64>(), 0..3),
    ) -> Event {
        let logsource = Logsource { service, ..Logsource::default() };
        let mut event = Event::new(Timestamp::from_micros(micros), Kind::from_name(kind), logsource);
        event.fields = fields as Fields;
        event.raw = raw;
        event.unknown = unknown.into_iter().map(|(key, value)| (key, value.into())).collect();
        event
    }
}

proptest! {
    #[test]
    fn an_event_comes_back_as_it_went(event in event()) {
        let line = encode_event(&event);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(decode_event(line.as_bytes(), 1), Ok(event));
    }

    #[test]
    fn an_event_is_written_as_the_library_would(event in event()) {
        prop_assert_eq!(encode_event(&event), serde_json::to_string(&event).unwrap());
    }

    #[test]
    fn a_line_that_passes_the_check_can_be_decoded(
        event in event(),
        at in any::<prop::sample::Index>(),
        with in prop::option::of(prop::sample::select(
            b"\"\\{}[],:0e-. tfn\x00\xff\xc3".to_vec(),
        )),
    ) {
        let mut line = encode_event(&event).into_bytes();
        prop_assert!(check::is_event(&line));
        let at = at.index(line.len());
        match with {
            Some(byte) => line[at] = byte,
            None => drop(line.remove(at)),
        }
        if check::is_event(&line) && !is_too_deep(&line) {
            prop_assert!(decode_event(&line, 1).is_ok());
        }
    }

    #[test]
    fn a_checked_batch_has_the_lines_of_a_decoded_one(
        events in prop::collection::vec(event(), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let lines: Vec<String> = events.iter().map(encode_event).collect();
        let bytes = encode_batch(&envelope(lines.len() as u32), lines.iter().map(String::as_str));
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            let decoded = decode_batch(bytes);
            let decoded = decoded.map(|(envelope, lines)| {
                (envelope, lines.into_iter().map(|(line, _)| line).collect())
            });
            prop_assert_eq!(check_batch(bytes), decoded);
        }
    }

    #[test]
    fn any_bytes_decode_to_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_event(&bytes, 1);
        let _ = decode_batch(&bytes);
    }

    #[test]
    fn a_batch_cut_anywhere_is_refused(events in prop::collection::vec(event(), 1..4)) {
        let lines: Vec<String> = events.iter().map(encode_event).collect();
        let bytes = encode_batch(&envelope(lines.len() as u32), lines.iter().map(String::as_str));
        let (_, decoded) = decode_batch(&bytes).unwrap();
        prop_assert!(decoded.iter().map(|(_, event)| event).eq(events.iter()));
        for cut in 0..bytes.len() - 1 {
            prop_assert!(decode_batch(&bytes[..cut]).is_err(), "cut at {}", cut);
        }
    }
}

#[test]
fn keys_of_a_later_version_are_kept() {
    let line = r#"{"time":"2026-11-22T10:16:42.123456Z","kind":"log","severity":{"n":3}}"#;
    let event = decode_event(line.as_bytes(), 1).unwrap();
    assert_eq!(event.unknown["severity"]["n"], 3);
    assert!(encode_event(&event).contains(r#""severity":{"n":3}"#));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let check = |line: &str, expected: &str| {
        let error = decode_event(line.as_bytes(), 7).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    check("", "line 7: EOF");
    check(r#"{"kind":"log"}"#, "missing field `time`");
    check(r#"{"time":"yesterday","kind":"log"}"#, "not an RFC 3339 time");
    check(r#"{"time":"2026-11-22T10:16:42Z","kind":"log","fields":{"a":{}}}"#, "fields are flat");
    check(r#"{"time":"2026-11-22T10:16:42Z","kind":"log","fields":{"a":[[1]]}}"#, "lists are flat");
    check(&"[".repeat(17), "nested deeper than 16 levels");
    check(&" ".repeat(limits::EVENT_BYTES_MAX + 1), "over the limit");
}

#[test]
fn brackets_inside_text_are_not_depth() {
    let line =
        format!(r#"{{"time":"2026-11-22T10:16:42Z","kind":"log","raw":"\"{}"}}"#, "[{".repeat(100));
    assert!(decode_event(line.as_bytes(), 1).is_ok());
}

#[test]
fn impossible_ids_are_refused() {
    let check = |first, count| {
        let mut envelope = envelope(count);
        envelope.first = Sequence(first);
        decode_batch(&encode_batch(&envelope, std::iter::empty())).unwrap_err().cause()
    };
    assert_eq!(check(0, 1), Cause::WrongIds);
    assert_eq!(check(1, 0), Cause::WrongIds);
    assert_eq!(check(u64::MAX, 2), Cause::WrongIds);
    assert_eq!(check(1, 3), Cause::WrongIds);
    assert_eq!(check(1, u32::MAX), Cause::TooLarge);
}

#[test]
fn the_dictionary_is_frozen() {
    // FNV-1a: a change here would make every spool and every batch unreadable to the other side.
    let hash = DICTIONARY.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!((DICTIONARY.len(), hash), (6592, 12_712_306_565_895_579_193));
}
