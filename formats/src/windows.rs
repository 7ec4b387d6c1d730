//! Windows events as tools that read event logs render them in JSON, flat, with Sigma's names.
//!
//! `{"Event":{"System":{"EventID":1,…},"EventData":{"Image":"…"}}}`: children of `System` keep their
//! names, and their attributes stand behind an underscore (`Provider_Name`, `Execution_ProcessID`;
//! but the time is `TimeCreated`); data keep theirs, blanks included; of `UserData` every leaf does.
//! Data without a name are the list `Data`. A name that comes twice becomes a list, what `System`
//! says first. Numbers are numbers where the log types them; `0x3e7` stays text.

mod element;

use std::collections::btree_map::Entry;

use serde::de::DeserializeSeed;
use soc_event::{Event, Fields, Logsource, Timestamp, Value, kind};

use crate::fault::Fault;
use crate::limits::FIELDS_MAX;
use element::Top;

/// Whether an object begins as a Windows event does.
pub fn is_rendered(object: &[u8]) -> bool {
    let begins = |object: &[u8]| -> Option<bool> {
        let rest = object.strip_prefix(b"{")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"Event\"")?.trim_ascii_start();
        Some(rest.strip_prefix(b":")?.trim_ascii_start().starts_with(b"{"))
    };
    begins(object).unwrap_or(false)
}

/// The event; `now` is its time when it has none.
///
/// # Errors
/// Text that is no JSON object, or no Windows event.
pub fn event(json: &[u8], now: Timestamp) -> Result<Event, Fault> {
    let mut sink = Sink::default();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = Top(&mut sink).deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| Fault::Damaged(error.to_string()))?;
    if sink.fields.is_empty() {
        return Err(Fault::Damaged("a Windows event without fields".to_owned()));
    }
    let time = sink.fields.get("TimeCreated").and_then(Value::as_text);
    let time = time.and_then(|text| text.parse().ok()).unwrap_or(now);
    let logsource = Logsource { product: Some("windows".to_owned()), ..Logsource::default() };
    let mut event = Event::new(time, kind::LOG, logsource);
    event.fields = sink.fields;
    if sink.is_truncated {
        event.fields.insert("event.truncated".to_owned(), true.into());
    }
    Ok(event)
}

/// Where fields go.
#[derive(Default)]
struct Sink {
    fields: Fields,
    is_truncated: bool,
}

impl Sink {
    fn put(&mut self, name: String, value: Value) {
        let is_full = self.fields.len() >= FIELDS_MAX;
        match self.fields.entry(name) {
            Entry::Occupied(mut held) => join(held.get_mut(), value),
            Entry::Vacant(_) if is_full => self.is_truncated = true,
            Entry::Vacant(free) => {
                free.insert(value);
            }
        }
    }
}

/// Adds another value of the same name.
fn join(held: &mut Value, value: Value) {
    if *held == value || value == Value::Null {
        return;
    }
    let mut items = match std::mem::replace(held, Value::Null) {
        Value::List(items) => items,
        Value::Null => return *held = value,
        one => vec![one],
    };
    match value {
        Value::List(more) => items.extend(more),
        one => items.push(one),
    }
    items.truncate(soc_event::limits::LIST_MAX);
    *held = Value::List(items);
}

#[cfg(test)]
mod tests;
