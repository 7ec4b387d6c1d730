//! Damaged rules and strange events: no panic, no wrong range, and good rules go on working.

use std::collections::BTreeMap;

use proptest::prelude::*;
use soc_rules::{Event, FieldValue, LogsourceRef, Ruleset, Source, packs};

const GOOD: &str = "title: Good
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10
logsource:
  product: linux
detection:
  selection:
    a: 1
  condition: selection
";

/// A rule with something of everything.
const RICH: &str = r#"title: Rich
id: 5b3f7d1e-0d3a-4a55-9b57-1c7a4f2f9d20
level: high
logsource: {product: linux, service: sshd}
detection:
  a:
    - x|contains|all: ["one", 'two*', three?]
      y|re|i: '^(a|b)+\d$'
    - z|cidr: [10.0.0.0/8, "fe80::/10"]
  b:
    n|gte: 5
    m|windash|contains: ' -e '
    t|hour: 3
    q|base64offset|contains: secret
  keywords: [foo, 404]
  filter_c: {w: null, v|exists: false}
  condition: (a or 1 of b*) and keywords and not all of filter_*
soc:
  steps: {vi: ["một"], en: ["one"]}
---
title: Count
id: 5b3f7d1e-0d3a-4a55-9b57-1c7a4f2f9d21
correlation:
  type: event_count
  rules: [5b3f7d1e-0d3a-4a55-9b57-1c7a4f2f9d20]
  group-by: [x]
  timespan: 5m
  condition: {gte: 5}
"#;

fn load(text: &str) -> Ruleset {
    let sources = [Source { path: "good.yml", text: GOOD }, Source { path: "r.yml", text }];
    let (ruleset, problems) = Ruleset::load(sources);
    assert!(ruleset.rule("9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10").is_some());
    assert!(problems.iter().all(|problem| problem.line != Some(0)));
    ruleset
}

#[test]
fn a_rule_cut_anywhere_leaves_its_neighbour_alone() {
    assert_eq!(load(RICH).rules().len(), 3);
    for end in 0..RICH.len() {
        if let Some(text) = RICH.get(..end) {
            load(text);
        }
    }
}

struct Given {
    fields: BTreeMap<String, Value>,
    service: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Value {
    Null,
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
    List(Vec<String>),
}

impl Event for Given {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match self.fields.get(name)? {
            Value::Null => FieldValue::Null,
            Value::Integer(n) => FieldValue::Integer(*n),
            Value::Float(n) => FieldValue::Float(*n),
            Value::Boolean(value) => FieldValue::Boolean(*value),
            Value::Text(text) => FieldValue::Text(text.into()),
            Value::List(list) => {
                FieldValue::List(list.iter().map(|text| FieldValue::Text(text.into())).collect())
            }
        })
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in self.fields.keys() {
            if let Some(value) = self.field(name) {
                visit(name, value);
            }
        }
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        for value in self.fields.values() {
            if let Value::Text(text) = value
                && visit(text)
            {
                return;
            }
        }
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        let category = self.service.is_none().then_some("webserver");
        LogsourceRef { product: Some("linux"), category, service: self.service }
    }

    fn time_us(&self) -> i64 {
        0
    }
}

/// Texts near what the rules look for, with characters that change size when folded between.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("../"),
        Just("UNION"),
        Just(" select "),
        Just("/uploads/x.PHP"),
        Just("?cmd=id"),
        Just("${jndi:"),
        Just("%24%7B"),
        Just("/.ENV"),
        Just("/var/log"),
        Just("sudo rm "),
        Just("curl x | sh"),
        Just("İ"),
        Just("ß"),
        Just("K"),
        Just("ﬁ"),
        Just("\u{0}"),
        Just("(root) REPLACE (root)"),
        Just("sqlmap"),
        Just("'"),
        Just(" or 1=1"),
        Just("é"),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        any::<bool>().prop_map(Value::Boolean),
        text().prop_map(Value::Text),
        prop::collection::vec(text(), 0..3).prop_map(Value::List),
    ]
}

proptest! {
    #[test]
    fn a_damaged_rule_leaves_its_neighbour_alone(
        damage in prop::collection::vec((0_usize..1000, 0_usize..6, "\\PC{0,3}|[-\\[{}\\]:|'\"&*!%\n ]{0,4}"), 1..4),
    ) {
        let mut letters: Vec<char> = RICH.chars().collect();
        for (at, gone, new) in damage {
            let at = at.min(letters.len());
            let end = (at + gone).min(letters.len());
            letters.splice(at..end, new.chars());
        }
        load(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn a_match_shows_bytes_of_the_value_it_names(
        fields in prop::collection::btree_map(
            prop::sample::select(vec![
                "url.original", "user_agent.original", "http.response.status_code", "user.name",
                "process.command_line", "event.action", "event.outcome", "message", "source.ip",
            ]).prop_map(str::to_owned),
            value(),
            0..9,
        ),
        service in prop::sample::select(vec![None, Some("sudo"), Some("cron"), Some("sshd")]),
    ) {
        let ruleset = RULES.with(Clone::clone);
        let event = Given { fields, service };
        for predicate in ruleset.evaluate(&event).iter().flat_map(|found| &found.predicates) {
            if let (Some(start), Some(end)) = (predicate.start, predicate.end) {
                prop_assert!(predicate.value.get(start..end).is_some(), "{predicate:?}");
            }
        }
    }
}

thread_local! {
    static RULES: Ruleset = Ruleset::load(packs()).0;
}
