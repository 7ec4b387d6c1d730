mod keys;
mod read;
mod scan;

use std::borrow::Cow;

pub(crate) use keys::{Keys, Targets};
pub(crate) use read::read;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::event::{Event, FieldValue, LogsourceRef};
use crate::pattern::micros_of;

/// An event that is one JSON object.
///
/// A field inside objects has the path with dots (`process.executable`) as its name; a key that has
/// the dots itself comes first. Lists are several values, objects in lists too. `product`,
/// `category` and `service` at the top are the logsource. When it happened is what the first of these
/// says: `@timestamp`, `timestamp`, `time`, and the names Windows logs use for it.
pub struct JsonEvent {
    /// In how many objects a field stands, and its values.
    fields: BTreeMap<String, (usize, Vec<Value>)>,
}

/// Where the time of an event may stand.
const TIMES: [&str; 9] = [
    "@timestamp",
    "timestamp",
    "time",
    "UtcTime",
    "TimeCreated_SystemTime",
    "TimeCreated",
    "SystemTime",
    "EventTime",
    "Event.System.TimeCreated.#attributes.SystemTime",
];

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
        let value = serde_json::from_slice(text)
            .map_err(|error| JsonError { at: error.column(), what: error.to_string() })?;
        let mut fields = BTreeMap::new();
        match value {
            Value::Object(_) => flatten(value, String::new(), 0, false, &mut fields),
            _ => return Err(JsonError { at: 0, what: "an object begins with '{'".to_owned() }),
        }
        Ok(Self { fields })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.1.first()?.as_str()
    }
}

/// Adds all that is in a value, which stands in so many objects, under its path.
fn flatten(
    found: Value,
    path: String,
    depth: usize,
    in_list: bool,
    fields: &mut BTreeMap<String, (usize, Vec<Value>)>,
) {
    match found {
        Value::Null => {}
        Value::Object(parts) => {
            for (name, part) in parts {
                let path = if depth == 0 { name } else { format!("{path}.{name}") };
                flatten(part, path, depth + 1, in_list, fields);
            }
        }
        Value::Array(parts) => {
            for part in parts {
                flatten(part, path.clone(), depth, true, fields);
            }
        }
        scalar => {
            let (known, values) = fields.entry(path).or_insert_with(|| (depth, Vec::new()));
            if depth > *known {
                return;
            }
            if depth < *known || !in_list {
                values.clear();
            }
            *known = depth;
            values.push(scalar);
        }
    }
}

impl Event for JsonEvent {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.fields.get(name).map(|(_, values)| held(values))
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.fields.iter().for_each(|(name, (_, values))| visit(name, held(values)));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let values = self.fields.values().flat_map(|(_, values)| values);
        let _ = values.filter_map(Value::as_str).any(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef {
            product: self.text("product"),
            category: self.text("category"),
            service: self.text("service"),
        }
    }

    fn time_us(&self) -> i64 {
        let value = |name: &&str| match self.fields.get(*name)?.1.first()? {
            Value::String(text) => micros_of(text),
            Value::Number(number) => micros_of(&number.to_string()),
            _ => None,
        };
        TIMES.iter().find_map(value).unwrap_or(0)
    }
}

fn held(values: &[Value]) -> FieldValue<'_> {
    match values {
        [single] => value(single),
        several => FieldValue::List(several.iter().map(value).collect()),
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
        Value::Array(_) | Value::Object(_) => FieldValue::Null,
    }
}

/// The inside of a JSON string without its escapes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('\\') { crate::record::unescaped(text).into() } else { text.into() }
}
