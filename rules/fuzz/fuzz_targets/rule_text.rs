//! `cargo fuzz run rule_text`: every text loads as rules or problems, in bounded time and memory, and
//! a good rule beside it loads all the same.
#![no_main]

use soc_rules::{Ruleset, Source};

const GOOD: &str = "title: Good
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10
logsource: {product: fuzz}
detection:
  selection: {a: 1}
  condition: selection
";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let sources = [Source { path: "good.yml", text: GOOD }, Source { path: "fuzz.yml", text }];
    let (ruleset, problems) = Ruleset::load(sources);
    assert!(ruleset.rule("9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10").is_some());
    for problem in problems {
        assert!(problem.line != Some(0) && !problem.to_string().is_empty());
    }
    let report = soc_rules::test([], [Source { path: "fuzz.test.yml", text }]);
    assert!(report.outcomes.iter().all(|outcome| outcome.passed) || !report.passed());
});
