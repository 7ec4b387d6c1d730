use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use object_store::ObjectStore;
use soc_archive::hunt::{Missing, Runs, Tail};
use soc_archive::{Agencies, FileRef, Row, Run};
use soc_event::Timestamp;

use super::Error;
use crate::archive::{self, Archive, Placed, Scope};
use crate::fleet::Fleet;
use crate::journal::{Journal, Position};

/// Events read from the journal at once.
const EVENTS_AT_ONCE: usize = 4096;

/// Files at one moment.
pub struct Files {
    /// Those that may hold events of the agencies and the time.
    pub files: Vec<FileRef>,
    /// Where they are.
    pub store: Arc<dyn ObjectStore>,
    /// The first event that is in none of them.
    pub archived: Position,
    /// Events from there on that are in columns already, and where they end.
    pub fresh: (Vec<Arc<Run>>, Position),
    /// Files that should be there and cannot be read.
    pub missing: Vec<Missing>,
    /// Keeps them until dropped.
    pub lease: Box<dyn Any + Send + Sync>,
}

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who knows which files there are.
pub trait Keeper: fmt::Debug + Send + Sync {
    /// The files of these agencies and this time, from (included) to (not).
    fn files(
        &self,
        agencies: Agencies,
        range: (Timestamp, Timestamp),
    ) -> Later<'_, Result<Files, Error>>;
}

impl Keeper for Archive {
    fn files(
        &self,
        agencies: Agencies,
        (from, to): (Timestamp, Timestamp),
    ) -> Later<'_, Result<Files, Error>> {
        Box::pin(async move {
            let snapshot = self.snapshot(&Scope { agencies, from, to }).await;
            let snapshot = snapshot.map_err(|error| Error::Archive(error.to_string()))?;
            let missing = snapshot.missing.into_iter();
            let missing = missing.map(|file| Missing { path: file.path, reason: file.reason });
            Ok(Files {
                files: snapshot.files,
                store: self.folder().objects(),
                archived: snapshot.archived,
                fresh: self.fresh(snapshot.archived),
                missing: missing.collect(),
                lease: Box::new(snapshot.lease),
            })
        })
    }
}

/// The events of the journal from one position to another.
pub struct JournalTail {
    journal: Journal,
    fleet: Fleet,
    /// The first of them.
    fresh: Vec<Arc<Run>>,
    /// Where the others are.
    range: (Position, Position),
}

impl JournalTail {
    /// All that is in no file, up to (not including) `end` or further.
    pub fn new(journal: &Journal, fleet: &Fleet, files: &Files, end: Position) -> Self {
        let (fresh, next) = files.fresh.clone();
        Self { journal: journal.clone(), fleet: fleet.clone(), fresh, range: (next, end) }
    }

    fn reading(&self) -> Reading {
        let (next, end) = self.range;
        Reading { journal: self.journal.clone(), fleet: self.fleet.clone(), next, end }
    }
}

impl Tail for JournalTail {
    fn runs(&self) -> Runs {
        Box::new(self.fresh.clone().into_iter().map(Ok).chain(self.reading().flatten()))
    }
}

/// Reads the journal, some runs at a time.
struct Reading {
    journal: Journal,
    fleet: Fleet,
    next: Position,
    end: Position,
}

impl Iterator for Reading {
    type Item = Vec<Result<Arc<Run>, String>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let runs = self.read();
        if runs.is_err() {
            self.next = self.end;
        }
        Some(runs.map_or_else(|why| vec![Err(why)], |runs| runs.into_iter().map(Ok).collect()))
    }
}

impl Reading {
    fn read(&mut self) -> Result<Vec<Arc<Run>>, String> {
        let stretch = self.journal.read(self.next, EVENTS_AT_ONCE);
        let stretch = stretch.map_err(|error| error.to_string())?;
        // Where nothing follows there is no more.
        self.next = if stretch.next > self.next { stretch.next } else { self.end };
        let mut rows = archive::Rows::new(&self.fleet);
        let entries = stretch.entries.into_iter().filter(|entry| entry.position < self.end);
        let placed = entries.map(|entry| rows.of(entry));
        let (owners, rows): (Vec<i64>, Vec<Row>) =
            placed.map(|Placed { agency, row }| (agency, row)).unzip();
        let runs = Run::of(&rows, &owners).map_err(|error| error.to_string())?;
        Ok(runs.into_iter().map(Arc::new).collect())
    }
}
