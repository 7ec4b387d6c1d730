//! Rows become a file.
//!
//! Rows are sorted by host, kind, log source and time: what is alike stands together, and what
//! people ask for (a machine's day) is one stretch. Levels and encodings were chosen by measurement:
//! `docs/decisions/0006-archive.md`.

mod properties;
mod sample;
mod trial;
mod writer;

use std::cmp::Ordering;

use bytes::Bytes;

use crate::census::Census;
use crate::{Error, FileFacts, Row};
pub(crate) use writer::Writer;

/// How much work a file is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Written as events come in, merged soon: fast.
    Fresh,
    /// Kept for months: small.
    Settled,
}

/// A file that was made, with its filter of words.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The Parquet file.
    pub parquet: Bytes,
    /// Its filter, for [`crate::Words::open`].
    pub words: Bytes,
    /// What is known of both.
    pub facts: FileFacts,
}

/// Packs events of one agency, received on one day, in any order, into one file.
///
/// # Errors
/// [`Error::Unfit`]: there are none, or of several agencies. Others do not happen in memory.
pub fn pack(mut rows: Vec<Row>, effort: Effort) -> Result<Packed, Error> {
    rows.sort_unstable_by(order);
    let mut census = Census::default();
    rows.iter().for_each(|row| census.count(&row.event.fields));
    let sample = sample::of(&rows, effort.sample_rows());
    let mut writer = Writer::new(census.layout(), sample, effort)?;
    for row in &rows {
        writer.push(row)?;
    }
    writer.finish()
}

/// The order of rows in a file.
pub(crate) fn order(one: &Row, other: &Row) -> Ordering {
    let (a, b) = (&one.event, &other.event);
    one.host
        .cmp(&other.host)
        .then_with(|| a.kind.cmp(&b.kind))
        .then_with(|| a.logsource.cmp(&b.logsource))
        .then_with(|| a.time.cmp(&b.time))
        .then_with(|| one.position.cmp(&other.position))
}
