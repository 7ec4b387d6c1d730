use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use soc_event::{Event, Timestamp, kind};

use crate::sensor::{Delivery, Observation, Position, Positions};

/// How often is told what was left out, in microseconds.
const TOLD_EVERY_US: i64 = 3_600_000_000;
/// Most filters that are counted one by one: as many as there can be.
const NAMES_MAX: usize = super::FILTERS_MAX;

/// What was left out since it was last told; kept with the positions of the lines it counts.
#[derive(Debug)]
pub(super) struct Tally {
    source: String,
    kept: Kept,
    is_changed: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// When the first of these lines was left out.
    since: Option<Timestamp>,
    /// Lines and bytes, by filter.
    counts: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    pub(super) fn load(sensor: &str, positions: &dyn Positions) -> Self {
        let source = format!("{sensor} filtered");
        let kept = positions.position(&source);
        let kept = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { source, kept, is_changed: false }
    }

    pub(super) fn count(&mut self, filter: &str, line: &str, now: Timestamp) {
        let counts = &mut self.kept.counts;
        if !counts.contains_key(filter) && counts.len() >= NAMES_MAX {
            // Filters that were replaced before they were told: counted with the first one.
            if let Some(first) = counts.values_mut().next() {
                *first = (first.0 + 1, first.1 + line.len() as u64);
            }
        } else {
            let count = counts.entry(filter.to_owned()).or_default();
            *count = (count.0 + 1, count.1 + line.len() as u64);
        }
        self.kept.since.get_or_insert(now);
        self.is_changed = true;
    }

    pub(super) fn conclude(&mut self, delivery: &mut Delivery, now: Timestamp) {
        // A clock that was set back tells early rather than never.
        let age = |since: Timestamp| now.as_micros().saturating_sub(since.as_micros());
        let is_due = |since: Timestamp| age(since) >= TOLD_EVERY_US || age(since) < 0;
        if let Some(since) = self.kept.since.filter(|since| is_due(*since)) {
            for (filter, (count, bytes)) in std::mem::take(&mut self.kept).counts {
                let event = Event::own(now, kind::LOG_FILTERED)
                    .with("log.filter.name", filter)
                    .with("log.filter.count", count)
                    .with("log.filter.bytes", bytes)
                    .with("log.filter.since", since.to_string());
                delivery.observations.push(Observation::state(event));
            }
            self.is_changed = true;
        }
        if std::mem::take(&mut self.is_changed) {
            let bytes = serde_json::to_vec(&self.kept).unwrap_or_default();
            delivery.positions.push(Position { source: self.source.clone(), bytes });
        }
    }
}
