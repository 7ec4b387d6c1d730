mod keys;
mod read;
mod scan;

use std::borrow::Cow;

pub(crate) use keys::Keys;
pub(crate) use read::read;

use serde_json::{Map, Value};

use crate::event::{Event, FieldValue, LogsourceRef};

/// An event that is one JSON object.
///
/// A field inside objects has the path with dots (`process.executable`) as its name; a key that has
/// the dots itself means the same. `product`, `category` and `service` at the top are the logsource.
pub struct JsonEvent {
    fields: Map<String, Value>,
}

/// Why a text is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON object at byte {at}: {what}")]
pub struct JsonError {
    /// Where it was noticed, in bytes.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

impl JsonEvent {
    /// Reads one object; blanks around it are allowed.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        let fields = serde_json::from_slice(text)
            .map_err(|error| JsonError { at: error.column(), what: error.to_string() })?;
        Ok(Self { fields })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }
}

impl Event for JsonEvent {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.fields.get(name).map(value)
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.fields.iter().for_each(|(name, held)| visit(name, value(held)));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let _ = self.fields.values().any(|value| texts(value, visit));
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef {
            product: self.text("product"),
            category: self.text("category"),
            service: self.text("service"),
        }
    }

    fn time_us(&self) -> i64 {
        0
    }
}

/// Shows the texts of a value, also those inside lists and objects; true when `visit` wants no more.
fn texts(value: &Value, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => visit(text),
        Value::Array(list) => list.iter().any(|value| texts(value, visit)),
        Value::Object(map) => map.values().any(|value| texts(value, visit)),
        _ => false,
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
        Value::Object(_) => FieldValue::Null,
    }
}

/// The inside of a JSON string without its escapes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('\\') { crate::record::unescaped(text).into() } else { text.into() }
}
