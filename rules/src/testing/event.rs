use serde_json::Value;

use super::case::Given;
use crate::event::{Event, FieldValue, LogsourceRef};
use crate::rule::Logsource;

/// An event of a test.
pub(super) struct TestEvent<'a> {
    pub given: &'a Given,
    pub logsource: &'a Logsource,
    pub time_us: i64,
}

impl Event for TestEvent<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        if name == "kind"
            && let Some(kind) = &self.given.kind
        {
            return Some(FieldValue::Text(kind.into()));
        }
        self.given.fields.get(name).map(value)
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        if let Some(kind) = &self.given.kind {
            visit("kind", FieldValue::Text(kind.into()));
        }
        for (name, held) in &self.given.fields {
            if name != "kind" || self.given.kind.is_none() {
                visit(name, value(held));
            }
        }
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let raw = self.given.raw.as_deref();
        let fields = self.given.fields.values().filter_map(Value::as_str);
        let _ = raw.into_iter().chain(fields).any(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef {
            product: self.logsource.product.as_deref(),
            category: self.logsource.category.as_deref(),
            service: self.logsource.service.as_deref(),
        }
    }

    fn time_us(&self) -> i64 {
        self.time_us
    }
}

fn value(value: &Value) -> FieldValue<'_> {
    match value {
        Value::Null => FieldValue::Null,
        Value::Bool(value) => FieldValue::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => FieldValue::Integer(integer),
            None => FieldValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => FieldValue::Text(text.into()),
        Value::Array(list) => FieldValue::List(list.iter().map(self::value).collect()),
        Value::Object(_) => FieldValue::Text(value.to_string().into()),
    }
}
