//! What the agent knows about itself, for `soc-agent status`, metrics and heartbeats.
//!
//! The running agent keeps one [`Board`] and writes it to `status.json` in the state folder;
//! `soc-agent status` only reads that file, so it needs no channel into the running agent. The file
//! says nothing secret.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sensor::counts::Count;
use crate::sensor::{Root, Signs};
use crate::uplink::{LogsWait, Today};
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
    /// What the agent is configured like.
    #[serde(default)]
    pub configuration: ConfigurationReport,
    /// What the agent uses of the machine.
    #[serde(default)]
    pub own: OwnReport,
}

/// What the agent is configured like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationReport {
    /// Of the collector's configuration that is run with; 0 is this machine's file alone.
    pub version: u64,
    /// What people call it.
    pub label: String,
    /// Whether it may still be gone back from.
    pub is_on_trial: bool,
    /// The last one that was refused or gone back from, and why.
    pub not_kept: Option<String>,
}

/// What the agent uses of the machine, as last measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnReport {
    /// Resident bytes.
    pub memory: u64,
    /// Their cap.
    pub memory_max: u64,
    /// Processor time in ten thousandths of one core.
    pub cpu_permyriad: u64,
    /// Its cap, in hundredths.
    pub cpu_max_pct: u64,
    /// How often a measurement in this run was above a cap.
    pub exceeded: u64,
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
    /// Connections that came about in this run.
    #[serde(default)]
    pub connections: u64,
    /// What was sent today.
    #[serde(default)]
    pub today: Today,
    /// What logs wait for, while they do.
    #[serde(default)]
    pub logs_wait: Option<LogsWait>,
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
    /// What it said when it last ended by itself, or why it is shed.
    pub why: Option<String>,
    /// Whose word it runs (or does not) by: `default`, `this machine's file`, `collector, …`.
    #[serde(default)]
    pub by: String,
    /// Whether it may be shed.
    #[serde(default)]
    pub is_optional: bool,
    /// When it delivered last, by the system's clock.
    #[serde(default)]
    pub last_event: Option<Timestamp>,
}

impl SensorReport {
    /// In a state, with nothing else known.
    pub fn of(state: SensorState) -> Self {
        let by = "default".to_owned();
        Self { state, restarts: 0, why: None, by, is_optional: false, last_event: None }
    }
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
    /// It is switched off.
    Off,
    /// The agent does without it to stay within its caps.
    Shed,
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
pub struct Board {
    report: Arc<Mutex<Report>>,
    /// Of each sensor, across its restarts.
    signs: Arc<Mutex<BTreeMap<String, Signs>>>,
}

impl Board {
    /// A board of this process.
    pub fn new(run: RunId) -> Self {
        let signs = Arc::default();
        let report = Arc::new(Mutex::new(Report {
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
            configuration: ConfigurationReport::default(),
            own: OwnReport::default(),
        }));
        Self { report, signs }
    }

    /// The signs of life of a sensor.
    pub fn signs(&self, sensor: &str) -> Signs {
        let mut signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        signs.entry(sensor.to_owned()).or_default().clone()
    }

    /// What was sent on the day it is now.
    pub fn today(&self, now: Timestamp) -> Today {
        self.change(|report| {
            report.uplink.today = std::mem::take(&mut report.uplink.today).at(now);
            report.uplink.today.clone()
        })
    }

    /// So many bytes were sent.
    pub fn sent(&self, now: Timestamp, bytes: u64) {
        self.change(|report| {
            let mut today = std::mem::take(&mut report.uplink.today).at(now);
            today.bytes += bytes;
            report.uplink.today = today;
        });
    }

    /// Changes what is known.
    pub fn change<T>(&self, change: impl FnOnce(&mut Report) -> T) -> T {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known now.
    pub fn report(&self) -> Report {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, entry) in &mut report.sensors {
            let delivered = signs.get(name).and_then(Signs::delivered);
            entry.last_event = delivered.or(entry.last_event);
        }
        report
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
        let is_down =
            |entry: &SensorReport| matches!(entry.state, SensorState::Failed | SensorState::Shed);
        self.uplink.connected
            && self.uplink.problem.is_none()
            && self.spool.trouble.is_none()
            && !self.sensors.values().any(is_down)
    }
}

#[cfg(test)]
mod tests;
