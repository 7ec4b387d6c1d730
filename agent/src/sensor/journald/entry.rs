use serde_json::{Map, Value as Json};
use soc_event::{Event, Logsource, Timestamp, kind, limits};
use soc_formats::text;

use crate::sensor::fit;

/// One entry of the journal. Source: systemd.journal-fields(7) and "Journal JSON Format".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) cursor: String,
    pub(super) pid: Option<u32>,
    time: Option<Timestamp>,
    message: String,
    program: Option<String>,
    host: Option<String>,
    unit: Option<String>,
    severity: Option<u8>,
    facility: Option<u8>,
    is_cut: bool,
}

impl Entry {
    /// Reads one line of `journalctl --output=json`, `None` for anything else.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let fields: Map<String, Json> = serde_json::from_slice(line).ok()?;
        let text = |name: &str| fields.get(name).and_then(text);
        let number = |name: &str| text(name).and_then(|text| text.parse().ok());
        let mut message = text("MESSAGE").unwrap_or_default();
        let is_cut = message.len() > limits::TEXT_BYTES_MAX;
        fit::cut(&mut message, limits::TEXT_BYTES_MAX);
        let time = text("__REALTIME_TIMESTAMP").and_then(|text| text.parse().ok());
        Some(Self {
            cursor: text("__CURSOR")?,
            // The underscore says that the journal found it out itself.
            pid: text("_PID").and_then(|text| text.parse().ok()),
            time: time.map(Timestamp::from_micros),
            message,
            program: text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM")),
            host: text("_HOSTNAME"),
            unit: text("_SYSTEMD_UNIT"),
            severity: number("PRIORITY").filter(|value| *value < 8),
            facility: number("SYSLOG_FACILITY").filter(|value| *value < 24),
            is_cut,
        })
    }

    /// The event of this entry.
    pub(super) fn event(self, now: Timestamp) -> Event {
        let time = self.time.filter(|time| text::is_plausible(*time, now)).unwrap_or(now);
        let mut event = Event::new(time, kind::LOG, Logsource::service("linux", "syslog"));
        match &self.program {
            Some(program) => text::message(program, &self.message, &mut event),
            None => event = event.with("message", self.message.as_str()),
        }
        let severity = self.severity.map(u64::from);
        let facility = self.facility.map(u64::from);
        for (name, value) in [
            ("log.syslog.severity.code", severity.map(Into::into)),
            ("log.syslog.facility.code", facility.map(Into::into)),
            ("host.name", self.host.map(Into::into)),
            ("process.pid", self.pid.map(Into::into)),
            ("service.unit", self.unit.map(Into::into)),
            ("log.truncated", self.is_cut.then(|| true.into())),
            ("log.source", Some("journald".into())),
        ] {
            if let Some(value) = value {
                event.fields.insert(name.to_owned(), value);
            }
        }
        event.raw = Some(self.message);
        fit::fit(&mut event);
        event
    }
}

/// A value: text; bytes where it is no text; of several the first. Too large ones are null.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Array(items) => match items.first()? {
            Json::String(text) => Some(text.clone()),
            Json::Number(_) => {
                let byte = |item: &Json| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
                let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
                Some(String::from_utf8_lossy(&bytes?).into_owned())
            }
            _ => None,
        },
        _ => None,
    }
}
