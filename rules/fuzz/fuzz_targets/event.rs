//! `cargo fuzz run event`: every event is judged by the rules we ship, the ranges of a match lie in its
//! value, and the correlator takes whatever comes.
#![no_main]

use std::sync::LazyLock;

use serde_json::{Map, Value};
use soc_rules::{
    CorrelationLimits, Correlator, Event, FieldValue, LogsourceRef, Origin, Ruleset, packs,
};

static RULES: LazyLock<Ruleset> = LazyLock::new(|| Ruleset::load(packs()).0);

/// A JSON object: its keys are fields; `product`, `category`, `service` are its logsource.
struct Json(Map<String, Value>);

impl Json {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

impl Event for Json {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.0.get(name).map(value)
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let _ = self.0.values().filter_map(Value::as_str).any(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef {
            product: self.text("product"),
            category: self.text("category"),
            service: self.text("service"),
        }
    }

    fn time_us(&self) -> i64 {
        self.0.get("time").and_then(Value::as_i64).unwrap_or(0)
    }
}

fn value(json: &Value) -> FieldValue<'_> {
    match json {
        Value::Null => FieldValue::Null,
        Value::Bool(value) => FieldValue::Boolean(*value),
        Value::Number(n) => match n.as_i64() {
            Some(n) => FieldValue::Integer(n),
            None => FieldValue::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => FieldValue::Text(text.into()),
        Value::Array(list) => FieldValue::List(list.iter().map(value).collect()),
        Value::Object(_) => FieldValue::Text(json.to_string().into()),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut correlator = Correlator::new(&RULES, CorrelationLimits::default());
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate().take(64) {
        let Ok(fields) = serde_json::from_slice(line) else { continue };
        let event = Json(fields);
        let matches = RULES.evaluate(&event);
        for predicate in matches.iter().flat_map(|matched| &matched.predicates) {
            if let (Some(start), Some(end)) = (predicate.start, predicate.end) {
                assert!(predicate.value.get(start..end).is_some());
            }
        }
        let numbers: Vec<usize> = matches.iter().map(|matched| matched.rule).collect();
        let from = Origin { scope: "agency", host: "host" };
        correlator.feed(from, &number.to_string(), &event, &numbers);
    }
    let mut again = Correlator::new(&RULES, CorrelationLimits::default());
    let rows = correlator.take_changes();
    again.restore(rows.into_iter().filter_map(|(key, row)| Some((key, row?))));
    assert!(again.take_changes().is_empty());
});
