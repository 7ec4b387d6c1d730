//! What rules may cost: the work is bounded and counted by rule, whoever wrote the rule or the event.

use std::error::Error;

use proptest::prelude::*;
use soc_rules::{Evaluator, RuleUse, Ruleset, Source, limits};

const COSTLY: &str = "9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10";
const GOOD: &str = "9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f11";

/// A rule with expressions for the field `a`, and a good one beside it that asks `a` for `marker`.
fn rules(expressions: &[&str]) -> Ruleset {
    let list: String = expressions.iter().map(|one| format!("      - '{one}'\n")).collect();
    let rule = |id: &str, field: &str| {
        format!(
            "title: T\nid: {id}\nlogsource: {{product: p}}\n\
             detection:\n  s:\n    {field}\n  condition: s\n"
        )
    };
    let costly = rule(COSTLY, &format!("a|re:\n{list}"));
    let good = rule(GOOD, "a|contains: marker");
    let text = format!("{costly}---\n{good}");
    let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    assert!(problems.is_empty(), "{problems:?}");
    ruleset
}

fn event(value: &str) -> Vec<u8> {
    serde_json::json!({"product": "p", "a": value}).to_string().into_bytes()
}

/// `a` and `b` in no order.
fn disorder(count: usize) -> String {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    (0..count).map(next).collect()
}

/// Ids of the rules that matched, and of those that did too much.
fn ask(evaluator: &mut Evaluator, value: &str) -> Result<[Vec<String>; 2], Box<dyn Error>> {
    let matched = evaluator.evaluate_json(&event(value))?.to_vec();
    let parked = evaluator.take_parked();
    let ids = |numbers: &[usize]| {
        let rules = evaluator.ruleset().rules();
        numbers.iter().filter_map(|number| rules.get(*number)).map(|rule| rule.id.clone()).collect()
    };
    Ok([ids(&matched), ids(&parked)])
}

/// Every combination of the last letters is another state of the automaton.
const EXPLODES: &str = "[ab]*a[ab]{200}c";

#[test]
fn a_rule_whose_expression_explodes_is_told_of_and_its_neighbour_matches()
-> Result<(), Box<dyn Error>> {
    for expressions in [&[EXPLODES][..], &["(a|b)*a(a|b){300}(c|d)", EXPLODES]] {
        let mut evaluator = Evaluator::new(&rules(expressions));
        let value = format!("{}c marker", disorder(64 * 1024));
        let [matched, parked] = ask(&mut evaluator, &value)?;
        assert_eq!((matched, parked), (vec![GOOD.to_owned()], vec![COSTLY.to_owned()]));
        evaluator.park(0);
        let [matched, parked] = ask(&mut evaluator, &value)?;
        assert_eq!((matched, parked), (vec![GOOD.to_owned()], Vec::new()));
    }
    Ok(())
}

#[test]
fn the_same_expression_works_on_values_as_they_are() -> Result<(), Box<dyn Error>> {
    let mut evaluator = Evaluator::new(&rules(&[EXPLODES]));
    let value = format!("a{}c", disorder(200));
    assert_eq!(ask(&mut evaluator, &value)?, [vec![COSTLY.to_owned()], Vec::new()]);
    Ok(())
}

#[test]
fn what_one_rule_could_not_afford_another_one_is_told() -> Result<(), Box<dyn Error>> {
    // Both ask the same last question; the first has spent all by then.
    let many: String = (0..900).map(|n| format!("      - '*q{n}*r*'\n")).collect();
    let shared = "    b: shared";
    let rule = |id: &str, lines: &str| {
        format!(
            "title: T\nid: {id}\nlogsource: {{product: p}}\n\
             detection:\n  s:\n{lines}\n  t:\n{shared}\n  condition: s and t or t\n---\n"
        )
    };
    let text = rule(COSTLY, &format!("    a|contains:\n{many}")) + &rule(GOOD, "    a: x");
    let (ruleset, _) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    let mut evaluator = Evaluator::new(&ruleset);
    let texts: String = (0..900).map(|n| format!("q{n} ")).collect();
    let event = serde_json::json!({"product": "p", "a": texts.repeat(20), "b": "shared"});
    let matched = evaluator.evaluate_json(event.to_string().as_bytes())?.to_vec();
    assert_eq!((matched, evaluator.take_parked()), (vec![1], vec![0]));
    Ok(())
}

#[test]
fn looking_whether_to_ask_a_rule_is_work_of_that_rule() -> Result<(), Box<dyn Error>> {
    let mut evaluator = Evaluator::new(&rules(&["needle [0-9]{3}"]));
    assert!(ask(&mut evaluator, "a needle and a 123")?[0].is_empty());
    let used = evaluator.take_use();
    assert!(matches!(used[..], [(0, RuleUse { asked: 0, matched: 0, steps: 1.. })]), "{used:?}");
    Ok(())
}

proptest! {
    #[test]
    fn the_work_for_an_event_is_the_same_whatever_came_before(
        values in prop::collection::vec("[ab]{0,400}c?", 1..6),
    ) {
        let ruleset = rules(&[EXPLODES, "(a|bb)+c", r"\w{9}c", "^.{300,}"]);
        let mut after_others = Evaluator::new(&ruleset);
        for value in &values {
            let mut first = Evaluator::new(&ruleset);
            let here = ask(&mut first, value).unwrap();
            prop_assert_eq!(here, ask(&mut after_others, value).unwrap());
            let used = first.take_use();
            prop_assert!(used.iter().all(|(_, rule)| rule.steps < 2 * limits::STEPS_MAX));
            prop_assert_eq!(used, after_others.take_use());
        }
    }
}
