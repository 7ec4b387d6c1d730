use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, new_empty_array};
use datafusion::arrow::compute::{concat, concat_batches};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::ROWS_AT_ONCE;
use crate::unpack::{guarded, layout_of};
use crate::{Error, Layout, Run};

/// Where rows come from.
pub(crate) struct Source {
    layout: Layout,
    schema: SchemaRef,
    rows: usize,
    held: Held,
}

enum Held {
    /// In memory: rows in any order.
    Run(RecordBatch),
    /// A file: rows one after the other.
    File { bytes: Bytes, facts: ArrowReaderMetadata },
}

impl Source {
    /// Events in memory.
    pub(crate) fn of_run(run: &Run) -> Self {
        let (batch, layout) = (run.batch().clone(), run.layout().clone());
        Self { layout, schema: batch.schema(), rows: batch.num_rows(), held: Held::Run(batch) }
    }

    /// A file.
    ///
    /// # Errors
    /// [`Error::Damaged`]: this is none of ours.
    pub(crate) fn of_file(bytes: Bytes) -> Result<Self, Error> {
        let facts = guarded(|| Ok(ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new())?))?;
        let layout = layout_of(facts.metadata(), facts.schema())?;
        let rows = usize::try_from(facts.metadata().file_metadata().num_rows());
        let rows = rows.map_err(|_| Error::Damaged("a negative number of rows".to_owned()))?;
        let schema = facts.schema().clone();
        Ok(Self { layout, schema, rows, held: Held::File { bytes, facts } })
    }

    /// The columns it has.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether rows can only be had one after the other.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.held, Held::File { .. })
    }

    /// Whether there is a column of this name and type.
    pub(super) fn has(&self, name: &str, held: &DataType) -> bool {
        let field = self.schema.field_with_name(name);
        field.is_ok_and(|field| field.data_type().equals_datatype(held))
    }

    /// How many rows of a column hold nothing, where that is known without reading it.
    pub(super) fn nulls(&self, name: &str) -> Option<usize> {
        let Held::File { facts, .. } = &self.held else { return None };
        let number = self.schema.index_of(name).ok()?;
        let nulls = facts
            .metadata()
            .row_groups()
            .iter()
            .map(|group| group.columns().get(number)?.statistics()?.null_count_opt());
        usize::try_from(nulls.sum::<Option<u64>>()?).ok()
    }

    /// A column from this row on.
    pub(super) fn column(&self, name: &str, from: usize) -> Result<Column, Error> {
        let missing = || Error::Damaged(format!("column {name:?} is missing"));
        match &self.held {
            Held::Run(batch) => {
                Ok(Column::Whole(batch.column_by_name(name).ok_or_else(missing)?.clone()))
            }
            Held::File { bytes, facts } => {
                let number = self.schema.index_of(name).map_err(|_| missing())?;
                let held = self.schema.field(number).data_type().clone();
                let reader = guarded(|| {
                    let mask = ProjectionMask::roots(facts.parquet_schema(), [number]);
                    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
                        bytes.clone(),
                        facts.clone(),
                    );
                    let builder = builder.with_projection(mask).with_batch_size(ROWS_AT_ONCE);
                    Ok(builder.with_offset(from).build()?)
                })?;
                Ok(Column::Stream { reader: Box::new(reader), waiting: new_empty_array(&held) })
            }
        }
    }

    /// Reads all rows, so that they can be had in any order.
    pub(super) fn take_into_memory(&mut self) -> Result<(), Error> {
        if let Held::File { bytes, facts } = &self.held {
            let batch = guarded(|| {
                let (bytes, facts) = (bytes.clone(), facts.clone());
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, facts);
                let reader = builder.with_batch_size(ROWS_AT_ONCE).build()?;
                let batches = reader.collect::<Result<Vec<_>, _>>()?;
                Ok(concat_batches(&self.schema, &batches)?)
            })?;
            self.held = Held::Run(batch);
        }
        Ok(())
    }
}

/// Values of a column.
pub(super) enum Column {
    /// All of them, whatever is taken.
    Whole(ArrayRef),
    /// What comes next.
    Stream {
        /// Reads it.
        reader: Box<ParquetRecordBatchReader>,
        /// Was read and not yet taken.
        waiting: ArrayRef,
    },
}

impl Column {
    /// The next so many values, or all of them.
    pub(super) fn take(&mut self, count: usize) -> Result<ArrayRef, Error> {
        match self {
            Self::Whole(array) => Ok(Arc::clone(array)),
            Self::Stream { reader, waiting } => {
                let mut pieces = Vec::new();
                let mut missing = count;
                loop {
                    let here = missing.min(waiting.len());
                    pieces.push(waiting.slice(0, here));
                    *waiting = waiting.slice(here, waiting.len() - here);
                    missing -= here;
                    if missing == 0 {
                        break;
                    }
                    *waiting = next(reader)?;
                }
                match pieces.as_slice() {
                    [piece] => Ok(Arc::clone(piece)),
                    _ => Ok(concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
                }
            }
        }
    }
}

fn next(reader: &mut ParquetRecordBatchReader) -> Result<ArrayRef, Error> {
    let batch = guarded(|| Ok(reader.next().transpose()?))?;
    let column = batch.and_then(|batch| batch.columns().first().cloned());
    column
        .filter(|column| !column.is_empty())
        .ok_or_else(|| Error::Damaged("a column has fewer rows than the file".to_owned()))
}
