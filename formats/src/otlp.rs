//! Logs as OpenTelemetry exports them in JSON: a message holds the records of many resources.
//!
//! Attributes are fields: those of the resource first, the record's own win. A body that is text is
//! the message, one that is a map is fields. Windows events as OpenTelemetry's receiver reads them
//! get the names of the event log again.
//! Source: OpenTelemetry Protocol, "JSON Protobuf Encoding"; Logs Data Model; Semantic Conventions.

use serde_json::{Map, Value as Json};
use soc_event::{Event, Fields, Logsource, Timestamp, Value, kind};

use crate::fault::{Fault, Place};
use crate::format::{Found, Record};
use crate::json::{self, flat};
use crate::limits::DEPTH_MAX;
use crate::text::Moment;
use crate::time;

/// Longest message: collectors write batches of thousands of records.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Whether a log begins with a message of logs.
pub(crate) fn is_otlp(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    head.starts_with(b"\"resourceLogs\"") || head.starts_with(b"\"resource_logs\"")
}

/// Shows every record of a message.
pub(crate) fn read(
    message: &[u8],
    place: Place,
    moment: Moment<'_>,
    each: &mut dyn FnMut(Found<'_>),
) {
    let message: Map<String, Json> = match serde_json::from_slice(message) {
        Ok(message) => message,
        Err(error) => {
            return each(Found { place, record: Err(Fault::Damaged(error.to_string())) });
        }
    };
    let Some(Json::Array(resources)) = either(&message, "resourceLogs", "resource_logs") else {
        let why = Fault::Damaged("an OTLP message without resourceLogs".to_owned());
        return each(Found { place, record: Err(why) });
    };
    for resource in resources {
        let about = attributes(resource.get("resource"));
        let scopes = ["scopeLogs", "scope_logs", "instrumentationLibraryLogs"];
        for scope in scopes.iter().flat_map(|name| items(resource.get(*name))) {
            let mut about = about.clone();
            if let Some(name) = scope.pointer("/scope/name").and_then(Json::as_str) {
                about.insert("otel.scope.name".to_owned(), name.into());
            }
            let records = ["logRecords", "log_records", "logs"];
            for record in records.iter().flat_map(|name| items(scope.get(*name))) {
                let record = event(record, &about, moment);
                let record = record.map(|event| Record::Event(Box::new(event)));
                each(Found { place, record });
            }
        }
    }
}

fn event(record: &Json, about: &Map<String, Json>, moment: Moment<'_>) -> Result<Event, Fault> {
    let Json::Object(record) = record else {
        return Err(Fault::Damaged("a log record that is no object".to_owned()));
    };
    let mut all = about.clone();
    all.extend(attributes(Some(&Json::Object(record.clone()))));
    let body = record.get("body").map_or(Json::Null, |body| plain(body, 0));
    if is_windows(&body) {
        return windows(body, all, record, moment);
    }
    let mut raw = None;
    match body {
        Json::Object(inner) => inner.into_iter().for_each(|(name, value)| {
            all.insert(name, value);
        }),
        Json::String(text) => {
            all.insert("message".to_owned(), text.clone().into());
            raw = Some(text);
        }
        Json::Null => {}
        other => {
            all.insert("message".to_owned(), other);
        }
    }
    let mut fields = flat(all)?;
    about_record(record, &mut fields);
    let text = |name: &str| fields.get(name).and_then(Value::as_text).map(str::to_owned);
    let logsource = Logsource {
        product: text("product"),
        category: text("category"),
        service: text("service"),
    };
    let raw = raw.or_else(|| text("log.record.original"));
    let time = time_of(record).or_else(|| json::take_time(&mut fields, moment));
    let mut event = Event::new(time.unwrap_or(moment.now), kind::LOG, logsource);
    event.raw = raw;
    event.fields = fields;
    Ok(event)
}

/// When it happened, else when it was first seen.
fn time_of(record: &Map<String, Json>) -> Option<Timestamp> {
    let nanos = |value: &Json| match value {
        Json::String(text) => time::since_1970(text),
        Json::Number(number) => time::since_1970(&number.to_string()),
        _ => None,
    };
    let names =
        ["timeUnixNano", "time_unix_nano", "observedTimeUnixNano", "observed_time_unix_nano"];
    names.iter().find_map(|name| record.get(*name).and_then(nanos))
}

/// What stands beside body and attributes, under the names of the common schema.
fn about_record(record: &Map<String, Json>, fields: &mut Fields) {
    for (from, to) in [
        ("severityText", "log.level"),
        ("severity_text", "log.level"),
        ("traceId", "trace.id"),
        ("trace_id", "trace.id"),
        ("spanId", "span.id"),
        ("span_id", "span.id"),
        ("eventName", "event.name"),
    ] {
        if let Some(text) = record.get(from).and_then(Json::as_str).filter(|text| !text.is_empty())
        {
            fields.entry(to.to_owned()).or_insert_with(|| text.into());
        }
    }
    let number = either(record, "severityNumber", "severity_number");
    if let Some(Json::Number(number)) = number {
        fields.entry("log.severity".to_owned()).or_insert(Value::Number(number.clone()));
    }
}

/// OpenTelemetry's receiver of Windows event logs says so in the body's keys.
fn is_windows(body: &Json) -> bool {
    let is_event = |id: &Json| id.is_object() || id.is_number();
    body.get("channel").is_some_and(Json::is_string) && body.get("event_id").is_some_and(is_event)
}

/// As Winlogbeat writes it, which says the same in other words.
fn windows(
    mut body: Json,
    mut all: Map<String, Json>,
    record: &Map<String, Json>,
    moment: Moment<'_>,
) -> Result<Event, Fault> {
    let mut winlog = Map::new();
    let text = |value: Option<&Json>| value.and_then(Json::as_str).map(str::to_owned);
    let id = body.pointer("/event_id/id").or_else(|| body.get("event_id")).cloned();
    let provider = text(body.pointer("/provider/name"));
    let guid = text(body.pointer("/provider/guid"));
    winlog.insert("event_id".to_owned(), id.unwrap_or_default());
    for (to, value) in [("provider_name", provider), ("provider_guid", guid)] {
        winlog.extend(value.map(|value| (to.to_owned(), value.into())));
    }
    if let Json::Object(body) = &mut body {
        for (from, to) in [
            ("channel", "channel"),
            ("computer", "computer_name"),
            ("record_id", "record_id"),
            ("keywords", "keywords"),
            ("opcode", "opcode"),
            ("task", "task"),
            ("event_data", "event_data"),
        ] {
            winlog.extend(body.remove(from).map(|value| (to.to_owned(), value)));
        }
        let time = body.remove("system_time");
        all.extend(time.map(|time| ("@timestamp".to_owned(), time)));
        all.extend(body.remove("message").map(|text| ("message".to_owned(), text)));
    }
    all.insert("winlog".to_owned(), Json::Object(winlog));
    let mut event = json::winlog::event(flat(all)?, moment);
    if let Some(time) = time_of(record) {
        event.time = time;
    }
    Ok(event)
}

/// Attributes of a resource or record, by name.
fn attributes(of: Option<&Json>) -> Map<String, Json> {
    let list = of.and_then(|of| of.get("attributes"));
    items(list)
        .filter_map(|item| {
            let name = item.get("key")?.as_str()?.to_owned();
            Some((name, item.get("value").map_or(Json::Null, |value| plain(value, 0))))
        })
        .collect()
}

fn items(list: Option<&Json>) -> impl Iterator<Item = &Json> {
    list.and_then(Json::as_array).into_iter().flatten()
}

fn either<'m>(map: &'m Map<String, Json>, name: &str, other: &str) -> Option<&'m Json> {
    map.get(name).or_else(|| map.get(other))
}

/// `{"stringValue": …}` and its kin as the value they stand for.
fn plain(value: &Json, depth: usize) -> Json {
    let Json::Object(object) = value else { return value.clone() };
    let Some((name, held)) = object.iter().next().filter(|_| depth <= DEPTH_MAX) else {
        return Json::Null;
    };
    match (name.as_str(), held) {
        ("intValue" | "int_value", Json::String(text)) => {
            text.parse::<i64>().map_or_else(|_| held.clone(), Json::from)
        }
        ("arrayValue" | "array_value", _) => {
            items(held.get("values")).map(|item| plain(item, depth + 1)).collect()
        }
        ("kvlistValue" | "kvlist_value", _) => Json::Object(
            items(held.get("values"))
                .filter_map(|item| {
                    let name = item.get("key")?.as_str()?.to_owned();
                    Some((name, plain(item.get("value")?, depth + 1)))
                })
                .collect(),
        ),
        _ => held.clone(),
    }
}

#[cfg(test)]
mod tests;
