//! The windows of correlations: fed in the order of the journal, by one.

use soc_rules::{
    CorrelationLimits, CorrelationMatch, Correlator, Event, Eviction, Origin, Ruleset,
};

use super::subject::Machine;

/// All windows of all machines.
pub(super) struct Windows {
    correlator: Correlator,
    /// Told of [`Correlator::evicted`] so far.
    evicted: u64,
}

impl Windows {
    pub(super) fn new(ruleset: &Ruleset, rows: Vec<(String, Vec<u8>)>) -> Self {
        let mut correlator = Correlator::new(ruleset, CorrelationLimits::default());
        correlator.restore(rows);
        Self { correlator, evicted: 0 }
    }

    /// What fires now that this event is known; `id` names it in the evidence.
    pub(super) fn feed(
        &mut self,
        machine: &Machine,
        id: &str,
        event: &dyn Event,
        matches: &[usize],
    ) -> Vec<CorrelationMatch> {
        let from = Origin { scope: machine.scope(), host: machine.text() };
        self.correlator.feed(from, id, event, matches)
    }

    /// Windows that changed: key and state, or nothing when it ended.
    pub(super) fn take_changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        self.correlator.take_changes()
    }

    /// Events and groups given up since the last call.
    pub(super) fn take_evicted(&mut self) -> u64 {
        let evicted = self.correlator.evicted();
        let more = evicted.saturating_sub(self.evicted);
        self.evicted = evicted;
        more
    }

    /// The same by rule and agency.
    pub(super) fn take_evictions(&mut self) -> Vec<Eviction> {
        self.correlator.take_evictions()
    }
}
