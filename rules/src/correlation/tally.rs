use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Correlation;
use super::arithmetic::{Amount, percentile, shown};
use super::chain::Chain;
use super::condition::Condition;
use super::entry::{Entry, Value};

/// What is known about a window, kept up to date while it moves.
#[derive(Clone, Debug)]
pub(super) enum Tally {
    Count(u64),
    Distinct(HashMap<Value, u32, BuildHasherDefault<Prefix>>),
    Sum(Amount, u64),
    Amounts(Vec<Amount>),
    Members(Vec<u32>),
    Chains(Vec<Links>),
}

/// How far one chain has come.
///
/// For each link the latest possible start of a chain that ends with it is enough to know: the
/// later a chain started, the easier it fits. One event is one link.
#[derive(Clone, Debug)]
pub(super) struct Links {
    starts: Vec<Option<i64>>,
    complete: bool,
    /// Whether a member was seen that must be absent.
    spoilt: bool,
}

impl Tally {
    /// Of no event.
    pub fn new(correlation: &Correlation) -> Self {
        match &correlation.condition {
            Condition::EventCount(_) => Self::Count(0),
            Condition::ValueCount(_) => Self::Distinct(HashMap::default()),
            Condition::ValueSum(_) | Condition::ValueAverage(_) => Self::Sum(0, 0),
            Condition::ValuePercentile(..) => Self::Amounts(Vec::new()),
            Condition::Temporal(_) => Self::Members(vec![0; correlation.members.len()]),
            Condition::Ordered(chains) => Self::Chains(chains.iter().map(Links::new).collect()),
        }
    }

    /// Links of chains must enter in [`chain_order`].
    pub fn enter(&mut self, correlation: &Correlation, entry: &Entry) {
        match self {
            Self::Count(count) => *count = count.saturating_add(entry.weight),
            Self::Distinct(values) => *values.entry(entry.value).or_default() += 1,
            Self::Sum(sum, number) => {
                *sum = sum.saturating_add(entry.value.amount());
                *number += 1;
            }
            Self::Amounts(amounts) => amounts.push(entry.value.amount()),
            Self::Members(members) => {
                for (position, count) in members.iter_mut().enumerate() {
                    *count += u32::from(entry.is_of(position));
                }
            }
            Self::Chains(links) => {
                let Condition::Ordered(chains) = &correlation.condition else { return };
                for (chain, links) in chains.iter().zip(links) {
                    links.enter(*chain, entry, correlation.timespan_us);
                }
            }
        }
    }

    /// Takes out what has entered. Chains know themselves what is too old.
    pub fn leave(&mut self, entry: &Entry) {
        match self {
            Self::Count(count) => *count = count.saturating_sub(entry.weight),
            Self::Distinct(values) => {
                if let Some(count) = values.get_mut(&entry.value) {
                    *count -= 1;
                    if *count == 0 {
                        values.remove(&entry.value);
                    }
                }
            }
            Self::Sum(sum, number) => {
                *sum = sum.saturating_sub(entry.value.amount());
                *number -= 1;
            }
            Self::Amounts(amounts) => {
                let value = entry.value.amount();
                if let Some(place) = amounts.iter().position(|amount| *amount == value) {
                    amounts.remove(place);
                }
            }
            Self::Members(members) => {
                for (position, count) in members.iter_mut().enumerate() {
                    *count -= u32::from(entry.is_of(position));
                }
            }
            Self::Chains(_) => {}
        }
    }

    /// Whether the correlation fires on this window.
    pub fn fires(&self, correlation: &Correlation) -> bool {
        match (&correlation.condition, self) {
            (Condition::EventCount(bounds), Self::Count(count)) => bounds.hold_count(*count),
            (Condition::ValueCount(bounds), Self::Distinct(values)) => {
                !values.is_empty() && bounds.hold_count(length(values.len()))
            }
            (Condition::ValueSum(bounds), Self::Sum(sum, number)) => {
                *number > 0 && bounds.hold_amount(*sum, 1)
            }
            (Condition::ValueAverage(bounds), Self::Sum(sum, number)) => {
                *number > 0 && bounds.hold_amount(*sum, Amount::from(*number))
            }
            (Condition::ValuePercentile(rank, bounds), Self::Amounts(amounts)) => {
                ranked(amounts, *rank).is_some_and(|value| bounds.hold_amount(value, 100))
            }
            (Condition::Temporal(expression), Self::Members(members)) => {
                expression.holds(&|number| members.get(number).is_some_and(|count| *count > 0))
            }
            (Condition::Ordered(_), Self::Chains(links)) => {
                links.iter().any(|links| links.complete && !links.spoilt)
            }
            _ => false,
        }
    }

    /// What to tell about a window that fired: how many, and what was calculated.
    pub fn figures(correlation: &Correlation, evidence: &[Entry]) -> (u64, Option<f64>) {
        let weight = evidence.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.weight));
        if !correlation.condition.calculates()
            && !matches!(correlation.condition, Condition::ValueCount(_))
        {
            return (weight, None);
        }
        let mut tally = Self::new(correlation);
        evidence.iter().for_each(|entry| tally.enter(correlation, entry));
        match (&correlation.condition, &tally) {
            (_, Self::Distinct(values)) => (length(values.len()), None),
            (Condition::ValueAverage(_), Self::Sum(sum, number)) => {
                (weight, Some(shown(*sum, Amount::from(*number))))
            }
            (_, Self::Sum(sum, _)) => (weight, Some(shown(*sum, 1))),
            (Condition::ValuePercentile(rank, _), Self::Amounts(amounts)) => {
                (weight, ranked(amounts, *rank).map(|value| shown(value, 100)))
            }
            _ => (weight, None),
        }
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn ranked(amounts: &[Amount], rank: u32) -> Option<Amount> {
    let mut sorted = amounts.to_vec();
    sorted.sort_unstable();
    percentile(&sorted, rank)
}

/// In which order events become links: by time, those of one time as the members stand.
pub(super) fn chain_order(entry: &Entry) -> (i64, u32) {
    (entry.time_us, entry.members.trailing_zeros())
}

impl Links {
    fn new(chain: &Chain) -> Self {
        let starts = vec![None; chain.positions().count()];
        Self { complete: starts.is_empty(), starts, spoilt: false }
    }

    fn enter(&mut self, chain: Chain, entry: &Entry, span_us: i64) {
        self.spoilt |= entry.members & chain.without != 0;
        let positions: Vec<usize> = chain.positions().collect();
        // From the last link on, so that the event does not follow itself.
        for (number, position) in positions.iter().enumerate().rev() {
            if !entry.is_of(*position) {
                continue;
            }
            let start = match number.checked_sub(1) {
                None => Some(entry.time_us),
                Some(before) => self.starts.get(before).copied().flatten(),
            };
            let fits = |start: &i64| entry.time_us.saturating_sub(*start) <= span_us;
            let Some(start) = start.filter(fits) else { continue };
            self.complete |= number + 1 == positions.len();
            if let Some(slot) = self.starts.get_mut(number) {
                *slot = (*slot).max(Some(start));
            }
        }
    }
}

/// Values are hashes already: their beginning is as good as any hash of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefix(u64);

impl Hasher for Prefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(5) ^ number;
    }
}
