//! Where programs connect to: connections of this host to others, summed up by program and
//! destination.
//!
//! Asks the kernel for connected sockets every few seconds and lets it tell of those that end, so
//! that connections shorter than that are counted, too; of these the program is not known, because
//! nobody holds a socket that has ended (where the kernel does not tell, they are not seen at all).
//! A connection is outbound when nothing listens on its own port. One event a destination and window
//! says how many connections began; of many destinations, networks are told, and of very many only
//! how many.
//!
//! A destination (network, port) that a program never had in the days before is told at once, after
//! a week of learning. Programs that go everywhere, as browsers do, are told to be wide once and then
//! not asked any more. What was learned is kept with the read positions; a wrong clock only makes
//! learning longer or shorter by a day.

mod known;
mod sum;
mod watcher;

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{Context, Error, Running, Sensor};
use watcher::Watcher;

/// Looking may take a 1000th of one processor: with very many sockets looks become rarer.
const DUTY: u32 = 1000;
/// But not rarer than this.
const POLL_MAX: Duration = Duration::from_secs(60);

/// How connections are watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// How often, in milliseconds.
    pub poll_ms: u64,
    /// Connections are summed up over so many seconds.
    pub window_s: u64,
    /// On so many days it only learns where programs connect to.
    pub learning_days: u64,
    /// A program with more destinations than this is wide.
    pub destinations_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, poll_ms: 5000, window_s: 300, learning_days: 7, destinations_max: 64 }
    }
}

impl Config {
    /// Everything that is wrong, each as one sentence with the name of the setting.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let ranges = [
            ("poll_ms", self.poll_ms, 1000, 60_000),
            ("window_s", self.window_s, 10, 3600),
            ("learning_days", self.learning_days, 0, 90),
            ("destinations_max", self.destinations_max, 1, known::DESTINATIONS_MAX),
        ];
        let wrong = ranges.iter().filter(|(_, value, low, high)| !(low..=high).contains(&value));
        wrong
            .map(|(name, value, low, high)| {
                format!("connection.{name} is {value}; it must be {low} to {high}")
            })
            .collect()
    }
}

/// The sensor.
#[derive(Debug)]
pub struct Connections {
    config: Config,
}

impl Connections {
    /// Watches as configured.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Sensor for Connections {
    fn name(&self) -> &'static str {
        "connection"
    }

    fn is_optional(&self) -> bool {
        true
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(watch(self.config, context))
    }
}

async fn watch(config: Config, mut context: Context) -> Result<(), Error> {
    let poll = Duration::from_millis(config.poll_ms);
    let mut watcher = Watcher::new(config, &context);
    let mut is_stopping = false;
    loop {
        let (now, time) = (Instant::now(), context.clock.now());
        let turn = tokio::task::spawn_blocking(move || {
            let result = watcher.turn(now, time, is_stopping);
            (watcher, result)
        });
        let (returned, result) = turn.await.map_err(|error| Error::Io {
            what: "reading connections".to_owned(),
            source: std::io::Error::other(error),
        })?;
        watcher = returned;
        for delivery in result? {
            context.outlet.send(delivery).await?;
        }
        if is_stopping {
            return Ok(());
        }
        let pause = (watcher.looking_took * DUTY).min(POLL_MAX).max(poll);
        tokio::select! {
            () = context.stopped() => is_stopping = true,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests;
