//! Columns become a file, with its filter of words and what is known of both.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{max, min};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, TimestampMicrosecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use sha2::{Digest, Sha256};
use soc_event::Timestamp;

use super::gather::Gather;
use super::trial::Choice;
use super::{Extent, What, properties, sample, trial, vocabulary};
use crate::unpack::strange;
use crate::{ColumnType, Effort, Error, FileFacts, Layout, Packed, layout, words};

/// Values of a column that are held to try encodings on, in bytes.
const TRIED_BYTES_MAX: usize = 64 << 20;

/// How columns are written, by name: found with the first row group, kept for all.
pub(super) type Choices = HashMap<String, Choice>;

/// A file that grows by row groups.
pub(super) struct Writer<'a> {
    layout: &'a Layout,
    pen: Pen<'a>,
    seen: Seen<'a>,
    file: SerializedFileWriter<Vec<u8>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        layout: &'a Layout,
        effort: Effort,
        choices: &'a mut Choices,
    ) -> Result<Self, Error> {
        let properties = properties::of(effort, None)?;
        let file = ArrowWriter::try_new(Vec::new(), layout.schema(), Some(properties))?;
        Ok(Self {
            layout,
            pen: Pen { effort, choices },
            seen: Seen::of(layout),
            file: file.into_serialized_writer()?.0,
        })
    }

    /// One more row group.
    pub(super) fn group(&mut self, gather: &Gather<'_>) -> Result<(), Error> {
        let Self { layout, pen, seen, file } = self;
        let begins = begins(layout, gather)?;
        let mut written = Vec::new();
        for field in layout.schema().fields() {
            let what = What { name: field.name().clone(), held: field.data_type().clone() };
            let mut nth = 0;
            let values = gather.column(&what).map(|values| {
                let values = values?;
                seen.look_at(&what.name, &values, begins.get(nth))?;
                nth += 1;
                Ok(values)
            });
            written.push(pen.write(field, values)?);
        }
        let mut group = file.next_row_group()?;
        for chunk in written {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        seen.words.end_group();
        Ok(())
    }

    pub(super) fn finish(self, extent: Extent) -> Result<Packed, Error> {
        let Self { layout, seen, mut file, .. } = self;
        let mixed = layout::mixed(&seen.mixed);
        file.append_key_value_metadata(KeyValue::new(layout::MIXED.to_owned(), mixed));
        let parquet = file.into_inner()?;
        let words = seen.words.finish();
        let (first, last) = seen.received.unwrap_or_default();
        let facts = FileFacts {
            sha256: Sha256::digest(&parquet).into(),
            bytes: length(&parquet),
            words_sha256: Sha256::digest(&words).into(),
            words_bytes: length(&words),
            rows: extent.rows,
            time: extent.time,
            received: (Timestamp::from_micros(first), Timestamp::from_micros(last)),
            position: extent.position,
            columns: layout.columns().to_vec(),
        };
        Ok(Packed { parquet: parquet.into(), words, facts })
    }
}

/// Where in their lines messages begin, chunk by chunk.
fn begins(layout: &Layout, gather: &Gather<'_>) -> Result<Vec<ArrayRef>, Error> {
    if !layout.has_message_at() {
        return Ok(Vec::new());
    }
    let what = What { name: layout::MESSAGE_AT.to_owned(), held: DataType::UInt32 };
    gather.column(&what).collect()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Writes columns, each by itself: what compresses one is gone before the next begins.
struct Pen<'a> {
    effort: Effort,
    choices: &'a mut Choices,
}

impl Pen<'_> {
    fn write(
        &mut self,
        field: &FieldRef,
        mut values: impl Iterator<Item = Result<ArrayRef, Error>>,
    ) -> Result<ArrowColumnChunk, Error> {
        let mut tried = Vec::new();
        let choice = match self.choices.get(field.name()) {
            Some(choice) => *choice,
            None => {
                let mut bytes = 0;
                while bytes < TRIED_BYTES_MAX
                    && let Some(values) = values.next().transpose()?
                {
                    bytes += values.get_buffer_memory_size();
                    tried.push(values);
                }
                let sample = sample::of(&tried, self.effort.sample_rows());
                let choice = trial::best(field, &sample, self.effort.trial_compression()?)?;
                self.choices.insert(field.name().clone(), choice);
                choice
            }
        };
        let mut column = self.column(field, choice)?;
        for values in tried.into_iter().map(Ok).chain(values) {
            for leaf in compute_leaves(field, &values?)? {
                column.write(&leaf)?;
            }
        }
        Ok(column.close()?)
    }

    fn column(&self, field: &FieldRef, choice: Choice) -> Result<ArrowColumnWriter, Error> {
        let schema = Arc::new(Schema::new(vec![Arc::clone(field)]));
        let properties = properties::of(self.effort, Some((field.name(), choice)))?;
        let alone = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        let columns = alone.into_serialized_writer()?.1.create_column_writers(0)?;
        columns.into_iter().next().ok_or(Error::Unfit("no column"))
    }
}

/// What is noted while values pass.
struct Seen<'a> {
    kinds: HashMap<&'a str, ColumnType>,
    words: words::Collector,
    mixed: BTreeSet<String>,
    agency: Option<String>,
    received: Option<(i64, i64)>,
}

impl<'a> Seen<'a> {
    fn of(layout: &'a Layout) -> Self {
        Self {
            kinds: layout.columns().iter().map(|(name, kind)| (name.as_str(), *kind)).collect(),
            words: words::Collector::default(),
            mixed: BTreeSet::new(),
            agency: None,
            received: None,
        }
    }

    fn look_at(
        &mut self,
        name: &str,
        values: &ArrayRef,
        begins: Option<&ArrayRef>,
    ) -> Result<(), Error> {
        let Self { kinds, words, mixed, .. } = self;
        if let Some(kind) = kinds.get(name) {
            vocabulary::of_field(words, name, *kind, values);
            return Ok(());
        }
        match name {
            "agency" => self.same_agency(values),
            "received" => self.widen(values),
            "raw" => vocabulary::of_raw(words, values, begins),
            layout::REST => vocabulary::of_rest(words, values, |name| {
                if kinds.contains_key(name) && !mixed.contains(name) {
                    mixed.insert(name.to_owned());
                }
            }),
            layout::UNKNOWN => vocabulary::of_unknown(words, values),
            _ => vocabulary::of_fixed(words, name, values),
        }
    }

    fn same_agency(&mut self, values: &ArrayRef) -> Result<(), Error> {
        let texts = values.as_string_opt::<i32>().ok_or_else(|| strange("agency"))?;
        for text in texts.iter().flatten() {
            match &self.agency {
                None => self.agency = Some(text.to_owned()),
                Some(agency) if agency == text => {}
                Some(_) => return Err(Error::Unfit("events of several agencies")),
            }
        }
        Ok(())
    }

    fn widen(&mut self, values: &ArrayRef) -> Result<(), Error> {
        let times = values.as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.ok_or_else(|| strange("received"))?;
        if let Some((least, most)) = min(times).zip(max(times)) {
            let (first, last) = self.received.get_or_insert((least, most));
            (*first, *last) = ((*first).min(least), (*last).max(most));
        }
        Ok(())
    }
}
