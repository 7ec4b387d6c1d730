//! Which antivirus products there are, in what state, and what they found.
//!
//! What is known about a product is a list of claims, each with its source: engine, real-time
//! scanner, signatures and their age, updater, last scan, tamper protection, licence. ClamAV is
//! asked over its socket and read from its files; the other products are read as their data files
//! say (`antivirus/products/`), as far as files and processes tell without running their tools.
//! One rule (`judgement`) concludes: a product is only `protected` when its engine runs, its
//! real-time scanner runs and its signatures are known to be younger than seven days, and nothing
//! speaks against it. What could not be read never counts as healthy; passive mode is no
//! protection; no product at all is a finding of its own.
//!
//! Sends the state of every product at start, daily, when the set of products changes, and what
//! changed in between. What got worse is told when it has lasted (`grace`), because an upgrade
//! restarts services. Every line of a product's log that reports malware becomes one
//! `antivirus.detection`, once. Connects to nothing but ClamAV's own socket or loopback port.
//!
//! Writes nothing, but for the self-test where the operator asks for it (`selftest`): one file in
//! a folder of the agent's own.

mod catalogue;
mod claim;
mod clamav;
mod detection;
mod facts;
mod grace;
mod judgement;
mod packages;
mod processes;
mod reading;
mod selftest;
mod status;
mod template;
mod watcher;

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use soc_event::Timestamp;
use tokio::time::Instant;

pub use claim::{Claim, Mode, Origin, Scan, ScanResult, Switch, Updates};
pub use detection::{Detection, Log};
pub use facts::Facts;
pub use judgement::{Reason, State};
pub use selftest::{By, Caught, Folder, Outcome, Schedule, Unsaid};
pub use status::{Shown, Status};

use super::logfile::{self, Watch};
use super::{Clock, Context, Delivery, Error, Root, Running, Sensor};
use catalogue::{Product, Reader};
use packages::Packages;
use processes::Processes;
use reading::Scene;
use selftest::SelfTest;
use watcher::Watcher;

/// How often it is looked whether somebody who waits has an answer.
const TEST_POLL: Duration = Duration::from_millis(500);
/// How often the logs are looked at during a self-test, and where nothing tells of writes.
const DETECTION_POLL: Duration = Duration::from_secs(2);
/// How soon a system that tells of no writes is asked for it again.
const WATCH_RETRY: Duration = Duration::from_secs(300);
/// After a write, lines are collected so long before they are read.
const COALESCE: Duration = Duration::from_millis(500);
/// How often is looked while something got worse and may be a restart.
const WAITING_POLL: Duration = Duration::from_secs(5);
/// How often everything is sent.
const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Findings that are looked through for the self-test's.
const TEST_DETECTIONS_MAX: usize = 20;

/// How the antivirus products are watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// How often the state is looked at, in seconds.
    pub poll_s: u64,
    /// How long a product has to be worse than before until it is told, in seconds; three times as
    /// long for one that runs and does not answer, as while it loads its signatures.
    pub grace_s: u64,
    /// ClamAV's configuration, where it is in no usual place.
    pub clamd_conf: Option<String>,
    /// The configuration of its updater, likewise.
    pub freshclam_conf: Option<String>,
    /// More logs of ClamAV in which findings are reported.
    pub logs: Vec<String>,
    /// More logs of scans of the whole machine; `*` and `?` may stand in the last part.
    pub scan_logs: Vec<String>,
    /// Whether to test every day that the EICAR test file is caught.
    pub selftest: Schedule,
    /// How long a product has to catch it, in seconds.
    pub selftest_wait_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            poll_s: 60,
            grace_s: 120,
            clamd_conf: None,
            freshclam_conf: None,
            logs: Vec::new(),
            scan_logs: Vec::new(),
            selftest: Schedule::Off,
            selftest_wait_s: 30,
        }
    }
}

impl Config {
    pub(super) fn mistakes(&self) -> Vec<String> {
        let paths = self.logs.iter().chain(&self.scan_logs);
        let paths = paths.chain(&self.clamd_conf).chain(&self.freshclam_conf);
        let relative = paths.filter(|path| !path.starts_with('/'));
        let mut mistakes: Vec<String> = relative
            .map(|path| format!("antivirus: the path {path:?} does not begin with /"))
            .collect();
        let ranges = [
            ("antivirus.poll_s", self.poll_s, 1, 3600),
            ("antivirus.grace_s", self.grace_s, 0, 900),
            ("antivirus.selftest_wait_s", self.selftest_wait_s, 1, 300),
        ];
        let wrong = ranges.iter().filter(|(_, value, low, high)| !(low..=high).contains(&value));
        mistakes.extend(wrong.map(|(name, value, low, high)| {
            format!("{name} is {value}; it must be {low} to {high}")
        }));
        mistakes
    }
}

/// What one look at the host gave.
#[derive(Clone, Debug)]
pub struct Observed {
    /// One for each product, or one that says there is none.
    pub products: Vec<Status>,
    /// Logs in which findings are reported.
    pub logs: Vec<Log>,
    /// What could not be seen, in sentences.
    pub could_not_see: Vec<String>,
}

/// Looks at the host again and again; keeps what need not be read anew.
#[derive(Debug)]
struct Looker {
    root: Root,
    config: Config,
    products: Vec<Product>,
    packages: Packages,
}

impl Looker {
    fn new(root: Root, config: Config) -> Self {
        let products = catalogue::products();
        let wanted = products.iter().flat_map(|product| product.packages.clone()).collect();
        Self { root, config, products, packages: Packages::new(wanted) }
    }

    fn look(&mut self, now: Timestamp) -> Observed {
        let (clamd, freshclam) = (&self.config.clamd_conf, &self.config.freshclam_conf);
        let processes = Processes::read(&self.root)
            .with_configuration("clamd", clamd.as_deref())
            .with_configuration("clamonacc", clamd.as_deref())
            .with_configuration("freshclam", freshclam.as_deref());
        let zone = super::logfile::zone(&self.root);
        let scene = Scene { root: &self.root, processes: &processes, zone: &zone, now };
        let mut logs: Vec<Log> = self.config.logs.iter().cloned().map(Log::clamav).collect();
        let mut found = Vec::new();
        for product in &self.products {
            let facts = match product.reader {
                Some(Reader::Clamav) => {
                    let read = clamav::read(product, &self.config, &scene, &mut self.packages);
                    read.map(|clamav| {
                        logs.extend(clamav.logs.into_iter().map(Log::clamav));
                        clamav.facts
                    })
                }
                None => reading::facts(product, &scene, &mut self.packages),
            };
            if let Some(facts) = facts {
                let reports = product.detections.iter();
                logs.extend(reports.map(|report| Log::described(&product.name, report)));
                found.push(Status::of(facts, now));
            }
        }
        if found.is_empty() {
            found.push(Status::missing());
        }
        logs.sort_by(|one, other| one.path.cmp(&other.path));
        logs.dedup_by(|one, other| one.path == other.path);
        Observed { products: found, logs, could_not_see: processes.could_not_see() }
    }
}

/// Looks once. Takes up to a few seconds where ClamAV is slow to answer.
pub fn observe(root: &Root, config: &Config, now: Timestamp) -> Observed {
    Looker::new(root.clone(), config.clone()).look(now)
}

/// The last findings in the logs of products, newest last, at most `count` of each log.
pub fn last_detections(root: &Root, logs: &[Log], now: Timestamp, count: usize) -> Vec<Detection> {
    detection::last(root, logs, now, count)
}

/// Writes the EICAR test file into the folder and waits, up to the configured time, whether
/// real-time protection catches it; the file is removed in any case. Blocks.
pub fn self_test(root: &Root, config: &Config, folder: &Folder, clock: &dyn Clock) -> Outcome {
    let observed = observe(root, config, clock.now());
    let earlier = last_detections(root, &observed.logs, clock.now(), TEST_DETECTIONS_MAX);
    let test = SelfTest::begin(folder, Duration::from_secs(config.selftest_wait_s));
    loop {
        let found = last_detections(root, &observed.logs, clock.now(), TEST_DETECTIONS_MAX);
        let is_new = |found: &&Detection| folder.is_place_of(found) && !earlier.contains(found);
        let reported_by = found.iter().find(is_new).map(|found| found.product.as_str());
        if let Some(outcome) = test.look(&observed.products, reported_by) {
            return outcome;
        }
        std::thread::sleep(TEST_POLL);
    }
}

/// The sensor.
#[derive(Debug)]
pub struct Antivirus {
    config: Config,
    folder: Folder,
}

impl Antivirus {
    /// Watches as configured; self-tests are made below the agent's state folder.
    pub fn new(config: Config, state: &Path) -> Self {
        Self { config, folder: Folder::below(state) }
    }
}

impl Sensor for Antivirus {
    fn name(&self) -> &'static str {
        "antivirus"
    }

    fn hangs_after(&self) -> Option<Duration> {
        // A daemon that does not answer is waited for within a turn; that ends by itself.
        Some(Duration::from_secs(self.config.poll_s.saturating_mul(3).saturating_add(180)))
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(watch(self.config, self.folder, context))
    }
}

async fn watch(config: Config, folder: Folder, mut context: Context) -> Result<(), Error> {
    let poll = Duration::from_secs(config.poll_s.max(1));
    let mut watcher = Watcher::new(config, folder, &context);
    let (mut look_at, mut full_at) = (Instant::now(), Instant::now());
    let (mut watch, mut watch_at) = (None::<Watch>, Instant::now());
    loop {
        let now = Instant::now();
        let (look, full) = (now >= look_at, now >= full_at);
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
        context.alive();
        if look {
            look_at = now + if watcher.is_waiting() { poll.min(WAITING_POLL) } else { poll };
        }
        if delivery != Delivery::default() {
            context.outlet.send(delivery).await?;
        }
        let until_look = look_at.saturating_duration_since(now);
        let pause = if more {
            Duration::ZERO
        } else if watcher.is_testing() {
            DETECTION_POLL
        } else if watcher.detections.are_none() {
            until_look
        } else if let Some(watch) = &watch
            && watch.directories() == watcher.detections.directories()
        {
            until_look.min(watch.patience())
        } else if Instant::now() < watch_at {
            until_look.min(DETECTION_POLL)
        } else {
            // What is written while the watch is being set up is found by looking again.
            watch = Watch::over(watcher.detections.directories().to_vec());
            if watch.is_none() {
                watch_at = Instant::now() + WATCH_RETRY;
            }
            Duration::ZERO
        };
        tokio::select! {
            () = context.stopped() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
            () = logfile::woken(watch.as_ref()) => tokio::time::sleep(COALESCE).await,
        }
    }
}

#[cfg(test)]
mod tests;
