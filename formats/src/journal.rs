//! Entries of systemd's journal, as `journalctl` writes them: lines of JSON, or the export format.
//!
//! Source: systemd.journal-fields(7), and "Journal JSON Format" and "Journal Export Format" of
//! systemd's documentation.

pub(crate) mod export;

use serde_json::{Map, Value as Json};
use soc_event::{Event, Logsource, Timestamp, kind, limits};

use crate::fault::Fault;
use crate::format::Record;
use crate::text::{self, Moment};

/// One entry of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Names the entry in its journal.
    pub cursor: String,
    /// The process that wrote it, as the journal found out itself.
    pub pid: Option<u32>,
    time: Option<Timestamp>,
    message: String,
    program: Option<String>,
    host: Option<String>,
    unit: Option<String>,
    severity: Option<u8>,
    facility: Option<u8>,
    /// The record type, when the kernel's audit wrote it.
    audit_type: Option<String>,
    is_cut: bool,
}

impl Entry {
    /// Reads one line of `journalctl --output=json`, `None` for anything else.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let fields: Map<String, Json> = serde_json::from_slice(line).ok()?;
        Self::of(|name| fields.get(name).and_then(text))
    }

    /// From its fields; without a cursor it is no entry.
    fn of(field: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |name: &str| field(name).and_then(|text| text.parse().ok());
        let mut message = field("MESSAGE").unwrap_or_default();
        let is_cut = message.len() > limits::TEXT_BYTES_MAX;
        message.truncate(message.floor_char_boundary(limits::TEXT_BYTES_MAX));
        let time = field("__REALTIME_TIMESTAMP").and_then(|text| text.parse().ok());
        let is_audit = field("_TRANSPORT").is_some_and(|transport| transport == "audit");
        Some(Self {
            cursor: field("__CURSOR")?,
            // The underscore says that the journal found it out itself.
            pid: field("_PID").and_then(|text| text.parse().ok()),
            time: time.map(Timestamp::from_micros),
            message,
            program: field("SYSLOG_IDENTIFIER").or_else(|| field("_COMM")),
            host: field("_HOSTNAME"),
            unit: field("_SYSTEMD_UNIT"),
            severity: number("PRIORITY").filter(|value| *value < 8),
            facility: number("SYSLOG_FACILITY").filter(|value| *value < 24),
            audit_type: is_audit.then(|| field("_AUDIT_TYPE_NAME")).flatten(),
            is_cut,
        })
    }

    /// The event of this entry.
    pub fn event(self, moment: Moment<'_>) -> Event {
        let time = self.time.filter(|time| moment.believes(*time)).unwrap_or(moment.now);
        let mut event = Event::new(time, kind::LOG, Logsource::service("linux", "syslog"));
        match (&self.audit_type, &self.program) {
            (Some(record), _) => text::audit_record(record, &self.message, &mut event),
            (None, Some(program)) => text::message(program, &self.message, &mut event),
            (None, None) => event = event.with("message", self.message.as_str()),
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
        event
    }
}

/// The event of one line of JSON.
pub(crate) fn json<'a>(line: &[u8], moment: Moment<'_>) -> Result<Record<'a>, Fault> {
    let entry = Entry::parse(line).ok_or_else(|| Fault::Damaged("no journal entry".to_owned()))?;
    Ok(Record::Event(Box::new(entry.event(moment))))
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

#[cfg(test)]
mod tests;
