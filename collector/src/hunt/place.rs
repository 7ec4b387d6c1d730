use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use object_store::ObjectStore;
use soc_archive::hunt::{Missing, Tail};
use soc_archive::{Agencies, FileRef, Row};
use soc_event::Timestamp;

use super::Error;
use crate::archive::{self, Archive, Placed, Scope};
use crate::fleet::Fleet;
use crate::journal::{Entry, Journal, Position};

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
    range: (Position, Position),
}

impl JournalTail {
    /// From (included) to (not).
    pub fn new(journal: &Journal, fleet: &Fleet, range: (Position, Position)) -> Self {
        Self { journal: journal.clone(), fleet: fleet.clone(), range }
    }
}

impl Tail for JournalTail {
    fn rows(&self) -> Box<dyn Iterator<Item = Result<(i64, Row), String>> + Send> {
        let (next, end) = self.range;
        Box::new(Reading {
            journal: self.journal.clone(),
            fleet: self.fleet.clone(),
            read: Vec::new().into_iter(),
            next,
            end,
        })
    }
}

struct Reading {
    journal: Journal,
    fleet: Fleet,
    read: std::vec::IntoIter<Entry>,
    next: Position,
    end: Position,
}

impl Iterator for Reading {
    type Item = Result<(i64, Row), String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.read.next() {
                return (entry.position < self.end).then(|| Ok(placed(entry, &self.fleet)));
            }
            if self.next >= self.end {
                return None;
            }
            match self.journal.read(self.next, EVENTS_AT_ONCE) {
                Err(error) => {
                    self.next = self.end;
                    return Some(Err(error.to_string()));
                }
                Ok(stretch) if stretch.next <= self.next => return None,
                Ok(stretch) => {
                    self.next = stretch.next;
                    self.read = stretch.entries.into_iter();
                }
            }
        }
    }
}

fn placed(entry: Entry, fleet: &Fleet) -> (i64, Row) {
    let Placed { agency, row } = archive::row(entry, fleet);
    (agency, row)
}
