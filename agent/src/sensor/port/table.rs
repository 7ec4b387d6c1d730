use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Key, Port};

/// What is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was not there before.
    Opened(Port),
    /// It was there, but who can reach it or which file runs is not what it was.
    Altered(Port),
    /// It has been gone for longer than the grace period.
    Closed(Port),
}

/// The ports that are open, as told to the outside.
#[derive(Debug)]
pub(super) struct Table {
    grace: Duration,
    open: BTreeMap<Key, (Port, Option<Instant>)>,
}

impl Table {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, open: BTreeMap::new() }
    }

    /// Takes what was seen now. Opening is told at once, closing after the grace period.
    pub(super) fn update(&mut self, seen: Vec<Port>, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut ports: BTreeMap<Key, Port> = BTreeMap::new();
        for port in seen {
            ports.entry(port.key()).or_insert(port);
        }
        for (key, port) in &ports {
            match self.open.get_mut(key) {
                // The process may be another one by now.
                Some((known, gone_since)) => {
                    if is_altered(known, port) {
                        changes.push(Change::Altered(port.clone()));
                    }
                    (*known, *gone_since) = (port.clone(), None);
                }
                None => {
                    self.open.insert(key.clone(), (port.clone(), None));
                    changes.push(Change::Opened(port.clone()));
                }
            }
        }
        let grace = self.grace;
        self.open.retain(|key, (port, gone_since)| {
            if ports.contains_key(key) {
                return true;
            }
            let since = *gone_since.get_or_insert(now);
            let is_kept = now.saturating_duration_since(since) < grace;
            if !is_kept {
                changes.push(Change::Closed(port.clone()));
            }
            is_kept
        });
        changes
    }

    /// Whether any is gone, but not for long enough to be told.
    pub(super) fn has_closing(&self) -> bool {
        self.open.values().any(|(_, gone_since)| gone_since.is_some())
    }

    /// All that are open.
    pub(super) fn ports(&self) -> impl Iterator<Item = &Port> {
        self.open.values().map(|(port, _)| port)
    }
}

/// Whether somebody who knows the one has to hear of the other.
fn is_altered(known: &Port, port: &Port) -> bool {
    known.reach != port.reach
        || (port.owner.sha256.is_some() && known.owner.sha256 != port.owner.sha256)
}
