use soc_event::Event;

use crate::csv::{self, Table};
use crate::fault::{Fault, Place};
use crate::join::Rule;
use crate::limits::RECORD_BYTES_MAX;
use crate::text::{self, Moment, Profile};
use crate::{documents, joined, journal, lines, otlp, windows};

/// How a log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// JSON objects over several lines, one after the other or in an array.
    Documents,
    /// `journalctl --output=json`.
    JournalJson,
    /// `journalctl --output=export`.
    JournalExport,
    /// A Windows event log.
    #[cfg(feature = "evtx")]
    Evtx,
    /// OpenTelemetry's messages of logs, in JSON.
    Otlp,
    /// A table with a header line.
    Csv(Table),
    /// Lines of text.
    Text(Profile),
}

/// Whole records of a log, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The number of the first line, record or chunk, from 1.
    pub first: u64,
}

/// What stands at one place of a log.
#[derive(Debug)]
pub struct Found<'a> {
    /// Where.
    pub place: Place,
    /// The record, or why there is none.
    pub record: Result<Record<'a>, Fault>,
}

/// One event, as far as it had to be read.
#[derive(Debug)]
pub enum Record<'a> {
    /// What looks like a JSON object, without blanks around it; nobody has read it yet.
    Json(&'a [u8]),
    /// An event.
    Event(Box<Event>),
}

impl Format {
    /// Shows every record of a stretch, in order. Blank lines and unused chunks are no records.
    pub fn read(&self, stretch: Stretch<'_>, moment: Moment<'_>, each: &mut dyn FnMut(Found<'_>)) {
        match self {
            Self::Ndjson => lines::read(stretch, |line| json(line, moment), each),
            Self::Documents => documents::read(stretch, |object| json(object, moment), each),
            Self::JournalJson => lines::read(stretch, |line| journal::json(line, moment), each),
            Self::JournalExport => journal::export::read(stretch, moment, each),
            #[cfg(feature = "evtx")]
            Self::Evtx => crate::evtx::read(stretch, moment, each),
            Self::Otlp => {
                documents::each(stretch, otlp::MESSAGE_BYTES_MAX, &mut |place, found| match found {
                    Ok(message) => otlp::read(message, place, moment, each),
                    Err(fault) => each(Found { place, record: Err(fault) }),
                })
            }
            Self::Csv(table) => csv::read(table, stretch, moment, each),
            Self::Text(profile) if Rule::of(profile.format) != Rule::Single => {
                joined::read(profile, stretch, moment, each);
            }
            Self::Text(profile) => {
                let read = |line: &[u8]| {
                    let text = String::from_utf8_lossy(line);
                    Ok(Record::Event(Box::new(text::line(&text, profile, moment))))
                };
                lines::read(stretch, read, each);
            }
        }
    }

    /// How many bytes at the start are whole records, and how many lines, records or chunks these
    /// are. At the end of the log all bytes are.
    pub(crate) fn whole(&self, bytes: &[u8], is_end: bool) -> (usize, u64) {
        match self {
            Self::Ndjson | Self::JournalJson => lines::whole(bytes, is_end),
            Self::Text(profile) => joined::whole(profile, bytes, is_end),
            Self::Csv(_) => csv::whole(bytes, is_end),
            Self::Documents | Self::Otlp => documents::whole(bytes, is_end),
            Self::JournalExport => journal::export::whole(bytes, is_end),
            #[cfg(feature = "evtx")]
            Self::Evtx => crate::evtx::whole(bytes, is_end),
        }
    }

    /// Longest record, in bytes.
    pub(crate) fn record_bytes_max(&self) -> usize {
        match self {
            Self::Otlp => otlp::MESSAGE_BYTES_MAX,
            _ => RECORD_BYTES_MAX,
        }
    }

    /// Where a record may begin again, behind one that is too long.
    pub(crate) fn resume(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::JournalExport => journal::export::resume(bytes),
            _ => memchr::memchr(b'\n', bytes).map(|end| end + 1),
        }
    }

    /// The place of the n-th line, record or chunk.
    pub(crate) fn place(&self, number: u64) -> Place {
        match self {
            Self::Ndjson | Self::JournalJson | Self::Text(_) | Self::Csv(_) => Place::Line(number),
            Self::Documents | Self::JournalExport | Self::Otlp => Place::Record(number),
            #[cfg(feature = "evtx")]
            Self::Evtx => Place::Chunk(number),
        }
    }
}

/// A JSON object: left as it is, unless it is a Windows event as tools render them.
fn json<'a>(object: &'a [u8], moment: Moment<'_>) -> Result<Record<'a>, Fault> {
    if windows::is_rendered(object) {
        windows::event(object, moment.now).map(|event| Record::Event(Box::new(event)))
    } else {
        Ok(Record::Json(object))
    }
}
