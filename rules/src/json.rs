//! Events that are JSON text: read in one pass, without a tree, into a [`Record`]; and [`JsonEvent`] for
//! whoever wants to look fields up.
//!
//! Strict as RFC 8259 is, but for half pairs of surrogates, which become U+FFFD. Never panics, never
//! recurses, never holds more keys than an event may have.

mod keys;
mod read;
mod scan;

use std::borrow::Cow;

pub(crate) use keys::{Keys, NO_TARGETS, Targets};
pub(crate) use read::{read, read_flat, read_text};

use std::collections::BTreeMap;

use crate::event::{Event, FieldValue, LogsourceRef};
use crate::pattern::{Kind, Number, micros_of};
use crate::record::{Record, Stored};

/// An event that is one JSON object.
///
/// A field inside objects has the path with dots (`process.executable`) as its name; a key that has
/// the dots itself comes first. Lists are several values, objects in lists too. `product`,
/// `category` and `service` at the top are the logsource. When it happened is what the first of these
/// says: `@timestamp`, `timestamp`, `time`, and the names Windows logs use for it.
pub struct JsonEvent {
    /// In how many objects a field stands, and its values.
    fields: BTreeMap<String, (u32, Vec<Scalar>)>,
    /// Also those of fields that other values replaced.
    texts: Vec<String>,
}

enum Scalar {
    Text(String),
    Boolean(bool),
    Number(Number),
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
        let (mut keys, mut record) = (Keys::of_no_rules(), Record::new(0));
        record.clear();
        read(text, &mut keys, &mut record)?;
        let mut event = Self { fields: BTreeMap::new(), texts: Vec::new() };
        record.each_value(&mut |stored, text| {
            let value = match stored.kind {
                Kind::Text => Scalar::Text(text.to_owned()),
                Kind::Boolean(value) => Scalar::Boolean(value),
                Kind::Number(number) => Scalar::Number(number),
            };
            if let Scalar::Text(text) = &value {
                event.texts.push(text.clone());
            }
            event.add(keys.path_of(stored.node), stored, value);
        });
        for node in record.noted() {
            event.fields.entry(keys.path_of(*node).to_owned()).or_default();
        }
        Ok(event)
    }

    fn add(&mut self, path: &str, stored: &Stored, value: Scalar) {
        let Stored { depth, in_list, .. } = *stored;
        let (known, values) =
            self.fields.entry(path.to_owned()).or_insert_with(|| (depth, Vec::new()));
        if depth > *known {
            return;
        }
        if depth < *known || !in_list {
            values.clear();
        }
        *known = depth;
        values.push(value);
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.fields.get(name)?.1.first()? {
            Scalar::Text(text) => Some(text),
            Scalar::Boolean(_) | Scalar::Number(_) => None,
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
        let _ = self.texts.iter().any(|text| visit(text));
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
            Scalar::Text(text) => micros_of(text),
            Scalar::Number(Number::Integer(number)) => micros_of(&number.to_string()),
            Scalar::Number(Number::Float(number)) => micros_of(&number.to_string()),
            Scalar::Boolean(_) => None,
        };
        TIMES.iter().find_map(value).unwrap_or(0)
    }
}

fn held(values: &[Scalar]) -> FieldValue<'_> {
    match values {
        [] => FieldValue::Null,
        [single] => value(single),
        several => FieldValue::List(several.iter().map(value).collect()),
    }
}

fn value(value: &Scalar) -> FieldValue<'_> {
    match value {
        Scalar::Boolean(value) => FieldValue::Boolean(*value),
        Scalar::Number(Number::Integer(number)) => FieldValue::Integer(*number),
        Scalar::Number(Number::Float(number)) => FieldValue::Float(*number),
        Scalar::Text(text) => FieldValue::Text(text.into()),
    }
}

/// The inside of a JSON string without its escapes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('\\') { crate::record::unescaped(text).into() } else { text.into() }
}
