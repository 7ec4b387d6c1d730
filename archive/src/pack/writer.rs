//! Sorted rows, one by one, into a file.

use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use sha2::{Digest, Sha256};
use soc_event::Timestamp;

use super::properties;
use super::{Effort, Packed};
use crate::batch::{Builder, batches};
use crate::{Error, FileFacts, Layout, Row};
use crate::{layout, words};

/// Most bytes of encoded columns held until a row group ends.
const GROUP_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A file that grows. Rows have to come in the order of the file.
pub(crate) struct Writer {
    layout: Layout,
    columns: Builder,
    parquet: ArrowWriter<Vec<u8>>,
    words: words::Collector,
    group_rows: usize,
    group_rows_max: usize,
    extent: Option<Extent>,
}

impl Writer {
    /// `sample` is rows like those that will come.
    pub(crate) fn new<'a>(
        layout: Layout,
        sample: impl IntoIterator<Item = &'a Row>,
        effort: Effort,
    ) -> Result<Self, Error> {
        let properties = properties::of(&batches(sample, &layout)?, effort)?;
        Ok(Self {
            columns: Builder::new(&layout),
            parquet: ArrowWriter::try_new(Vec::new(), layout.schema(), Some(properties))?,
            words: words::Collector::default(),
            group_rows: 0,
            group_rows_max: effort.group_rows_max(),
            extent: None,
            layout,
        })
    }

    /// How many rows were pushed.
    pub(crate) fn rows(&self) -> u64 {
        self.extent.as_ref().map_or(0, |extent| extent.rows)
    }

    pub(crate) fn push(&mut self, row: &Row) -> Result<(), Error> {
        match &mut self.extent {
            None => self.extent = Some(Extent::of(row)),
            Some(extent) if extent.agency == row.agency => extent.widen(row),
            Some(_) => return Err(Error::Unfit("events of several agencies")),
        }
        self.columns.push(row);
        self.words.add(row);
        self.group_rows += 1;
        if self.group_rows >= self.group_rows_max {
            self.end_group()?;
        } else if self.columns.is_full() {
            self.parquet.write(&self.columns.finish()?)?;
            if self.parquet.in_progress_size() >= GROUP_BYTES_MAX {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), Error> {
        self.parquet.write(&self.columns.finish()?)?;
        self.parquet.flush()?;
        self.words.end_group();
        self.group_rows = 0;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Packed, Error> {
        if self.group_rows > 0 {
            self.end_group()?;
        }
        let extent = self.extent.ok_or(Error::Unfit("no event"))?;
        let mixed = serde_json::to_string(self.columns.mixed()).ok();
        self.parquet.append_key_value_metadata(KeyValue::new(layout::MIXED.to_owned(), mixed));
        let parquet = self.parquet.into_inner()?;
        let words = self.words.finish();
        let facts = FileFacts {
            sha256: Sha256::digest(&parquet).into(),
            bytes: length(&parquet),
            words_sha256: Sha256::digest(&words).into(),
            words_bytes: length(&words),
            rows: extent.rows,
            time: extent.time,
            received: extent.received,
            position: extent.position,
            columns: self.layout.columns().to_vec(),
        };
        Ok(Packed { parquet: parquet.into(), words, facts })
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// From where to where the rows of a file reach.
struct Extent {
    agency: Arc<str>,
    rows: u64,
    time: (Timestamp, Timestamp),
    received: (Timestamp, Timestamp),
    position: (u64, u64),
}

impl Extent {
    fn of(row: &Row) -> Self {
        Self {
            agency: row.agency.clone(),
            rows: 1,
            time: (row.event.time, row.event.time),
            received: (row.received, row.received),
            position: (row.position, row.position),
        }
    }

    fn widen(&mut self, row: &Row) {
        self.rows += 1;
        widen(&mut self.time, row.event.time);
        widen(&mut self.received, row.received);
        widen(&mut self.position, row.position);
    }
}

fn widen<T: Ord + Copy>(range: &mut (T, T), value: T) {
    range.0 = range.0.min(value);
    range.1 = range.1.max(value);
}
