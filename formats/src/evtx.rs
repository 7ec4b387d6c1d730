//! Windows event logs: a header of 4 KiB, then chunks of 64 KiB, each readable for itself.
//!
//! The chunks of a log that has wrapped around are shown as they lie in the file; events carry their
//! time. A damaged record or chunk is a fault, and reading goes on behind it; so it does when the
//! library that knows the format panics.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use crate::fault::{Fault, Place};
use crate::format::{Found, Record, Stretch};
use crate::limits::CHUNK_RECORDS_MAX;
use crate::text::Moment;
use crate::windows;

/// What a log begins with.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";
const HEADER_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 64 * 1024;

/// A record as JSON under its number, or what is wrong with it.
type Rendered = Result<(u64, Vec<u8>), (Option<u64>, Fault)>;

/// Shows every record.
pub(crate) fn read(stretch: Stretch<'_>, moment: Moment<'_>, each: &mut dyn FnMut(Found<'_>)) {
    let mut number = stretch.first;
    let settings = Arc::new(ParserSettings::default().indent(false));
    let mut records = Vec::new();
    for chunk in chunks(stretch.bytes).chunks(CHUNK_BYTES) {
        render(chunk, &settings, &mut records);
        for rendered in records.drain(..) {
            let (place, record) = match rendered {
                Ok((id, json)) => (Place::Record(id), windows::event(&json, moment.now)),
                Err((id, fault)) => (id.map_or(Place::Chunk(number), Place::Record), Err(fault)),
            };
            let record = record.map(|event| Record::Event(Box::new(event)));
            each(Found { place, record });
        }
        number = number.saturating_add(1);
    }
}

/// Until behind the last whole chunk.
pub(crate) fn whole(bytes: &[u8], is_end: bool) -> (usize, u64) {
    let body = chunks(bytes);
    let count = if is_end { body.len().div_ceil(CHUNK_BYTES) } else { body.len() / CHUNK_BYTES };
    let taken = match count {
        _ if is_end => bytes.len(),
        0 => 0,
        count => bytes.len() - body.len() + count * CHUNK_BYTES,
    };
    (taken, u64::try_from(count).unwrap_or(u64::MAX))
}

/// What follows the header, where these bytes have it.
fn chunks(bytes: &[u8]) -> &[u8] {
    if bytes.starts_with(MAGIC) { bytes.get(HEADER_BYTES..).unwrap_or_default() } else { bytes }
}

/// All records of a chunk, behind a fence.
fn render(chunk: &[u8], settings: &Arc<ParserSettings>, records: &mut Vec<Rendered>) {
    if chunk.iter().all(|byte| *byte == 0) {
        return;
    }
    let damaged = |what: String| Err((None, Fault::Damaged(what)));
    if chunk.len() < CHUNK_BYTES {
        return records.push(Err((None, Fault::Incomplete)));
    }
    let fenced = catch_unwind(AssertUnwindSafe(|| try_render(chunk, settings, records)));
    match fenced {
        Ok(Ok(())) => {}
        Ok(Err(what)) => records.push(damaged(what)),
        Err(_) => records.push(damaged("the parser failed; further records skipped".to_owned())),
    }
}

fn try_render(
    chunk: &[u8],
    settings: &Arc<ParserSettings>,
    records: &mut Vec<Rendered>,
) -> Result<(), String> {
    let told = |error: &dyn Error| chain(error);
    let mut data = EvtxChunkData::new(chunk.to_vec(), false).map_err(|error| told(&error))?;
    let mut chunk = data.parse(Arc::clone(settings)).map_err(|error| told(&error))?;
    for record in chunk.iter().take(CHUNK_RECORDS_MAX) {
        let id = record.as_ref().ok().map(|record| record.event_record_id);
        records.push(match record.and_then(evtx::EvtxRecord::into_json_bytes) {
            Ok(rendered) => Ok((rendered.event_record_id, rendered.data)),
            Err(error) => Err((id, Fault::Damaged(told(&error)))),
        });
    }
    Ok(())
}

/// What an error says, with what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
