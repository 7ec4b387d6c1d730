//! An anomaly as an event.

use soc_anomaly::Anomaly;
use soc_event::{Event, Timestamp, kind};

/// Fields of the line that showed it, for whom and where.
const OF_LINE: [&str; 8] = [
    "host.name",
    "log.file.path",
    "log.source",
    "process.name",
    "source.ip",
    "user.effective.name",
    "user.name",
    "event.action",
];

/// The event of an anomaly; `line` is the one that showed it, where it was one.
pub(super) fn of(anomaly: Anomaly, line: Option<&Event>, now: Timestamp) -> Event {
    let Anomaly { kind, id, source, expected, seen, score, samples, template, value } = anomaly;
    let is_of_line = template.is_some() || value.is_some();
    let mut event = Event::own(now, kind::LOG_ANOMALY)
        .with("anomaly.kind", kind.as_str())
        .with("anomaly.id", id.to_string())
        .with("anomaly.source", source)
        .with("anomaly.expected", expected)
        .with("anomaly.seen", seen)
        .with("anomaly.score", (score * 1000.0).round() / 1000.0)
        .with("anomaly.samples", samples);
    if let Some((id, text)) = template {
        event = event.with("template.id", id.to_string()).with("template.text", text);
    }
    if let Some((field, value)) = value {
        event = event.with("anomaly.field", field.as_str()).with("anomaly.value", value);
    }
    for name in OF_LINE {
        let value = line.filter(|_| is_of_line).and_then(|line| line.fields.get(name));
        if let Some(value) = value {
            event.fields.insert(name.to_owned(), value.clone());
        }
    }
    event
}
