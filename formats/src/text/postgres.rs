use soc_event::{Event, Fields};

use super::once::once;
use super::{Moment, clock, put};

mod csv;

pub(super) use csv::fill as csv;

/// Words before a message. Source: PostgreSQL `elog.c`, `error_severity`; and the parts of one.
const SEVERITIES: [&str; 18] = [
    "DEBUG1",
    "DEBUG2",
    "DEBUG3",
    "DEBUG4",
    "DEBUG5",
    "LOG",
    "INFO",
    "NOTICE",
    "WARNING",
    "ERROR",
    "FATAL",
    "PANIC",
    "DETAIL",
    "HINT",
    "QUERY",
    "CONTEXT",
    "LOCATION",
    "STATEMENT",
];

/// PostgreSQL's log with Debian's prefix (`%m [%p] %q%u@%d `):
/// `2026-11-22 16:48:38.747 UTC [20172] bob@shop FATAL:  password authentication failed for user "bob"`.
///
/// The name in the prefix is whatever a client sent. Logins are only told where the line has one
/// severity, so that no name can bring a message of its own.
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    line(text, moment, event).is_some()
}

fn line(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = time(text, moment)?;
    let (pid, rest) = rest.strip_prefix('[')?.split_once("] ")?;
    let pid: u32 = pid.split('-').next()?.parse().ok()?;
    let (who, severity, message, is_sure) = severity(rest)?;
    event.time = time.filter(|time| moment.believes(*time)).unwrap_or(event.time);
    let fields = &mut event.fields;
    put(fields, "process.pid", pid);
    put(fields, "log.level", severity.to_ascii_lowercase());
    put(fields, "message", message);
    if is_sure {
        if let Some((user, database)) = once(who.trim_end(), "@") {
            account(user, database, fields);
        }
        login(severity, message, fields);
    }
    Some(())
}

/// `2026-11-22 16:48:38.747 UTC `: the zone is the server's own setting; other names than UTC are
/// taken to be the host's.
fn time<'a>(text: &'a str, moment: Moment<'_>) -> Option<(Option<soc_event::Timestamp>, &'a str)> {
    let mut words = text.splitn(4, ' ');
    let (date, clock, zone, rest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let text = format!("{date} {clock}");
    let numeric = zone.strip_prefix(['+', '-']).is_some_and(|hours| hours.len() == 2);
    let time = if zone == "UTC" || zone == "GMT" {
        clock::local(&text, &jiff::tz::TimeZone::UTC)?
    } else if numeric {
        format!("{text}{zone}:00").replacen(' ', "T", 1).parse().ok()?
    } else {
        clock::local(&text, moment.zone)?
    };
    Some((Some(time), rest))
}

/// Who, the severity, the message, and whether nothing else in the line looks like a severity.
fn severity(rest: &str) -> Option<(&str, &str, &str, bool)> {
    let mut found = None;
    let mut from = 0;
    while let Some(at) = rest.get(from..)?.find(":  ") {
        let end = from + at;
        let before = rest.get(..end)?;
        let word = before.rsplit(' ').next().unwrap_or(before);
        if SEVERITIES.contains(&word) {
            match found {
                None => {
                    let who = before.get(..before.len() - word.len())?;
                    found = Some((who, word, rest.get(end + 3..)?, true));
                }
                Some((who, word, message, _)) => return Some((who, word, message, false)),
            }
        }
        from = end + 3;
    }
    found
}

/// Who logged in to what.
fn account(user: &str, database: &str, fields: &mut Fields) {
    for (name, value) in [("user.name", user), ("database.name", database)] {
        if value != "[unknown]" && !value.is_empty() {
            put(fields, name, value);
        }
    }
}

/// Logins, by what the server says.
fn login(severity: &str, message: &str, fields: &mut Fields) {
    let failures = [
        "password authentication failed for user ",
        "no pg_hba.conf entry for ",
        "Peer authentication failed for user ",
        "Ident authentication failed for user ",
        "LDAP authentication failed for user ",
        "PAM authentication failed for user ",
        "pg_hba.conf rejects connection for ",
    ];
    let outcome = match severity {
        "FATAL" if failures.iter().any(|known| message.starts_with(known)) => "failure",
        "FATAL" if message.starts_with("role \"") && message.ends_with("\" does not exist") => {
            "failure"
        }
        "LOG" if message.starts_with("connection authorized: ") => "success",
        _ => return,
    };
    put(fields, "event.action", "database_login");
    put(fields, "event.outcome", outcome);
}
