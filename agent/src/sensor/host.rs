//! What the host is, and that it is alive.
//!
//! `host.inventory` at start, daily and when it changes. The host is looked at every fifteen
//! seconds; `host.heartbeat` is what was found, when something worth looking at has changed and
//! every ten minutes else: that the agent is alive, its connection shows. On thin lines a quiet
//! machine costs next to nothing, on a busy one nothing is missed.
//! Files are read below the root; memory, processors and interfaces are asked of the running
//! system through sysinfo and pnet, which know no other root.

mod change;
mod disk;
mod heartbeat;
mod identity;
mod inventory;
mod vitals;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use soc_event::{Event, Timestamp};
use tokio::time::{Instant, MissedTickBehavior};

pub use vitals::Vitals;

use super::{Context, Delivery, Error, Observation, Root, Running, Sensor, read};
use heartbeat::Pulse;

/// How often everything is sent.
const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the inventory is looked at for changes.
const INVENTORY_EVERY: Duration = Duration::from_secs(60);

/// How the host is observed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// Seconds from one look at the host to the next.
    pub heartbeat_s: u64,
    /// Seconds after which what was found is sent although nothing has changed.
    pub heartbeat_full_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, heartbeat_s: 15, heartbeat_full_s: 600 }
    }
}

/// What the host is, as the event of it.
pub fn inventory(root: &Root, now: Timestamp) -> Event {
    inventory::event(root, now)
}

/// How the host is, as the event of it. Shares of processor time need two looks, so they are
/// absent.
pub fn heartbeat(root: &Root, vitals: &Vitals, now: Timestamp) -> Event {
    Pulse::new(root.clone()).event(vitals, now)
}

/// How much memory the machine has, in bytes. Source: proc_meminfo(5), `MemTotal`.
pub fn memory_bytes(root: &Root) -> Option<u64> {
    let text = read::text(&root.path("/proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The name of the host, as it gives it itself.
pub fn hostname(root: &Root) -> String {
    identity::hostname(root)
}

/// The sensor.
#[derive(Debug)]
pub struct Host {
    config: Config,
    vitals: Arc<Vitals>,
}

impl Host {
    /// Observes as configured; `vitals` is filled by the rest of the agent.
    pub fn new(config: Config, vitals: Arc<Vitals>) -> Self {
        Self { config, vitals }
    }
}

impl Sensor for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn hangs_after(&self) -> Option<Duration> {
        // A disk far away may take its time, but not for ever.
        Some(Duration::from_secs(self.config.heartbeat_s.saturating_mul(8).max(120)))
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(observe(*self, context))
    }
}

async fn observe(host: Host, mut context: Context) -> Result<(), Error> {
    let mut pulse = Pulse::new(context.root.clone());
    let mut told: Option<Event> = None;
    let mut news = change::News::new(Duration::from_secs(host.config.heartbeat_full_s));
    let (mut look_at, mut full_at) = (Instant::now(), Instant::now());
    let mut beat = tokio::time::interval(Duration::from_secs(host.config.heartbeat_s.max(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = context.stopped() => return Ok(()),
            _ = beat.tick() => {}
        }
        let now = Instant::now();
        let (look_now, full) = (now >= look_at, now >= full_at);
        let (root, vitals, time) =
            (context.root.clone(), Arc::clone(&host.vitals), context.clock.now());
        // Asking a disk for its free space may wait for a server far away.
        let turn = tokio::task::spawn_blocking(move || {
            let event = pulse.event(&vitals, time);
            let metrics = vitals.metrics_address();
            let look = || inventory(&root, time).with("agent.metrics.address", metrics);
            (pulse, event, (look_now || full).then(look))
        });
        let (returned, event, found) = turn.await.map_err(|error| Error::Io {
            what: "reading the state of the host".to_owned(),
            source: std::io::Error::other(error),
        })?;
        pulse = returned;
        let mut observations = Vec::new();
        if let Some(found) = found {
            look_at = now + INVENTORY_EVERY;
            let same = told.as_ref().is_some_and(|told| told.fields == found.fields);
            if full || !same {
                full_at = if full { now + FULL_EVERY } else { full_at };
                observations.push(Observation::state(found.clone()));
                told = Some(found);
            }
        }
        if news.is_worth_sending(&event, now) {
            observations.push(Observation::state(event));
        }
        if observations.is_empty() {
            context.alive();
            continue;
        }
        context.outlet.send(Delivery { observations, positions: Vec::new() }).await?;
    }
}

#[cfg(test)]
mod tests;
