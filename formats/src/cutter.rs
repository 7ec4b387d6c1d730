use crate::fault::{Fault, Place};
use crate::format::Format;

/// Cuts a log that is read piece by piece into stretches of whole records.
///
/// Whoever reads keeps the bytes that were not taken yet and shows all of them each time.
#[derive(Clone, Debug)]
pub struct Cutter {
    format: Format,
    next: u64,
    is_skipping: bool,
}

/// What to do with the bytes that were shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Take so many: they are a [`crate::Stretch`] that begins with this number.
    Take {
        /// More than none.
        bytes: usize,
        /// The number of its first line, record or chunk.
        first: u64,
    },
    /// Drop so many: they belong to a record that is too long. It is told once.
    Drop {
        /// May be none.
        bytes: usize,
        /// The record, when it is its first part.
        fault: Option<(Place, Fault)>,
    },
    /// Read more first; at the end of the log, that was all.
    More,
}

/// What a mark between two records has at most, and may lie on both sides of a cut.
const MARK_BYTES: usize = 16;

impl Cutter {
    /// For a log from its first byte.
    pub fn new(format: Format) -> Self {
        Self::from(format, 1)
    }

    /// For the rest of a log, which begins with a whole record of this number.
    pub fn from(format: Format, next: u64) -> Self {
        Self { format, next, is_skipping: false }
    }

    /// The number of the record that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The format it cuts.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// What to do with these bytes, `is_end` when no others will come.
    pub fn cut(&mut self, bytes: &[u8], is_end: bool) -> Cut {
        if self.is_skipping {
            return self.skip(bytes, is_end);
        }
        let (taken, records) = self.format.whole(bytes, is_end);
        if taken > 0 {
            let first = self.next;
            self.next = self.next.saturating_add(records);
            return Cut::Take { bytes: taken, first };
        }
        let bytes_max = self.format.record_bytes_max();
        if bytes.len() < bytes_max {
            return Cut::More;
        }
        let place = self.format.place(self.next);
        self.next = self.next.saturating_add(1);
        self.is_skipping = true;
        Cut::Drop { bytes: 0, fault: Some((place, Fault::TooLong(bytes_max))) }
    }

    fn skip(&mut self, bytes: &[u8], is_end: bool) -> Cut {
        if bytes.is_empty() {
            return Cut::More;
        }
        let resumed = self.format.resume(bytes);
        self.is_skipping = resumed.is_none();
        let kept = if is_end { 0 } else { MARK_BYTES };
        match resumed.unwrap_or(bytes.len().saturating_sub(kept)) {
            0 if resumed.is_none() => Cut::More,
            bytes => Cut::Drop { bytes, fault: None },
        }
    }
}

#[cfg(test)]
mod tests;
