use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::event::{FieldValue, LogsourceRef};
use crate::problem::Severity;

/// An event as JSON: its keys are fields; `raw` is also a text of its own.
struct Json(Value);

impl Event for Json {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.0.get(name).map(value)
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.0.as_object().unwrap().iter().for_each(|(name, held)| visit(name, value(held)));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let _ = self.0.as_object().unwrap().values().filter_map(Value::as_str).any(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("linux"), category: None, service: Some("sshd") }
    }

    fn time_us(&self) -> i64 {
        0
    }
}

fn value(json: &Value) -> FieldValue<'_> {
    match json {
        Value::Null => FieldValue::Null,
        Value::Bool(value) => FieldValue::Boolean(*value),
        Value::Number(n) => match n.as_i64() {
            Some(n) => FieldValue::Integer(n),
            None => FieldValue::Float(n.as_f64().unwrap()),
        },
        Value::String(text) => FieldValue::Text(text.into()),
        Value::Array(list) => FieldValue::List(list.iter().map(value).collect()),
        Value::Object(_) => panic!("fields are flat"),
    }
}

const HEAD: &str =
    "title: T\nid: 11111111-2222-4333-8444-555555555555\nlogsource:\n  product: linux\n";

fn rule(detection: &str) -> String {
    format!("{HEAD}detection:\n{detection}\n")
}

/// Whether a detection, given as the lines below `detection:`, matches an event.
fn matches(detection: &str, event: Value) -> bool {
    let text = rule(detection);
    let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    let errors: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    !ruleset.evaluate(&Json(event)).is_empty()
}

/// One line of a selection against one event.
fn line(line: &str, event: Value) -> bool {
    matches(&format!("  s:\n    {line}\n  condition: s"), event)
}

#[test]
fn texts_are_compared_without_case_unless_asked() {
    assert!(line("a: Foo", json!({"a": "fOO"})));
    assert!(!line("a|cased: Foo", json!({"a": "foo"})));
    assert!(line("a|cased|contains: Foo", json!({"a": "xFoox"})));
    assert!(!line("a: Foo", json!({"a": "food"})));
    assert!(!line("a: Foo", json!({"b": "foo"})));
    assert!(
        line("a|startswith: fo", json!({"a": "Food"}))
            && line("a|endswith: OD", json!({"a": "food"}))
    );
    assert!(line("a|contains: o?d", json!({"a": "food"})));
    assert!(line("a: 'f*d'", json!({"a": "fo\nod"})));
    assert!(line(r"a: 'f\*d'", json!({"a": "f*d"})) && !line(r"a: 'f\*d'", json!({"a": "food"})));
    assert!(line("a|contains: NGUYỄN", json!({"a": "ông Nguyễn Văn A"})));
}

#[test]
fn all_wants_every_value_and_a_list_wants_one() {
    assert!(line("a|contains: [x, y]", json!({"a": "just x"})));
    assert!(!line("a|contains|all: [x, y]", json!({"a": "just x"})));
    assert!(line("a|contains|all: [x, y]", json!({"a": "y then x"})));
    assert!(line("a: x", json!({"a": ["w", "x"]})));
    assert!(line("a|all: [x, w]", json!({"a": ["w", "x"]})));
}

#[test]
fn absence_emptiness_and_null_are_told_apart() {
    assert!(line("a: null", json!({"a": null})) && line("a: null", json!({})));
    assert!(!line("a: null", json!({"a": ""})));
    assert!(line("a: ''", json!({"a": ""})) && !line("a: ''", json!({})));
    for held in [json!(""), json!(null), json!([]), json!([null])] {
        assert!(line("a|exists: true", json!({"a": held})), "{held}");
        assert!(!line("a|exists: false", json!({"a": held})), "{held}");
    }
    assert!(line("a|exists: false", json!({})) && !line("a|exists: false", json!({"a": 0})));
    assert!(line("a: '*'", json!({"a": "x"})) && !line("a: '*'", json!({})));
}

#[test]
fn numbers_match_numbers_and_texts_that_spell_them() {
    assert!(line("a: 22", json!({"a": 22})) && line("a: 22", json!({"a": "22"})));
    assert!(line("a: '22'", json!({"a": 22})) && line("a: 22", json!({"a": 22.0})));
    assert!(!line("a: 22", json!({"a": "022x"})));
    assert!(line("a|contains: 2", json!({"a": 123})));
    assert!(line("a|gte: 0.9", json!({"a": 0.9})) && !line("a|gt: 0.9", json!({"a": 0.9})));
    assert!(line("a|lt: -5", json!({"a": -6})) && line("a|lte: 5", json!({"a": "4"})));
    assert!(!line("a|lt: 5", json!({"a": null})) && !line("a|lt: 5", json!({"a": "x"})));
    assert!(line("a|gt: 300000000", json!({"a": 300000001_i64})));
}

#[test]
fn booleans_match_booleans_and_their_words() {
    assert!(line("a: true", json!({"a": true})) && line("a: true", json!({"a": "True"})));
    assert!(!line("a: true", json!({"a": false})) && !line("a: true", json!({"a": 1})));
    assert!(line("a: 'true'", json!({"a": true})));
}

#[test]
fn not_equal_wants_the_field_to_be_there() {
    assert!(line("a|neq: x", json!({"a": "y"})) && !line("a|neq: x", json!({"a": "X"})));
    assert!(!line("a|neq: x", json!({})) && !line("a|neq: [x, y]", json!({"a": "y"})));
    assert!(line("a|neq: 5", json!({"a": 6})) && !line("a|neq: 5", json!({"a": 5})));
}

#[test]
fn regular_expressions_take_their_flags() {
    assert!(line("a|re: '^f.o$'", json!({"a": "foo"})) && !line("a|re: FOO", json!({"a": "foo"})));
    assert!(line("a|re|i: FOO", json!({"a": "foo"})));
    assert!(
        line("a|re|m: '^b$'", json!({"a": "a\nb"})) && !line("a|re: '^b$'", json!({"a": "a\nb"}))
    );
    assert!(
        line("a|re|s: 'a.b'", json!({"a": "a\nb"})) && !line("a|re: 'a.b'", json!({"a": "a\nb"}))
    );
    assert!(line(r"a|re: '\*\d'", json!({"a": "*5"})));
}

#[test]
fn addresses_match_networks() {
    assert!(line("a|cidr: 192.0.2.0/24", json!({"a": "192.0.2.77"})));
    assert!(!line("a|cidr: 192.0.2.0/24", json!({"a": "192.0.3.77"})));
    assert!(line("a|cidr: [10.0.0.0/8, 'fe80::/10']", json!({"a": "fe80::1"})));
}

#[test]
fn encodings_are_applied_before_the_search() {
    // printf whoami | base64; and inside "xx whoami yy"; and in UTF-16.
    assert!(line("a|base64: whoami", json!({"a": "d2hvYW1p"})));
    assert!(line("a|base64offset|contains: whoami", json!({"a": "eHggd2hvYW1pIHl5"})));
    assert!(line("a|base64offset|contains: whoami", json!({"a": "eCB3aG9hbWkgeQ=="})));
    assert!(line("a|wide|base64offset|contains: foo", json!({"a": "ZgBvAG8A"})));
    assert!(line("a|utf16le|base64offset|contains: foo", json!({"a": "ZgBvAG8A"})));
    assert!(line("a|utf16be|base64: foo", json!({"a": "AGYAbwBv"})));
    assert!(line("a|utf16|base64: foo", json!({"a": "//5mAG8AbwA="})));
    assert!(line("a|wide|contains: foo", json!({"a": "xf\0o\0o\0"})));
    assert!(line("a|contains|windash: ' -enc '", json!({"a": "ps /ENC aa"})));
    assert!(line("a|windash|base64offset|contains: ' -enc '", json!({"a": "cHMgL2VuYyBhYQ=="})));
}

#[test]
fn fields_are_compared_with_fields() {
    assert!(line("a|fieldref: b", json!({"a": "X", "b": "x"})));
    assert!(!line("a|fieldref|cased: b", json!({"a": "X", "b": "x"})));
    assert!(
        !line("a|fieldref: b", json!({"a": "x"}))
            && !line("a|fieldref: b", json!({"a": "x", "b": "y"}))
    );
    assert!(line("a|fieldref|startswith: b", json!({"a": "xyz", "b": "XY"})));
    assert!(line("a|fieldref|endswith: b", json!({"a": "xyz", "b": "yz"})));
    assert!(line("a|fieldref|contains: b", json!({"a": "xyz", "b": "y"})));
    assert!(line("a|fieldref: b", json!({"a": 5, "b": "5"})));
}

#[test]
fn parts_of_times_are_compared() {
    assert!(line("a|hour: 3", json!({"a": "2026-11-22T03:10:00Z"})));
    assert!(line("a|hour|lt: 6", json!({"a": "2026-11-22T03:10:00Z"})));
    assert!(!line("a|hour|lt: 6", json!({"a": "2026-11-22T13:10:00Z"})));
    assert!(line("a|year: 2026", json!({"a": 1_790_000_000})));
}

#[test]
fn keywords_search_every_text() {
    let keywords = "  keywords:\n    - 'Failed password'\n    - 'a*z'\n  condition: keywords";
    assert!(matches(keywords, json!({"raw": "sshd: FAILED PASSWORD for x"})));
    assert!(matches(keywords, json!({"raw": "none", "message": "xx a to z xx"})));
    assert!(!matches(keywords, json!({"raw": "Accepted password"})));
    let all = "  keywords:\n    '|all':\n      - one\n      - two\n  condition: keywords";
    assert!(matches(all, json!({"raw": "two one"})) && !matches(all, json!({"raw": "one"})));
    assert!(matches("  k:\n    '|re': 'o{2}'\n  condition: k", json!({"raw": "foo"})));
    assert!(matches("  k:\n    - 404\n  condition: k", json!({"raw": "GET / 404"})));
}

#[test]
fn conditions_count_and_negate() {
    let with = |condition: &str, event: Value| {
        let text = format!(
            "  sel_a:\n    a: 1\n  sel_b:\n    b: 1\n  sel_c:\n    - c: 1\n    - c: 2\n  _hidden:\n    d: 1\n  condition: {condition}"
        );
        matches(&text, event)
    };
    assert!(with("sel_a and not sel_b", json!({"a": 1})));
    assert!(!with("sel_a and not sel_b", json!({"a": 1, "b": 1})));
    assert!(with("1 of sel_*", json!({"c": 2})) && !with("1 of sel_*", json!({"d": 1})));
    assert!(with("all of them", json!({"a": 1, "b": 1, "c": 1})), "them leaves _names out");
    assert!(with("2 of sel_*", json!({"a": 1, "c": 1})) && !with("2 of sel_*", json!({"a": 1})));
    assert!(with("not (sel_a or sel_b)", json!({"c": 1})));
    assert!(with("sel_a or sel_b and sel_c", json!({"a": 1})), "and binds closer than or");
    assert!(with("[sel_a, sel_b]", json!({"b": 1})), "one of several conditions is enough");
}

#[test]
fn a_match_says_why_and_leaves_out_what_was_negated() {
    let text = rule(
        "  cmd:\n    a|contains|all: [curl, '| sh']\n    user: root\n  kw:\n    - PIPE\n  filter:\n    b: ok\n  condition: cmd and kw and not filter",
    );
    let (ruleset, _) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    let event = Json(json!({"a": "run Curl x | sh", "user": "root", "b": "no", "m": "a pipe"}));
    let found = ruleset.evaluate(&event);
    let shown: Vec<_> = found[0]
        .predicates
        .iter()
        .map(|p| {
            let part = p.start.map(|start| &p.value[start..p.end.unwrap()]);
            (p.selection.as_str(), p.field.as_deref(), p.modifiers.as_str(), part)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("cmd", Some("a"), "contains|all", Some("Curl")),
            ("cmd", Some("a"), "contains|all", Some("| sh")),
            ("cmd", Some("user"), "", Some("root")),
            ("kw", None, "", Some("pipe")),
        ]
    );
}

#[test]
fn a_long_value_is_shown_around_its_match() {
    let text = rule("  s:\n    a|contains: needle\n  condition: s");
    let (ruleset, _) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    let event = Json(json!({"a": format!("{}needle{}", "é".repeat(5000), "ü".repeat(5000))}));
    let predicate = &ruleset.evaluate(&event)[0].predicates[0];
    assert!(predicate.value.len() <= crate::limits::SHOWN_BYTES_MAX);
    assert_eq!(&predicate.value[predicate.start.unwrap()..predicate.end.unwrap()], "needle");
}

#[test]
fn only_rules_of_the_events_logsource_are_asked() {
    let with = |logsource: &str| {
        let text = format!(
            "title: T\nid: 11111111-2222-4333-8444-555555555555\nlogsource:\n  {logsource}\ndetection:\n  s:\n    a: 1\n  condition: s\n"
        );
        let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
        assert!(problems.is_empty(), "{problems:?}");
        !ruleset.evaluate(&Json(json!({"a": 1}))).is_empty()
    };
    assert!(
        with("product: linux") && with("service: SSHD") && with("{product: linux, service: sshd}")
    );
    assert!(!with("product: windows") && !with("{product: linux, service: sudo}"));
    assert!(!with("{product: linux, category: process_creation}"));
}

#[test]
fn filters_restrict_the_rules_they_name() {
    let base = rule("  s:\n    a: 1\n  condition: s");
    let with = |target: &str, logsource: &str| {
        let filter = format!(
            "title: F\nid: 21111111-2222-4333-8444-555555555555\nlogsource:\n  product: {logsource}\nfilter:\n  rules: {target}\n  known:\n    b: ok\n  condition: not known\n"
        );
        let sources =
            [Source { path: "r.yml", text: &base }, Source { path: "f.yml", text: &filter }];
        let (ruleset, problems) = Ruleset::load(sources);
        let fires = |event: Value| !ruleset.evaluate(&Json(event)).is_empty();
        assert!(fires(json!({"a": 1})));
        (fires(json!({"a": 1, "b": "ok"})), problems.len())
    };
    assert_eq!(with("[11111111-2222-4333-8444-555555555555]", "linux"), (false, 0));
    assert_eq!(with("any", "linux"), (false, 0));
    assert_eq!(with("[31111111-2222-4333-8444-555555555555]", "linux"), (true, 1));
    assert_eq!(with("any", "windows"), (true, 1));
}

#[test]
fn placeholders_take_their_values_or_disable_the_rule() {
    let text = rule("  s:\n    user|expand: 'x-%admins%'\n  condition: s");
    let source = Source { path: "r.yml", text: &text };
    let values = BTreeMap::from([("admins".to_owned(), vec!["lan".to_owned(), "b*".to_owned()])]);
    let (ruleset, problems) =
        Ruleset::load_with([source], Options { placeholders: values, ..Options::default() });
    assert!(problems.is_empty());
    assert!(!ruleset.evaluate(&Json(json!({"user": "x-bob"}))).is_empty());
    assert!(ruleset.evaluate(&Json(json!({"user": "x-zoe"}))).is_empty());
    let (ruleset, problems) = Ruleset::load([source]);
    assert!(ruleset.rules().is_empty());
    assert!(problems[0].what.contains("%admins%"), "{problems:?}");
}

#[test]
fn the_version_is_of_the_text_alone() {
    let text = rule("  s:\n    a: 1\n  condition: s");
    let version = |path, text| Ruleset::load([Source { path, text }]).0.version().to_owned();
    assert_eq!(version("a.yml", &text), version("b.yml", &text));
    assert_ne!(version("a.yml", &text), version("a.yml", &text.replace("a: 1", "a: 2")));
}

#[test]
fn what_a_rule_says_about_itself_is_kept() {
    let text = format!(
        "{HEAD}description: D\nlevel: high\ntags: [attack.t1110]\ndetection:\n  s:\n    a: 1\n  condition: s\nsoc:\n  title: {{vi: Tê}}\n  description: {{vi: Mô tả}}\n  steps: {{vi: [một], en: [one]}}\n  group_by: [source.ip]\n"
    );
    let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    assert!(problems.is_empty(), "{problems:?}");
    let rule = ruleset.rule("11111111-2222-4333-8444-555555555555").unwrap();
    assert_eq!((rule.title.en.as_str(), rule.title.vi.as_deref()), ("T", Some("Tê")));
    assert_eq!((rule.level, rule.alerts, rule.line), (crate::Level::High, true, 1));
    assert_eq!(rule.steps.vi, ["một"]);
    assert_eq!(rule.group_by, ["source.ip"]);
    assert!(rule.source.starts_with("title: T"));
}
