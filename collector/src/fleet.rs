//! The fleet: agencies, agents, and what each machine was like when it was last heard.
//!
//! Two ways lead in. At enrolment the gateway writes who an agent is. Everything else is a
//! projection of the journal: read in order from the checkpoint `fleet`, written in one transaction
//! together with the checkpoint, so that a crash repeats nothing and misses nothing.
//!
//! **Silence.** An agent is silent when nothing has been heard of it for [`Config::silence_after`],
//! by a clock that cannot be set, counted from the start of this process at the earliest. Then the
//! event `agent.silent` goes into the journal; the state changes when the projection meets that
//! event, and changes back when it meets a later event of the agent. So there is one event per
//! silence also when the collector is killed at any moment: nobody is judged before the projection
//! has passed everything that an earlier process wrote, and whoever is silent already is not judged
//! again. An agent that said goodbye (`agent.stopped`) is stopped or asleep, not silent.
//!
//! **Ports.** What operators approve is a baseline; each port that opens is judged against it and
//! told as `port.judged` (`judgement`), the event that rules look at.
//!
//! Unknown is a state of its own and never counts as protected. Text from agents is stored as text
//! and becomes neither a name of a metric nor SQL. It knows no rules and no alerts.

mod agency;
mod antivirus;
mod approvals;
mod baseline;
mod connections;
mod enrolment;
mod host;
mod imported;
mod judgement;
mod known;
mod life;
mod metrics;
mod neighbour;
mod ports;
mod projection;
mod record;
mod runs;
mod silence;
mod systems;
mod token;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use soc_event::AgentId;

use crate::clock::Clock;
use crate::journal::{self, Journal};
use crate::live::Bus;
use crate::metrics::Stage;
use crate::store::{self, Store};

pub use agency::{
    Agency, AgencyPast, AgencyThen, AgencyView, Change, HistoryRow, MoveMachines, Order, Outcome,
    OutcomeRow, Part, Target, Targets,
};
pub(crate) use agency::{Done, Work, parents, visible};
pub(crate) use agency::{check_code, check_name};
pub(crate) use baseline::pass_on;
pub use baseline::{Approval, Approve, ApproveMany, Approved, PortName};
pub use connections::Connection;
pub use enrolment::{Application, Enrolled};
pub(crate) use known::Standing;
pub use known::{Who, WhoThen};
pub use life::State;
pub use record::{HostRecord, HostRecordDraft};
pub(crate) use record::{check as check_record, draft_of as record_draft_of, put as put_record};
pub(crate) use runs::{RunRow, RunState};
pub use systems::{
    Approval as SystemApproval, Checked, Contact, Rollout, System, SystemDraft, SystemFilter,
    SystemKind, SystemRef,
};
pub(crate) use systems::{check_system, draft_of as system_draft_of, put_system, system_levels};
pub use token::TokenRow;
pub(crate) use views::push_agencies;
pub use views::{
    AgencyFigures, AgencyRef, AntivirusCounts, AntivirusProduct, AntivirusState, AntivirusSummary,
    Beginning, FleetChanges, HeartbeatPoint, Items, Machine, MachineChange, MachineCounts,
    MachineFilter, MachineOrder, MachineRow, MachineSort, MetricsListener, OpenPort, OverviewFleet,
    Page, PageRequest, Port, PortApprovals, PortFilter, PortMachine, PortOrder, PortSort,
    ReasonCount, SilenceReason,
};
pub use views::{
    Decided, Neighbour, NeighbourCoverage, NeighbourDecision, NeighbourFilter, Witness,
};

/// How long until a machine counts as silent, and how long heartbeats are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Unheard for so long, an agent is silent. Default 85 s: the alert is there within 90 s.
    pub silence_after: Duration,
    /// Heartbeats are kept so long. Default seven days.
    pub heartbeats_kept: Duration,
    /// Closed ports are kept so long. Default 90 days.
    pub closed_ports_kept: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            silence_after: Duration::from_secs(85),
            heartbeats_kept: Duration::from_secs(7 * 86_400),
            closed_ports_kept: Duration::from_secs(90 * 86_400),
        }
    }
}

/// What the fleet cannot do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no agency with this code: whoever named it has to choose another.
    #[error("no agency has the code {0:?}")]
    NoSuchAgency(String),
    /// The code is taken, or the name or code is not acceptable.
    #[error("{0}")]
    Refused(String),
    /// Somebody else changed it meanwhile: what it is now.
    #[error("{0}")]
    Changed(String),
    /// The token is unknown, used up or expired.
    #[error("the enrolment token is unknown, used up or expired; ask for a new one")]
    Token,
    /// No certificate could be made.
    #[error(transparent)]
    Pki(#[from] crate::pki::Error),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Something stored is not what this program writes.
    #[error("database content: {0}")]
    Content(String),
    /// A metric was registered twice.
    #[error("fleet metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The fleet. Cheap to clone; clones are one fleet.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    store: Store,
    journal: Journal,
    bus: Bus,
    clock: Clock,
    config: Config,
    metrics: metrics::Metrics,
    /// Reading the journal.
    projecting: Stage,
    known: known::Known,
    ports_told: judgement::Told,
    /// Held while machines enter or change agencies, so that memory follows the database in order.
    moving: tokio::sync::Mutex<()>,
    /// Machines without an agent as last counted, by agency; only agencies in which an agent looks
    /// around.
    without_agent: RwLock<HashMap<i64, i64>>,
}

/// The name of the fleet as a reader of the journal.
const READER: &str = "fleet";

impl Fleet {
    /// Reads who is enrolled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn new(
        store: Store,
        journal: Journal,
        bus: Bus,
        clock: Clock,
        config: Config,
        registry: &prometheus::Registry,
    ) -> Result<Self, Error> {
        let metrics = metrics::Metrics::new(registry)?;
        let projecting = Stage::new(registry, "fleet")?;
        journal.add_reader(READER);
        let known = known::Known::load(&store).await?;
        let ports_told = judgement::Told::new(*journal.end().borrow());
        let without_agent = RwLock::default();
        let inner = Inner {
            store,
            journal,
            bus,
            clock,
            config,
            metrics,
            projecting,
            known,
            ports_told,
            moving: tokio::sync::Mutex::default(),
            without_agent,
        };
        let fleet = Self(Arc::new(inner));
        fleet.check_journal().await?;
        fleet.0.journal.set_low_water(READER, fleet.checkpoint().await?);
        fleet.finish_accusations().await?;
        Ok(fleet)
    }

    /// Who an agent is; from memory.
    pub fn who(&self, agent: AgentId) -> Option<Who> {
        self.0.known.who(agent)
    }

    /// Who it is in an event at this position of the journal: a machine that has moved is its former
    /// agency's in events before that. From memory.
    pub fn who_at(&self, agent: AgentId, position: journal::Position) -> WhoThen {
        self.0.known.who_at(agent, position)
    }

    /// Past agencies a machine came from with them, nearest first: what was settled for those still
    /// holds for it. From memory.
    pub fn formerly(&self, agent: AgentId) -> Vec<i64> {
        self.0.known.formerly(agent)
    }

    /// Something authentic was received from the agent: it is alive.
    pub fn heard(&self, agent: AgentId) {
        self.0.known.heard(agent, self.0.clock.now());
    }

    /// Whether the agent may speak; from memory.
    pub(crate) fn standing(&self, agent: AgentId) -> Standing {
        self.0.known.standing(agent)
    }

    /// What time it is, for rooms that work for the fleet.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// How far the projection is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn checkpoint(&self) -> Result<journal::Position, Error> {
        let row: Option<i64> =
            sqlx::query_scalar("SELECT position FROM checkpoint WHERE reader = ?")
                .bind(READER)
                .fetch_optional(self.0.store.pool())
                .await?;
        let stored = row.and_then(|position| u64::try_from(position).ok());
        Ok(stored.map_or(journal::Position::FIRST, journal::Position))
    }

    /// A checkpoint beyond the end of the journal is of another journal (this one was begun anew):
    /// it means nothing, and neither do the positions beside it.
    async fn check_journal(&self) -> Result<(), Error> {
        let (checkpoint, end) = (self.checkpoint().await?, *self.0.journal.end().borrow());
        if checkpoint <= end {
            return Ok(());
        }
        tracing::warn!(
            checkpoint = checkpoint.0,
            end = end.0,
            "the journal was begun anew: the projection begins with its first event"
        );
        let mut tx = self.0.store.write().await?;
        for sql in [
            "UPDATE port SET touched = 0",
            "DELETE FROM port_snapshot",
            "DELETE FROM port_untold",
            "DELETE FROM agent_was",
            "DELETE FROM checkpoint WHERE reader = 'fleet'",
        ] {
            sqlx::query(sql).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("config", &self.0.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
