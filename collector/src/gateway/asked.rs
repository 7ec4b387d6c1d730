use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use soc_event::{AgentId, Epoch, Lane};

/// A lane of one life of an agent's spool.
type LaneOf = (AgentId, Epoch, Lane);

/// Lanes remembered at the most; beyond, all are asked once more.
const LANES_MAX: usize = 100_000;

/// Lanes whose agent was asked for what is missing before its batch, and has not sent one since
/// that was taken.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashSet<LaneOf>>);

impl Asked {
    /// Its agent is asked now: whatever comes next is all it has.
    pub(super) fn ask(&self, lane: LaneOf) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= LANES_MAX {
            asked.clear();
        }
        asked.insert(lane);
    }

    pub(super) fn is_waiting(&self, lane: LaneOf) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&lane)
    }

    pub(super) fn is_over(&self, lane: LaneOf) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&lane);
    }
}
