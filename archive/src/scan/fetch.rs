//! What a file says about itself: its footer.

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::DecodeResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::statistics::Statistics;

use sha2::{Digest as _, Sha256};

use crate::unpack::hex;
use crate::{Error, FileRef};

/// Read at the end of a file at once: most footers fit.
const FOOTER_BYTES: u64 = 64 * 1024;

/// Read at once while a file is verified.
const STEP_BYTES: u64 = 4 << 20;

/// Whether a file is what was written.
pub(super) async fn verify(
    store: &dyn ObjectStore,
    path: &Path,
    file: &FileRef,
) -> Result<(), Error> {
    let (mut hash, mut at) = (Sha256::new(), 0);
    while at < file.facts.bytes {
        let end = at.saturating_add(STEP_BYTES).min(file.facts.bytes);
        let bytes = store.get_range(path, at..end).await?;
        if bytes.is_empty() {
            break;
        }
        at += u64::try_from(bytes.len()).unwrap_or_default();
        hash.update(&bytes);
    }
    let found: [u8; 32] = hash.finalize().into();
    if found == file.facts.sha256 {
        return Ok(());
    }
    let (is, was) = (hex(&found), hex(&file.facts.sha256));
    Err(Error::Damaged(format!("its SHA-256 is {is}, was {was}")))
}

/// The footer of a file of so many bytes.
pub(super) async fn facts(
    store: &dyn ObjectStore,
    path: &Path,
    bytes: u64,
) -> Result<ParquetMetaData, Error> {
    let mut decoder = ParquetMetaDataPushDecoder::try_new(bytes)?
        .with_page_index_policy(PageIndexPolicy::Optional);
    let end = bytes.saturating_sub(FOOTER_BYTES)..bytes;
    decoder.push_range(end.clone(), store.get_range(path, end).await?)?;
    loop {
        match decoder.try_decode()? {
            DecodeResult::Data(facts) => return Ok(facts),
            DecodeResult::Finished => return Err(Error::Damaged("no footer".into())),
            DecodeResult::NeedsData(ranges) => {
                let more = store.get_ranges(path, &ranges).await?;
                decoder.push_ranges(ranges, more)?;
            }
        }
    }
}

/// The one text that all rows have, where the file says that there is no other.
pub(super) fn only_text(of: &Statistics) -> Option<&str> {
    let is_exact = of.min_is_exact() && of.max_is_exact();
    let has_all = of.null_count_opt() == Some(0);
    let (min, max) = (of.min_bytes_opt()?, of.max_bytes_opt()?);
    if is_exact && has_all && min == max { std::str::from_utf8(min).ok() } else { None }
}
