use std::collections::BTreeMap;

use rsigma_parser::CorrelationRule;
use sha2::{Digest, Sha256};

use super::compile::{Names, at_rules, check, condition, value_fields};
use super::{Correlation, Member};
use crate::problem::Fault;
use crate::rule::{Rule, Scope};

/// A rule a correlation may refer to, or a correlation itself.
pub(crate) struct Candidate<'a> {
    pub rule: &'a Rule,
    pub correlation: Option<&'a CorrelationRule>,
    /// The filters that restrict it, as written.
    pub filters: &'a [&'a str],
    /// Whether it is a correlation without a condition.
    pub unconditioned: bool,
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
    carry(&mut connecting.out.correlations);
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
            return self.settle(number, State::Ready(fingerprint(candidate, &[])));
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
        parsed: &'a CorrelationRule,
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
        let names: Vec<Names<'_>> = parsed
            .rules
            .iter()
            .zip(&members)
            .map(|(as_said, of)| self.names(as_said, of))
            .collect();
        Ok(Correlation {
            rule: number,
            condition: condition(parsed, &names, candidate.unconditioned)?,
            members,
            group_by: parsed.group_by.clone(),
            carried: Vec::new(),
            per_host: candidate.rule.scope == Scope::Host,
            timespan_us: micros(parsed.timespan.seconds),
            fingerprint: fingerprint(candidate, &prints),
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
        let group_by = parsed.group_by.iter().map(field).collect();
        let value = value_fields(parsed).iter().map(field).collect();
        Ok((Member { rule: number, group_by, value }, print))
    }

    /// What the condition may call a member.
    fn names(&self, reference: &'a str, member: &Member) -> Names<'a> {
        let rule = self.candidates.get(member.rule).map(|candidate| candidate.rule);
        let id = rule.map(|rule| rule.id.as_str());
        [Some(reference), rule.and_then(|rule| rule.name.as_deref()), id]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// The member's own name for a field of the correlation; the same where no alias says otherwise.
fn field_of(
    name: &str,
    member: &Candidate<'_>,
    reference: &str,
    parsed: &CorrelationRule,
) -> String {
    let alias = parsed.aliases.iter().find(|alias| alias.alias == name);
    let field = alias.and_then(|alias| {
        let names = [Some(reference), Some(member.rule.id.as_str()), member.rule.name.as_deref()];
        names.into_iter().flatten().find_map(|name| alias.mapping.get(name))
    });
    field.map_or(name, String::as_str).to_owned()
}

/// Notes for each correlation the fields those above it ask for though it does not group by them.
fn carry(correlations: &mut [Correlation]) {
    let mut asked: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for correlation in correlations.iter_mut().rev() {
        for field in asked.remove(&correlation.rule).into_iter().flatten() {
            if !correlation.group_by.contains(&field) && !correlation.carried.contains(&field) {
                correlation.carried.push(field);
            }
        }
        if !correlation.carried.is_empty() {
            let mut hash = Sha256::new().chain_update(&correlation.fingerprint);
            correlation.carried.iter().for_each(|field| hash.update(format!("\0{field}")));
            correlation.fingerprint = short(&hash.finalize());
        }
        for member in &correlation.members {
            let fields = member.group_by.iter().chain(&member.value).chain(&correlation.carried);
            asked.entry(member.rule).or_default().extend(fields.cloned());
        }
    }
}

fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

fn fingerprint(candidate: &Candidate<'_>, members: &[String]) -> String {
    let Candidate { rule, filters, .. } = candidate;
    let mut hash =
        Sha256::new().chain_update(&rule.id).chain_update([0]).chain_update(&*rule.source);
    for part in filters.iter().copied().chain(members.iter().map(String::as_str)) {
        hash.update([0]);
        hash.update(part);
    }
    short(&hash.finalize())
}

fn short(hash: &[u8]) -> String {
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
