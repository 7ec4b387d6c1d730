//! All events of a file, one after the other, with only the columns that somebody asks for.
//!
//! Promise: a field shows the same value as in the event that was packed; what nobody asked for may
//! be missing. Row groups that hold nothing of interest are not fetched, and rows of products
//! nobody asks for are not decoded beyond that.
//!
//! | what fails | what happens |
//! |---|---|
//! | the file is gone or cannot be read | [`Error::Store`] |
//! | bytes that are not what was written | [`Error::Damaged`], before the first row is shown |
//!
//! Never: holds more than one row group and one block; looks at an event's meaning.

mod block;
mod column;
mod fetch;
mod pick;
mod rest;

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReader, RowFilter};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::file::metadata::ParquetMetaData;

use crate::unpack::guarded;
use crate::{Error, FileRef, layout};

pub use block::{Block, BlockRow};
pub use column::Held;
pub use pick::pick;

/// Rows of one block.
const BLOCK_ROWS: usize = 4096;

/// Of the columns every file has, those that a block always has.
const ALWAYS: [&str; 11] = [
    "time", "received", "agency", "host", "agent", "kind", "product", "category", "service",
    "position", "rest",
];

/// Whether something is asked for, by its name.
pub type Asked = Arc<dyn Fn(&str) -> bool + Send + Sync>;
/// Whether events of a product are asked for; none is the product that was not said.
pub type AskedProduct = Arc<dyn Fn(Option<&str>) -> bool + Send + Sync>;

/// What is asked for.
#[derive(Clone)]
pub struct Wanted {
    /// Which fields.
    pub field: Asked,
    /// All texts of the event, also the raw line; then all fields are shown.
    pub texts: bool,
    /// Events of which products; `None` asks for all.
    pub product: Option<AskedProduct>,
}

/// A file that is being read.
pub struct Scan {
    store: Arc<dyn ObjectStore>,
    path: Path,
    decoder: ParquetPushDecoder,
    group: Option<ParquetRecordBatchReader>,
    wanted: Wanted,
    /// Rows of row groups that hold nothing of interest.
    skipped: u64,
}

impl Scan {
    /// Makes sure that the file is what was written, and reads what it says about itself.
    ///
    /// # Errors
    /// [`Error`], as the room says.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        file: &FileRef,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let path = Path::parse(&file.path).map_err(object_store::Error::from)?;
        fetch::verify(store.as_ref(), &path, file).await?;
        let facts = Arc::new(fetch::facts(store.as_ref(), &path, file.facts.bytes).await?);
        let (decoder, skipped) = guarded(|| decoder(&facts, &wanted))?;
        Ok(Self { store, path, decoder, group: None, wanted, skipped })
    }

    /// Rows that are not shown because their row groups hold nothing of interest.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next events, in the order of the file; nothing at its end.
    ///
    /// # Errors
    /// [`Error`], as the room says.
    ///
    /// # Cancel safety
    /// Cancelled, the scan cannot be used any more.
    pub async fn next(&mut self) -> Result<Option<Block>, Error> {
        loop {
            let Self { group, decoder, wanted, .. } = self;
            let block = guarded(|| match group.as_mut().and_then(Iterator::next) {
                Some(batch) => Block::new(&batch?, wanted).map(Some),
                None => Ok(None),
            })?;
            if block.is_some() {
                return Ok(block);
            }
            self.group = match guarded(|| Ok(decoder.try_next_reader()?))? {
                DecodeResult::Finished => return Ok(None),
                DecodeResult::Data(group) => Some(group),
                DecodeResult::NeedsData(ranges) => {
                    let bytes = self.store.get_ranges(&self.path, &ranges).await?;
                    self.decoder.push_ranges(ranges, bytes)?;
                    None
                }
            };
        }
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What decodes the columns and row groups that are asked for; how many rows others have.
fn decoder(
    facts: &Arc<ParquetMetaData>,
    wanted: &Wanted,
) -> Result<(ParquetPushDecoder, u64), Error> {
    // The types are ours to choose: what a writer noted about them is not looked at.
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let of_file = ArrowReaderMetadata::try_new(facts.clone(), plain.clone())?;
    let schema = column::without_copies(of_file.schema());
    let metadata = ArrowReaderMetadata::try_new(facts.clone(), plain.with_schema(schema))?;
    let builder = ParquetPushDecoderBuilder::new_with_metadata(metadata);
    let fields = builder.schema().fields();
    let asks = |name: &str| wanted.texts || (wanted.field)(name);
    // Messages may be in their lines.
    let cuts = fields.iter().any(|field| layout::is_message_at(field)) && asks(layout::MESSAGE);
    let wants = |field: &Field| match field.name().as_str() {
        name if ALWAYS.contains(&name) => true,
        "raw" => wanted.texts || cuts,
        _ if layout::is_message_at(field) => cuts,
        name => layout::is_own(field) && asks(name),
    };
    let roots = fields.iter().enumerate();
    let roots = roots.filter(|(_, field)| wants(field)).map(|(number, _)| number);
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let (groups, skipped) = groups(facts, wanted);
    let filter = filter(&builder, wanted);
    let builder = builder.with_projection(mask).with_row_groups(groups).with_batch_size(BLOCK_ROWS);
    let builder = match filter {
        Some(filter) => builder.with_row_filter(filter),
        None => builder,
    };
    Ok((builder.build()?, skipped))
}

/// The row groups that may hold something of interest, and how many rows the others have.
fn groups(facts: &ParquetMetaData, wanted: &Wanted) -> (Vec<usize>, u64) {
    let (mut kept, mut skipped) = (Vec::new(), 0);
    for (number, group) in facts.row_groups().iter().enumerate() {
        let product =
            group.columns().iter().find(|column| column.column_path().string() == "product");
        let only = product.and_then(|column| column.statistics()).and_then(fetch::only_text);
        let is_wanted = match (&wanted.product, only) {
            (Some(asked), Some(only)) => asked(Some(only)),
            _ => true,
        };
        if is_wanted {
            kept.push(number);
        } else {
            skipped += u64::try_from(group.num_rows()).unwrap_or_default();
        }
    }
    (kept, skipped)
}

/// Leaves out rows of products nobody asks for before their other columns are decoded.
fn filter(builder: &ParquetPushDecoderBuilder, wanted: &Wanted) -> Option<RowFilter> {
    let asked = wanted.product.clone()?;
    let number = builder.schema().index_of("product").ok()?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), [number]);
    let keep = ArrowPredicateFn::new(mask, move |batch| Ok(column::keep(batch.column(0), &asked)));
    Some(RowFilter::new(vec![Box::new(keep)]))
}
