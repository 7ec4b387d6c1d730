use std::fmt;
use std::sync::Arc;

use soc_event::Timestamp;

use super::{CorrelationView, EVENTS_MAX, Finding, PredicateView};

/// What matched, found out when somebody has to be told: most findings repeat an alert that has told
/// it already, and finding it out is more work than all else about them.
#[derive(Clone, Default)]
pub struct Why(Option<Arc<dyn Fn() -> Vec<PredicateView> + Send + Sync>>);

impl Why {
    /// As often as it is asked, it has to give the same.
    pub fn new(find_out: impl Fn() -> Vec<PredicateView> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(find_out)))
    }

    /// The conditions that were met.
    pub fn predicates(&self) -> Vec<PredicateView> {
        self.0.as_ref().map_or_else(Vec::new, |find_out| find_out())
    }
}

impl fmt::Debug for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Why")
    }
}

/// When and where something was found again.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// When it happened.
    pub at: Timestamp,
    /// How many events and when, if it took several.
    pub correlation: Option<CorrelationView>,
    /// Where in the journal the events are.
    pub positions: Vec<u64>,
    /// Whether the event came long after it happened.
    pub late: bool,
}

/// Findings with the same fingerprint, in the order of the journal.
#[derive(Clone, Debug)]
pub struct Repeats {
    pub(super) fingerprint: String,
    pub(super) first: Finding,
    pub(super) starts_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) count: i64,
    /// Of the last in the order of the journal, whatever the clocks say.
    pub(super) correlation: Option<CorrelationView>,
    pub(super) positions: Vec<u64>,
}

impl Repeats {
    /// Of one finding so far.
    pub fn new(first: Finding) -> Self {
        Self {
            fingerprint: first.fingerprint(),
            starts_at: first.at,
            last_at: first.at,
            count: 1,
            correlation: first.correlation.clone(),
            positions: first.positions.clone(),
            first,
        }
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
        let Finding { at, late, correlation, positions, .. } = finding;
        Self {
            at: *at,
            late: *late,
            correlation: correlation.clone(),
            positions: positions.clone(),
        }
    }
}
