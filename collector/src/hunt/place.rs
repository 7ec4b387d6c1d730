use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use object_store::ObjectStore;
use soc_archive::hunt::{Missing, Tail};
use soc_archive::{Agencies, FileRef, Row};
use soc_event::Timestamp;

use super::Error;
use crate::detect::agent_of;
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

/// There are no files: all events are in the journal.
#[derive(Debug)]
pub struct JournalOnly;

impl Keeper for JournalOnly {
    fn files(&self, _: Agencies, _: (Timestamp, Timestamp)) -> Later<'_, Result<Files, Error>> {
        Box::pin(async {
            Ok(Files {
                files: Vec::new(),
                store: Arc::new(object_store::memory::InMemory::new()),
                archived: Position::FIRST,
                missing: Vec::new(),
                lease: Box::new(()),
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
                return (entry.position < self.end).then(|| Ok(row(entry, &self.fleet)));
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

/// An entry with whose it is, as the fleet is now.
fn row(entry: Entry, fleet: &Fleet) -> (i64, Row) {
    let agent = agent_of(&entry);
    let who = fleet.who(agent);
    let claimed = || entry.event.text("host.hostname").map(str::to_owned);
    let known = who.as_ref().map(|who| who.hostname.clone()).filter(|name| !name.is_empty());
    let host = known.or_else(claimed).unwrap_or_else(|| agent.to_string());
    let (agency, code) = match &who {
        Some(who) => (who.agency_id, who.agency_code.as_str()),
        None => (0, ""),
    };
    let agency_code: Arc<str> = code.into();
    let Entry { position, received, id, event } = entry;
    let row =
        Row { position: position.0, received, agency: agency_code, host: host.into(), id, event };
    (agency, row)
}
