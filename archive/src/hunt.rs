//! Questions about months of events: SQL over one table `events`, and a search box that becomes SQL.
//!
//! Promises:
//! - Whoever asks sees the agencies they may see ([`Agencies`]), whatever they write: files and
//!   events of others are left out below SQL, before anything is planned.
//! - An answer says how complete it is ([`Completeness`]): what range it covers, which files could
//!   not be read, how many events came from the journal, whether it was cut.
//! - A question has a time range, always, and limits ([`Limits`]); one that is too greedy is stopped
//!   alone, and told which limit and what to do. Threads of their own, of low priority, work on
//!   questions, a few at a time; others wait and see that they do.
//! - A damaged file is named and left out. An answer in which it was noticed too late fails and says
//!   so; asked again, the rest is answered.
//!
//! Fails with [`Error`]. A question that panics fails alone.
//!
//! Never: writes, reads other files than those it is given, takes a statement that does not only
//! read.

mod adapt;
mod engine;
mod everything;
mod export;
mod field;
mod function;
mod list;
mod message;
mod one;
mod plan;
mod run;
mod schema;
mod search;
mod statement;
mod table;
mod tail;
mod text;
mod value;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use datafusion::arrow::array::RecordBatch;
pub use datafusion::arrow::datatypes::SchemaRef;
use object_store::ObjectStore;
use soc_event::Timestamp;

use crate::{Agencies, FileRef};
pub use engine::{Answer, Engine};
pub use export::{Export, Format, csv_line};
pub use one::event;
pub use search::{Chosen, ROWS_OF_A_SEARCH};
pub use tail::{Runs, Tail};
pub use value::{Cell, json, kind, table};

/// What a question may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Questions that are worked on at the same time.
    pub at_once: usize,
    /// Threads for all of them.
    pub threads: usize,
    /// Memory of one, in bytes, for what it sorts, groups and joins.
    pub memory: usize,
    /// How long one may take.
    pub time: Duration,
    /// Most rows of an answer; further ones are cut, and it says so.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 2,
            threads: 2,
            memory: 256 * 1024 * 1024,
            time: Duration::from_secs(120),
            rows: 1_000_000,
        }
    }
}

/// How a question is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The search box: `user:root AND "accepted password"`.
    Search,
    /// One SELECT.
    Sql,
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// As somebody wrote it.
    pub query: String,
    /// In which language.
    pub language: Language,
    /// From when, by the time of the event; included.
    pub from: Timestamp,
    /// Until when; not included.
    pub to: Timestamp,
    /// Whose events may be seen.
    pub agencies: Agencies,
    /// Most rows wanted; those past the limit of the engine are cut, too.
    pub limit: Option<usize>,
    /// What a search is to give; a question in SQL says it itself.
    pub chosen: Chosen,
}

/// What a question is asked of.
pub struct Source {
    /// Files, of anybody: those that may not be seen or are out of range are left out here.
    pub files: Vec<FileRef>,
    /// Where they are.
    pub store: Arc<dyn ObjectStore>,
    /// Events that are in no file yet.
    pub tail: Arc<dyn Tail>,
    /// Files that are known to be missing, with reasons.
    pub missing: Vec<Missing>,
    /// Other tables by name, as their keeper gives them to who asks.
    pub tables: BTreeMap<String, RecordBatch>,
    /// Kept as long as the question is asked, so that nobody deletes the files.
    pub lease: Box<dyn std::any::Any + Send + Sync>,
}

/// A file that is not part of an answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// Below the store's root.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// How complete an answer is.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Completeness {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Files in range.
    pub files: usize,
    /// Those of them that could not be read.
    pub missing: Vec<Missing>,
    /// Events that were taken from the journal, of those that may be seen.
    pub unarchived_events: u64,
    /// Earliest time of an event there is to be seen in files.
    pub oldest: Option<Timestamp>,
    /// Latest one.
    pub newest: Option<Timestamp>,
}

/// A piece of an answer.
#[derive(Clone, Debug)]
pub enum Part {
    /// So many questions are before this one.
    Waiting(usize),
    /// It begins: the SQL that is run, the columns of the answer, what is worth knowing.
    Begin {
        /// As it is run.
        sql: String,
        /// Of the rows to come.
        columns: SchemaRef,
        /// Fields that have no column in any file, for example.
        notes: Vec<String>,
    },
    /// Rows.
    Rows(RecordBatch),
    /// How far it is.
    Progress {
        /// Files that were read or found to have nothing.
        files_done: usize,
        /// Of so many.
        files: usize,
        /// Rows that were read.
        rows_read: usize,
    },
    /// It is done.
    End {
        /// Rows of the answer.
        rows: usize,
        /// How long it took.
        took: Duration,
        /// Whether there were more rows than wanted.
        is_cut: bool,
        /// How complete it is.
        completeness: Completeness,
    },
    /// It failed; nothing follows.
    Failed(Error),
}

/// Why a question is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not understood or asks for what there is not.
    #[error("{what}")]
    Question {
        /// What is wrong and what to do.
        what: String,
        /// At which character, from 0.
        position: Option<usize>,
    },
    /// It would take more than it may.
    #[error("{0}")]
    Limit(String),
    /// A file turned out to be damaged after rows had been sent; it will be left out from now on.
    #[error("{path} is damaged: {reason}. Ask again: the answer will be without it")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not its fault.
    #[error("the hunt failed: {0}")]
    Failed(String),
}

impl Error {
    pub(crate) fn question(what: impl Into<String>) -> Self {
        Self::Question { what: what.into(), position: None }
    }
}
