//! What is shown of the fleet: the shapes of the API, and the questions behind them.

mod machine;
mod machines;
mod neighbours;
mod overview;

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::State;
use crate::access::listed;

pub use neighbours::{
    Decided, Neighbour, NeighbourCoverage, NeighbourDecision, NeighbourFilter, Witness,
};

/// An agency as others name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AgencyRef {
    /// Which.
    pub id: i64,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// A state of antivirus. Of several products the best decides.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(rename_all = "lowercase")]
pub enum AntivirusState {
    /// Runs, in real time, with new signatures.
    Protected,
    /// Runs, but something is lacking.
    Weak,
    /// There, but does not run.
    Off,
    /// No product.
    Missing,
    /// Not known: never healthy.
    Unknown,
}

impl AntivirusState {
    /// All states, for metrics.
    pub const ALL: [Self; 5] =
        [Self::Protected, Self::Weak, Self::Off, Self::Missing, Self::Unknown];

    /// The word used in the API and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Weak => "weak",
            Self::Off => "off",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// Antivirus of one machine, summed up.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AntivirusSummary {
    /// Of the best product.
    pub state: AntivirusState,
    /// The best product.
    pub product: Option<String>,
    /// How old its signatures are now.
    pub signatures_age_days: Option<f64>,
    /// Why it is not better.
    pub reasons: Vec<String>,
}

/// How many machines are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MachineCounts {
    /// All of them.
    pub total: i64,
    /// Heard lately.
    pub online: i64,
    /// Unheard without goodbye.
    pub silent: i64,
    /// Stopped by somebody.
    pub stopped: i64,
    /// Asleep.
    pub asleep: i64,
    /// Enrolled, never heard.
    pub never: i64,
}

impl MachineCounts {
    /// Those in a state.
    pub fn of(&self, state: State) -> i64 {
        match state {
            State::Never => self.never,
            State::Online => self.online,
            State::Silent => self.silent,
            State::Stopped => self.stopped,
            State::Asleep => self.asleep,
        }
    }
}

/// How many machines are protected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AntivirusCounts {
    /// Protected.
    pub protected: i64,
    /// Weak.
    pub weak: i64,
    /// Off or missing.
    pub unprotected: i64,
    /// Not known.
    pub unknown: i64,
    /// Protected of all, 0 to 1; none without machines.
    pub coverage: Option<f64>,
    /// Why weak ones are, most first; a machine may have several reasons.
    pub weak_reasons: Vec<ReasonCount>,
    /// Machines known to be on the network that have no agent; none where nobody looks for them.
    pub without_agent: Option<i64>,
}

/// How many machines are weak for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReasonCount {
    /// `realtime_off`, …; `other` for words that are not known.
    pub reason: String,
    /// So many machines.
    pub machines: i64,
}

/// The fleet's part of the overview.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OverviewFleet {
    /// By state.
    pub machines: MachineCounts,
    /// By antivirus.
    pub antivirus: AntivirusCounts,
    /// Machines whose best product's signatures are older than 15 days.
    pub signatures_outdated: i64,
}

/// Which machines are asked for; nothing chosen means all that may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineFilter {
    /// Part of the name, the address or the system.
    pub q: Option<String>,
    /// Code of an agency; those below it belong to it.
    pub agency: Option<String>,
    /// In one of these states.
    pub states: Vec<State>,
    /// With antivirus in one of these states.
    pub antivirus: Vec<AntivirusState>,
    /// Whose antivirus is not better for this reason.
    pub antivirus_reason: Option<String>,
    /// Hosts of this information system.
    pub system: Option<i64>,
    /// Whose may be seen.
    pub agencies: Agencies,
}

impl MachineFilter {
    /// All of these agencies.
    pub fn of(agencies: Agencies) -> Self {
        Self {
            q: None,
            agency: None,
            states: Vec::new(),
            antivirus: Vec::new(),
            antivirus_reason: None,
            system: None,
            agencies,
        }
    }
}

/// The order of machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineSort {
    /// By name.
    #[default]
    Hostname,
    /// Unheard the longest first.
    LastHeard,
    /// By code of the agency.
    Agency,
    /// By state.
    State,
    /// By state of antivirus.
    Antivirus,
    /// Those with the highest risk first.
    Risk,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// So many at the most; 0 means 100, more than 1000 means 1000.
    pub limit: u32,
    /// Where the page before ended: [`Page::next`].
    pub cursor: Option<String>,
}

impl PageRequest {
    pub(super) fn limit(&self) -> i64 {
        i64::from(if self.limit == 0 { 100 } else { self.limit.min(1000) })
    }

    /// What is no cursor of ours begins at the start.
    pub(super) fn offset(&self) -> i64 {
        let offset = self.cursor.as_deref().and_then(|cursor| cursor.parse::<u32>().ok());
        i64::from(offset.unwrap_or(0))
    }
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// These.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: i64,
}

/// A whole list.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Items<T> {
    /// All of them.
    pub items: Vec<T>,
}

/// One machine in a table.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct MachineRow {
    /// Its agent.
    pub id: String,
    /// What it calls itself.
    pub hostname: String,
    /// Whose it is.
    pub agency: AgencyRef,
    /// Whether it is there.
    pub state: State,
    /// When it was last heard.
    #[schema(value_type = Option<String>)]
    pub last_heard: Option<Timestamp>,
    /// Name and version of the system.
    pub os: String,
    /// Its addresses.
    pub ip: Vec<String>,
    /// Antivirus, summed up.
    pub antivirus: AntivirusSummary,
    /// Open ports that others than itself can reach or not.
    pub open_ports: i64,
    /// Open ports on addresses of the network.
    pub open_ports_lan: i64,
    /// Open alerts. The fleet knows no alerts: whoever shows this fills it in.
    pub alerts_open: i64,
    /// Points of its alerts, which decay. Filled in by whoever shows this, too.
    pub risk: f64,
    /// Share of the processors in use, 0 to 1.
    pub cpu: Option<f64>,
    /// Share of the memory in use, 0 to 1.
    pub memory_used: Option<f64>,
    /// Share of the fullest disk in use, 0 to 1.
    pub disk_used: Option<f64>,
    /// Its clock minus the collector's.
    pub clock_offset_us: Option<i64>,
    /// Version of the agent.
    pub agent_version: String,
    /// Highest level of the information systems it belongs to, 1 to 5; 0 of none.
    pub importance: i64,
}

/// One machine in full.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Machine {
    /// What the table has.
    #[serde(flatten)]
    pub row: MachineRow,
    /// Fields of the last `host.inventory`, with its `time`.
    pub inventory: Option<serde_json::Value>,
    /// Fields of the last `antivirus.status` of each product, with its `time`.
    pub antivirus_products: Vec<serde_json::Value>,
    /// Fields of the last `antivirus.selftest`, with its `time`.
    pub antivirus_selftest: Option<serde_json::Value>,
    /// Fields of the last `host.heartbeat`, with its `time`.
    pub heartbeat: Option<serde_json::Value>,
    /// When it became an agent.
    #[schema(value_type = String)]
    pub enrolled_at: Timestamp,
    /// When its certificate ends.
    #[schema(value_type = String)]
    pub certificate_expires_at: Timestamp,
    /// Hash over hardware and system, at enrolment.
    pub fingerprint: String,
    /// Information systems it belongs to.
    pub systems: Vec<super::SystemRef>,
    /// What people have written down about it.
    pub record: super::HostRecord,
}

/// A port with when it opened and closed, by the machine's clock.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Port {
    /// tcp or udp.
    pub transport: String,
    /// loopback, lan, any or namespace (a container's).
    pub scope: String,
    /// The bound address.
    pub address: String,
    /// Its number.
    pub port: i64,
    /// Name of the process.
    pub process: Option<String>,
    /// Its program, where known.
    pub executable: Option<String>,
    /// Whose process.
    pub user: Option<String>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// Its number, when last seen.
    pub pid: Option<i64>,
    /// First seen open.
    #[schema(value_type = String)]
    pub opened_at: Timestamp,
    /// Seen closed.
    #[schema(value_type = Option<String>)]
    pub closed_at: Option<Timestamp>,
    /// Further fields of the last event about it: `port.reachable`, `package.name`, …
    #[schema(value_type = Object)]
    pub fields: serde_json::Value,
    /// Who approved it, if anybody did.
    pub approval: Option<super::Approval>,
    /// How many machines of the agency have or had it, this one included; at most 100.
    pub machines_agency: i64,
    /// How many of all.
    pub machines_fleet: i64,
}

/// A heartbeat, or the mean of several.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct HeartbeatPoint {
    /// When; of several, the last.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Share of the processors in use, 0 to 1.
    pub cpu: Option<f64>,
    /// Bytes of memory in use.
    pub memory_used: Option<f64>,
    /// Bytes of memory.
    pub memory_total: Option<f64>,
    /// Share of the fullest disk in use, 0 to 1.
    pub disk_used: Option<f64>,
    /// Bytes of memory the agent uses.
    pub agent_memory: Option<f64>,
    /// Share of one processor the agent uses, 0 to 1.
    pub agent_cpu: Option<f64>,
    /// Events in the agent's spool.
    pub spool_events: Option<f64>,
}

/// Where an agent's own metrics can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsListener {
    /// Which agent.
    pub agent: String,
    /// Of which host.
    pub hostname: String,
    /// Of which agency.
    pub agency_code: String,
    /// Address and port, as the agent says in its inventory (`agent.metrics.address`).
    pub address: String,
}

/// Adds `AND agency … ` where not all may be seen; the query has a table `agent`.
fn push_scope(query: &mut QueryBuilder<Sqlite>, agencies: &Agencies) {
    query.push(" AND ");
    push_agencies(query, "agent.agency", agencies);
}

/// Adds that a column is one of these agencies.
pub(crate) fn push_agencies(
    query: &mut QueryBuilder<Sqlite>,
    column: &'static str,
    agencies: &Agencies,
) {
    match listed(agencies) {
        None => query.push("TRUE"),
        Some(list) => {
            query.push(column).push(" IN (SELECT value FROM json_each(").push_bind(list).push("))")
        }
    };
}
