//! `soc-collector rules check` and `rules test`: what is wrong with rule files, without a collector.

use std::path::PathBuf;
use std::process::ExitCode;

use soc_rules::{Outcome, Problem, Ruleset, Severity};

use crate::rulebook::{Collected, Site, collect};
use crate::visible::visible;

/// Prints `path:line:column: error: …` for everything that is wrong, and a warning for what is odd;
/// fails when a rule is broken.
pub fn check(paths: &[PathBuf], site: &Site, print: &mut dyn FnMut(&str)) -> ExitCode {
    let Collected { rules, problems, .. } = collect(paths);
    let (options, of_site) = site.load();
    let odd = soc_rules::lint(rules.iter().map(|file| file.source()), &options);
    let (ruleset, broken) = Ruleset::load_with(rules.iter().map(|file| file.source()), options);
    let problems: Vec<Problem> = [problems, of_site, broken, odd].concat();
    let errors = print_problems(&problems, print);
    print(&format!("{} rules in force, {errors} errors", ruleset.rules().len()));
    exit(errors == 0)
}

/// Runs the tests beside rules; fails when one does not give what it promises.
pub fn test(paths: &[PathBuf], site: &Site, print: &mut dyn FnMut(&str)) -> ExitCode {
    let Collected { rules, tests, problems } = collect(paths);
    let (options, of_site) = site.load();
    let (rules, tests) = (rules.iter().map(|file| file.source()), tests.iter());
    let report = soc_rules::test_with(rules, tests.map(|file| file.source()), options);
    let problems: Vec<Problem> = [problems, of_site, report.problems].concat();
    let errors = print_problems(&problems, print);
    let failed: Vec<&Outcome> = report.outcomes.iter().filter(|one| !one.passed).collect();
    for Outcome { path, name, expected, fired, .. } in &failed {
        let line = format!("{path}: failed: {name}: expected: {expected}; fired: {fired:?}");
        print(&visible(&line));
    }
    for rule in &report.untested {
        print(&format!("{}: has no event that fires, or no near miss", visible(rule)));
    }
    print(&format!("{} tests, {} failed, {errors} errors", report.outcomes.len(), failed.len()));
    exit(errors == 0 && failed.is_empty())
}

fn print_problems(problems: &[Problem], print: &mut dyn FnMut(&str)) -> usize {
    for problem in problems {
        print(&visible(&problem.to_string()));
    }
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

fn exit(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
