//! Several files of one agency and day become fewer.
//!
//! Rows pass one by one from the files, each in its order, into the new one; held in memory are the
//! files as they were given, one stretch of each opened, and the row group being written.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytes::Bytes;

use crate::census::Census;
use crate::pack::{Writer, order};
use crate::unpack::{Rows, unpack};
use crate::{Effort, Error, Layout, Packed, Row};

/// Packs the rows of all these files anew, into files of at most `rows_max` rows.
///
/// # Errors
/// [`Error::Damaged`]: a file is; verify each before with [`crate::verify`] to know which.
/// [`Error::Unfit`]: no file, or files of several agencies.
pub fn merge(files: Vec<Bytes>, effort: Effort, rows_max: u64) -> Result<Vec<Packed>, Error> {
    let (layout, sample) = survey(&files, effort)?;
    let mut sources = files.into_iter().map(unpack).collect::<Result<Vec<_>, _>>()?;
    let mut heads = BinaryHeap::new();
    for (source, rows) in sources.iter_mut().enumerate() {
        heads.extend(head(rows, source)?);
    }
    let mut done = Vec::new();
    let mut writer = Writer::new(layout.clone(), &sample, effort)?;
    while let Some(Reverse(Head { row, source })) = heads.pop() {
        if writer.rows() >= rows_max.max(1) {
            let full =
                std::mem::replace(&mut writer, Writer::new(layout.clone(), &sample, effort)?);
            done.push(full.finish()?);
        }
        writer.push(&row)?;
        if let Some(rows) = sources.get_mut(source) {
            heads.extend(head(rows, source)?);
        }
    }
    done.push(writer.finish()?);
    Ok(done)
}

/// What the rows of all files are like: the layout that suits them, and a stretch of each.
fn survey(files: &[Bytes], effort: Effort) -> Result<(Layout, Vec<Row>), Error> {
    let mut census = Census::default();
    let mut sample = Vec::new();
    let each = effort.sample_rows() / files.len().max(1);
    for file in files {
        for (nth, row) in unpack(file.clone())?.enumerate() {
            let row = row?;
            census.count(&row.event.fields);
            if nth < each {
                sample.push(row);
            }
        }
    }
    sample.sort_unstable_by(order);
    Ok((census.layout(), sample))
}

/// The next row of a file.
struct Head {
    row: Row,
    source: usize,
}

fn head(rows: &mut Rows, source: usize) -> Result<Option<Reverse<Head>>, Error> {
    Ok(rows.next().transpose()?.map(|row| Reverse(Head { row, source })))
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        order(&self.row, &other.row).then_with(|| self.source.cmp(&other.source))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}
