//! How many lines each log gave, and what became of them: for `soc-agent status` and metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Most logs counted one by one; the others are counted together as `(other)`.
const LOGS_MAX: usize = 256;

/// What became of the lines of one log since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Records read; one of several lines is one.
    pub read: u64,
    /// Of these, not written as their log should be; kept as they are.
    pub unparsed: u64,
    /// Of these, left out by a filter.
    pub filtered: u64,
    /// Of these, kept on this machine only.
    pub kept: u64,
}

/// The counts of all logs, by path or `journald`.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<String, Count>>);

impl Counts {
    /// Changes the count of a log.
    pub(crate) fn add(&self, log: &str, change: impl FnOnce(&mut Count)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(log) {
            return change(count);
        }
        let name = if counts.len() < LOGS_MAX { log } else { "(other)" };
        change(counts.entry(name.to_owned()).or_default());
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<String, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
