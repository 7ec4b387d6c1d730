//! Which lines of logs are sent: filters for thin lines, and the mode in which only findings are.
//!
//! Nothing is left out silently: what filters drop is counted with the positions, survives a
//! crash, and is told once an hour as `log.filtered`. Lines that stay on the machine are kept by
//! `ring`. Findings are chosen by what parsers found out, see `choice::finding`; the agent knows no rules.

mod filter;
mod finding;
mod tally;

use std::sync::Arc;

use serde::Deserialize;
use soc_event::{Event, Timestamp};

pub use filter::{Action, Filter};

use super::counts::Counts;
use super::{Delivery, Observation, Positions};
use tally::Tally;

/// Most filters.
pub(super) const FILTERS_MAX: usize = 16;

/// What is sent of the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every line that no filter drops.
    #[default]
    All,
    /// Lines that are findings; the others stay on the machine and can be asked for.
    Findings,
}

/// Chooses for one sensor.
pub(super) struct Choice {
    filters: Vec<Filter>,
    mode: Mode,
    tally: Tally,
    counts: Arc<Counts>,
}

impl Choice {
    /// `sensor` is whose lines these are; its counts are kept under that name.
    pub(super) fn new(
        sensor: &'static str,
        (filters, mode): (Vec<Filter>, Mode),
        positions: &dyn Positions,
        counts: Arc<Counts>,
    ) -> Self {
        Self { filters, mode, tally: Tally::load(sensor, positions), counts }
    }

    /// What becomes of a line; `None` when a filter drops it.
    pub(super) fn of(&mut self, log: &str, event: Event, now: Timestamp) -> Option<Observation> {
        let is_unparsed = event.fields.contains_key(soc_formats::text::UNPARSED);
        let dropped = self.filters.iter().position(|filter| filter.matches(log, &event));
        let dropped = dropped
            .and_then(|place| Some((place, self.filters.get(place)?)))
            .filter(|(_, filter)| filter.action == Action::Drop);
        let stays = self.mode == Mode::Findings && !finding::is_finding(&event);
        self.counts.add(log, |count| {
            count.read += 1;
            count.unparsed += u64::from(is_unparsed);
            count.filtered += u64::from(dropped.is_some());
            count.kept += u64::from(dropped.is_none() && stays);
        });
        if let Some((place, filter)) = dropped {
            self.tally.count(&filter.name(place), event.raw.as_deref().unwrap_or_default(), now);
            return None;
        }
        let observation = Observation::log(event);
        Some(if stays { observation.that_stays() } else { observation })
    }

    /// Adds to a delivery what has to be told, and how much has been left out.
    pub(super) fn conclude(&mut self, delivery: &mut Delivery, now: Timestamp) {
        self.tally.conclude(delivery, now);
    }
}

#[cfg(test)]
mod tests;
