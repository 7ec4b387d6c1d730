//! Events in columns: months of them in files small enough for one disk, and questions about them.
//!
//! A file holds events of one agency, received on one day; it is an ordinary Parquet file that other
//! programs read, too. What a file is called and which files there are is its keeper's knowledge
//! (the collector's room `archive`); this crate makes them, reads them and answers questions.
//!
//! Promises: what was packed is unpacked exactly as it was; a damaged file is an [`Error`] that
//! says what is wrong with it, never a wrong answer.
//!
//! Never: knows an SQL store, the journal, HTTP or who may see what: it is given the agencies.

pub mod hunt;
pub mod layout;
pub mod scan;
pub mod store;
pub mod words;

mod batch;
mod census;
mod facts;
mod memo;
mod merge;
mod message;
mod pack;
mod row;
mod run;
mod unpack;
mod weave;

pub use batch::batches;
pub use facts::{ColumnType, FileFacts, FileRef};
pub use layout::Layout;
pub use merge::merge;
pub use pack::{Effort, Packed, pack, pack_picked};
pub use row::{Agencies, Row};
pub use run::Run;
pub use unpack::{Batches, Rows, read, rows_of, unpack, verify};
pub use words::Words;

/// What cannot be done with a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what was written, or was never written by this program.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A file holds at least one event, and events of one agency only.
    #[error("not one file's events: {0}")]
    Unfit(&'static str),
    /// Reading or writing columns.
    #[error("columns: {0}")]
    Columns(#[from] parquet::errors::ParquetError),
    /// Making columns in memory.
    #[error("columns: {0}")]
    Arrow(#[from] datafusion::arrow::error::ArrowError),
    /// The folder or the store of objects.
    #[error("store: {0}")]
    Store(#[from] object_store::Error),
    /// The folder, by the system.
    #[error("{path}: {error}")]
    Folder {
        /// Which file or folder.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
}
