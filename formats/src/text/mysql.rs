use soc_event::{Event, Fields, Timestamp};

use super::once::once;
use super::{Moment, clock, put};

/// Error logs of MariaDB and MySQL:
/// `2026-11-22 16:48:40 4 [Warning] Access denied for user 'bob'@'localhost' (using password: YES)` and
/// `2026-11-22T09:48:40.123456Z 4 [Note] [MY-010926] [Server] Access denied for …`.
///
/// Source: MariaDB `sql/log.cc`; MySQL "Error Log Output Format".
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    line(text, moment, event).is_some()
}

fn line(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = time(text, moment)?;
    let (before, rest) = rest.trim_start().split_once('[')?;
    let thread = before.trim();
    thread.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    let (level, mut message) = rest.split_once("] ")?;
    event.time = if moment.believes(time) { time } else { event.time };
    let fields = &mut event.fields;
    put(fields, "log.level", level.to_ascii_lowercase());
    if let Some((code, rest)) = message.strip_prefix('[').and_then(|rest| rest.split_once("] "))
        && code.starts_with("MY-")
    {
        put(fields, "event.code", code);
        message = rest;
        if let Some((part, rest)) = message.strip_prefix('[').and_then(|r| r.split_once("] ")) {
            put(fields, "log.logger", part);
            message = rest;
        }
    }
    put(fields, "message", message);
    denied(message, fields);
    Some(())
}

/// With a `T` the time is one word, else two, and the hour is padded with a blank.
fn time<'a>(text: &'a str, moment: Moment<'_>) -> Option<(Timestamp, &'a str)> {
    if text.as_bytes().get(10) == Some(&b'T') {
        let (word, rest) = text.split_once(' ')?;
        return Some((clock::any(word, moment.zone)?, rest));
    }
    let (date, rest) = text.split_once(' ')?;
    let (time, rest) = rest.trim_start().split_once(' ')?;
    let zero = if time.len() == 7 { "0" } else { "" };
    Some((clock::local(&format!("{date} {zero}{time}"), moment.zone)?, rest))
}

/// What either server says about somebody who may not log in, wherever it says it.
pub(super) fn denied(message: &str, fields: &mut Fields) {
    let _ = access_denied(message, fields);
}

/// The name may hold anything; the host behind it is the server's own word, and ends the line but
/// for a fixed remark.
fn access_denied(message: &str, fields: &mut Fields) -> Option<()> {
    let rest = message.strip_prefix("Access denied for user '")?;
    put(fields, "event.action", "database_login");
    put(fields, "event.outcome", "failure");
    let remarks = [" (using password: YES)", " (using password: NO)"];
    let account = match remarks.iter().find_map(|remark| rest.strip_suffix(remark)) {
        Some(account) => account,
        None => once(rest, " to database '")?.0,
    };
    let (user, host) = account.strip_suffix('\'')?.rsplit_once("'@'")?;
    put(fields, "user.name", user);
    super::pam::source(host, fields);
    Some(())
}
