//! Files of the archive, as a copy of the database lists them.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::Error;

/// Where the archive lies in the data folder.
pub(super) const ARCHIVE: &str = "archive";

/// A file of the archive, by what the manifest in SQL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Below the archive's root.
    pub path: String,
    /// In hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

/// The files that are in force: those of events, and their words beside them.
///
/// # Errors
/// What the database said.
pub(crate) async fn listed(pool: &SqlitePool) -> Result<Vec<Listed>, sqlx::Error> {
    let known: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'archive_file'",
    )
    .fetch_one(pool)
    .await?;
    if known == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, String, i64, String, i64)> = sqlx::query_as(
        "SELECT path, lower(hex(sha256)), bytes, lower(hex(words_sha256)), words_bytes
         FROM archive_file WHERE state = 'live' ORDER BY path",
    )
    .fetch_all(pool)
    .await?;
    let length = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    Ok(rows
        .into_iter()
        .flat_map(|(path, sha256, bytes, words_sha256, words_bytes)| {
            let words = match path.strip_suffix(".parquet") {
                Some(stem) => format!("{stem}.words"),
                None => format!("{path}.words"),
            };
            [
                Listed { path, sha256, bytes: length(bytes) },
                Listed { path: words, sha256: words_sha256, bytes: length(words_bytes) },
            ]
        })
        .collect())
}

/// The same of a file nobody writes to.
///
/// # Errors
/// What the database said.
pub(super) async fn listed_in(file: &Path) -> Result<Vec<Listed>, Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let pool = SqlitePool::connect_with(options).await?;
    let files = listed(&pool).await;
    pool.close().await;
    Ok(files?)
}
