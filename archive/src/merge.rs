//! Several files of one agency and day become fewer.

use bytes::Bytes;

use crate::weave::{Source, weave};
use crate::{Effort, Error, Packed};

/// Packs the rows of all these files anew, into files of at most `rows_max` rows. Held in memory are
/// the files as they were given and as they become, and one column of a stretch of them, opened.
///
/// # Errors
/// [`Error::Damaged`]: a file is; verify each before with [`crate::verify`] to know which.
/// [`Error::Unfit`]: no file, or files of several agencies.
pub fn merge(files: Vec<Bytes>, effort: Effort, rows_max: u64) -> Result<Vec<Packed>, Error> {
    let sources = files.into_iter().map(Source::of_file).collect::<Result<Vec<_>, _>>()?;
    let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
    weave(sources, None, effort, rows_max)
}
