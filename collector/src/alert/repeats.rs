use std::fmt;
use std::sync::Arc;

use soc_event::Timestamp;

use super::{CorrelationView, EVENTS_MAX, Finding};

/// The first finding of several, made when an alert begins with it: most only repeat an alert that
/// is there, and to make one (its event, what matched in it) is more work than all else about them.
#[derive(Clone)]
pub struct First(Arc<dyn Fn() -> Option<Finding> + Send + Sync>);

impl First {
    /// As often as it is asked, it has to give the same; nothing where the event is lost.
    pub fn new(make: impl Fn() -> Option<Finding> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// One that is made already.
    pub fn of(finding: Finding) -> Self {
        Self::new(move || Some(finding.clone()))
    }

    pub(super) fn finding(&self) -> Option<Finding> {
        (self.0)()
    }
}

impl fmt::Debug for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("First")
    }
}

/// When and where something was found.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// When it happened, never after it was received.
    pub at: Timestamp,
    /// How many events and when, if it took several.
    pub correlation: Option<CorrelationView>,
    /// Where in the journal the events are.
    pub positions: Vec<u64>,
}

/// Findings with the same fingerprint, in the order of the journal.
#[derive(Clone, Debug)]
pub struct Repeats {
    pub(super) fingerprint: String,
    pub(super) first: First,
    pub(super) starts_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) count: i64,
    /// Of the last in the order of the journal, whatever the clocks say.
    pub(super) correlation: Option<CorrelationView>,
    pub(super) positions: Vec<u64>,
}

impl Repeats {
    /// Of one finding so far.
    pub fn new(fingerprint: String, first: First, seen: Sighting) -> Self {
        let Sighting { at, correlation, positions } = seen;
        Self { fingerprint, first, starts_at: at, last_at: at, count: 1, correlation, positions }
    }

    /// One more.
    pub fn add(&mut self, seen: Sighting) {
        self.count += 1;
        self.correlation = seen.correlation;
        self.starts_at = self.starts_at.min(seen.at);
        self.last_at = self.last_at.max(seen.at);
        let room = EVENTS_MAX.saturating_sub(self.positions.len());
        self.positions.extend(seen.positions.into_iter().take(room));
    }
}

impl From<&Finding> for Sighting {
    fn from(finding: &Finding) -> Self {
        let Finding { at, correlation, positions, .. } = finding;
        Self { at: *at, correlation: correlation.clone(), positions: positions.clone() }
    }
}
