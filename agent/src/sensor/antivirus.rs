//! Which antivirus products there are, in what state, and what they found.
//!
//! ClamAV is asked over its socket and read from its files; other products are recognised by their
//! programs and processes (`antivirus/products.toml`) and said to be there in an unknown state. No
//! product at all is a finding of its own. A product is only `protected` when its engine runs, its
//! real-time scanner runs and its signatures are known to be younger than seven days: what could
//! not be read never counts as healthy.
//!
//! Sends the state of every product at start, daily, when the set of products changes, and what
//! changed in between; every line of ClamAV's log that reports a finding becomes one
//! `antivirus.detection`, once. Connects to nothing but ClamAV's own socket or loopback port.

mod clamav;
mod detection;
mod processes;
mod products;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use soc_event::Timestamp;
use tokio::time::Instant;

pub use detection::Detection;
pub use status::{Realtime, Reason, State, Status};

use super::{Clock, Context, Delivery, Error, Observation, Root, Running, Sensor};
use detection::Detections;
use processes::Processes;

/// How often the logs are looked at.
const DETECTION_POLL: Duration = Duration::from_millis(500);
/// How often everything is sent.
const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// How the antivirus products are watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// How often the state is looked at, in seconds.
    pub poll_s: u64,
    /// ClamAV's configuration, where it is in no usual place.
    pub clamd_conf: Option<String>,
    /// More logs of ClamAV in which findings are reported.
    pub logs: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, poll_s: 60, clamd_conf: None, logs: Vec::new() }
    }
}

impl Config {
    pub(super) fn mistakes(&self) -> Vec<String> {
        let paths = self.logs.iter().chain(&self.clamd_conf);
        let relative = paths.filter(|path| !path.starts_with('/'));
        relative.map(|path| format!("antivirus: the path {path:?} does not begin with /")).collect()
    }
}

/// What one look at the host gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// One for each product, or one that says there is none.
    pub products: Vec<Status>,
    /// Logs in which findings are reported.
    pub logs: Vec<String>,
    /// What could not be seen, in sentences.
    pub could_not_see: Vec<String>,
}

/// Looks once. Takes up to a few seconds where ClamAV is slow to answer.
pub fn observe(root: &Root, config: &Config, now: Timestamp) -> Observed {
    let processes = Processes::read(root);
    let zone = super::logfile::zone(root);
    let clamav = clamav::read(root, config, &processes, &zone);
    let mut logs = config.logs.clone();
    let mut products = Vec::new();
    if let Some(clamav) = clamav {
        logs.extend(clamav.logs);
        products.push(clamav.facts.judge(now));
    }
    products.extend(products::read(root, &processes).into_iter().map(|facts| facts.judge(now)));
    if products.is_empty() {
        products.push(Status::missing());
    }
    logs.sort();
    logs.dedup();
    Observed { products, logs, could_not_see: processes.could_not_see() }
}

/// The last findings in the logs of ClamAV, newest last, at most `count` of each log.
pub fn last_detections(
    root: &Root,
    logs: &[String],
    now: Timestamp,
    count: usize,
) -> Vec<Detection> {
    detection::last(root, logs, now, count)
}

/// The sensor.
#[derive(Debug)]
pub struct Antivirus {
    config: Config,
}

impl Antivirus {
    /// Watches as configured.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Sensor for Antivirus {
    fn name(&self) -> &'static str {
        "antivirus"
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(watch(self.config, context))
    }
}

async fn watch(config: Config, mut context: Context) -> Result<(), Error> {
    let poll = Duration::from_secs(config.poll_s.max(1));
    let mut watcher = Watcher {
        detections: Detections::new(&context),
        root: context.root.clone(),
        clock: Arc::clone(&context.clock),
        config,
        sent: BTreeMap::new(),
    };
    let (mut look_at, mut full_at) = (Instant::now(), Instant::now());
    loop {
        let now = Instant::now();
        let (look, full) = (now >= look_at, now >= full_at);
        if look {
            look_at = now + poll;
        }
        if full {
            full_at = now + FULL_EVERY;
        }
        let turn = tokio::task::spawn_blocking(move || {
            let delivery = watcher.turn(look || full, full);
            (watcher, delivery)
        });
        let (returned, (delivery, more)) = turn.await.map_err(|error| Error::Io {
            what: "looking at antivirus products".to_owned(),
            source: std::io::Error::other(error),
        })?;
        watcher = returned;
        if delivery != Delivery::default() {
            context.outlet.send(delivery).await?;
        }
        let pause = match more {
            true => Duration::ZERO,
            false if watcher.detections.are_none() => look_at.saturating_duration_since(now),
            false => DETECTION_POLL,
        };
        tokio::select! {
            () = context.stopped() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Watcher {
    config: Config,
    root: Root,
    clock: Arc<dyn Clock>,
    detections: Detections,
    /// What was last sent of each product.
    sent: BTreeMap<String, Status>,
}

impl Watcher {
    /// One look; true when there is more to read at once.
    fn turn(&mut self, look: bool, full: bool) -> (Delivery, bool) {
        let mut delivery = Delivery::default();
        let now = self.clock.now();
        if look {
            let observed = observe(&self.root, &self.config, now);
            self.detections.follow(&observed.logs);
            self.report(observed.products, full, now, &mut delivery);
        }
        let more = self.detections.read(now, &mut delivery);
        (delivery, more)
    }

    fn report(&mut self, found: Vec<Status>, full: bool, now: Timestamp, delivery: &mut Delivery) {
        let names: Vec<&String> = found.iter().map(|status| &status.product).collect();
        let same_set = names.len() == self.sent.len()
            && names.iter().all(|name| self.sent.contains_key(*name));
        let gone = self.sent.values().filter(|sent| !names.contains(&&sent.product));
        let gone: Vec<Status> =
            gone.filter(|sent| sent.state != State::Missing).map(Status::gone).collect();
        let changed = |status: &&Status| {
            full || !same_set
                || self.sent.get(&status.product).is_none_or(|sent| sent.differs(status))
        };
        let news = gone.iter().chain(found.iter().filter(changed));
        delivery.observations.extend(news.map(|status| Observation::state(status.event(now))));
        self.sent = found.into_iter().map(|status| (status.product.clone(), status)).collect();
    }
}

#[cfg(test)]
mod tests;
