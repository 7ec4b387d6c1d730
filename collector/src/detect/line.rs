//! Rules asked about an event as it stands in its line. It has to be a line as agents write it; of
//! another one nothing is said here, and it is decoded.

use soc_event::Timestamp;
use soc_event::wire::Head;
use soc_rules::{Evaluator, LogsourceRef};

use crate::subject::About;

/// When the event happened and the numbers of the rules that match: those that match it as
/// [`crate::subject::Subject`] shows it. Nothing where the line would have to be decoded to know.
pub(super) fn ask(
    evaluator: &mut Evaluator,
    line: &[u8],
    about: About<'_>,
) -> Option<(Timestamp, Vec<usize>)> {
    let head = Head::of(line)?;
    let mut reading = evaluator.read(line).ok()?;
    let mut end = reading.fields(head.fields_at).ok()?;
    if line.get(end..)?.starts_with(RAW) {
        end = reading.text(end + RAW.len()).ok()?;
    }
    if line.get(end..) != Some(b"}") {
        return None;
    }
    for (name, text) in about.set(head.kind) {
        reading.set(name, text);
    }
    let (name, text) = about.set_missing();
    reading.set_missing(name, text);
    let Head { product, category, service, time, .. } = head;
    Some((time, reading.ask(LogsourceRef { product, category, service }).to_vec()))
}

const RAW: &[u8] = b",\"raw\":";
