use serde::Deserialize;
use soc_event::Event;

use super::{Moment, put};

/// One line of a container's `…-json.log`. Source: Docker's `json-file` driver, `jsonlog.go`.
#[derive(Deserialize)]
pub(crate) struct Part {
    /// What the program wrote; without a line feed at its end it goes on in the next part.
    pub(crate) log: String,
    /// `stdout` or `stderr`.
    #[serde(default)]
    pub(crate) stream: String,
    #[serde(default)]
    time: String,
}

impl Part {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

/// One or several parts, a line each: `{"log":"hi\n","stream":"stdout","time":"2026-11-22T…Z"}`.
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    let parts: Option<Vec<Part>> = text.lines().map(Part::parse).collect();
    let Some(parts) = parts.filter(|parts| !parts.is_empty()) else { return false };
    let message: String = parts.iter().map(|part| part.log.as_str()).collect();
    put(&mut event.fields, "message", message.trim_end_matches(['\n', '\r']));
    if let Some(first) = parts.first() {
        let time = first.time.parse().ok().filter(|time| moment.believes(*time));
        event.time = time.unwrap_or(event.time);
        put(&mut event.fields, "container.log.stream", first.stream.as_str());
    }
    true
}

/// Whether what the program wrote begins with a blank: a line of a stack trace.
pub(crate) fn begins_blank(line: &str) -> bool {
    Part::parse(line).is_some_and(|part| part.log.starts_with([' ', '\t']))
}
