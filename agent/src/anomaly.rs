//! What is unusual about the logs, found on the way from the sensors to the spool.
//!
//! A stage in between: it looks at every log event of a [`Delivery`] and adds what is unusual to the
//! same delivery as `log.anomaly`, so that line, read position and finding commit together or not
//! at all. Sensors do not know it. What it has learned (`soc-anomaly`) is in one file of the state
//! folder, written every hour and at the end, whole or not at all; what was told since then is kept
//! as a position beside it, so that a crash forgets an hour of learning and repeats nothing.
//!
//! It never holds back what sensors saw: should judging fail, logs pass as if it were switched off,
//! and `agent.sensor_failed` says so. The only room beside `spool`, `enrol` and `status` that writes.

mod event;
mod line;
mod memory;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use soc_anomaly::{Anomaly, AnomalyId, Detector, Now, Settings};
use soc_event::{Event, Timestamp, kind};
use tokio::sync::{mpsc, watch};

use crate::clock::{JudgedClock, since_boot};
use crate::sensor::{Delivery, Observation, Outlet, Position, Positions, Root};
use memory::Memory;

/// How often time passes for what does not come.
const TICK: Duration = Duration::from_secs(60);
/// How often what was learned is written.
const SAVE: Duration = Duration::from_secs(3600);
/// Most ids in `anomaly.normal`.
const NORMAL_MAX: usize = 4096;

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether logs are judged at all.
    pub enabled: bool,
    /// Hours a log is watched before anything about it is judged.
    pub warmup_h: u64,
    /// Ids of anomalies (`anomaly.id`) that are normal here.
    pub normal: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, warmup_h: 72, normal: Vec::new() }
    }
}

impl Config {
    /// Everything that is wrong, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !(1..=2160).contains(&self.warmup_h) {
            let hours = self.warmup_h;
            mistakes.push(format!("anomaly.warmup_h is {hours}; it must be 1 to 2160"));
        }
        if self.normal.len() > NORMAL_MAX {
            mistakes.push(format!("anomaly.normal has more than {NORMAL_MAX} ids"));
        }
        let wrong = self.normal.iter().filter(|id| AnomalyId::parse(id).is_none());
        mistakes.extend(wrong.take(3).map(|id| {
            let shown: String = id.chars().take(40).collect();
            format!("anomaly.normal has {shown:?}; an id is 16 hexadecimal digits")
        }));
        mistakes
    }

    fn settings(&self) -> Settings {
        Settings {
            warmup_s: self.warmup_h.saturating_mul(3600),
            normal: self.normal.iter().filter_map(|id| AnomalyId::parse(id)).collect(),
        }
    }
}

/// The stage, ready to run.
pub struct Stage {
    /// Its settings, as they are now.
    pub config: watch::Receiver<Config>,
    /// The state folder.
    pub state: PathBuf,
    /// Where `/` is.
    pub root: Root,
    /// What time it is.
    pub clock: Arc<JudgedClock>,
    /// What was told since the file was written.
    pub positions: Arc<dyn Positions>,
    /// The spool.
    pub outlet: Outlet,
}

impl Stage {
    /// Passes deliveries on, with what is unusual about them, until nobody delivers any more.
    pub async fn run(mut self, mut deliveries: mpsc::Receiver<Delivery>) {
        let mut judge = None;
        self.adapt(&mut judge).await;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut save = tokio::time::interval_at(tokio::time::Instant::now() + SAVE, SAVE);
        loop {
            let mut delivery = tokio::select! {
                delivery = deliveries.recv() => match delivery {
                    Some(delivery) => delivery,
                    None => break,
                },
                Ok(()) = self.config.changed() => {
                    self.adapt(&mut judge).await;
                    continue;
                }
                _ = tick.tick(), if judge.is_some() => Delivery::default(),
                _ = save.tick(), if judge.is_some() => {
                    if let Some(judge) = &mut judge {
                        judge.save().await;
                    }
                    continue;
                }
            };
            if let Some(working) = &mut judge
                && catch_unwind(AssertUnwindSafe(|| working.add_to(&mut delivery))).is_err()
            {
                tracing::error!("judging logs failed; they pass unjudged until the next start");
                delivery.observations.push(Observation::alert(self.failed()));
                judge = None;
            }
            let is_empty = delivery.observations.is_empty() && delivery.positions.is_empty();
            if !is_empty && self.outlet.send(delivery).await.is_err() {
                break;
            }
        }
        if let Some(mut judge) = judge {
            judge.save().await;
        }
    }

    /// Judges as the settings are now; what was learned is kept.
    async fn adapt(&mut self, judge: &mut Option<Judge>) {
        let config = self.config.borrow_and_update().clone();
        match (config.enabled, judge.as_mut()) {
            (true, Some(judge)) => judge.detector.configure(config.settings()),
            (true, None) => *judge = Some(self.judge(config.settings()).await),
            (false, Some(known)) => {
                known.save().await;
                *judge = None;
            }
            (false, None) => {}
        }
    }

    async fn judge(&self, settings: Settings) -> Judge {
        let (memory, detector) = Memory::open(&self.state, settings, &*self.positions).await;
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        Judge { detector, memory, clock: self.clock.clone(), zone, boot: boot(&self.root) }
    }

    fn failed(&self) -> Event {
        Event::own(self.clock.system(), kind::AGENT_SENSOR_FAILED)
            .with("agent.sensor", "anomaly")
            .with("error.message", "panicked; logs pass unjudged until the agent starts again")
            .with("agent.sensor.restarts", 0_u64)
    }
}

struct Judge {
    detector: Detector,
    memory: Memory,
    clock: Arc<JudgedClock>,
    zone: TimeZone,
    boot: u64,
}

impl Judge {
    /// Adds what is unusual about a delivery, or about nothing having come.
    fn add_to(&mut self, delivery: &mut Delivery) {
        let (now, time) = (self.now(), self.clock.system());
        let mut found = Vec::new();
        let told = |anomalies: Vec<Anomaly>, of: Option<&Event>, found: &mut Vec<_>| {
            found.extend(
                anomalies.into_iter().map(|anomaly| (anomaly.id, event::of(anomaly, of, time))),
            );
        };
        told(self.detector.tick(now), None, &mut found);
        for observation in &delivery.observations {
            let event = &observation.event;
            if let Some(line) = line::of(event, time) {
                told(self.detector.see(&line, now), Some(event), &mut found);
            }
        }
        if found.is_empty() {
            return;
        }
        let ids: Vec<AnomalyId> = found.iter().map(|(id, _)| *id).collect();
        delivery.observations.extend(found.into_iter().map(|(_, event)| Observation::alert(event)));
        delivery
            .positions
            .push(Position { source: memory::POSITION.to_owned(), bytes: self.memory.told(&ids) });
    }

    fn now(&self) -> Now {
        let told = self.clock.collector_now();
        let utc = told.unwrap_or_else(|| self.clock.system());
        let moment = jiff::Timestamp::from_microsecond(utc.as_micros()).unwrap_or_default();
        let offset_s = i64::from(self.zone.to_offset(moment).seconds());
        Now {
            boot: self.boot,
            elapsed_s: since_boot().as_secs(),
            local_s: seconds(utc).saturating_add(offset_s),
            is_confirmed: told.is_some(),
        }
    }

    async fn save(&mut self) {
        self.memory.save(&self.detector).await;
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

/// A number for this start of the machine. Source: random(4), /proc/sys/kernel/random/boot_id.
fn boot(root: &Root) -> u64 {
    let text = std::fs::read_to_string(root.path("/proc/sys/kernel/random/boot_id"));
    let digits: String =
        text.unwrap_or_default().chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests;
