//! Rules about matches of other rules over time, in event time.
//!
//! # What it promises
//! **Order does not matter.** A window is decided by when events happened, not by when they
//! arrived: a backlog from an offline machine fires like a live stream, and no evidence that
//! arrives late is lost as long as its group is kept. A match of events that came late says so.
//!
//! **The same evidence fires once.** When a correlation fires, the events of its window are used up,
//! and so is the span of time they cover: what arrives later and belongs into that span is part of
//! what was told already. The next firing needs new events: five failed logins fire, the next five
//! fire again, six do not fire twice.
//!
//! **One agency cannot touch another.** A group is a scope (the agency) and the values of `group-by`;
//! a rule that says `soc: {scope: host}` makes groups of each host for itself. Groups of different
//! scopes never meet. Within a scope a group belongs to the host that began it, and the host that
//! holds most gives up its groups first.
//!
//! **State is bounded and exact.** [`CorrelationLimits`] bounds the bytes of one rule in one scope, of
//! one scope, and of all; what is given up is counted ([`Correlator::evicted`],
//! [`Correlator::take_evictions`]). Groups of one event go before groups of several, the longest
//! untouched first. [`Correlator::take_changes`] and [`Correlator::restore`] carry state across a crash
//! without a difference in what fires.
//!
//! **An event costs the same however much is remembered.** The window that ends with the newest
//! event of a group is kept up to date; only an event that arrives out of order has its
//! neighbourhood looked through.
//!
//! # When it fires
//! | what the rule asks | when |
//! |---|---|
//! | `event_count`, `value_count`, `value_sum` with `gt`, `gte`; `temporal`, `temporal_ordered` without `not` | at the event that makes some window of the timespan true: what more comes cannot make it false |
//! | `lt`, `lte`, `eq`, `neq` and ranges; `value_avg`, `value_percentile`, `value_median`; `not` | when the window has ended: it begins with the first event that is in no window yet, lasts for the timespan, is judged once and used up, whether it fired or not |
//!
//! The specification says what holds "in the given time frame"; query backends judge whole time frames,
//! and a count that is to stay below five cannot be known before the end. A window has ended when a
//! host that put an event into it sends one that happened [`CorrelationLimits::late_us`] after its
//! end, or with [`Correlator::finish`]. A group without any event is no group: "fewer than one" never
//! fires.
//!
//! # What the words mean
//! Numbers are fields with numbers and texts that spell one, exact to a millionth; other values count
//! for nothing. Percentiles lie between the two nearest values in proportion. `temporal` with a count
//! asks how many different rules matched; without a condition all must. A condition over rule names
//! may use `and`, `or`, `not` and `1 of name*`; with `temporal_ordered` the rules that make it true
//! follow each other in the order of `rules`. A correlation may be a member of another; it happened
//! when its last event did, and its other fields are those of that event. An event that lacks a field of
//! `group-by` belongs to no group. Events of the same microsecond count as in order: logs often have
//! seconds only.
//!
//! Not supported: windows other than sliding ones, which are no part of Sigma.
//!
//! Source: Sigma correlation rules specification 2.1.

mod arithmetic;
mod chain;
mod code;
mod compile;
mod condition;
mod connect;
mod correlator;
mod entry;
mod eviction;
mod group;
mod held;
mod host;
mod scope;
mod signal;
mod state;
mod table;
mod tally;
mod window;

pub use correlator::Correlator;

pub(crate) use connect::{Candidate, connect};

use serde::{Deserialize, Serialize};

use condition::Condition;

/// Who observed an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Whose events are looked at together: the agency. Any stable text.
    pub scope: &'a str,
    /// The machine within it. Any stable text.
    pub host: &'a str,
}

/// How much is remembered. Reaching a limit evicts and counts. Bytes are an estimate made of what is
/// held, the allocator's share included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrelationLimits {
    /// Bytes of one rule in one scope.
    pub bytes_per_rule: u64,
    /// Bytes of all rules in one scope.
    pub bytes_per_scope: u64,
    /// Bytes of all.
    pub bytes: u64,
    /// Events of one group; a third more than the rule's threshold are always kept, and of a rule
    /// that calculates ten thousand.
    pub events_per_group: usize,
    /// Hosts of one scope whose clocks are followed.
    pub hosts_per_scope: usize,
    /// How much older than the event that arrives an event may be and still wait for more, besides
    /// the rule's own timespan, in microseconds.
    pub lateness_us: i64,
    /// How far behind the newest event of its host an event is late, and how long the end of a window
    /// waits for events that are not, in microseconds.
    pub late_us: i64,
}

impl Default for CorrelationLimits {
    fn default() -> Self {
        Self {
            bytes_per_rule: 16 * 1024 * 1024,
            bytes_per_scope: 64 * 1024 * 1024,
            bytes: 160 * 1024 * 1024,
            events_per_group: 1_000,
            hosts_per_scope: 20_000,
            lateness_us: 24 * 3600 * 1_000_000,
            late_us: 5 * 60 * 1_000_000,
        }
    }
}

/// A correlation that fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorrelationMatch {
    /// Its number in [`crate::Ruleset::rules`].
    pub rule: usize,
    /// The fields of `group-by` and their values.
    pub group: Vec<(String, String)>,
    /// Occurrences in the window; distinct values for `value_count`.
    pub count: u64,
    /// The sum, average or percentile, of a rule that calculates one.
    pub value: Option<f64>,
    /// When the first of them happened.
    pub first_us: i64,
    /// When the last of them happened.
    pub last_us: i64,
    /// Whether one of them came later than [`CorrelationLimits::late_us`] behind newer events of its
    /// host.
    pub late: bool,
    /// Their ids in order of time, at most 32: the first and the last ones.
    pub events: Vec<String>,
}

/// Evidence given up because a limit was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// The correlation: its number in [`crate::Ruleset::rules`].
    pub rule: usize,
    /// Whose evidence it was.
    pub scope: String,
    /// How much: groups, and events of groups that were too large.
    pub count: u64,
}

/// A compiled correlation.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub rule: usize,
    pub condition: Condition,
    pub members: Vec<Member>,
    pub group_by: Vec<String>,
    /// Fields that correlations above ask for though they are not in `group_by`.
    pub carried: Vec<String>,
    /// Whether each host has groups of its own.
    pub per_host: bool,
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

impl Correlation {
    /// Translates numbers of rules.
    pub fn renumber(&mut self, number: &dyn Fn(usize) -> usize) {
        self.rule = number(self.rule);
        for member in &mut self.members {
            member.rule = number(member.rule);
        }
    }

    /// Whether it is judged at the end of a window.
    fn waits(&self) -> bool {
        self.condition.waits()
    }
}

#[cfg(test)]
mod tests;
