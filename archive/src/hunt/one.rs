use std::sync::Arc;

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::kernels::cmp::eq;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};

use crate::{Error, FileRef, Row, rows_of};

/// The event at a place of the journal, from the one of these files that has it.
///
/// # Errors
/// [`Error::Columns`], [`Error::Store`], [`Error::Damaged`]: a file that may have it cannot be read.
pub async fn event(
    store: &Arc<dyn ObjectStore>,
    files: &[FileRef],
    position: u64,
) -> Result<Option<Row>, Error> {
    let may_hold = |file: &&FileRef| {
        let (first, last) = file.facts.position;
        (first..=last).contains(&position)
    };
    for file in files.iter().filter(may_hold) {
        for batch in batches(store, file, position).await? {
            if let Some(row) = rows_of(&batch)?.into_iter().next() {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

/// Only the column of positions is decoded where the event is not.
async fn batches(
    store: &Arc<dyn ObjectStore>,
    file: &FileRef,
    position: u64,
) -> Result<Vec<RecordBatch>, Error> {
    let path = object_store::path::Path::from(file.path.as_str());
    let bytes = store.get(&path).await?.bytes().await?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let column = ProjectionMask::columns(builder.parquet_schema(), ["position"]);
    let is_it = ArrowPredicateFn::new(column, move |batch: RecordBatch| {
        let wanted = UInt64Array::new_scalar(position);
        match batch.columns().first() {
            Some(positions) => eq(positions, &wanted),
            None => Ok(BooleanArray::from(vec![false; batch.num_rows()])),
        }
    });
    let reader = builder.with_row_filter(RowFilter::new(vec![Box::new(is_it)])).build()?;
    Ok(reader.collect::<Result<_, _>>()?)
}
