//! What the collector wants this machine to be configured like: looked through, tried, kept or gone
//! back from.
//!
//! The uplink hands over what it fetched ([`Offers`]); this room lays it over the machine's own file
//! (`config::Local::with`: nothing gets past the file's limits), and tells the other rooms what to
//! run with. A configuration is on trial at first: if a sensor keeps failing, nothing is
//! acknowledged any more, the agent breaks its caps or is started again and again before the trial
//! is over, the one before it is put back. What came of it is reported as `agent.configuration`.
//!
//! Writes one file in the state folder, `configuration.json`, so that a restart without a collector
//! runs with the same. Knows no sensor; fails by going on with what it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Deserialize;
use soc_event::Configuration;
use tokio::sync::{mpsc, oneshot, watch};

mod kept;
mod task;
mod trial;

pub use task::{Remote, Rooms};

/// What this machine lets the collector say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the collector is listened to at all.
    pub enabled: bool,
    /// Folders whose logs the collector may choose from, besides the logs this file names:
    /// `/var/log/**`.
    pub logs: Vec<String>,
    /// How long a new configuration is on trial, in seconds.
    pub trial_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, logs: vec!["/var/log/**".to_owned()], trial_s: 300 }
    }
}

impl Config {
    /// Everything that is out of range, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !(10..=86_400).contains(&self.trial_s) {
            mistakes.push(format!("remote.trial_s is {}; it must be 10 to 86400", self.trial_s));
        }
        let is_folder = |folder: &&String| {
            let plain = folder.strip_suffix("/**").unwrap_or(folder);
            plain.len() > 1 && plain.starts_with('/') && !plain.contains(['*', '?'])
        };
        let wrong = self.logs.iter().filter(|folder| !is_folder(folder));
        mistakes.extend(
            wrong.map(|folder| format!("remote.logs: {folder:?} is not a folder like /var/log/**")),
        );
        mistakes
    }
}

/// Between the uplink, which hears of configurations, and [`Remote`], which judges them. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Offers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The version the collector named last; none before it was heard.
    wanted: watch::Sender<Option<u64>>,
    /// The version that was looked at last, whatever came of it.
    considered: AtomicU64,
    running: AtomicU64,
    offers: mpsc::Sender<Offer>,
}

/// A configuration that was fetched because the collector named this version.
#[derive(Debug)]
pub struct Offer {
    wanted: u64,
    configuration: Configuration,
    done: oneshot::Sender<()>,
}

impl Offers {
    /// The uplink's side and the other one.
    pub fn channel() -> (Self, mpsc::Receiver<Offer>) {
        let (offers, receiver) = mpsc::channel(1);
        let (considered, running) = (AtomicU64::new(0), AtomicU64::new(0));
        let wanted = watch::channel(None).0;
        (Self(Arc::new(Inner { wanted, considered, running, offers })), receiver)
    }

    /// The version the agent runs with; 0 is its own file alone.
    pub fn running(&self) -> u64 {
        self.0.running.load(Relaxed)
    }

    /// The collector named this version.
    pub fn want(&self, version: u64) {
        self.0.wanted.send_if_modified(|wanted| wanted.replace(version) != Some(version));
    }

    /// Waits until the collector names a version that was not looked at yet.
    pub async fn wanted(&self) -> u64 {
        let mut wanted = self.0.wanted.subscribe();
        let is_new = |wanted: &Option<u64>| {
            wanted.is_some_and(|version| version != self.0.considered.load(Relaxed))
        };
        let version = wanted.wait_for(is_new).await.ok().and_then(|version| *version);
        match version {
            Some(version) => version,
            // Nobody can want anything any more.
            None => std::future::pending().await,
        }
    }

    /// Hands over what was fetched for a version; returns when it was looked at.
    pub async fn offer(&self, wanted: u64, configuration: Configuration) {
        let (done, looked_at) = oneshot::channel();
        let offer = Offer { wanted, configuration, done };
        if self.0.offers.send(offer).await.is_err() || looked_at.await.is_err() {
            // Nobody listens: this version is not fetched again.
            self.0.considered.store(wanted, Relaxed);
        }
    }

    fn set(&self, considered: u64, running: u64) {
        self.0.considered.store(considered, Relaxed);
        self.0.running.store(running, Relaxed);
    }
}

#[cfg(test)]
mod tests;
