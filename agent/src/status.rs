//! What the agent knows about itself, for `soc-agent status`, metrics and heartbeats.
//!
//! The running agent keeps one [`Board`] and writes it to `status.json` in the state folder;
//! `soc-agent status` only reads that file, so it needs no channel into the running agent. The file
//! says nothing secret.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sensor::Root;
use crate::sensor::counts::Count;
use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Lane, RunId, Timestamp};

mod page;

pub use page::page;

/// The file in the state folder.
pub const FILE: &str = "status.json";
/// How often the file is written.
pub const WRITE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(15);

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the agent.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// This start of the process.
    pub run: RunId,
    /// When this was written, by the system's clock.
    pub written: Timestamp,
    /// Who the collector knows us as; none before enrolment.
    pub agent: Option<AgentId>,
    /// `https://HOST:PORT`
    pub collector: Option<String>,
    /// The connection.
    pub uplink: UplinkReport,
    /// What is on disk.
    pub spool: SpoolReport,
    /// The sensors by name.
    pub sensors: BTreeMap<String, SensorReport>,
    /// What became of the lines of each log, by path or `journald`.
    #[serde(default)]
    pub logs: BTreeMap<String, Count>,
    /// What time it is.
    pub clock: ClockReport,
}

/// The connection to the collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkReport {
    /// Whether there is a connection now.
    pub connected: bool,
    /// When the collector last acknowledged, by the system's clock.
    pub last_ack: Option<Timestamp>,
    /// Why there is no connection, or what was refused last; none while all is well.
    pub problem: Option<String>,
    /// Until when the certificate is good.
    pub certificate_expires: Option<Timestamp>,
    /// Batches taken by the collector in this run.
    pub batches: u64,
    /// Bytes of these, compressed.
    pub bytes: u64,
    /// Connections that failed or broke in this run.
    pub failures: u64,
}

/// What is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolReport {
    /// The lanes, most important first.
    pub lanes: Vec<LaneReport>,
    /// Why nothing can be written.
    pub trouble: Option<String>,
}

/// One lane of the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneReport {
    /// Which.
    pub lane: Lane,
    /// Events that wait to be sent.
    pub unsent: u64,
    /// Events kept, sent or not.
    pub kept: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Last sequence given.
    pub last: u64,
    /// Dropped for lack of room.
    pub dropped: u64,
    /// Refused by the collector for good.
    pub refused: u64,
}

/// How a sensor does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorReport {
    /// Running or why not.
    pub state: SensorState,
    /// How often it was started again after a failure.
    pub restarts: u32,
    /// What it said when it last ended by itself.
    pub why: Option<String>,
}

/// Whether a sensor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SensorState {
    /// It runs.
    Running,
    /// What it watches is not on this machine.
    Unavailable,
    /// It failed and will be started again.
    Failed,
    /// It ended because the agent stops.
    Stopped,
}

/// What time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReport {
    /// The system's clock minus the collector's.
    pub offset_us: Option<i64>,
    /// The time certificates are judged by.
    pub judged: Timestamp,
}

/// Where the rooms write what they know. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Board(Arc<Mutex<Report>>);

impl Board {
    /// A board of this process.
    pub fn new(run: RunId) -> Self {
        Self(Arc::new(Mutex::new(Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            run,
            written: Timestamp::default(),
            agent: None,
            collector: None,
            uplink: UplinkReport::default(),
            spool: SpoolReport::default(),
            sensors: BTreeMap::new(),
            logs: BTreeMap::new(),
            clock: ClockReport::default(),
        })))
    }

    /// Changes what is known.
    pub fn change(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is known now.
    pub fn report(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The sensors that run.
    pub fn is_running(&self, sensor: &str) -> bool {
        let report = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        report.sensors.get(sensor).is_some_and(|entry| entry.state == SensorState::Running)
    }
}

impl SpoolReport {
    /// Of the spool as it is.
    pub fn of(view: &crate::spool::View) -> Self {
        let report = |lane: Lane| {
            let of = view.lane(lane);
            LaneReport {
                lane,
                unsent: of.unsent,
                kept: of.kept,
                bytes: of.bytes,
                last: of.last.0,
                dropped: of.dropped,
                refused: of.refused,
            }
        };
        Self { lanes: Lane::ALL.map(report).to_vec(), trouble: view.trouble.clone() }
    }
}

/// Writes the report into the state folder; readers see the old or the new one, never half.
///
/// # Errors
/// What the system said.
pub fn write(report: &Report, state: &Path) -> std::io::Result<()> {
    let temporary = state.join("status.json.new");
    std::fs::write(&temporary, serde_json::to_vec_pretty(report)?)?;
    std::fs::rename(temporary, state.join(FILE))
}

/// Reads the report; none if the agent never ran here.
///
/// # Errors
/// What the system said, or that the file is damaged.
pub fn read(state: &Path) -> std::io::Result<Option<Report>> {
    match std::fs::read(state.join(FILE)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Report {
    /// Whether the process that wrote this still runs; another one may have been given its number.
    pub fn is_running(&self, root: &Root) -> bool {
        let name = std::fs::read_to_string(root.path(format!("/proc/{}/comm", self.pid)));
        name.is_ok_and(|name| name.trim() == "soc-agent")
    }

    /// Whether there is nothing to do about it.
    pub fn is_well(&self) -> bool {
        self.uplink.connected && self.uplink.problem.is_none() && self.spool.trouble.is_none()
    }
}

#[cfg(test)]
mod tests;
