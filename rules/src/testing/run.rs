use std::collections::BTreeSet;

use super::case::{Case, Given};
use super::event::TestEvent;
use super::{Outcome, TestReport};
use crate::correlation::{CorrelationLimits, Correlator, Origin};
use crate::pattern::seconds_of;
use crate::problem::{Problem, Severity};
use crate::rule::{Logsource, Rule};
use crate::ruleset::Ruleset;

/// Which rules were seen to fire, and which were seen to keep quiet on purpose.
#[derive(Default)]
pub(super) struct Proven {
    fired: BTreeSet<usize>,
    quiet: BTreeSet<usize>,
}

impl Proven {
    /// Ids of alerting rules that lack one or the other.
    pub fn missing(&self, ruleset: &Ruleset) -> Vec<String> {
        let rules = ruleset.rules().iter().enumerate().filter(|(_, rule)| rule.alerts);
        rules
            .filter(|(n, _)| !self.fired.contains(n) || !self.quiet.contains(n))
            .map(|(_, rule)| rule.id.clone())
            .collect()
    }
}

/// 2026-01-01T00:00:00Z: when a test begins that does not say.
const START_S: i64 = 1_767_225_600;
/// How often one event of a test may be repeated.
const REPEAT_MAX: u32 = 10_000;

/// Runs one case against the rules of the file beside the test.
pub(super) fn run(
    ruleset: &Ruleset,
    path: &str,
    case: &Case,
    report: &mut TestReport,
    proven: &mut Proven,
) {
    let judged = judged(ruleset, path, case);
    if judged.is_empty() {
        let what = format!("the case '{}' finds no rule to test", case.name);
        return report.problems.push(problem(path, what));
    }
    let fired = match feed(ruleset, path, case, &judged) {
        Ok(fired) => fired,
        Err(what) => return report.problems.push(problem(path, what)),
    };
    let (passed, expected) = match (case.fires, case.alerts) {
        (Some(true), _) => (!fired.is_empty(), "fires".to_owned()),
        (Some(false), _) => (fired.is_empty(), "does not fire".to_owned()),
        (None, wanted) => {
            let wanted = wanted.unwrap_or(0);
            (fired.len() == wanted, format!("{wanted} alerts"))
        }
    };
    if passed {
        proven.fired.extend(&fired);
        proven.quiet.extend(judged.iter().filter(|number| !fired.contains(number)));
    }
    let title = |number: &usize| ruleset.rules().get(*number).map(|rule| rule.title.en.clone());
    report.outcomes.push(Outcome {
        path: path.to_owned(),
        name: case.name.clone(),
        passed,
        expected,
        fired: fired.iter().filter_map(title).collect(),
    });
}

fn problem(path: &str, what: String) -> Problem {
    let (line, column, rule, hint) = (None, None, None, None);
    Problem { path: path.to_owned(), line, column, rule, what, hint, severity: Severity::Error }
}

fn is_beside(rule: &Rule, test: &str) -> bool {
    let stem = |path: &str| {
        let path = path.strip_suffix(".yml").or_else(|| path.strip_suffix(".yaml"));
        path.map(str::to_owned)
    };
    stem(test).and_then(|stem| stem.strip_suffix(".test").map(str::to_owned)) == stem(&rule.path)
}

/// The numbers of the rules a case is about.
fn judged(ruleset: &Ruleset, path: &str, case: &Case) -> Vec<usize> {
    let is_meant = |rule: &Rule| match &case.rule {
        None => rule.alerts,
        Some(name) => {
            rule.id == *name || rule.name.as_ref() == Some(name) || rule.title.en == *name
        }
    };
    let rules = ruleset.rules().iter().enumerate();
    rules.filter(|(_, rule)| is_beside(rule, path) && is_meant(rule)).map(|(n, _)| n).collect()
}

/// Feeds the events through evaluation and correlation; what fired of the judged rules, in order.
fn feed(
    ruleset: &Ruleset,
    path: &str,
    case: &Case,
    judged: &[usize],
) -> Result<Vec<usize>, String> {
    let of_file = ruleset.rules().iter().filter(|rule| is_beside(rule, path));
    let of_rule = of_file.filter_map(|rule| rule.logsource.clone()).next().unwrap_or_default();
    let mut correlator = Correlator::new(ruleset, CorrelationLimits::default());
    let mut fired = Vec::new();
    let mut clock = START_S;
    let mut number = 0_u64;
    for given in &case.events {
        if let Some(time) = &given.time {
            clock = seconds_of(time).ok_or_else(|| format!("'{time}' is no RFC 3339 time"))?;
        }
        let logsource = logsource(given, case, &of_rule);
        for _ in 0..given.repeat.unwrap_or(1).min(REPEAT_MAX) {
            let time_us = clock.saturating_mul(1_000_000);
            let event = TestEvent { given, logsource, time_us };
            let matches = ruleset.matching(&event);
            let from = Origin {
                scope: given.agency.as_deref().unwrap_or("agency"),
                host: given.host.as_deref().unwrap_or("host"),
            };
            let correlated = correlator.feed(from, &number.to_string(), &event, &matches);
            fired.extend(&matches);
            fired.extend(correlated.iter().map(|matched| matched.rule));
            clock += i64::from(given.every_s.unwrap_or(1));
            number += 1;
        }
    }
    fired.extend(correlator.finish().iter().map(|matched| matched.rule));
    fired.retain(|number| judged.contains(number));
    Ok(fired)
}

fn logsource<'a>(given: &'a Given, case: &'a Case, of_rule: &'a Logsource) -> &'a Logsource {
    given.logsource.as_ref().or(case.logsource.as_ref()).unwrap_or(of_rule)
}
