//! JSON objects as events, for who keeps them: fields become flat, as rules read them.
//!
//! | an object | becomes |
//! |---|---|
//! | with `time`, `kind`, `logsource` and `fields` | the event it is: that is how ours are written |
//! | of Winlogbeat or Elastic Agent (`winlog`) | a Windows event with the names of the event log |
//! | any other | fields by path (`process.executable`), the Elastic Common Schema's among them |
//!
//! Lists are lists, of objects in lists each path is one. When it happened is what the first of
//! [`TIMES`] says that can be read, else the time of the log. Nothing is dropped but that one field.

pub(crate) mod winlog;

use serde_json::{Map, Value as Json};
use soc_event::{Event, Fields, Logsource, Timestamp, Value, kind};

use crate::fault::Fault;
use crate::limits::DEPTH_MAX;
use crate::text::Moment;
use crate::{time, windows};

/// Where the time of an event may stand, as rules read it.
pub const TIMES: [&str; 8] =
    ["@timestamp", "timestamp", "time", "UtcTime", "TimeCreated", "SystemTime", "EventTime", "ts"];

/// The event of an object.
///
/// # Errors
/// Text that is no JSON object, or is nested deeper than [`DEPTH_MAX`].
pub fn event(object: &[u8], moment: Moment<'_>) -> Result<Event, Fault> {
    if windows::is_rendered(object) {
        return windows::event(object, moment.now);
    }
    let damaged = |error: serde_json::Error| Fault::Damaged(error.to_string());
    let object: Map<String, Json> = serde_json::from_slice(object).map_err(damaged)?;
    if is_own(&object) {
        return serde_json::from_value(Json::Object(object)).map_err(damaged);
    }
    let is_windows = object.get("winlog").is_some_and(Json::is_object);
    let fields = flat(object)?;
    if is_windows { Ok(winlog::event(fields, moment)) } else { Ok(of_fields(fields, moment)) }
}

/// Whether an object is an event as we write it.
fn is_own(object: &Map<String, Json>) -> bool {
    let is_text = |name: &str| object.get(name).is_some_and(Json::is_string);
    let is_object = |name: &str| object.get(name).is_some_and(Json::is_object);
    is_text("time") && is_text("kind") && is_object("logsource") && is_object("fields")
}

/// An event of any maker.
pub(crate) fn of_fields(mut fields: Fields, moment: Moment<'_>) -> Event {
    let time = take_time(&mut fields, moment).unwrap_or(moment.now);
    let text = |name: &str| fields.get(name).and_then(Value::as_text).map(str::to_owned);
    let logsource = Logsource {
        product: text("product"),
        category: text("category"),
        service: text("service"),
    };
    let mut event = Event::new(time, kind::LOG, logsource);
    event.raw = text("event.original");
    if event.raw.is_some() {
        fields.remove("event.original");
    }
    event.fields = fields;
    event
}

/// What the first field says that holds a time; a field that says nothing else goes.
pub(crate) fn take_time(fields: &mut Fields, moment: Moment<'_>) -> Option<Timestamp> {
    let (name, found) = TIMES.into_iter().find_map(|name| {
        let found = match fields.get(name)? {
            Value::Text(text) => time::moment(text, moment.zone),
            Value::Number(number) => time::since_1970(&number.to_string()),
            _ => None,
        };
        Some((name, found?))
    })?;
    if matches!(name, "@timestamp" | "timestamp" | "time") {
        fields.remove(name);
    }
    Some(found)
}

/// All values under their paths.
pub(crate) fn flat(object: Map<String, Json>) -> Result<Fields, Fault> {
    let mut fields = Fields::new();
    // A key that has the dots itself comes before a path.
    let (nested, plain): (Vec<_>, Vec<_>) =
        object.into_iter().partition(|(_, value)| value.is_object() || value.is_array());
    for (name, value) in plain.into_iter().chain(nested) {
        put(&mut fields, name, value, 1)?;
    }
    Ok(fields)
}

fn put(fields: &mut Fields, name: String, value: Json, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::Damaged(format!("nested deeper than {DEPTH_MAX} objects and lists")));
    }
    match value {
        Json::Object(inner) => {
            for (key, value) in inner {
                put(fields, format!("{name}.{key}"), value, depth + 1)?;
            }
        }
        Json::Array(items) => {
            if items.is_empty() {
                fields.entry(name).or_insert_with(|| Value::List(Vec::new()));
                return Ok(());
            }
            for item in items {
                item_of(fields, &name, item, depth + 1)?;
            }
        }
        scalar => {
            fields.entry(name).or_insert(of_scalar(scalar));
        }
    }
    Ok(())
}

/// An item of a list: its values are added to those that are there.
fn item_of(fields: &mut Fields, name: &str, item: Json, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::Damaged(format!("nested deeper than {DEPTH_MAX} objects and lists")));
    }
    match item {
        Json::Object(inner) => {
            for (key, value) in inner {
                item_of(fields, &format!("{name}.{key}"), value, depth + 1)?;
            }
        }
        Json::Array(items) => {
            for item in items {
                item_of(fields, name, item, depth + 1)?;
            }
        }
        scalar => match fields.entry(name.to_owned()).or_insert_with(|| Value::List(Vec::new())) {
            Value::List(items) => items.push(of_scalar(scalar)),
            single => {
                let held = std::mem::replace(single, Value::Null);
                *single = Value::List(vec![held, of_scalar(scalar)]);
            }
        },
    }
    Ok(())
}

/// Lists and objects do not come here.
fn of_scalar(value: Json) -> Value {
    match value {
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(number) => Value::Number(number),
        Json::String(text) => Value::Text(text),
        Json::Null | Json::Array(_) | Json::Object(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests;
