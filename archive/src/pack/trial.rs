//! Which encoding suits a column best is tried on a few of its rows: what one program writes into a
//! field, another counts up in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::Error;

/// How the values of a column are written before they are compressed: `None` as numbers of a
/// dictionary's entries.
pub(super) type Choice = Option<Encoding>;

/// The best of each column whose best is not a dictionary. `sample` is rows in the order of the file.
pub(super) fn best(
    sample: &[RecordBatch],
    compression: Compression,
) -> Result<BTreeMap<String, Encoding>, Error> {
    let Some(first) = sample.first() else { return Ok(BTreeMap::new()) };
    let mut best = BTreeMap::new();
    for (place, field) in first.schema().fields().iter().enumerate() {
        let columns: Vec<&ArrayRef> = sample.iter().map(|batch| batch.column(place)).collect();
        if columns.iter().all(|column| column.null_count() == column.len()) {
            continue;
        }
        // A dictionary is read fastest, so another way has to be clearly smaller.
        let mut least = written(field, &columns, None, compression)? * 24 / 25;
        for encoding in others(field.data_type()) {
            let bytes = written(field, &columns, Some(*encoding), compression)?;
            if bytes < least {
                least = bytes;
                best.insert(field.name().clone(), *encoding);
            }
        }
    }
    Ok(best)
}

fn others(data: &DataType) -> &'static [Encoding] {
    match data {
        DataType::Utf8 => &[Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY],
        DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..) => {
            &[Encoding::DELTA_BINARY_PACKED, Encoding::BYTE_STREAM_SPLIT]
        }
        DataType::Float64 => &[Encoding::BYTE_STREAM_SPLIT],
        _ => &[],
    }
}

/// How many bytes a column takes if written so.
fn written(
    field: &Arc<Field>,
    columns: &[&ArrayRef],
    choice: Choice,
    compression: Compression,
) -> Result<usize, Error> {
    let schema = Arc::new(Schema::new(vec![field.clone()]));
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_dictionary_enabled(choice.is_none());
    if let Some(encoding) = choice {
        properties = properties.set_encoding(encoding);
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties.build()))?;
    for column in columns {
        writer.write(&RecordBatch::try_new(schema.clone(), vec![(*column).clone()])?)?;
    }
    writer.flush()?;
    Ok(writer.bytes_written())
}
