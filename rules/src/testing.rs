//! Tests beside a rule: `x.yml` has `x.test.yml`, a list of cases.
//!
//! ```yaml
//! - name: five failures from one address
//!   fires: true              # or  alerts: 2
//!   events:
//!     - fields: {event.action: ssh_login, event.outcome: failure, source.ip: 192.0.2.7}
//!       repeat: 5
//!       every_s: 10
//! ```
//! An event has `time` (RFC 3339; else one second after the one before), `host`, `kind`, `logsource`
//! (else the rule's own), `fields` and `raw`. `rule` chooses one rule of the file by id, name or title;
//! otherwise all that alert count.

mod case;
mod event;
mod run;

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::ruleset::{Options, Ruleset};
use crate::source::Source;

/// What came of running rule tests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// One for each case, in order.
    pub outcomes: Vec<Outcome>,
    /// What is wrong with the rules or the test files themselves.
    pub problems: Vec<Problem>,
    /// Ids of alerting rules that lack an event that fires or a near miss that must not.
    pub untested: Vec<String>,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The test file.
    pub path: String,
    /// The case's name.
    pub name: String,
    /// Whether the rules did what the case promises.
    pub passed: bool,
    /// What it promises: `fires`, `does not fire`, `2 alerts`.
    pub expected: String,
    /// Titles of what fired, once for each time.
    pub fired: Vec<String>,
}

impl TestReport {
    /// Whether all is well: every case passed and every file could be read.
    pub fn passed(&self) -> bool {
        let broken = |problem: &Problem| problem.severity == crate::Severity::Error;
        self.outcomes.iter().all(|outcome| outcome.passed) && !self.problems.iter().any(broken)
    }
}

/// Loads the rules and runs the test files against them.
pub fn test<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    tests: impl IntoIterator<Item = Source<'a>>,
) -> TestReport {
    test_with(sources, tests, Options::default())
}

/// The same with what a site adds to its rules.
pub fn test_with<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    tests: impl IntoIterator<Item = Source<'a>>,
    options: Options,
) -> TestReport {
    let (ruleset, problems) = Ruleset::load_with(sources, options);
    let mut report = TestReport { problems, ..TestReport::default() };
    let mut proven = run::Proven::default();
    for file in tests {
        match case::read(file) {
            Ok(cases) => {
                for case in &cases {
                    run::run(&ruleset, file.path, case, &mut report, &mut proven);
                }
            }
            Err(problem) => report.problems.push(*problem),
        }
    }
    report.untested = proven.missing(&ruleset);
    report
}
