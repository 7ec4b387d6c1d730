//! What the detector is shown of a log event.

use std::net::IpAddr;

use soc_anomaly::{Line, header};
use soc_event::{Event, Timestamp, Value, kind};

/// A line read so long after it was written counts for no rate.
const FRESH_US: u64 = 15 * 60 * 1_000_000;
/// Severity `err` and worse. Source: RFC 5424, table 2.
const SEVERITY_ERROR: i64 = 3;
/// Names of those who have all rights.
const ADMINISTRATORS: [&str; 2] = ["root", "administrator"];

/// The line of a log event, nothing for other events. What decides here are fields that parsers
/// filled, not words a stranger may have put into a line.
pub(super) fn of(event: &Event, now: Timestamp) -> Option<Line<'_>> {
    // What was asked for was judged when it was written.
    if event.kind != kind::LOG || event.fields.contains_key("log.asked.id") {
        return None;
    }
    let source = event.text("log.file.path").or_else(|| event.text("log.source"))?;
    let raw = event.raw.as_deref().or_else(|| event.text("message")).unwrap_or_default();
    let message = match event.text("message") {
        Some(message) if message != raw => message,
        _ => header::message(raw),
    };
    let is_success = event.text("event.outcome") == Some("success");
    let user = event.text("user.name").filter(|_| is_success);
    Some(Line {
        source,
        program: event.text("process.name"),
        message,
        raw,
        is_fresh: event.time.as_micros().abs_diff(now.as_micros()) <= FRESH_US,
        count: count(event),
        is_failure: is_failure(event),
        user,
        address: address(event).filter(|_| is_success),
        is_administrator: user.is_some_and(|user| is_administrator(event, user)),
        pair: pair(event),
    })
}

fn number(event: &Event, field: &str) -> Option<i64> {
    event.fields.get(field).and_then(Value::as_i64)
}

/// `message repeated 3 times` stands for three lines.
fn count(event: &Event) -> u32 {
    number(event, "event.count").and_then(|count| u32::try_from(count).ok()).unwrap_or(1)
}

fn is_failure(event: &Event) -> bool {
    event.text("event.outcome") == Some("failure")
        || number(event, "log.syslog.severity.code").is_some_and(|code| code <= SEVERITY_ERROR)
        || number(event, "http.response.status_code").is_some_and(|status| status >= 500)
}

fn address(event: &Event) -> Option<IpAddr> {
    event.text("source.ip")?.parse().ok()
}

/// Either by name, or because rights of another were granted.
fn is_administrator(event: &Event, user: &str) -> bool {
    let is = |name: &str| ADMINISTRATORS.iter().any(|known| known.eq_ignore_ascii_case(name));
    is(user) || event.text("user.effective.name").is_some_and(is)
}

/// A program and the one it started, where a field says both.
fn pair(event: &Event) -> Option<(&str, &str)> {
    let image = event.text("Image").or_else(|| event.text("process.executable"));
    let parent = event.text("ParentImage").or_else(|| event.text("process.parent.executable"));
    if let (Some(parent), Some(image)) = (parent, image) {
        return Some((parent, image));
    }
    let parent = event.text("event.action").filter(|action| ["cron", "sudo"].contains(action))?;
    let command = event.text("process.command_line")?;
    Some((parent, command.split_ascii_whitespace().next()?))
}
