//! What one rule found, counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use soc_event::Timestamp;

/// Positions of events that are kept to be shown.
pub const SAMPLES_MAX: usize = 32;
/// Machines that are told apart; further ones are not counted.
pub const HOSTS_MAX: usize = 100_000;
/// Days that are told apart: more than any law asks to keep.
const DAYS_MAX: usize = 4000;
const DAY_US: i64 = 86_400_000_000;

/// One time that a rule would have fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Id of the rule.
    pub rule: String,
    /// Id of the machine's agent.
    pub agent: String,
    /// Fields and values that tell it from others of the rule on the machine.
    pub group: Vec<(String, String)>,
    /// When it happened, never after it was received.
    pub at: Timestamp,
    /// Where in the journal the events are.
    pub positions: Vec<u64>,
}

/// What a rule found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How often it would have fired.
    pub matches: u64,
    /// On which machines.
    pub hosts: BTreeSet<String>,
    /// The first time, in event time.
    pub first: Option<Timestamp>,
    /// The last.
    pub last: Option<Timestamp>,
    /// By day since 1970, UTC.
    pub days: BTreeMap<i64, u64>,
    /// Positions of events, the earliest.
    pub samples: BTreeSet<u64>,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, found: &Found) {
        self.matches += 1;
        if self.hosts.len() < HOSTS_MAX && !self.hosts.contains(&found.agent) {
            self.hosts.insert(found.agent.clone());
        }
        self.first = Some(self.first.map_or(found.at, |first| first.min(found.at)));
        self.last = Some(self.last.map_or(found.at, |last| last.max(found.at)));
        let day = found.at.as_micros().div_euclid(DAY_US);
        if self.days.len() < DAYS_MAX || self.days.contains_key(&day) {
            *self.days.entry(day).or_default() += 1;
        }
        for position in &found.positions {
            self.samples.insert(*position);
            if self.samples.len() > SAMPLES_MAX {
                self.samples.pop_last();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_much_is_found_what_is_kept_has_an_end_and_the_count_is_right() {
        let mut tally = Tally::default();
        for number in (0..10_000_u64).rev() {
            let at = Timestamp::from_micros(i64::try_from(number).unwrap() * DAY_US);
            let (rule, agent) = ("rule".to_owned(), format!("agent{}", number % 7));
            tally.add(&Found { rule, agent, group: Vec::new(), at, positions: vec![number] });
        }
        assert_eq!((tally.matches, tally.hosts.len()), (10_000, 7));
        assert_eq!(tally.first, Some(Timestamp::from_micros(0)));
        assert_eq!(tally.samples, (0..32).collect());
        assert_eq!(tally.days.len(), DAYS_MAX);
    }
}
