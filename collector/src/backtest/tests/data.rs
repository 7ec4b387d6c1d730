//! Events of many shapes.

use proptest::prelude::*;
use soc_event::{Event, Logsource, Timestamp, Value, kind};

use super::{MINUTE, NOW, login};

/// An event of one of four machines.
pub(super) fn event() -> impl Strategy<Value = (u8, Event)> {
    let at = 0_i64..40;
    let login = (at.clone(), 0_u8..3, 0_u8..4, any::<bool>()).prop_map(|(at, ip, user, failed)| {
        let outcome = if failed { "failure" } else { "success" };
        login(time(at), ip, &format!("user{user}"), outcome)
    });
    let word = (at.clone(), any::<bool>(), any::<bool>()).prop_map(|(at, raw, named)| {
        let logsource = Logsource { product: Some("linux".into()), ..Logsource::default() };
        let mut event = Event::new(Timestamp::from_micros(time(at)), kind::LOG, logsource);
        if raw {
            event.raw = Some("a line with the Marker in it".into());
        } else {
            event = event.with("deep.text", vec!["x", "a marker too"]);
        }
        if named { event.with("host.hostname", "says-so") } else { event }
    });
    let ports = (at, odd(), odd(), any::<bool>()).prop_map(|(at, ports, size, odd)| {
        let logsource = Logsource { product: Some("Windows".into()), ..Logsource::default() };
        Event::new(Timestamp::from_micros(time(at)), kind::LOG, logsource)
            .with("Ports", ports)
            .with("Size", size)
            .with("Odd", odd)
            .with("kind", "a field that is called so")
    });
    (0_u8..4, prop_oneof![3 => login, 1 => word, 1 => ports])
}

/// Minutes before now, some events the day before.
fn time(at: i64) -> i64 {
    NOW - (40 - at) * MINUTE - if at % 9 == 0 { 30 * 60 * MINUTE } else { 0 }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(Value::from(443_i64)),
        Just(Value::from(44.5)),
        Just(Value::from(u64::MAX)),
        Just(Value::from("4455")),
        Just(Value::from(vec!["22", "443"])),
        Just(Value::List(vec![Value::from(44_i64), Value::Null, Value::from(true)])),
        Just(Value::List(vec![Value::from("44"), Value::Null])),
        Just(Value::List(Vec::new())),
    ]
}
