//! Trends: what each agency was like on each day.
//!
//! While the collector runs it measures again and again and keeps the last measurement of each day.
//! Raised alerts of the day before are counted once more after midnight, as alerts know when they
//! were raised; nothing else is made up afterwards. A day on which nobody measured is a gap. Today is
//! measured when it is asked for.
//!
//! Days are those of the collector's zone. Figures are kept by agency and added up when they are
//! read, so that an agency that moves takes its past along. It asks the rooms that own machines and
//! alerts, and reads no table of theirs.

mod day;
mod figures;
mod keep;
mod read;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use soc_event::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::alert::{self, Alerts};
use crate::clock::Clock;
use crate::fleet::{self, Fleet};
use crate::stop::stopped;
use crate::store::Store;

pub use figures::Figures;
pub use read::{Day, Trend};

/// Between two measurements.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// Days that are kept: three years and a little.
const DAYS_KEPT: i32 = 1_100;
/// Days of one answer at the most.
pub const DAYS_MAX: u32 = 400;

/// Figures that cannot be measured or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machines.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// The alerts.
    #[error(transparent)]
    Alerts(#[from] alert::Error),
    /// The database.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A moment that is no day of the calendar.
    #[error("calendar: {0}")]
    Calendar(#[from] jiff::Error),
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trends(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    fleet: Fleet,
    alerts: Alerts,
    clock: Clock,
    zone: TimeZone,
}

impl Trends {
    /// Opens the room.
    pub fn new(store: Store, fleet: Fleet, alerts: Alerts, clock: Clock, zone: TimeZone) -> Self {
        Self(Arc::new(Inner { store, fleet, alerts, clock, zone }))
    }

    /// Measures until told to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped(&mut shutdown) => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.measure().await {
                tracing::error!(%error, "today's figures were not kept; they are tried again");
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

#[cfg(test)]
mod tests;
