//! The rules we ship: they load, each does what its tests promise, and each speaks both languages.

use std::collections::BTreeSet;

use soc_rules::{Rule, Ruleset, pack_tests, packs, test};

fn rules() -> Ruleset {
    let (ruleset, problems) = Ruleset::load(packs());
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    ruleset
}

fn shown(ruleset: &Ruleset) -> impl Iterator<Item = &Rule> {
    ruleset.rules().iter().filter(|rule| rule.alerts)
}

#[test]
fn every_rule_fires_on_its_event_and_not_on_its_near_miss() {
    let report = test(packs(), pack_tests());
    let failed: Vec<String> = report
        .outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|o| format!("{}: {}: expected {}, fired {:?}", o.path, o.name, o.expected, o.fired))
        .chain(report.problems.iter().map(ToString::to_string))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(report.untested.is_empty(), "without a hit and a near miss: {:?}", report.untested);
    assert!(report.passed());
}

#[test]
fn every_alert_is_explained_in_both_languages() {
    let ruleset = rules();
    assert!(shown(&ruleset).count() >= 34);
    for rule in shown(&ruleset) {
        let path = &rule.path;
        assert!(rule.title.vi.is_some() && rule.description.vi.is_some(), "{path}: no Vietnamese");
        assert!(!rule.description.en.is_empty(), "{path}: no description");
        for steps in [&rule.steps.en, &rule.steps.vi] {
            assert!((2..=5).contains(&steps.len()), "{path}: {} steps", steps.len());
        }
        assert_eq!(rule.steps.en.len(), rule.steps.vi.len(), "{path}");
    }
}

#[test]
fn every_rule_names_a_technique_and_a_tactic_of_attack() {
    let is_technique = |tag: &str| {
        let id = tag.strip_prefix("attack.t").unwrap_or("");
        let (main, sub) = id.split_once('.').unwrap_or((id, "000"));
        main.len() == 4 && sub.len() == 3 && id.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let tactics = [
        "reconnaissance",
        "resource-development",
        "initial-access",
        "execution",
        "persistence",
        "privilege-escalation",
        "defense-evasion",
        "credential-access",
        "discovery",
        "lateral-movement",
        "collection",
        "command-and-control",
        "exfiltration",
        "impact",
    ];
    for rule in rules().rules() {
        let tactic =
            |tag: &&String| tag.strip_prefix("attack.").is_some_and(|t| tactics.contains(&t));
        assert!(rule.tags.iter().any(|tag| tactic(&tag)), "{}: no tactic", rule.path);
        assert!(rule.tags.iter().any(|tag| is_technique(tag)), "{}: no technique", rule.path);
        for tag in &rule.tags {
            let known = is_technique(tag) || tactic(&tag) || tag.starts_with("cve.");
            assert!(known, "{}: tag {tag}", rule.path);
        }
    }
}

#[test]
fn names_and_titles_are_unique() {
    let ruleset = rules();
    let titles: BTreeSet<&str> =
        ruleset.rules().iter().map(|rule| rule.title.en.as_str()).collect();
    assert_eq!(titles.len(), ruleset.rules().len());
}
