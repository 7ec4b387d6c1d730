//! From what a correlation says to when it fires.

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType,
    Quantifier, SelectorPattern, WindowMode,
};

use super::chain::{CHAINS_MAX, chains};
use super::condition::{Bounds, Condition};
use crate::detection::Expression;
use crate::limits;
use crate::problem::Fault;

/// What a condition may call a member: as the correlation refers to it, and by its name.
pub(super) type Names<'a> = Vec<&'a str>;

pub(super) fn at_rules(what: impl Into<String>) -> Fault {
    Fault::new(what).at(["correlation", "rules"])
}

fn at_condition(what: impl Into<String>) -> Fault {
    Fault::new(what).at(["correlation", "condition"])
}

/// What can be said without looking at other rules.
pub(super) fn check(parsed: &CorrelationRule) -> Result<(), Fault> {
    if parsed.rules.is_empty() {
        return Err(at_rules("a correlation refers to at least one rule"));
    }
    if parsed.rules.len() > limits::MEMBERS_MAX {
        return Err(at_rules(format!("more than {} rules", limits::MEMBERS_MAX)));
    }
    let at = |key: &str| ["correlation".to_owned(), key.to_owned()];
    if parsed.window != WindowMode::Sliding {
        return Err(Fault::new("only sliding windows are supported").at(at("window")));
    }
    let seconds = parsed.timespan.seconds;
    if seconds == 0 || seconds > limits::TIMESPAN_S_MAX {
        let days = limits::TIMESPAN_S_MAX / 86_400;
        let what = format!("a timespan is between one second and {days} days");
        return Err(Fault::new(what).at(at("timespan")));
    }
    Ok(())
}

/// The fields a condition looks at.
pub(super) fn value_fields(parsed: &CorrelationRule) -> &[String] {
    match (&parsed.condition, parsed.correlation_type) {
        (
            _,
            CorrelationType::EventCount
            | CorrelationType::Temporal
            | CorrelationType::TemporalOrdered,
        ) => &[],
        (CorrelationCondition::Threshold { field: Some(fields), .. }, _) => fields,
        _ => &[],
    }
}

/// When the correlation fires. `members` has the names of each.
pub(super) fn condition(
    parsed: &CorrelationRule,
    members: &[Names<'_>],
    unconditioned: bool,
) -> Result<Condition, Fault> {
    let kind = parsed.correlation_type;
    match kind {
        CorrelationType::EventCount => Ok(Condition::EventCount(counted(parsed)?)),
        CorrelationType::Temporal => {
            Ok(Condition::Temporal(expression(parsed, members, unconditioned)?))
        }
        CorrelationType::TemporalOrdered => {
            let expression = expression(parsed, members, unconditioned)?;
            let chains = chains(&expression).ok_or_else(|| {
                at_condition(format!("more than {CHAINS_MAX} orders would make this true"))
                    .hint("split it into several correlations")
            })?;
            Ok(Condition::Ordered(chains))
        }
        _ if value_fields(parsed).is_empty() => {
            let name = kind.as_str();
            Err(at_condition(format!("{name} looks at the values of a field; which one?"))
                .hint("add 'field: source.port' to the condition"))
        }
        CorrelationType::ValueCount => Ok(Condition::ValueCount(counted(parsed)?)),
        _ if value_fields(parsed).len() > 1 => {
            Err(at_condition(format!("{} calculates with one field", kind.as_str())))
        }
        CorrelationType::ValueSum => Ok(Condition::ValueSum(bounds(parsed)?)),
        CorrelationType::ValueAvg => Ok(Condition::ValueAverage(bounds(parsed)?)),
        CorrelationType::ValuePercentile => {
            Ok(Condition::ValuePercentile(rank(parsed)?, bounds(parsed)?))
        }
        CorrelationType::ValueMedian => Ok(Condition::ValuePercentile(50, bounds(parsed)?)),
    }
}

/// What the number must be.
fn bounds(parsed: &CorrelationRule) -> Result<Bounds, Fault> {
    let CorrelationCondition::Threshold { predicates, .. } = &parsed.condition else {
        return Err(at_condition("the condition is a number to reach: 'gte: 5'"));
    };
    // The parser gives negative numbers as their two's complement.
    let bound = |(how, number): &(ConditionOperator, u64)| (*how, number.cast_signed());
    Ok(Bounds(predicates.iter().map(bound).collect()))
}

/// What a count must be.
fn counted(parsed: &CorrelationRule) -> Result<Bounds, Fault> {
    let bounds = bounds(parsed)?;
    let max = i64::try_from(limits::THRESHOLD_MAX).unwrap_or(i64::MAX);
    if bounds.0.iter().any(|(_, number)| !(0..=max).contains(number)) {
        return Err(at_condition(format!("a number of a count is between 0 and {max}")));
    }
    Ok(bounds)
}

fn rank(parsed: &CorrelationRule) -> Result<u32, Fault> {
    let rank = match &parsed.condition {
        CorrelationCondition::Threshold { percentile: Some(rank), .. } => *rank,
        _ => 50,
    };
    u32::try_from(rank)
        .ok()
        .filter(|rank| *rank <= 100)
        .ok_or_else(|| at_condition("a percentile is between 0 and 100"))
}

fn expression(
    parsed: &CorrelationRule,
    members: &[Names<'_>],
    unconditioned: bool,
) -> Result<Expression, Fault> {
    let all: Vec<usize> = (0..members.len()).collect();
    match &parsed.condition {
        CorrelationCondition::Extended(condition) => resolve(condition, members),
        CorrelationCondition::Threshold { .. } if unconditioned => {
            Ok(Expression::And(all.into_iter().map(Expression::Selection).collect()))
        }
        CorrelationCondition::Threshold { .. } => {
            let bounds = counted(parsed)?;
            let fits = |count: &usize| bounds.hold_count(u64::try_from(*count).unwrap_or(u64::MAX));
            if bounds.only_grow() {
                let least = (1..=members.len()).find(fits).unwrap_or(members.len() + 1);
                return Ok(Expression::AtLeast(least, all));
            }
            let exactly = |count: usize| {
                let least = Expression::AtLeast(count, all.clone());
                let more = Expression::AtLeast(count + 1, all.clone());
                Expression::And(vec![least, Expression::Not(Box::new(more))])
            };
            Ok(Expression::Or((1..=members.len()).filter(fits).map(exactly).collect()))
        }
    }
}

fn resolve(parsed: &ConditionExpr, members: &[Names<'_>]) -> Result<Expression, Fault> {
    let all = |parts: &[ConditionExpr]| {
        parts.iter().map(|part| resolve(part, members)).collect::<Result<Vec<_>, _>>()
    };
    match parsed {
        ConditionExpr::And(parts) => Ok(Expression::And(all(parts)?)),
        ConditionExpr::Or(parts) => Ok(Expression::Or(all(parts)?)),
        ConditionExpr::Not(part) => Ok(Expression::Not(Box::new(resolve(part, members)?))),
        ConditionExpr::Identifier(name) => {
            let position = members.iter().position(|names| names.contains(&name.as_str()));
            position.map(Expression::Selection).ok_or_else(|| {
                at_condition(format!("the condition names '{name}', which is not in 'rules'"))
            })
        }
        ConditionExpr::Selector { quantifier, pattern } => several(quantifier, pattern, members),
    }
}

fn several(
    quantifier: &Quantifier,
    pattern: &SelectorPattern,
    members: &[Names<'_>],
) -> Result<Expression, Fault> {
    let fits = |names: &Names<'_>| names.iter().any(|name| pattern.matches_detection_name(name));
    let positions: Vec<usize> =
        (0..members.len()).filter(|position| members.get(*position).is_some_and(fits)).collect();
    let count = match quantifier {
        Quantifier::Any => 1,
        Quantifier::All => positions.len(),
        Quantifier::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
    };
    if positions.is_empty() || count == 0 || count > positions.len() {
        let what = format!("'{quantifier} of {pattern}', but 'rules' has {}", positions.len());
        return Err(at_condition(what));
    }
    Ok(Expression::AtLeast(count, positions))
}
