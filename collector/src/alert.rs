//! Alerts: what rules found, grouped, and what people did about it.
//!
//! `detect` raises findings inside its own transaction. A finding whose fingerprint (rule, machine,
//! grouping values) is that of an alert not yet closed is counted on that alert; otherwise it is a
//! new one. Ids come from rule, fingerprint and event id: the same journal gives the same alerts.
//!
//! An alert's level is the rule's, raised where its machine matters more. It is closed with a verdict;
//! two people who change it at once are told. One that began under a silence (room `silence`) is no
//! work until it is seen again after the silence's end.
//!
//! What the rule said and the first event are copied into the alert, so that it stays readable when
//! rules change and the journal forgets. Never: decides what is suspicious, sends anything away.

use prometheus::Registry;
use soc_archive::Agencies;

use crate::clock::Clock;
use crate::live::{Bus, Notice};
use crate::store::Store;

pub use bulk::{BULK_MAX, Outcome, Which};
pub use entity::EntityKind;
pub use evidence::{EventView, MachineRef, PredicateView};
pub use finding::{AgencyRef, Finding, Level, Said, Steps, Text, fingerprint};
pub use importance::Raise;
pub use noise::Noise;
pub use normal::{NormalRow, Scope};
pub(crate) use normal::{called_normal, pass_on};
pub use operate::{Action, Change};
pub use query::{Assignee, Cursor, Filter, Silenced};
pub use raise::{Begun, Raised};
pub use related::{Related, Shared};
pub use repeats::{First, Repeats, Sighting};
pub use risk::{UserRisk, risk};
pub use technique::{SeenTechnique, techniques_of};
pub use verdict::Verdict;
pub use view::{Alert, AlertRow, CorrelationView, HistoryRow, SilenceRef, State};

mod bulk;
mod entity;
mod evidence;
mod finding;
mod fold;
mod importance;
mod metrics;
mod noise;
mod normal;
mod operate;
mod query;
mod raise;
mod related;
mod repeats;
mod risk;
mod technique;
mod timeline;
mod verdict;
mod view;

pub use timeline::{Bucket, LevelCounts, Timeline, Unclosed};

/// Events remembered for one alert.
pub const EVENTS_MAX: usize = 32;
/// Alerts of one rule on one machine that are not closed; then one more counts all further groups.
/// Else a machine that is owned could fill table and screen with groups it makes up.
pub const GROUPS_MAX: i64 = 1000;
/// Longest comment in characters.
pub const COMMENT_MAX: usize = 4000;

/// Why something could not be done to an alert.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none with this id.
    #[error("there is no such alert")]
    NotFound,
    /// Its state does not allow it; somebody else may have been faster.
    #[error("the alert is {0} already")]
    Conflict(&'static str),
    /// Somebody has done something to it since it was seen.
    #[error("somebody changed the alert meanwhile")]
    Changed,
    /// The filter matches another number of alerts by now.
    #[error("the filter matches {0} alerts by now: look again")]
    CountChanged(i64),
    /// More than [`BULK_MAX`].
    #[error("at most {BULK_MAX} alerts at once: narrow the filter")]
    TooMany,
    /// Nobody of this name can work on the alert.
    #[error("nobody of this name can work on the alert")]
    NoOperator,
    /// It cannot be reopened: the same thing was seen again and is another alert now.
    #[error("the same was seen again since: work on alert {0} instead")]
    SeenAgain(i64),
    /// Only anomalies of logs can be called normal.
    #[error("this alert tells no anomaly of a log")]
    NoAnomaly,
    /// A comment is needed here.
    #[error("say in a comment how the alert was handled")]
    CommentMissing,
    /// Longer than [`COMMENT_MAX`].
    #[error("a comment has at most {COMMENT_MAX} characters")]
    CommentTooLong,
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A row holds what this version cannot read.
    #[error("alert in the database: {0}")]
    Row(#[from] serde_json::Error),
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Alerts {
    store: Store,
    clock: Clock,
    bus: Bus,
    metrics: metrics::Metrics,
}

impl Alerts {
    /// Opens the room; its metrics go into the registry.
    ///
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn new(
        store: Store,
        clock: Clock,
        bus: Bus,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let metrics = metrics::Metrics::new(registry)?;
        Ok(Self { store, clock, bus, metrics })
    }

    /// Counts and announces what a committed transaction raised.
    pub fn announce(&self, raised: &[Raised]) {
        for one in raised {
            if let Some(begun) = &one.begun {
                self.metrics.raised(begun);
            }
            self.bus.tell(Notice::Alert { id: one.id.clone(), agency: one.agency });
        }
    }

    /// Brings the metrics that are counted in the database up to date.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn measure(&self) -> Result<(), Error> {
        self.metrics.open(&self.unclosed(&Agencies::All).await?.open);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
