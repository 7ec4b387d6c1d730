use std::net::IpAddr;

use soc_event::Event;

use super::{Moment, account, login};
use crate::text::put;

/// One record of PostgreSQL's `csvlog`, which may hold line feeds inside quotes. Here the server
/// itself keeps apart what a client sent, so all fields can be believed to be what they say.
///
/// Source: PostgreSQL manual, "Using CSV-Format Log Output"; `csvlog.c`.
pub(in crate::text) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    record(text, moment, event).is_some()
}

fn record(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let cells = cells(text)?;
    (cells.len() >= 23).then_some(())?;
    let cell = |index: usize| cells.get(index).map(String::as_str).unwrap_or_default();
    let (time, _) = super::time(&format!("{} ", cell(0)), moment)?;
    let pid: u32 = cell(3).parse().ok()?;
    event.time = time.filter(|time| moment.believes(*time)).unwrap_or(event.time);
    let fields = &mut event.fields;
    put(fields, "process.pid", pid);
    account(cell(1), cell(2), fields);
    if let Some((address, port)) = cell(4).rsplit_once(':') {
        if let Ok(address) = address.trim_matches(['[', ']']).parse::<IpAddr>() {
            put(fields, "source.ip", address.to_string());
        }
        if let Ok(port) = port.parse::<u16>() {
            put(fields, "source.port", port);
        }
    }
    put(fields, "log.level", cell(11).to_ascii_lowercase());
    put(fields, "event.code", cell(12));
    put(fields, "message", cell(13));
    for (name, index) in [("error.detail", 14), ("database.query", 19)] {
        if !cell(index).is_empty() {
            put(fields, name, cell(index));
        }
    }
    login(cell(11), cell(13), fields);
    Some(())
}

/// The cells of a record, quotes undone; nothing when a quote is left open. At most 64.
fn cells(text: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = text;
    while cells.len() < 64 {
        let (cell, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (cell, behind) = rest.split_at_checked(end)?;
                (cell.to_owned(), behind)
            }
        };
        cells.push(cell);
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None => return behind.is_empty().then_some(cells),
        }
    }
    None
}

/// Behind the first quote: what it says, and what is behind the last one.
fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (said, behind) = rest.split_once('"')?;
        cell.push_str(said);
        match behind.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Some((cell, behind)),
        }
    }
}
