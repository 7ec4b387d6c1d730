//! Some events of a file, whole, by their positions.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::UInt64Type;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, RowFilter};
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::{fetch, guarded};
use crate::unpack::rows_of;
use crate::{Error, FileRef, Row};

/// The events at these positions, as far as the file has them, in its order.
///
/// # Errors
/// As [`super::Scan`].
pub async fn pick(
    store: &dyn ObjectStore,
    file: &FileRef,
    positions: BTreeSet<u64>,
) -> Result<Vec<Row>, Error> {
    let path = Path::parse(&file.path).map_err(object_store::Error::from)?;
    let facts = Arc::new(fetch::facts(store, &path, file.facts.bytes).await?);
    let mut decoder = guarded(|| {
        let builder = ParquetPushDecoderBuilder::try_new_decoder(facts.clone())?;
        let groups = facts.row_groups().iter().enumerate();
        let groups = groups.filter(|(_, group)| may_hold(group, &positions));
        let groups = groups.map(|(number, _)| number).collect();
        let place = builder.schema().index_of("position")?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
        let is_wanted = move |batch: RecordBatch| {
            let found = batch.column(0).as_primitive_opt::<UInt64Type>();
            let found = found.into_iter().flat_map(|column| column.values().iter());
            Ok(BooleanArray::from_iter(found.map(|at| Some(positions.contains(at)))))
        };
        let filter = RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, is_wanted))]);
        Ok(builder.with_row_groups(groups).with_row_filter(filter).build()?)
    })?;
    let mut rows = Vec::new();
    loop {
        match guarded(|| Ok(decoder.try_decode()?))? {
            DecodeResult::Finished => return Ok(rows),
            DecodeResult::Data(batch) => rows.extend(guarded(|| rows_of(&batch))?),
            DecodeResult::NeedsData(ranges) => {
                let bytes = store.get_ranges(&path, &ranges).await?;
                decoder.push_ranges(ranges, bytes)?;
            }
        }
    }
}

/// Whether a row group can have one of the positions, by what it says about itself.
fn may_hold(group: &RowGroupMetaData, positions: &BTreeSet<u64>) -> bool {
    let mut columns = group.columns().iter();
    let column = columns.find(|column| column.column_path().string() == "position");
    let Some(Statistics::Int64(known)) = column.and_then(|column| column.statistics()) else {
        return true;
    };
    match (known.min_opt(), known.max_opt()) {
        (Some(min), Some(max)) if min <= max => {
            positions.range(min.cast_unsigned()..=max.cast_unsigned()).next().is_some()
        }
        _ => true,
    }
}
