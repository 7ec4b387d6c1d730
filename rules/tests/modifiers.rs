//! Every modifier against values of every shape, in our two ways and in `rsigma-eval`. Where the
//! engines differ, `docs/sigma.md` says who is right and by which paragraph; no other difference is
//! allowed.

use std::collections::BTreeMap;

use rsigma_eval::{Engine, JsonEvent as Theirs};
use serde_json::{Value, json};
use soc_rules::{Evaluator, JsonEvent, Ruleset, Source};

const KEYS: [&str; 40] = [
    "a",
    "a|contains",
    "a|startswith",
    "a|endswith",
    "a|contains|all",
    "a|cased",
    "a|contains|cased",
    "a|startswith|cased",
    "a|endswith|cased",
    "a|neq",
    "a|contains|neq",
    "a|re",
    "a|re|i",
    "a|re|m",
    "a|re|s",
    "a|cidr",
    "a|base64",
    "a|base64offset",
    "a|base64offset|contains",
    "a|wide|base64offset|contains",
    "a|utf16le|base64offset|contains",
    "a|utf16be|base64offset|contains",
    "a|utf16|base64offset|contains",
    "a|windash",
    "a|windash|contains",
    "a|windash|contains|all",
    "a|lt",
    "a|lte",
    "a|gt",
    "a|gte",
    "a|exists",
    "a|fieldref",
    "a|fieldref|contains",
    "a|fieldref|neq",
    "a|minute",
    "a|hour",
    "a|day",
    "a|week",
    "a|month",
    "a|year",
];

/// Values of rules, in YAML.
const WANTED: [&str; 34] = [
    "abc",
    "ABC",
    "É",
    "ß",
    "'İ'",
    "''",
    "null",
    "5",
    "'5'",
    "5.0",
    "5.5",
    "-5",
    "true",
    "'true'",
    "a*c",
    "'a?c'",
    "'*'",
    "'?'",
    r"'a\*c'",
    r"'a\\*c'",
    r"'a\\\*c'",
    r"'a\c'",
    r"'c\\'",
    "-f",
    "/f",
    "'cmd -f'",
    "'cmd /f -g'",
    "10.0.0.0/8",
    "'fe80::/10'",
    "other",
    "[abc, 5, null]",
    "['^a.c$', 'x+']",
    "[b, c]",
    "22",
];

/// Values of events; the field is absent besides.
fn held() -> Vec<Value> {
    vec![
        json!("abc"),
        json!("ABC"),
        json!("xabcx"),
        json!("aXc"),
        json!("a\nc"),
        json!("x\nabc\nx"),
        json!("a*c"),
        json!("a\\c"),
        json!("a\\*c"),
        json!("a\\xc"),
        json!("abc\\"),
        json!("É"),
        json!("é"),
        json!("ß"),
        json!("SS"),
        json!("i̇"),
        json!("İ"),
        json!(""),
        json!(" "),
        json!(null),
        json!(5),
        json!("5"),
        json!(" 5"),
        json!(5.0),
        json!("5.0"),
        json!(5.5),
        json!(-5),
        json!(1e300),
        json!(9_223_372_036_854_775_807_i64),
        json!(true),
        json!("TRUE"),
        json!(false),
        json!(["x", "abc"]),
        json!([]),
        json!([5, null]),
        json!({"b": "abc"}),
        json!("-f"),
        json!("/f"),
        json!("\u{2013}f"),
        json!("cmd /f"),
        json!("cmd \u{2014}f \u{2015}g"),
        json!("10.1.2.3"),
        json!("::ffff:10.1.2.3"),
        json!("fe80::1"),
        json!("YWJj"),
        json!("eGFiYw=="),
        json!("YQBiAGMA"),
        json!("AGEAYgBj"),
        json!("//5hAGIAYwA="),
        json!("2026-11-22T10:16:42Z"),
        json!("2026-05-05T05:05:05+07:00"),
        json!(1_795_342_602),
    ]
}

/// The row of `docs/sigma.md` that decides a difference, if one does.
fn decided(key: &str, wanted: &str, held: &str) -> Option<&'static str> {
    let has = |modifier: &str| key.split('|').any(|word| word == modifier);
    let wild = wanted.contains(['*', '?']);
    let scalar = ["5", "5.0", "5.5", "-5", "22", "true", "[abc, 5, null]"].contains(&wanted);
    let encodes = key.contains("base64");
    let short = ["É", "ß", "'İ'", "[b, c]"].contains(&wanted);
    let empty = ["[]", r#"{"b":"abc"}"#].contains(&held);
    let rows = [
        ("wildcards and lines", wild && held.contains("\\n")),
        ("windash", has("windash") && (wild || scalar || wanted.contains('/'))),
        ("folding", wanted == "'İ'" && held == "\"i\u{307}\""),
        ("null in lists", wanted.contains("null") && (empty || held == "absent")),
        ("neq of nothing", has("neq") && (empty || held == "null")),
        ("blanks of numbers", held == "\" 5\"" && (scalar || wanted == "'5'")),
        ("encoded numbers", encodes && scalar),
        ("encoded case", encodes && short),
        ("base64offset", key == "a|base64offset" && wanted == "abc"),
        ("cidr", has("cidr") && held.contains("::ffff:")),
        ("ends and wildcards", wild && held == r#""abc\\""#),
        ("cased booleans", has("cased") && wanted == "true"),
        ("exists", has("exists") && held == "null"),
        ("fieldref of lists", has("fieldref") && held.starts_with('[')),
    ];
    rows.iter().find(|(_, applies)| *applies).map(|(row, _)| *row)
}

fn rule(key: &str, wanted: &str) -> String {
    format!(
        "title: T\nid: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10\nlogsource:\n  product: any\n\
         detection:\n  s:\n    {key}: {wanted}\n  condition: s\n"
    )
}

#[test]
fn modifiers_say_the_same_to_both_engines() {
    let mut unexpected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut asked, mut differ) = (0, 0);
    for key in KEYS {
        for wanted in WANTED {
            let text = rule(key, wanted);
            let (ruleset, _) = Ruleset::load([Source { path: "r.yml", text: &text }]);
            let mut theirs = Engine::new();
            let parsed = rsigma_parser::parse_sigma_yaml(&text);
            let loads = parsed.is_ok_and(|parsed| {
                parsed.rules.len() == 1 && theirs.add_collection(&parsed).is_ok()
            });
            if !loads || ruleset.rules().is_empty() {
                continue;
            }
            let mut evaluator = Evaluator::new(&ruleset);
            let mut events: Vec<Value> = held()
                .into_iter()
                .map(|a| json!({"product": "any", "a": a, "other": "Abc"}))
                .collect();
            events.push(json!({"product": "any", "other": "abc"}));
            for event in events {
                let bytes = event.to_string().into_bytes();
                let ours = evaluator.evaluate_json(&bytes).is_ok_and(|found| !found.is_empty());
                let plain =
                    JsonEvent::parse(&bytes).is_ok_and(|e| !ruleset.matching(&e).is_empty());
                assert_eq!(ours, plain, "fast and plain: {key}: {wanted} against {event}");
                let they = !theirs.evaluate(&Theirs::borrow(&event)).is_empty();
                asked += 1;
                let held = event.get("a").map_or("absent".to_owned(), ToString::to_string);
                if ours != they {
                    differ += 1;
                    if decided(key, wanted, &held).is_none() {
                        let who = if ours { "ours" } else { "theirs" };
                        let case = format!("{who}:{held}");
                        unexpected.entry(format!("{key}: {wanted}")).or_default().push(case);
                    }
                }
            }
        }
    }
    println!("{asked} asked, {differ} differ");
    let told: Vec<_> =
        unexpected.iter().map(|(rule, cases)| format!("{rule} | {}", cases.join(" "))).collect();
    assert!(told.is_empty(), "unexpected:\n{}", told.join("\n"));
}
