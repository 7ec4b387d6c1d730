use std::collections::BTreeMap;

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType,
    WindowMode,
};
use sha2::{Digest, Sha256};

use super::{Correlation, Kind, Member};
use crate::detection::Expression;
use crate::limits;
use crate::problem::Fault;
use crate::rule::Rule;

/// A rule a correlation may refer to, or a correlation itself.
pub(crate) struct Candidate<'a> {
    pub rule: &'a Rule,
    pub correlation: Option<&'a CorrelationRule>,
}

/// What came of connecting; numbers are those of the candidates.
#[derive(Default)]
pub(crate) struct Connected {
    /// Members before those that refer to them.
    pub correlations: Vec<Correlation>,
    pub faults: Vec<(usize, Fault)>,
    /// Whether a rule that a correlation refers to alerts by itself.
    pub alerts: BTreeMap<usize, bool>,
}

/// Compiles all correlations among the candidates.
pub(crate) fn connect(
    candidates: &[Candidate<'_>],
    find: &dyn Fn(&str) -> Option<usize>,
) -> Connected {
    let states = vec![State::Unseen; candidates.len()];
    let mut connecting = Connecting { candidates, find, states, out: Connected::default() };
    for number in 0..candidates.len() {
        connecting.visit(number, 0);
    }
    connecting.out
}

#[derive(Clone, Debug)]
enum State {
    Unseen,
    /// Being connected: meeting it again is a circle.
    Open,
    /// Usable, with its fingerprint.
    Ready(String),
    Broken,
}

struct Connecting<'a> {
    candidates: &'a [Candidate<'a>],
    find: &'a dyn Fn(&str) -> Option<usize>,
    states: Vec<State>,
    out: Connected,
}

/// Correlations of correlations of correlations; more is surely a mistake.
const CHAIN_MAX: usize = 8;

impl<'a> Connecting<'a> {
    fn visit(&mut self, number: usize, depth: usize) -> State {
        let state = self.states.get(number).cloned().unwrap_or(State::Broken);
        if !matches!(state, State::Unseen) {
            return state;
        }
        let Some(candidate) = self.candidates.get(number) else { return State::Broken };
        let Some(parsed) = candidate.correlation else {
            return self.settle(number, State::Ready(fingerprint(candidate.rule, &[])));
        };
        self.settle(number, State::Open);
        match self.correlation(number, parsed, depth) {
            Ok(correlation) => {
                let state = State::Ready(correlation.fingerprint.clone());
                for member in &correlation.members {
                    let alerts = self.out.alerts.entry(member.rule).or_default();
                    *alerts |= parsed.generate;
                }
                self.out.correlations.push(correlation);
                self.settle(number, state)
            }
            Err(fault) => {
                self.out.faults.push((number, fault));
                self.settle(number, State::Broken)
            }
        }
    }

    fn settle(&mut self, number: usize, state: State) -> State {
        if let Some(slot) = self.states.get_mut(number) {
            *slot = state.clone();
        }
        state
    }

    fn correlation(
        &mut self,
        number: usize,
        parsed: &CorrelationRule,
        depth: usize,
    ) -> Result<Correlation, Fault> {
        let candidate = self.candidates.get(number).ok_or_else(|| Fault::new("no such rule"))?;
        check(parsed)?;
        if depth > CHAIN_MAX {
            return Err(at_rules(format!("correlations chained deeper than {CHAIN_MAX}")));
        }
        let mut members = Vec::new();
        let mut prints = Vec::new();
        for reference in &parsed.rules {
            let (member, print) = self.member(reference, parsed, depth)?;
            members.push(member);
            prints.push(print);
        }
        Ok(Correlation {
            rule: number,
            kind: self.kind(parsed, &members)?,
            members,
            group_by: parsed.group_by.clone(),
            timespan_us: micros(parsed.timespan.seconds),
            fingerprint: fingerprint(candidate.rule, &prints),
        })
    }

    fn member(
        &mut self,
        reference: &str,
        parsed: &CorrelationRule,
        depth: usize,
    ) -> Result<(Member, String), Fault> {
        let Some(number) = (self.find)(reference) else {
            return Err(at_rules(format!("refers to '{reference}', which is no loaded rule"))
                .hint("give the id or the 'name' of a rule; a broken rule is not loaded"));
        };
        let print = match self.visit(number, depth + 1) {
            State::Ready(print) => print,
            State::Open => return Err(at_rules(format!("refers to itself through '{reference}'"))),
            State::Unseen | State::Broken => {
                return Err(at_rules(format!("refers to '{reference}', which is disabled"))
                    .hint("mend that rule first"));
            }
        };
        let candidates = self.candidates;
        let candidate = candidates.get(number).ok_or_else(|| Fault::new("no such rule"))?;
        let field = |name: &String| field_of(name, candidate, reference, parsed);
        let group_by = parsed.group_by.iter().map(field).collect::<Result<_, _>>()?;
        let value = value_fields(parsed).iter().map(field).collect::<Result<_, _>>()?;
        Ok((Member { rule: number, group_by, value }, print))
    }

    fn kind(&self, parsed: &CorrelationRule, members: &[Member]) -> Result<Kind, Fault> {
        match parsed.correlation_type {
            CorrelationType::EventCount => Ok(Kind::EventCount { at_least: threshold(parsed)? }),
            CorrelationType::ValueCount if value_fields(parsed).is_empty() => {
                Err(at_condition("value_count counts the values of a field; which one?")
                    .hint("add 'field: source.port' to the condition"))
            }
            CorrelationType::ValueCount => Ok(Kind::ValueCount { at_least: threshold(parsed)? }),
            CorrelationType::Temporal => Ok(Kind::Temporal(self.expression(parsed, members)?)),
            CorrelationType::TemporalOrdered => match &parsed.condition {
                CorrelationCondition::Extended(_) => {
                    Err(at_condition("temporal_ordered takes the order of 'rules', no condition"))
                }
                CorrelationCondition::Threshold { .. } => Ok(Kind::Ordered),
            },
            other => Err(Fault::new(format!(
                "correlations of type {} are not supported",
                other.as_str()
            ))
            .at(["correlation", "type"])
            .hint("supported: event_count, value_count, temporal, temporal_ordered")),
        }
    }

    fn expression(
        &self,
        parsed: &CorrelationRule,
        members: &[Member],
    ) -> Result<Expression, Fault> {
        let CorrelationCondition::Extended(condition) = &parsed.condition else {
            return Ok(Expression::And((0..members.len()).map(Expression::Selection).collect()));
        };
        self.resolve(condition, members)
    }

    fn resolve(&self, parsed: &ConditionExpr, members: &[Member]) -> Result<Expression, Fault> {
        let all = |parts: &[ConditionExpr]| {
            parts.iter().map(|part| self.resolve(part, members)).collect::<Result<Vec<_>, _>>()
        };
        match parsed {
            ConditionExpr::And(parts) => Ok(Expression::And(all(parts)?)),
            ConditionExpr::Or(parts) => Ok(Expression::Or(all(parts)?)),
            ConditionExpr::Identifier(name) => {
                let number = (self.find)(name);
                let position = members.iter().position(|member| Some(member.rule) == number);
                position.map(Expression::Selection).ok_or_else(|| {
                    at_condition(format!("the condition names '{name}', which is not in 'rules'"))
                })
            }
            ConditionExpr::Not(_) => {
                Err(at_condition("'not' needs to know that nothing more will come: not supported"))
            }
            ConditionExpr::Selector { .. } => {
                Err(at_condition("a correlation's condition names rules, not patterns"))
            }
        }
    }
}

fn at_rules(what: impl Into<String>) -> Fault {
    Fault::new(what).at(["correlation", "rules"])
}

fn at_condition(what: impl Into<String>) -> Fault {
    Fault::new(what).at(["correlation", "condition"])
}

/// What can be said without looking at other rules.
fn check(parsed: &CorrelationRule) -> Result<(), Fault> {
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

/// The member's own name for a field of the correlation.
fn field_of(
    name: &str,
    member: &Candidate<'_>,
    reference: &str,
    parsed: &CorrelationRule,
) -> Result<String, Fault> {
    let alias = parsed.aliases.iter().find(|alias| alias.alias == name);
    let field =
        match alias {
            None => name,
            Some(alias) => {
                let names =
                    [Some(reference), Some(member.rule.id.as_str()), member.rule.name.as_deref()];
                let mapped = names.into_iter().flatten().find_map(|name| alias.mapping.get(name));
                mapped.map(String::as_str).ok_or_else(|| {
                    Fault::new(format!("the alias '{name}' names no field of rule '{reference}'"))
                        .at(["correlation", "aliases", name])
                })?
            }
        };
    if let Some(inner) = member.correlation
        && !inner.group_by.iter().any(|known| known == field)
    {
        let what = format!("the correlation '{reference}' has no field '{field}' in its group-by");
        return Err(Fault::new(what).at(["correlation", "group-by"]));
    }
    Ok(field.to_owned())
}

fn value_fields(parsed: &CorrelationRule) -> &[String] {
    match (&parsed.condition, parsed.correlation_type) {
        (
            CorrelationCondition::Threshold { field: Some(fields), .. },
            CorrelationType::ValueCount,
        ) => fields,
        _ => &[],
    }
}

/// The number that must be reached.
fn threshold(parsed: &CorrelationRule) -> Result<u64, Fault> {
    let CorrelationCondition::Threshold { predicates, .. } = &parsed.condition else {
        return Err(at_condition("the condition is a number to reach: 'gte: 5'"));
    };
    let mut wanted = 0;
    for (operator, number) in predicates {
        wanted = wanted.max(match operator {
            ConditionOperator::Gte => *number,
            ConditionOperator::Gt => number.saturating_add(1),
            ConditionOperator::Lt
            | ConditionOperator::Lte
            | ConditionOperator::Eq
            | ConditionOperator::Neq => {
                return Err(at_condition(
                    "lt, lte, eq and neq need to know that nothing more will come: not supported",
                )
                .hint("use gte or gt"));
            }
        });
    }
    if wanted == 0 || wanted > limits::THRESHOLD_MAX {
        let what = format!("the number to reach is between 1 and {}", limits::THRESHOLD_MAX);
        return Err(at_condition(what));
    }
    Ok(wanted)
}

fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

fn fingerprint(rule: &Rule, members: &[String]) -> String {
    let mut hash =
        Sha256::new().chain_update(&rule.id).chain_update([0]).chain_update(&*rule.source);
    for member in members {
        hash.update([0]);
        hash.update(member);
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
