use std::sync::Arc;

use soc_event::Timestamp;
use soc_formats::{Fault, Format, Place};

/// Whole records of a log, to be evaluated for themselves.
pub(crate) struct Block {
    /// The how-manieth of all, from 0.
    pub number: u64,
    pub log: Arc<Log>,
    pub bytes: Vec<u8>,
    /// The number of its first record.
    pub first: u64,
    /// What was skipped before it.
    pub skipped: Vec<Skipped>,
    /// How many bytes of the log it stands for.
    pub length: u64,
}

/// A log that is being read.
pub(crate) struct Log {
    /// As the operator wrote it.
    pub name: String,
    pub format: Format,
    /// When it ended, as far as that is known.
    pub ended: Timestamp,
}

/// Something that was not evaluated: where, when it is a part of a log, and why.
pub(crate) struct Skipped {
    pub name: String,
    pub place: Option<Place>,
    pub why: String,
}

impl Log {
    /// `auth.log:17`, `system.evtx: record 8`
    pub(crate) fn at(&self, place: Place) -> String {
        at(&self.name, Some(place))
    }

    pub(crate) fn skipped(&self, place: Place, fault: &Fault) -> Skipped {
        Skipped { name: self.name.clone(), place: Some(place), why: fault.to_string() }
    }
}

impl Skipped {
    /// `auth.log:17: longer than …`
    pub(crate) fn told(&self) -> String {
        format!("{}: {}", at(&self.name, self.place), self.why)
    }
}

fn at(name: &str, place: Option<Place>) -> String {
    match place {
        Some(Place::Line(line)) => format!("{name}:{line}"),
        Some(place) => format!("{name}: {place}"),
        None => name.to_owned(),
    }
}
