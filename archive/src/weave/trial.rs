//! Which encoding suits a column best is tried on a few of its rows: what one program writes into a
//! field, another counts up in it.

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
pub(crate) type Choice = Option<Encoding>;

/// The best for a column. `sample` is some of its values, in the order of the file.
pub(super) fn best(
    field: &Arc<Field>,
    sample: &[ArrayRef],
    compression: Compression,
) -> Result<Choice, Error> {
    let mut best = None;
    if sample.iter().all(|values| values.null_count() == values.len()) {
        return Ok(best);
    }
    // A dictionary is read fastest, so another way has to be clearly smaller.
    let mut least = written(field, sample, None, compression)? * 24 / 25;
    for encoding in others(field.data_type()) {
        let bytes = written(field, sample, Some(*encoding), compression)?;
        if bytes < least {
            least = bytes;
            best = Some(*encoding);
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
    values: &[ArrayRef],
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
    for values in values {
        writer.write(&RecordBatch::try_new(schema.clone(), vec![values.clone()])?)?;
    }
    writer.flush()?;
    Ok(writer.bytes_written())
}
