//! Hunts: questions to all events there are, of files and journal together.
//!
//! Promises: whoever asks sees the events of the agencies that are named with the question, in every
//! table, function and message; each hunt is on record before it begins and after it ended
//! (who, what, which time, how many rows); an answer says how complete it is. What may be asked and
//! how much one may take is `soc_archive::hunt`'s to say.
//!
//! A hunt can be saved, and asked every so often by the collector: what it finds is an alert, one a
//! run, in the same transaction that says that the run is done (`schedule`).
//!
//! Fails: a question that is wrong or too greedy is told so ([`soc_archive::hunt::Error`]) and harms
//! nobody else. When the database cannot be written a hunt is refused: none is off the record.
//!
//! Never: writes events, decides who may see what, keeps the gateway waiting.

mod ask;
mod fields;
mod line;
mod place;
mod saved;
mod schedule;
mod tables;
mod tell;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use soc_archive::Agencies;
use soc_archive::hunt::{self as engine, Engine, Limits, Request, Source};
use soc_event::Timestamp;

use crate::access::Access;
use crate::alert::Alerts;
use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::journal::{Entry, Journal, Position};
use crate::store::Store;

pub use ask::{Asked, Running};
pub use fields::FieldRow;
pub(crate) use line::line;
pub use place::{Files, Keeper};
pub(crate) use saved::language;
pub use saved::{Draft, LastRun, Saved, Schedule};
pub use tell::{Format, Teller};

/// How nice threads of hunts are: whoever else wants the processor gets it first.
const NICENESS: i32 = 15;

/// The room. Cheap to clone.
#[derive(Clone)]
pub struct Hunts(Arc<Inner>);

struct Inner {
    engine: Engine,
    keeper: Box<dyn Keeper>,
    journal: Journal,
    fleet: Fleet,
    access: Access,
    alerts: Alerts,
    store: Store,
    clock: Clock,
    running: Mutex<BTreeMap<String, ask::Entry>>,
}

/// What hunts are made of.
#[derive(Debug)]
pub struct Rooms {
    /// Where files are.
    pub keeper: Box<dyn Keeper>,
    /// Events that are in no file.
    pub journal: Journal,
    /// Whose machines they are.
    pub fleet: Fleet,
    /// The record.
    pub access: Access,
    /// What scheduled hunts raise.
    pub alerts: Alerts,
    /// Saved hunts.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
}

/// What cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question, or why it was not answered.
    #[error(transparent)]
    Hunt(#[from] engine::Error),
    /// What was asked for cannot be; says what would be right.
    #[error("{0}")]
    Refused(String),
    /// There is no such hunt, or it is somebody else's.
    #[error("there is no such hunt")]
    Unknown,
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// An alert could not be raised.
    #[error(transparent)]
    Alert(#[from] crate::alert::Error),
    /// Who its owner is could not be found out.
    #[error(transparent)]
    Access(#[from] crate::access::Error),
    /// Files cannot be looked up.
    #[error("archive: {0}")]
    Archive(String),
    /// Threads cannot be started.
    #[error("threads of hunts: {0}")]
    Threads(#[from] std::io::Error),
}

impl Hunts {
    /// Opens the room and starts its threads.
    ///
    /// # Errors
    /// [`Error::Threads`].
    pub fn new(limits: Limits, rooms: Rooms) -> Result<Self, Error> {
        let engine = Engine::new(limits, be_nice)?;
        let Rooms { keeper, journal, fleet, access, alerts, store, clock } = rooms;
        let running = Mutex::default();
        let inner = Inner { engine, keeper, journal, fleet, access, alerts, store, clock, running };
        Ok(Self(Arc::new(inner)))
    }

    /// What a question is asked of, now.
    async fn source(&self, request: &Request) -> Result<Source, Error> {
        let (agencies, range) = (&request.agencies, (request.from, request.to));
        let files = self.0.keeper.files(agencies.clone(), range).await?;
        let tables = tables::all(&self.0.store, agencies).await?;
        let end = *self.0.journal.end().borrow();
        let tail = place::JournalTail::new(&self.0.journal, &self.0.fleet, &files, end);
        Ok(Source {
            files: files.files,
            store: files.store,
            tail: Arc::new(tail),
            missing: files.missing,
            tables,
            lease: files.lease,
        })
    }

    /// The event at a place of the journal that the journal itself no longer has.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub async fn event(
        &self,
        position: Position,
        agencies: Agencies,
    ) -> Result<Option<Entry>, Error> {
        let always = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        let files = self.0.keeper.files(agencies, always).await?;
        let found = engine::event(&files.store, &files.files, position.0).await;
        let found = found.map_err(|error| Error::Archive(error.to_string()))?;
        Ok(found.map(|row| Entry {
            position,
            received: row.received,
            id: row.id,
            event: row.event,
        }))
    }

    /// Most rows of an answer.
    pub fn rows_max(&self) -> usize {
        self.0.engine.limits().rows
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn running<R>(&self, see: impl FnOnce(&mut BTreeMap<String, ask::Entry>) -> R) -> R {
        see(&mut self.0.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Hunts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hunts").finish_non_exhaustive()
    }
}

/// Ingest and pages come first. Where the system does not want it, all are equal.
fn be_nice() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICENESS);
}
