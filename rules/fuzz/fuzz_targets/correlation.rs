//! `cargo fuzz run correlation`: any stream of events leaves a correlator whose state can be given to
//! another one, which says the same about whatever follows.
#![no_main]

use std::sync::LazyLock;

use soc_rules::{
    CorrelationLimits, Correlator, Event, FieldValue, LogsourceRef, Origin, Ruleset, Source,
};

/// One correlation of each kind over two rules.
static RULES: LazyLock<Ruleset> =
    LazyLock::new(|| Ruleset::load([Source { path: "fuzz.yml", text: TEXT }]).0);

const TEXT: &str = "title: A
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10
name: a
logsource: {product: fuzz}
detection: {s: {kind: 0}, condition: s}
---
title: B
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f11
name: b
logsource: {product: fuzz}
detection: {s: {kind: 1}, condition: s}
---
title: Count
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f12
correlation: {type: event_count, rules: [a], group-by: [key], timespan: 10s, condition: {gte: 3}}
---
title: Values
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f13
correlation: {type: value_count, rules: [a, b], timespan: 1m, condition: {gte: 2, field: value}}
---
title: Both
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f14
name: both
correlation: {type: temporal, rules: [a, b], group-by: [key], timespan: 30s}
---
title: In order
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f15
correlation: {type: temporal_ordered, rules: [a, b], timespan: 30s}
---
title: Chained
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f16
correlation: {type: event_count, rules: [both], timespan: 1m, condition: {gte: 2}}
";

/// Four bytes make an event: what it is, whose, how it differs, and how far time moves, also back.
struct Made<'a>(&'a [u8], i64);

impl Event for Made<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        let at = |number: usize| self.0.get(number).map(|byte| i64::from(*byte));
        let number = match name {
            "kind" => at(0)? % 3,
            "key" => at(1)? % 8,
            "value" => at(2)?,
            _ => return None,
        };
        Some(FieldValue::Integer(number))
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in ["kind", "key", "value"] {
            if let Some(value) = self.field(name) {
                visit(name, value);
            }
        }
    }

    fn texts(&self, _: &mut dyn FnMut(&str) -> bool) {}

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("fuzz"), ..LogsourceRef::default() }
    }

    fn time_us(&self) -> i64 {
        self.1
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut one = Correlator::new(&RULES, CorrelationLimits::default());
    let mut other = None;
    let mut time_us = 1_000_000_000_i64;
    let half = bytes.len() / 8;
    for (number, chunk) in bytes.chunks_exact(4).enumerate().take(4_096) {
        let moved = chunk.last().map_or(0, |byte| i64::from(*byte as i8));
        time_us += moved * 500_000;
        let event = Made(chunk, time_us);
        let matches = RULES.matching(&event);
        let id = number.to_string();
        let said = one.feed(Origin { scope: "agency", host: "host" }, &id, &event, &matches);
        if let Some(other) = &mut other {
            let again: Vec<_> = Correlator::feed(other, Origin { scope: "agency", host: "host" }, &id, &event, &matches);
            assert_eq!(format!("{said:?}"), format!("{again:?}"));
        }
        if number == half {
            let rows = one.take_changes();
            let mut next = Correlator::new(&RULES, CorrelationLimits::default());
            next.restore(rows.into_iter().filter_map(|(key, row)| Some((key, row?))));
            other = Some(next);
        }
    }
});
