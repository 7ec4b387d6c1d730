use std::collections::BTreeSet;
use std::sync::Arc;

use soc_event::{Event, EventId, Timestamp};

/// One event with what the collector knows about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its place in the journal, from 1; no two rows have the same.
    pub position: u64,
    /// When the collector received it, by its own clock.
    pub received: Timestamp,
    /// Code of the machine's agency when it was archived; empty for none.
    pub agency: Arc<str>,
    /// What the machine is called that the event is about.
    pub host: Arc<str>,
    /// Its name in the world.
    pub id: EventId,
    /// What was observed.
    pub event: Event,
}

/// Whose events may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agencies {
    /// Everybody's, also of none.
    All,
    /// Of these, by their number in the fleet.
    Of(BTreeSet<i64>),
}

impl Agencies {
    /// Whether events of this agency may be seen; 0 is none.
    pub fn hold(&self, agency: i64) -> bool {
        match self {
            Self::All => true,
            Self::Of(agencies) => agencies.contains(&agency),
        }
    }
}
