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

mod facts;
mod row;
pub mod scan;

pub use facts::{ColumnType, FileFacts, FileRef};
pub use row::{Agencies, Row};

/// What cannot be done with a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what was written, or was never written by this program.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Reading or writing columns.
    #[error("columns: {0}")]
    Columns(#[from] parquet::errors::ParquetError),
    /// The folder or the store of objects.
    #[error("store: {0}")]
    Store(#[from] object_store::Error),
}
