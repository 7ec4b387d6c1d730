//! Rules about matches of other rules over time, in event time.
//!
//! # What it promises
//! **Order does not matter.** A window is decided by when events happened, not by when they
//! arrived: a backlog from an offline machine fires like a live stream, and no evidence that
//! arrives late is lost as long as its group is kept.
//!
//! **The same evidence fires once.** When a correlation fires, the events of its window are used up,
//! and so is the span of time they cover: what arrives later and belongs into that span is part of
//! what was told already. The next firing needs new events: five failed logins fire, the next five
//! fire again, six do not fire twice.
//!
//! **One host cannot touch another.** A group is a host and the values of `group-by`; each host has
//! a share of the state, and one that floods it evicts its own groups only.
//!
//! **State is bounded and exact.** [`CorrelationLimits`] bounds it, [`Correlator::evicted`] counts
//! what was given up. [`Correlator::take_changes`] and [`Correlator::restore`] carry it across a
//! crash without a difference in what fires.
//!
//! # What it supports
//! `event_count` and `value_count` with `gte` or `gt`; `temporal`, also with a condition of `and` and
//! `or`; `temporal_ordered`; a correlation as member of another. What needs to know that nothing
//! more will come (`lt`, `lte`, `eq`, `neq`, `not`) and the other kinds are refused at load. An event
//! that lacks a field of `group-by` belongs to no group. Events of the same microsecond count as in
//! order: logs often have seconds only.

mod connect;
mod correlator;
mod group;
mod table;
mod window;

pub use correlator::Correlator;

pub(crate) use connect::{Candidate, connect};

use serde::{Deserialize, Serialize};

use crate::detection::Expression;

/// How much is remembered. Reaching a limit evicts the oldest and counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrelationLimits {
    /// Groups of one rule over all hosts.
    pub groups_per_rule: usize,
    /// Groups of one rule on one host.
    pub groups_per_host: usize,
    /// Events of one group; at least as many as the rule's threshold are always kept.
    pub events_per_group: usize,
    /// How much older than the event that arrives an event may be and still wait for more, besides
    /// the rule's own timespan, in microseconds.
    pub lateness_us: i64,
}

impl Default for CorrelationLimits {
    fn default() -> Self {
        Self {
            groups_per_rule: 100_000,
            groups_per_host: 2_000,
            events_per_group: 1_000,
            lateness_us: 24 * 3600 * 1_000_000,
        }
    }
}

/// A correlation that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrelationMatch {
    /// Its number in [`crate::Ruleset::rules`].
    pub rule: usize,
    /// The fields of `group-by` and their values.
    pub group: Vec<(String, String)>,
    /// Occurrences in the window; distinct values for `value_count`.
    pub count: u64,
    /// When the first of them happened.
    pub first_us: i64,
    /// When the last of them happened.
    pub last_us: i64,
    /// Their ids in order of time, at most 32: the first and the last ones.
    pub events: Vec<String>,
}

/// A compiled correlation.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub rule: usize,
    pub kind: Kind,
    pub members: Vec<Member>,
    pub group_by: Vec<String>,
    pub timespan_us: i64,
    /// Changes when it or a rule it rests on changes; begins the keys of its state.
    pub fingerprint: String,
}

/// A rule that feeds a correlation, and its names for the fields.
#[derive(Debug)]
pub(crate) struct Member {
    pub rule: usize,
    pub group_by: Vec<String>,
    pub value: Vec<String>,
}

/// When it fires.
#[derive(Debug)]
pub(crate) enum Kind {
    EventCount { at_least: u64 },
    ValueCount { at_least: u64 },
    Temporal(Expression),
    Ordered,
}

impl Correlation {
    /// Translates numbers of rules.
    pub fn renumber(&mut self, number: &dyn Fn(usize) -> usize) {
        self.rule = number(self.rule);
        for member in &mut self.members {
            member.rule = number(member.rule);
        }
    }

    /// How many events of a group must be kept at least.
    fn needed(&self) -> usize {
        match self.kind {
            Kind::EventCount { at_least } | Kind::ValueCount { at_least } => {
                usize::try_from(at_least).unwrap_or(usize::MAX)
            }
            Kind::Temporal(_) | Kind::Ordered => self.members.len(),
        }
    }
}

#[cfg(test)]
mod tests;
