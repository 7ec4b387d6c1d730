//! How an event of a log looks to a rule.

use std::borrow::Cow;

use soc_event::{Event, Value};
use soc_rules::{FieldValue, LogsourceRef};

/// An event of a log.
pub(super) struct Seen<'a>(pub &'a Event);

impl soc_rules::Event for Seen<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.0.fields.get(name).map(field_value)
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.0.fields.iter().for_each(|(name, value)| visit(name, field_value(value)));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        if self.0.raw.as_deref().is_some_and(&mut *visit) {
            return;
        }
        let _ = self.0.fields.values().any(|value| match value {
            Value::Text(text) => visit(text),
            Value::List(items) => items.iter().filter_map(Value::as_text).any(&mut *visit),
            Value::Null | Value::Boolean(_) | Value::Number(_) => false,
        });
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        let logsource = &self.0.logsource;
        LogsourceRef {
            product: logsource.product.as_deref(),
            category: logsource.category.as_deref(),
            service: logsource.service.as_deref(),
        }
    }

    fn time_us(&self) -> i64 {
        self.0.time.as_micros()
    }
}

/// Names under which logs have the machine they are about.
const HOST_FIELDS: [&str; 6] =
    ["host.hostname", "host.name", "Computer", "hostname", "host", "agent.hostname"];

/// The machine an event is about, as far as it says so; empty otherwise.
pub(super) fn host(event: &dyn soc_rules::Event) -> String {
    let named = HOST_FIELDS.iter().find_map(|name| match event.field(name) {
        Some(FieldValue::Text(text)) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    });
    named.unwrap_or_default()
}

fn field_value(value: &Value) -> FieldValue<'_> {
    match value {
        Value::Null => FieldValue::Null,
        Value::Boolean(value) => FieldValue::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => FieldValue::Integer(number),
            None => FieldValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Text(text) => FieldValue::Text(Cow::Borrowed(text)),
        Value::List(items) => FieldValue::List(items.iter().map(field_value).collect()),
    }
}
