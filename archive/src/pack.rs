//! Rows become a file.
//!
//! Rows are sorted by host, kind, log source and time: what is alike stands together, and what
//! people ask for (a machine's day) is one stretch. Levels and encodings were chosen by measurement:
//! `docs/decisions/0006-archive.md`.

use std::sync::Arc;

use bytes::Bytes;

use crate::weave::{Pick, Source, weave};
use crate::{Error, FileFacts, Row, Run};

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
pub fn pack(rows: &[Row], effort: Effort) -> Result<Packed, Error> {
    let runs = Run::of(rows, &vec![0; rows.len()])?;
    one(weave(runs.iter().map(Source::of_run).collect(), None, effort, usize::MAX)?)
}

/// Packs some events of runs: `picks` says which run, and which of its rows, each from 0. They are
/// of one agency and day, as for [`pack`].
///
/// # Errors
/// As [`pack`]; [`Error::Unfit`], too, where there is no such row.
pub fn pack_picked(
    runs: &[Arc<Run>],
    picks: &[(u32, u32)],
    effort: Effort,
) -> Result<Packed, Error> {
    let sources = runs.iter().map(|run| Source::of_run(run)).collect();
    let pick = |(source, row): &(u32, u32)| Pick { source: *source, row: *row };
    let picks: Vec<Pick> = picks.iter().map(pick).collect();
    one(weave(sources, Some(&picks), effort, usize::MAX)?)
}

fn one(packed: Vec<Packed>) -> Result<Packed, Error> {
    packed.into_iter().next().ok_or(Error::Unfit("no event"))
}
