//! What runs: sensors, started again when they fail, and the wishes of the system.
//!
//! Every sensor is a task of its own. One that fails or panics stops alone, is reported as
//! `agent.sensor_failed` and started again after growing pauses; one whose object is not on this
//! machine is looked for seldom and without noise. Nothing here knows what a sensor watches.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::sensor::{Context, Sensor};
use crate::status::{Board, SensorReport};

mod keeper;
mod wish;

use keeper::Keeper;
pub use wish::{Wish, resumed, wishes};

/// Makes all sensors anew; called at start and for every restart.
pub type Build = Arc<dyn Fn() -> Vec<Box<dyn Sensor>> + Send + Sync>;

/// How long sensors may take to hand over what they have when the agent stops.
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
}

impl Supervisor {
    /// Runs all sensors until told to stop, then waits for them, but not long.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let names: Vec<&'static str> = (self.build)().iter().map(|sensor| sensor.name()).collect();
        let (this, names) = (Arc::new(self), Arc::<[_]>::from(names));
        let mut keepers = JoinSet::new();
        for name in names.iter().copied() {
            keepers.spawn(Keeper::new(this.clone(), names.clone(), name).run());
        }
        let _ = stop.wait_for(|stop| *stop).await;
        let stopping = async { while keepers.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, stopping).await.is_err() {
            tracing::warn!("a sensor did not stop in time");
        }
    }

    fn note(&self, names: &[&'static str], name: &'static str, entry: SensorReport) {
        self.board.change(|report| {
            report.sensors.insert(name.to_owned(), entry);
        });
        let running = names.iter().copied().filter(|name| self.board.is_running(name));
        (self.running)(running.collect());
    }
}

#[cfg(test)]
mod tests;
