//! `backup` and `restore`: everything the collector keeps, as it was at one moment.
//!
//! A backup is a folder. Parts lie in `parts/`, named by the SHA-256 of their content and never
//! changed; a manifest `backup-…​.json`, named by its own hash, says which parts make up the data
//! folder. It is written last: whoever is killed before leaves the backup before as it was. Made
//! again into the same folder, a backup copies what is new; parts nobody needs any more go.
//!
//! | of the data folder | in the backup |
//! |---|---|
//! | `state.sqlite` | a copy by SQLite itself (`VACUUM INTO`), one part |
//! | `journal.redb` | blocks of events in parts of 64 MiB, and the marks by which repeats are known |
//! | everything else (`pki/`, `rules/`, `archive/`, …) | each file one part |
//!
//! **Consistent** while events come in: SQL is copied before the journal, and the journal keeps what
//! it has meanwhile, so every checkpoint in the copy is within the journal of the copy, and nothing
//! is alerted or archived twice after a restore. Files of the archive are copied before SQL (they
//! never change) and again after, those that came between; should a listed one have gone by then, it
//! begins anew.
//!
//! `restore` reads every part and compares its hash before it writes anything; then it builds the
//! folder beside the place it is for and moves it there. A flipped bit is named with the file it is
//! in. Private keys are in a backup: it is readable by its owner only, keep it so.
//!
//! Never: changes the data folder, overwrites a folder that holds something.

mod listed;
mod make;
mod manifest;
mod parts;
mod restore;

pub(crate) use listed::{Listed, listed};
pub use make::{Made, Source, make};
pub use manifest::{JournalFacts, Kind, Manifest, Part};
pub(crate) use parts::hash_of;
pub use restore::{Restored, restore};

/// A backup that was not made, or not restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder cannot be used for this.
    #[error("{0}")]
    Refused(String),
    /// Parts of the backup are not what was written.
    #[error("the backup is damaged, nothing was restored:\n{}", .0.join("\n"))]
    Damaged(Vec<String>),
    /// The database.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// Files of the archive went faster than they could be copied.
    #[error("files of the archive were replaced again and again while they were copied; try later")]
    Moving,
    /// A thread of this program ended.
    #[error("a thread ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl Error {
    fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_string_lossy().into_owned(), source }
    }
}

#[cfg(test)]
mod tests;
