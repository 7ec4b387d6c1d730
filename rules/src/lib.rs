//! Sigma rules over events: parsing, evaluation, correlation, rule tests, and the rules we ship.
//!
//! [`Ruleset::load`] compiles rule files the caller has read; a broken rule is a [`Problem`] and
//! disables itself alone. An [`Evaluator`] asks all rules about one event after the other, JSON lines or
//! whatever implements [`Event`]; [`Ruleset::explain`] says why one matched. A [`Correlator`] looks at
//! those matches over time. [`Logsources`] say which rules an event concerns, [`Pipelines`] change rules
//! before they are compiled, [`lint()`] finds what is probably a mistake. [`packs`] are the rules we
//! ship, [`test()`] runs the tests beside a rule.
//!
//! Pure: no clock, file, thread, network or async; the same input gives the same output. Time is what
//! events say. It does not know what an agent or a collector is.
//!
//! Source: Sigma specification 2.1 (rules, correlations, filters, modifiers).

pub mod limits;

mod correlation;
mod detection;
mod evaluator;
mod event;
mod json;
mod lint;
mod logsource;
mod pack;
mod pattern;
mod pipeline;
mod problem;
mod program;
mod record;
mod rule;
mod ruleset;
mod source;
mod testing;
mod view;

pub use correlation::{CorrelationLimits, CorrelationMatch, Correlator, Eviction, Origin};
pub use detection::Predicate;
pub use evaluator::{Evaluator, Reading, RuleUse};
pub use event::{Event, FieldValue, LogsourceRef};
pub use json::{JsonError, JsonEvent};
pub use lint::lint;
pub use logsource::Logsources;
pub use pack::{pack_tests, packs};
pub use pipeline::Pipelines;
pub use problem::{Problem, Severity};
pub use rule::{Level, Logsource, Rule, Scope, Steps, Text};
pub use ruleset::{CarriedFields, Match, Options, Ruleset};
pub use source::Source;
pub use testing::{Outcome, TestReport, test, test_with};
