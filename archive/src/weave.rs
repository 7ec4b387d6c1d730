//! Rows of several runs or files become files, sorted, column by column: of all events only one
//! column is in memory at a time, beside the sources as they are.
//!
//! Fields move where they belong: one that was rare in a source and is frequent among all gets a
//! column, and the other way round. Row by row nothing changes.

mod chunk;
mod gather;
mod keys;
mod properties;
mod rest;
mod sample;
mod source;
mod survey;
mod trial;
mod vocabulary;
mod write;

use datafusion::arrow::datatypes::DataType;
use soc_event::Timestamp;

use crate::{Effort, Error, Packed};
use chunk::Chunk;
use gather::Gather;
use keys::Key;
pub(crate) use source::Source;
use survey::Survey;
use write::Writer;

/// Rows of a column that are decoded at a time: bounds what one long text, said once and meant
/// often, can unfold to.
const ROWS_AT_ONCE: usize = 1024;

/// A row of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pick {
    /// Which source.
    pub(crate) source: u32,
    /// Which of its rows, from 0.
    pub(crate) row: u32,
}

/// Packs these rows, or all where `picks` is none, into files of at most `rows_max` rows.
///
/// # Errors
/// [`Error::Unfit`]: no row, or events of several agencies; [`Error::Damaged`]: a source is.
pub(crate) fn weave(
    mut sources: Vec<Source>,
    picks: Option<&[Pick]>,
    effort: Effort,
    rows_max: usize,
) -> Result<Vec<Packed>, Error> {
    let keys = keys::ordered(&mut sources, picks)?;
    let survey = Survey::of(&sources, &keys)?;
    let mut done = Vec::new();
    let mut starts = vec![0; sources.len()];
    let mut choices = write::Choices::default();
    for keys in keys.chunks(rows_max.max(1)) {
        let mut writer = Writer::new(&survey.layout, effort, &mut choices)?;
        for group in keys.chunks(effort.group_rows_max()) {
            let gather = Gather::new(&sources, &survey, &starts, chunk::chunks(group, &sources));
            writer.group(&gather)?;
            count(group, &mut starts);
        }
        done.push(writer.finish(extent(keys))?);
    }
    if done.is_empty() { Err(Error::Unfit("no event")) } else { Ok(done) }
}

/// So many rows of each source are done.
fn count(group: &[Key], starts: &mut [usize]) {
    for key in group {
        if let Some(start) = starts.get_mut(key.source()) {
            *start += 1;
        }
    }
}

/// From where to where the rows of a file reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    rows: u64,
    time: (Timestamp, Timestamp),
    position: (u64, u64),
}

fn extent(keys: &[Key]) -> Extent {
    let times = || keys.iter().map(|key| key.time);
    let positions = || keys.iter().map(|key| key.position);
    let time = |micros: Option<i64>| Timestamp::from_micros(micros.unwrap_or_default());
    Extent {
        rows: u64::try_from(keys.len()).unwrap_or(u64::MAX),
        time: (time(times().min()), time(times().max())),
        position: (positions().min().unwrap_or_default(), positions().max().unwrap_or_default()),
    }
}

/// A column of a file: its name and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct What {
    name: String,
    held: DataType,
}
