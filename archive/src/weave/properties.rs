//! How columns are written.

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::trial::Choice;
use crate::{Effort, Error, layout};

/// Largest dictionary of a column; past it values are written as they are.
const DICTIONARY_BYTES_MAX: usize = 1024 * 1024;
/// Columns that questions are narrowed down by within a row group.
const NARROWING: [&str; 5] = ["time", "received", "position", "host", "kind"];

impl Effort {
    /// Most rows of a row group. What is kept is read more often by a machine's day than whole.
    pub(super) fn group_rows_max(self) -> usize {
        262_144
    }

    /// Rows that encodings are tried on.
    pub(super) fn sample_rows(self) -> usize {
        match self {
            Self::Fresh => 8_192,
            Self::Settled => 65_536,
        }
    }

    fn compression(self) -> Result<Compression, Error> {
        let level = match self {
            Self::Fresh => 1,
            Self::Settled => 19,
        };
        Ok(Compression::ZSTD(ZstdLevel::try_new(level)?))
    }

    /// For trials the level need not be that of the file.
    pub(super) fn trial_compression(self) -> Result<Compression, Error> {
        let level = match self {
            Self::Fresh => 1,
            Self::Settled => 9,
        };
        Ok(Compression::ZSTD(ZstdLevel::try_new(level)?))
    }
}

/// The properties of a file, or of a column of it that is written so.
pub(super) fn of(
    effort: Effort,
    column: Option<(&str, Choice)>,
) -> Result<WriterProperties, Error> {
    let version = KeyValue::new(layout::KEY.to_owned(), layout::VERSION.to_owned());
    let mut properties = WriterProperties::builder()
        .set_created_by("soc-archive".to_owned())
        .set_compression(effort.compression()?)
        .set_max_row_group_row_count(None)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_key_value_metadata(Some(vec![version]));
    if let Some((name, Some(encoding))) = column {
        properties = properties
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), encoding);
    }
    for name in NARROWING {
        properties = properties.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    // Least and greatest line of a log say nothing.
    properties = properties.set_column_statistics_enabled(path("raw"), EnabledStatistics::None);
    Ok(properties.build())
}

fn path(name: &str) -> ColumnPath {
    ColumnPath::new(vec![name.to_owned()])
}
