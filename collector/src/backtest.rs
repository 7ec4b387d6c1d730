//! Rules that look back: what a rule would have found in the events that are kept.
//!
//! A pass shows stored events, those of the archive and those still in the journal, to one rule or
//! many. It is asked for by a person (a rule in force, or a draft) or begun by the collector itself
//! when a rule was added or changed, or a list of values that rules refer to. Nothing is alerted:
//! the result says how often it would have been, where, when first, and shows events.
//!
//! Promise: over the same events the same findings as live detection has, by the same engine and
//! the same view of an event; correlations see events in the order of the journal. Times are event
//! times; for a range that begins later than the oldest event, correlations look as much further
//! back as they remember.
//!
//! | what fails | what happens |
//! |---|---|
//! | the collector is killed | the pass goes on from its last checkpoint, to the same result |
//! | a file is damaged or gone | left out, named in the result, the archive is told |
//! | an event is too much for a rule | that rule fails with the event named; live detection would park it there |
//! | a rule changes while it looks back | the pass goes on with the rule as it was; the new one waits |
//! | evaluation is behind | the pass waits: live events go first |
//!
//! One pass at a time, on one thread of the lowest priority, in bounded memory. Never: raises an
//! alert, changes an event, decides who may ask.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use soc_event::Timestamp;
use tokio::sync::Notify;

use crate::access::{Caller, Deed};
use crate::archive::Archive;
use crate::clock::Clock;
use crate::detect::Detect;
use crate::fleet::Fleet;
use crate::journal::Journal;
use crate::live::Bus;
use crate::rulebook::Rulebook;
use crate::store::Store;

pub use draft::DraftFile;
pub use metrics::Metrics;
pub use tally::{Found, HOSTS_MAX, SAMPLES_MAX, Tally};
pub use view::{Backtest, DayCount, State};

mod changes;
mod clusters;
mod draft;
mod job;
mod metrics;
mod order;
mod pass;
mod past;
mod row;
mod run;
mod samples;
mod tally;
mod view;
mod worker;

/// Looks back that are remembered; those that ended longest ago are forgotten first.
pub const KEPT_MAX: i64 = 500;
/// Looks back that people asked for and that wait; more are refused.
pub const WAITING_MAX: i64 = 20;

/// What happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How far back rules look that were added or changed.
    pub range: std::time::Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { range: std::time::Duration::from_secs(400 * 86_400) }
    }
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none with this id.
    #[error("there is no such look back")]
    NotFound,
    /// There is no such rule in force.
    #[error("no rule with the id {0} is in force")]
    NoSuchRule(String),
    /// The draft's rules cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Draft(Vec<soc_rules::Problem>),
    /// What is asked cannot be.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The archive failed.
    #[error("archive: {0}")]
    Archive(#[from] crate::archive::Error),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// What has to be put aside on the disk cannot be.
    #[error("putting events aside: {0}")]
    Io(#[from] std::io::Error),
    /// A row in the database holds what this version cannot read.
    #[error("look back in the database: {0}")]
    Content(#[from] serde_json::Error),
    /// The thread that looks ended.
    #[error("the thread that looks back ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// What is to be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A rule in force, by its id.
    Rule(String),
    /// Rules as somebody writes them.
    Draft(Vec<DraftFile>),
}

/// The rooms that are asked.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// State.
    pub store: Store,
    /// Events of the last days.
    pub journal: Journal,
    /// Events of the last months.
    pub archive: Archive,
    /// Machines.
    pub fleet: Fleet,
    /// Rules in force.
    pub rulebook: Rulebook,
    /// How far live evaluation is.
    pub detect: Detect,
    /// Who is told.
    pub bus: Bus,
    /// What time it is.
    pub clock: Clock,
    /// A folder for what has to be put aside while events are sorted.
    pub folder: PathBuf,
}

/// The room. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub struct Backtests(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rooms: Rooms,
    config: Config,
    metrics: Metrics,
    wake: Notify,
    running: Mutex<Running>,
}

/// What is known of the pass that runs, ahead of its checkpoint.
#[derive(Debug, Default)]
struct Running {
    pass: i64,
    events_done: u64,
    events_total: u64,
    /// Ids of rows that nobody wants any more.
    stopped: BTreeSet<String>,
    /// Whether a person waits for another one.
    others_wait: bool,
}

impl Backtests {
    /// Opens the room; its metrics go into the registry.
    ///
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn new(
        rooms: Rooms,
        config: Config,
        registry: &prometheus::Registry,
    ) -> prometheus::Result<Self> {
        let metrics = Metrics::new(registry)?;
        let (wake, running) = (Notify::new(), Mutex::default());
        Ok(Self(Arc::new(Inner { rooms, config, metrics, wake, running })))
    }

    /// Puts what a person asks for behind what waits; the ids, one a rule. It is on record.
    ///
    /// # Errors
    /// [`Error::NoSuchRule`], [`Error::Draft`], [`Error::Refused`], [`Error::Sql`].
    pub async fn ask(
        &self,
        ask: Ask,
        (from, to): (Timestamp, Timestamp),
        caller: &Caller,
    ) -> Result<Vec<String>, Error> {
        if from > to {
            return Err(Error::Refused("the time to look at ends before it begins".into()));
        }
        if self.waiting().await? >= WAITING_MAX {
            let why = format!("{WAITING_MAX} looks back are waiting; stop one, or wait");
            return Err(Error::Refused(why));
        }
        let asked = self.asked(ask).await?;
        let names: Vec<&str> = asked.rules.iter().map(|(id, _)| id.as_str()).collect();
        let deed = Deed::new(&caller.who, &caller.address, "look back asked", &names.join(" "));
        let deed = deed.with(&format!("{from} to {to}"));
        let ids = self.insert(&asked, job::ASKED, (from, to), Some((&caller.who, deed))).await?;
        self.running().others_wait = true;
        self.0.wake.notify_one();
        Ok(ids)
    }

    /// All that are remembered, the newest first.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Content`].
    pub async fn list(&self) -> Result<Vec<Backtest>, Error> {
        self.views(None).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Sql`], [`Error::Content`].
    pub async fn show(&self, id: &str) -> Result<Backtest, Error> {
        self.views(Some(id)).await?.pop().ok_or(Error::NotFound)
    }

    /// Stops one that waits or runs, forgets one that ended. It is on record.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Sql`].
    pub async fn stop(&self, id: &str, caller: &Caller) -> Result<(), Error> {
        let deed = Deed::new(&caller.who, &caller.address, "look back stopped", id);
        self.end(id, &deed).await?;
        self.running().stopped.insert(id.to_owned());
        self.0.wake.notify_one();
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
