//! The windows of correlations: fed in the order of the journal, by one.

use soc_event::Timestamp;
use soc_rules::{
    CorrelationLimits, CorrelationMatch, Correlator, Event, Eviction, FieldValue, LogsourceRef,
    Origin, Ruleset,
};

use super::subject::Subject;
use super::worker::Seen;

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

    /// Whether a match of this rule changes a window; of other events only the time counts.
    pub(super) fn looks_at(&self, rule: usize) -> bool {
        self.correlator.looks_at(rule)
    }

    /// What fires now that this event is known; its position names it in the evidence.
    pub(super) fn feed(&mut self, seen: &Seen<'_>) -> Vec<CorrelationMatch> {
        let Seen { line, time, machine, matches, decoded, .. } = seen;
        let from = Origin { scope: machine.scope(), host: machine.text() };
        match decoded {
            Some(entry) => {
                let subject = Subject { entry, machine };
                let id = line.position.0.to_string();
                self.correlator.feed(from, &id, &subject.seen(), matches)
            }
            None => self.correlator.feed(from, "", &Passing(*time), &[]),
        }
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

/// An event of which nobody asks more than when it happened.
struct Passing(Timestamp);

impl Event for Passing {
    fn field(&self, _: &str) -> Option<FieldValue<'_>> {
        None
    }

    fn fields<'e>(&'e self, _: &mut dyn FnMut(&'e str, FieldValue<'e>)) {}

    fn texts(&self, _: &mut dyn FnMut(&str) -> bool) {}

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef::default()
    }

    fn time_us(&self) -> i64 {
        self.0.as_micros()
    }
}
