//! How columns are written.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::Effort;
use crate::{Error, Layout, layout};

/// Most rows of a row group.
pub(super) const GROUP_ROWS_MAX: usize = 262_144;

/// The properties of a file of this layout.
pub(super) fn of(layout: &Layout, effort: Effort) -> Result<WriterProperties, Error> {
    let level = match effort {
        Effort::Fresh => 1,
        Effort::Settled => 19,
    };
    let mut properties = WriterProperties::builder()
        .set_created_by("soc-archive".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_max_row_group_row_count(Some(usize::MAX))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_page_size_limit(1024 * 1024)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            layout::KEY.to_owned(),
            layout::VERSION.to_owned(),
        )]));
    for name in ["time", "received", "position", "epoch", "sequence"] {
        properties = plain(properties, name, Encoding::DELTA_BINARY_PACKED);
    }
    properties = plain(properties, "raw", Encoding::DELTA_LENGTH_BYTE_ARRAY);
    for name in ["time", "received", "position", "host", "kind"] {
        properties = properties.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    properties = properties.set_column_statistics_enabled(path("raw"), EnabledStatistics::None);
    let _ = layout;
    Ok(properties.build())
}

fn plain(
    properties: WriterPropertiesBuilder,
    name: &str,
    encoding: Encoding,
) -> WriterPropertiesBuilder {
    properties
        .set_column_dictionary_enabled(path(name), false)
        .set_column_encoding(path(name), encoding)
}

fn path(name: &str) -> ColumnPath {
    ColumnPath::new(vec![name.to_owned()])
}
