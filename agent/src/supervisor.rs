//! What runs: sensors, started again when they fail, and the wishes of the system.
//!
//! Every sensor is a task of its own. One that fails, panics or hangs stops alone, is reported as
//! `agent.sensor_failed` and started again after growing pauses; one whose object is not on this
//! machine is looked for seldom and without noise. When the configuration changes, only the sensors
//! whose part of it did are started again; those the caps shed are stopped. Nothing here knows what
//! a sensor watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::caps::Shed;
use crate::config::Effective;
use crate::sensor::{self, Context, Sensor};
use crate::status::{Board, SensorReport, SensorState};

mod keeper;
mod wish;

use keeper::Keeper;
pub use wish::{Wish, resumed, wishes};

/// Makes all sensors anew; called for every start of one.
pub type Build = Arc<dyn Fn(&sensor::Config) -> Vec<Box<dyn Sensor>> + Send + Sync>;

/// How long a sensor may take to hand over what it has when it is to stop.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// Keeps sensors running.
pub struct Supervisor {
    /// Makes them.
    pub build: Build,
    /// What each is given.
    pub context: Context,
    /// Where to say how they do.
    pub board: Board,
    /// Told the names of those that run, whenever they change.
    pub running: Arc<dyn Fn(Vec<&'static str>) + Send + Sync>,
    /// What they are to be like.
    pub effective: watch::Receiver<Arc<Effective>>,
    /// Which to do without.
    pub shed: watch::Receiver<Shed>,
}

/// What keepers share with the supervisor.
struct Shared {
    build: Build,
    context: Context,
    board: Board,
    running: Arc<dyn Fn(Vec<&'static str>) + Send + Sync>,
    /// Of all sensors there were so far.
    names: Mutex<BTreeSet<&'static str>>,
}

/// A sensor that is kept.
struct Kept {
    stop: watch::Sender<bool>,
    keeper: JoinHandle<()>,
}

type AllKept = BTreeMap<&'static str, Kept>;

impl Supervisor {
    /// Runs all sensors until told to stop, then waits for them, but not long.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self { build, context, board, running, mut effective, mut shed } = self;
        let shared = Arc::new(Shared { build, context, board, running, names: Mutex::default() });
        let mut kept = AllKept::new();
        let mut before: Option<Arc<Effective>> = None;
        loop {
            let now = effective.borrow_and_update().clone();
            let without = shed.borrow_and_update().clone();
            shared.follow(&mut kept, before.as_deref(), &now, &without).await;
            before = Some(now);
            // Whoever could change something may be gone: that is no reason to stop.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                Ok(()) = effective.changed() => {}
                Ok(()) = shed.changed() => {}
            }
        }
        end(kept.into_values()).await;
    }
}

impl Shared {
    /// Stops what is not to run (any more, or as it is), and starts what is.
    async fn follow(
        self: &Arc<Self>,
        kept: &mut AllKept,
        before: Option<&Effective>,
        now: &Arc<Effective>,
        shed: &Shed,
    ) {
        let sensors = (self.build)(&now.config.sensor);
        let wanted: BTreeMap<&'static str, bool> =
            sensors.iter().map(|sensor| (sensor.name(), sensor.is_optional())).collect();
        drop(sensors);
        self.names().extend(wanted.keys());
        let stays = |name: &&'static str| {
            let same = before.is_some_and(|before| !has_changed(name, before, now));
            wanted.contains_key(name) && !shed.contains_key(*name) && same
        };
        let ending: Vec<&'static str> = kept.keys().copied().filter(|name| !stays(name)).collect();
        end(ending.iter().filter_map(|name| kept.remove(name))).await;
        for name in ending {
            self.note(name, off(name, now, shed));
        }
        self.note_others(&wanted, now, shed);
        for (name, is_optional) in wanted {
            if !kept.contains_key(name) && !shed.contains_key(name) {
                kept.insert(name, self.start(name, is_optional, now));
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        name: &'static str,
        is_optional: bool,
        now: &Arc<Effective>,
    ) -> Kept {
        let (stop, stopped) = watch::channel(false);
        let entry = SensorReport {
            is_optional,
            by: now.by(name).to_owned(),
            ..SensorReport::of(SensorState::Running)
        };
        let keeper = Keeper::new(self.clone(), now.clone(), name, entry, stopped);
        Kept { stop, keeper: tokio::spawn(keeper.run()) }
    }

    /// What is switched off from the beginning is said, too.
    fn note_others(&self, wanted: &BTreeMap<&'static str, bool>, now: &Effective, shed: &Shed) {
        let is_sensors =
            |name: &String| now.tables.get(name).and_then(|table| table.get("enabled")).is_some();
        for name in now.tables.keys().filter(|name| is_sensors(name)) {
            if !wanted.contains_key(name.as_str()) {
                self.note(name, off(name, now, shed));
            }
        }
    }

    fn note(&self, name: &str, entry: SensorReport) {
        let running = self.board.change(|report| {
            // A sensor's own past stays with it.
            let before = report.sensors.insert(name.to_owned(), entry);
            if let (Some(before), Some(entry)) = (before, report.sensors.get_mut(name)) {
                entry.restarts = entry.restarts.max(before.restarts);
                entry.last_event = entry.last_event.or(before.last_event);
            }
            let is_running = |entry: &SensorReport| entry.state == SensorState::Running;
            let running = report.sensors.iter().filter(|(_, entry)| is_running(entry));
            running.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        });
        let names = self.names().clone();
        (self.running)(
            names.into_iter().filter(|name| running.iter().any(|one| one == name)).collect(),
        );
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a sensor's part of the configuration is another: its own table, or that of a sensor
/// it looks at.
fn has_changed(name: &str, before: &Effective, now: &Effective) -> bool {
    let differs = |table: &str| before.tables.get(table) != now.tables.get(table);
    differs(name) || sensor::looks_at(name).iter().any(|other| differs(other))
}

/// Why a sensor does not run.
fn off(name: &str, now: &Effective, shed: &Shed) -> SensorReport {
    let by = now.by(name).to_owned();
    match shed.get(name) {
        Some(why) => {
            let of = SensorReport::of(SensorState::Shed);
            SensorReport { why: Some(why.clone()), by, is_optional: true, ..of }
        }
        None => SensorReport { by, ..SensorReport::of(SensorState::Off) },
    }
}

/// Tells all to stop, waits for them together, and ends those that do not.
async fn end(kept: impl Iterator<Item = Kept>) {
    let kept: Vec<Kept> = kept.collect();
    for one in &kept {
        one.stop.send_replace(true);
    }
    let deadline = tokio::time::Instant::now() + STOP_GRACE;
    for mut one in kept {
        if tokio::time::timeout_at(deadline, &mut one.keeper).await.is_err() {
            tracing::warn!("a sensor did not stop in time");
            one.keeper.abort();
        }
    }
}

#[cfg(test)]
mod tests;
