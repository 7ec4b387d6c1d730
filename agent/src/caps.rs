//! What the agent may use of its machine, and what it gives up to keep to it.
//!
//! Memory and processor time are measured every ten seconds. What is above a cap for half a minute
//! sheds one optional sensor after the other, the last one first; when there has been room for a
//! while they come back, each time later. Every step is reported as `agent.shed`. Without optional
//! sensors left it says so and goes on: the service's own `MemoryMax` is the end. Knows sensors by
//! their names only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use soc_event::{Event, kind};
use tokio::sync::watch;

use crate::sensor::{Clock, Delivery, Observation, Outlet, Root};
use crate::size::Bytes;
use crate::status::{Board, OwnReport, SensorState};

mod judge;

use judge::{Judge, Step};

/// Settings of the caps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most resident memory.
    pub memory_max: Bytes,
    /// Most processor time, in hundredths of one core.
    pub cpu_max_pct: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { memory_max: Bytes::mebi(48), cpu_max_pct: 25 }
    }
}

/// Less is not enough for the agent alone.
const MEMORY_LEAST: Bytes = Bytes::mebi(16);
/// How often it is measured.
const EVERY: Duration = Duration::from_secs(10);

impl Config {
    /// Everything that is out of range, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let memory = (self.memory_max < MEMORY_LEAST)
            .then(|| "self.memory_max is too small; it must be at least 16 MiB".to_owned());
        let cpu = (!(1..=100).contains(&self.cpu_max_pct))
            .then(|| format!("self.cpu_max_pct is {}; it must be 1 to 100", self.cpu_max_pct));
        memory.into_iter().chain(cpu).collect()
    }
}

/// What was used at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Resident bytes.
    pub memory: u64,
    /// Hundredths of one core since the last reading.
    pub cpu_pct: f64,
}

/// Which sensors are shed, and why.
pub type Shed = BTreeMap<String, String>;

/// Keeps the agent within its caps.
pub struct Caps {
    /// Settings, as they are now.
    pub config: watch::Receiver<Config>,
    /// What runs, and where to say what is used.
    pub board: Board,
    /// Told which sensors to do without.
    pub shed: watch::Sender<Shed>,
    /// Where steps are reported.
    pub outlet: Outlet,
    /// Stamps them.
    pub clock: Arc<dyn Clock>,
    /// Where `/` is.
    pub root: Root,
}

impl Caps {
    /// Measures until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut judge = Judge::default();
        let mut before = (Instant::now(), processor_time());
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let now = (Instant::now(), processor_time());
            let wall = now.0.saturating_duration_since(before.0).as_secs_f64().max(0.001);
            let cpu_pct = now.1.saturating_sub(before.1).as_secs_f64() / wall * 100.0;
            before = now;
            let memory = resident(&self.root).unwrap_or(0);
            self.step(&mut judge, Reading { memory, cpu_pct }).await;
        }
    }

    async fn step(&self, judge: &mut Judge, reading: Reading) {
        let config = self.config.borrow().clone();
        let sheddable: Vec<String> = {
            let report = self.board.report();
            let is_sheddable = |name: &&String| {
                report.sensors.get(*name).is_some_and(|sensor| {
                    sensor.is_optional && sensor.state == SensorState::Running
                })
            };
            report.sensors.keys().filter(is_sheddable).cloned().collect()
        };
        let step = judge.next(reading, &config, &sheddable);
        self.board.change(|report| {
            let exceeded =
                report.own.exceeded + u64::from(judge::excess(reading, &config).is_some());
            report.own = OwnReport {
                memory: reading.memory,
                memory_max: config.memory_max.get(),
                // Two decimals are enough to be looked at.
                cpu_permyriad: (reading.cpu_pct * 100.0).round().clamp(0.0, 1e9) as u64,
                cpu_max_pct: config.cpu_max_pct,
                exceeded,
            };
        });
        match step {
            Step::Nothing => {}
            Step::Shed { sensor, why } => {
                self.shed.send_modify(|shed| {
                    shed.insert(sensor.clone(), why.clone());
                });
                self.tell(&sensor, true, &why).await;
            }
            Step::Restore { sensor } => {
                self.shed.send_modify(|shed| {
                    shed.remove(&sensor);
                });
                self.tell(&sensor, false, "there is room again").await;
            }
        }
    }

    async fn tell(&self, sensor: &str, is_off: bool, why: &str) {
        tracing::warn!(sensor, is_off, why, "sensor shed or restored");
        let event = Event::own(self.clock.now(), kind::AGENT_SHED)
            .with("agent.sensor", sensor)
            .with("agent.shed.off", is_off)
            .with("agent.shed.reason", why);
        let observations = vec![Observation::alert(event)];
        // Refused only when the agent stops.
        let _ = self.outlet.send(Delivery { observations, positions: Vec::new() }).await;
    }
}

/// Source: proc_pid_status(5), `VmRSS`.
fn resident(root: &Root) -> Option<u64> {
    let text = std::fs::read_to_string(root.path("/proc/self/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or(0))
}
