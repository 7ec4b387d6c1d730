//! What operators hold back of what rules find: exceptions, and rules that are switched off.
//!
//! An *exception* hides findings of a rule (or of all) on a machine, in an agency with those below
//! it, or everywhere, where all of its conditions hold for the event. It has an owner, a reason and
//! an end at most a year away; a week before, the journal is told (`exception.expiring`), and after
//! it nothing is hidden any more. A rule that is *switched off* for an agency and those below it
//! raises no alerts there.
//!
//! `detect` asks [`InForce`] between a match and a finding. Which exceptions an event meets depends
//! on when it was received, not on the time now, and what they hid is counted in the transaction of
//! detection's checkpoint: read again, an event is hidden or found as before. Only an exception or a
//! setting that is changed while events wait decides them as it is when they are read.
//!
//! Conditions compare as Sigma compares: each exception is compiled by the crate `rules`. Of a
//! correlation they look at the event that made it fire; what it counts is not changed. Rules that
//! look back and hunts on schedule know no exceptions. Never: changes a rule.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge, Registry};
use sqlx::SqliteConnection;
use tokio::sync::watch;

use crate::alert::Alerts;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::live::{Bus, Notice};
use crate::stop::stopped;
use crate::store::Store;

pub use condition::{Condition, How};
pub use exception::{Draft, End, Exception, ExceptionFilter, ExceptionState, HistoryRow, Renewal};
pub(crate) use in_force::Found;
pub use in_force::InForce;
pub use preview::{Levels, Preview, Sample};
pub use setting::{Setting, Switch};

mod condition;
mod exception;
mod in_force;
mod preview;
mod review;
mod setting;

/// Longest life of an exception, in days.
pub const DAYS_MAX: i64 = 365;
/// How long an exception lives when nobody says.
pub const DAYS: i64 = 90;
/// Exceptions in force at the most: each of all rules is asked for every finding.
pub const EXCEPTIONS_MAX: i64 = 1000;
/// Conditions of one exception.
pub const CONDITIONS_MAX: usize = 16;
/// Longest reason in characters.
pub const WHY_MAX: usize = 1000;

const DAY_US: i64 = 86_400_000_000;
/// How often ends of exceptions and the tree of agencies are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this number, or it is nobody's business of who asks.
    #[error("there is no such exception")]
    NotFound,
    /// It cannot be like that; says what would be right.
    #[error("{0}")]
    Refused(String),
    /// Somebody has changed it since it was seen.
    #[error("somebody changed the exception meanwhile")]
    Changed,
    /// It was ended, or ran out.
    #[error("the exception is over already")]
    Over,
    /// The alert it is made from.
    #[error(transparent)]
    Alert(#[from] crate::alert::Error),
    /// The journal could not be told.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A row holds what this version cannot read.
    #[error("exception in the database: {0}")]
    Row(#[from] serde_json::Error),
    /// Work away from the runtime's threads ended.
    #[error("a thread ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tuning {
    store: Store,
    journal: Journal,
    alerts: Alerts,
    clock: Clock,
    bus: Bus,
    in_force: Arc<watch::Sender<Arc<InForce>>>,
    exceptions: IntGauge,
    hidden: IntCounter,
}

/// The rooms this one works with.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// Where exceptions and settings are.
    pub store: Store,
    /// Is told what runs out.
    pub journal: Journal,
    /// What exceptions are made from.
    pub alerts: Alerts,
    /// What time it is.
    pub clock: Clock,
    /// Who watches.
    pub bus: Bus,
}

impl Tuning {
    /// Reads what is in force; metrics go into the registry.
    ///
    /// # Errors
    /// When the database cannot be read, or a metric of the same name is registered already.
    pub async fn open(rooms: Rooms, registry: &Registry) -> Result<Self, OpenError> {
        let exceptions =
            IntGauge::new("soc_collector_exceptions", "Exceptions that are in force.")?;
        let hidden = IntCounter::new(
            "soc_collector_findings_hidden_total",
            "Findings that exceptions kept from becoming alerts.",
        )?;
        registry.register(Box::new(exceptions.clone()))?;
        registry.register(Box::new(hidden.clone()))?;
        let Rooms { store, journal, alerts, clock, bus } = rooms;
        let in_force = Arc::new(watch::Sender::new(Arc::new(InForce::default())));
        let room = Self { store, journal, alerts, clock, bus, in_force, exceptions, hidden };
        room.refresh().await?;
        Ok(room)
    }

    /// Wakes when something else is in force.
    pub(crate) fn in_force(&self) -> Arc<watch::Sender<Arc<InForce>>> {
        self.in_force.clone()
    }

    /// Looks after ends and the tree of agencies until told to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            if let Err(error) = self.look().await {
                tracing::error!(%error, "exceptions: looked at again later");
            }
            tokio::select! {
                () = stopped(&mut shutdown) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), Error> {
        self.refresh().await?;
        self.tell_expiring().await
    }

    /// Puts in force what the database says.
    async fn refresh(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let loaded = in_force::load(&self.store, now).await?;
        self.exceptions.set(loaded.count_at(now));
        self.in_force.send_if_modified(|known| {
            let is_other = **known != loaded;
            if is_other {
                *known = Arc::new(loaded);
            }
            is_other
        });
        Ok(())
    }

    /// After a change was committed.
    async fn changed(&self) -> Result<(), Error> {
        self.refresh().await?;
        self.bus.tell(Notice::Rules);
        Ok(())
    }

    /// Counts what was hidden in a batch that is committed.
    pub(crate) fn count_hidden<'h>(&self, hidden: impl Iterator<Item = &'h Hidden>) {
        let count: i64 = hidden.map(|hidden| hidden.count).sum();
        self.hidden.inc_by(u64::try_from(count).unwrap_or(0));
    }
}

/// The room cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is in force cannot be read.
    #[error(transparent)]
    Tuning(#[from] Error),
    /// Two rooms count under one name.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What one exception hid of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// Findings.
    pub count: i64,
    /// When the latest of their events was received, in microseconds.
    pub at: i64,
}

/// Counts what exceptions hid, in the transaction of detection's checkpoint.
pub(crate) async fn write_hidden<'h>(
    tx: &mut SqliteConnection,
    hidden: impl Iterator<Item = (&'h i64, &'h Hidden)>,
) -> sqlx::Result<()> {
    for (exception, Hidden { count, at }) in hidden {
        sqlx::query(
            "UPDATE exception SET hidden = hidden + ?, hidden_at = max(coalesce(hidden_at, 0), ?)
             WHERE id = ?",
        )
        .bind(count)
        .bind(at)
        .bind(exception)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
