//! How an event looks to a rule: its fields, every text, where it comes from, when it happened.

use std::borrow::Cow;

use soc_event::{Event, Value};
use soc_rules::{FieldValue, LogsourceRef};

use crate::subject::Body;

/// An event, with nothing added.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a>(pub &'a Event);

impl<'a> Seen<'a> {
    /// What a field holds.
    pub(crate) fn value(self, name: &str) -> Option<FieldValue<'a>> {
        self.0.fields.get(name).map(value)
    }

    /// Every field.
    pub(crate) fn values(self) -> impl Iterator<Item = (&'a str, FieldValue<'a>)> {
        self.0.fields.iter().map(|(name, held)| (name.as_str(), value(held)))
    }

    /// Every text: the raw line, then those of the fields.
    fn all_texts(self, visit: &mut dyn FnMut(&str) -> bool) {
        if self.0.raw.as_deref().is_some_and(&mut *visit) {
            return;
        }
        let _ = self.0.fields.values().any(|value| match value {
            Value::Text(text) => visit(text),
            Value::List(items) => items.iter().filter_map(Value::as_text).any(&mut *visit),
            Value::Null | Value::Boolean(_) | Value::Number(_) => false,
        });
    }

    /// Where it comes from.
    pub(crate) fn source(self) -> LogsourceRef<'a> {
        let logsource = &self.0.logsource;
        LogsourceRef {
            product: logsource.product.as_deref(),
            category: logsource.category.as_deref(),
            service: logsource.service.as_deref(),
        }
    }
}

impl soc_rules::Event for Seen<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.value(name)
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.values().for_each(|(name, value)| visit(name, value));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        self.all_texts(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        self.source()
    }

    fn time_us(&self) -> i64 {
        self.0.time.as_micros()
    }
}

impl<'a> Body<'a> for Seen<'a> {
    fn kind(self) -> &'a str {
        self.0.kind.as_str()
    }

    fn value(self, name: &str) -> Option<FieldValue<'a>> {
        self.value(name)
    }

    fn shown(self, name: &str) -> String {
        self.0.fields.get(name).map(Value::to_string).unwrap_or_default()
    }

    fn each(self, visit: &mut dyn FnMut(&'a str, FieldValue<'a>)) {
        self.values().for_each(|(name, value)| visit(name, value));
    }

    fn texts(self, visit: &mut dyn FnMut(&str) -> bool) {
        self.all_texts(visit);
    }

    fn source(self) -> LogsourceRef<'a> {
        self.source()
    }

    fn time_us(self) -> i64 {
        self.0.time.as_micros()
    }
}

pub(crate) fn value(held: &Value) -> FieldValue<'_> {
    match held {
        Value::Null => FieldValue::Null,
        Value::Boolean(held) => FieldValue::Boolean(*held),
        Value::Number(number) => match number.as_i64() {
            Some(number) => FieldValue::Integer(number),
            None => FieldValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Text(text) => FieldValue::Text(Cow::Borrowed(text)),
        Value::List(items) => FieldValue::List(items.iter().map(value).collect()),
    }
}
