//! Windows event logs, with the names Sigma rules use for their fields.

use std::path::Path;

use evtx::{EvtxParser, ParserSettings};
use serde_json::{Map, Value};

use super::Fault;

/// The records of a file as they are nested. Damaged ones are left out: the samples hold some.
pub fn records(file: &Path) -> Result<Vec<Value>, Fault> {
    let mut parser =
        EvtxParser::from_path(file)?.with_configuration(ParserSettings::default().num_threads(1));
    Ok(parser.records_json_value().flatten().map(|record| record.data).collect())
}

/// The same, flat.
pub fn read(file: &Path) -> Result<Vec<Value>, Fault> {
    Ok(records(file)?.iter().map(flat).collect())
}

/// One event without its levels: what stands in `System` by its own name, the name of the provider
/// as `Provider_Name`, and what stands in `EventData` and `UserData` by its own name.
pub fn flat(event: &Value) -> Value {
    let event = event.get("Event").unwrap_or(event);
    let mut fields = Map::new();
    for (name, value) in entries(event.get("System")) {
        match name.as_str() {
            "Provider" => {
                let provider = value.pointer("/#attributes/Name");
                fields.extend(provider.map(|name| ("Provider_Name".to_owned(), name.clone())));
            }
            _ => {
                fields.insert(name.clone(), plain(value));
            }
        }
    }
    for (name, value) in entries(event.get("EventData")) {
        if name == "Data" {
            fields.insert(name.clone(), plain(value));
        } else if name != "#attributes" {
            fields.entry(name.clone()).or_insert_with(|| plain(value));
        }
    }
    for (_, part) in entries(event.get("UserData")) {
        for (name, value) in entries(Some(part)).filter(|(name, _)| *name != "#attributes") {
            fields.entry(name.clone()).or_insert_with(|| plain(value));
        }
    }
    Value::Object(fields)
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// The text of an element that has attributes as well.
fn plain(value: &Value) -> Value {
    value.get("#text").unwrap_or(value).clone()
}
