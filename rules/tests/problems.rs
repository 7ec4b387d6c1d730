//! A broken rule is told with its place and a hint, and disables itself alone. Nothing hostile hangs
//! or bloats.

use soc_rules::{Problem, Ruleset, Severity, Source, limits};

const GOOD: &str = "title: Good
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10
logsource:
  product: linux
detection:
  selection:
    a: 1
  condition: selection
";

/// The problems of a file whose first document is broken and whose second must load all the same.
fn check(broken: &str) -> Vec<Problem> {
    let text = format!("{broken}\n---\n{GOOD}");
    let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    assert_eq!(ruleset.rules().len(), 1, "the neighbour loads\n{text}\n{problems:?}");
    problems
}

fn rule(rest: &str) -> String {
    format!(
        "title: Bad\nid: 0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c11\nlogsource:\n  product: linux\n{rest}"
    )
}

/// The first problem as text.
fn told(broken: &str) -> String {
    let problems = check(broken);
    assert!(!problems.is_empty(), "no problem with\n{broken}");
    problems[0].to_string()
}

#[test]
fn errors_name_line_column_and_what_to_do() {
    for (detection, expected) in [
        (
            "detection:\n  sel:\n    a|contain: x\n  condition: sel",
            "r.yml:7:5: error: unknown modifier 'contain' in 'a|contain' (hint: did you mean 'contains'?)",
        ),
        (
            "detection:\n  sel:\n    a|not: x\n  condition: sel",
            "r.yml:7:5: error: unknown modifier 'not' in 'a|not' (hint: negate in the condition: 'selection and not filter')",
        ),
        (
            "detection:\n  sel:\n    a: x",
            "r.yml:5:1: error: missing required field 'condition' (hint: add 'condition: selection' below the selections)",
        ),
        (
            "detection:\n  sel:\n    a: x\n  condition: selection",
            "r.yml:8:3: error: the condition names 'selection', which is no selection of this rule (hint: its selections are: sel)",
        ),
        (
            "detection:\n  sel:\n    a: x\n  condition: sel and 1 of filter_*",
            "r.yml:8:3: error: the condition names 'filter_*', which is no selection of this rule (hint: its selections are: sel)",
        ),
        (
            "detection:\n  sel:\n    a: x\n  condition: sel and (not x",
            "r.yml:8:28: error: cannot understand the condition 'sel and (not x': something is missing at its end",
        ),
        (
            "detection:\n  sel:\n    a: x\n  condition: sel | count() > 5",
            "r.yml:8:18: error: cannot understand the condition 'sel | count() > 5' at '| count() > 5' (hint: counting with '|' was removed",
        ),
        (
            "detection:\n  sel:\n    a|re: 'x('\n  condition: sel",
            "r.yml:7:5: error: not a usable regular expression: unclosed group",
        ),
        (
            "detection:\n  sel:\n    a|cidr: 10.0.0.0/99\n  condition: sel",
            "r.yml:7:5: error: '10.0.0.0/99' is not a network",
        ),
        (
            "detection:\n  sel:\n    - b: 1\n    - a|gt: many\n  condition: sel",
            "r.yml:8:7: error: 'many' is not a number",
        ),
        (
            "detection:\n  sel:\n    a|re|contains|cidr: x\n  condition: sel",
            "r.yml:7:5: error: modifiers that exclude each other: 're|contains|cidr'",
        ),
        (
            "detection:\n  sel:\n    a|expand: '%x%'\n  condition: sel",
            "r.yml:7:5: error: the placeholder %x% has no values",
        ),
        (
            "detection:\n  sel:\n    a: {b: c}\n  condition: sel",
            "r.yml:7:5: error: a field is compared with a value or a list of values",
        ),
        (
            "detection:\n  sel:\n    a: []\n  condition: sel",
            "r.yml:7:5: error: an empty list of values",
        ),
        (
            "detection:\n  sel:\n    a|i: x\n  condition: sel",
            "r.yml:7:5: error: 'i' is a flag of 're', which is not there: 'i'",
        ),
        (
            "detection:\n  sel:\n    a: 1\n  condition: 3 of sel*",
            "r.yml:8:3: error: '3 of sel*', but there are 1",
        ),
    ] {
        let text = told(&rule(detection));
        assert!(text.starts_with(expected), "\n got {text}\nwant {expected}");
    }
}

#[test]
fn yaml_errors_stand_where_the_parser_stopped() {
    let text = told(&rule("detection:\n  sel:\n    a: 'x\n  condition: sel\n"));
    assert!(text.starts_with("r.yml:"), "{text}");
    let text = told("title: x\ndetection: [\nid: y\n");
    assert!(text.contains("not valid YAML"), "{text}");
    let text = told("title: x\n\tid: y");
    assert!(
        text.starts_with("r.yml:2:1: error: not valid YAML") && text.contains("indent with spaces"),
        "{text}"
    );
    let text = told("title: x\ntitle: y");
    assert!(text.contains("duplicate"), "{text}");
    let text = told("just text");
    assert!(text.starts_with("r.yml:1:1: error: a rule is a mapping"), "{text}");
}

#[test]
fn lines_count_from_the_start_of_the_file() {
    let text = format!(
        "{GOOD}---\n# a comment\n{}",
        rule("detection:\n  s:\n    a|foo: 1\n  condition: s")
    );
    let (_, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    assert_eq!((problems[0].line, problems[0].column), (Some(17), Some(5)), "{problems:?}");
    assert_eq!(problems[0].rule.as_deref(), Some("0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c11"));
}

#[test]
fn warnings_leave_the_rule_working() {
    let detection = "detection:\n  s:\n    a: 1\n  unused:\n    b: 1\n  condition: s\n";
    for (text, expected) in [
        (rule(detection), "r.yml:8:3: warning: no condition uses the selection 'unused'"),
        (
            rule(&format!("level: hihg\n{}", detection.replace("  unused:\n    b: 1\n", ""))),
            "r.yml:5:1: warning: invalid level: 'hihg'",
        ),
        (
            rule(&format!(
                "soc:\n  titel: {{vi: x}}\n{}",
                detection.replace("  unused:\n    b: 1\n", "")
            )),
            "r.yml:5:1: warning: the block 'soc' is ignored: unknown field `titel`",
        ),
        (
            rule(detection)
                .replace("id: 0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c11\n", "")
                .replace("  unused:\n    b: 1\n", ""),
            "r.yml:1:1: warning: the rule has no id",
        ),
    ] {
        let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
        assert_eq!(ruleset.rules().len(), 1);
        assert_eq!(problems[0].severity, Severity::Warning);
        assert!(problems[0].to_string().starts_with(expected), "{}", problems[0]);
    }
}

#[test]
fn an_id_belongs_to_the_first_that_takes_it() {
    let again = GOOD.replace("Good", "Again");
    let sources = [Source { path: "a.yml", text: GOOD }, Source { path: "b.yml", text: &again }];
    let (ruleset, problems) = Ruleset::load(sources);
    assert_eq!(ruleset.rules().len(), 1);
    assert!(
        problems[0].to_string().starts_with("b.yml:2:1: error: the id 9a1f0a8e"),
        "{}",
        problems[0]
    );
    assert!(problems[0].what.contains("a.yml:1"));
}

#[test]
fn correlations_that_cannot_work_are_refused() {
    let with = |body: &str| {
        let text = format!(
            "title: C\nid: 0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c12\nname: me\ncorrelation:\n  {}",
            body.replace('\n', "\n  ")
        );
        told(&text)
    };
    let good = "9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10";
    for (body, expected) in [
        (
            "type: event_count\nrules: [nobody]\ntimespan: 5m\ncondition: {gte: 5}".to_owned(),
            "r.yml:6:3: error: refers to 'nobody', which is no loaded rule",
        ),
        (
            "type: event_count\nrules: [me]\ntimespan: 5m\ncondition: {gte: 5}".to_owned(),
            "r.yml:6:3: error: refers to itself through 'me'",
        ),
        (
            format!("type: value_sum\nrules: [{good}]\ntimespan: 5m\ncondition: {{gte: 5}}"),
            "r.yml:8:3: error: value_sum looks at the values of a field",
        ),
        (
            format!(
                "type: value_avg\nrules: [{good}]\ntimespan: 5m\ncondition: {{gte: 5, field: [a, b]}}"
            ),
            "r.yml:8:3: error: value_avg calculates with one field",
        ),
        (
            format!(
                "type: value_percentile\nrules: [{good}]\ntimespan: 5m\ncondition: {{gte: 5, field: a, percentile: 101}}"
            ),
            "r.yml:8:3: error: a percentile is between 0 and 100",
        ),
        (
            format!("type: temporal\nrules: [{good}]\ntimespan: 5m\ncondition: other"),
            "r.yml:8:3: error: the condition names 'other', which is not in 'rules'",
        ),
        (
            format!("type: temporal\nrules: [{good}]\ntimespan: 5m\ncondition: 2 of them"),
            "r.yml:8:3: error: '2 of them', but 'rules' has 1",
        ),
        (
            format!("type: value_count\nrules: [{good}]\ntimespan: 5m\ncondition: {{gte: 5}}"),
            "r.yml:8:3: error: value_count looks at the values of a field",
        ),
        (
            format!("type: event_count\nrules: [{good}]\ntimespan: 5x\ncondition: {{gte: 5}}"),
            "r.yml:7:3: error: invalid timespan '5x'",
        ),
        (
            format!("type: event_cuont\nrules: [{good}]\ntimespan: 5m\ncondition: {{gte: 5}}"),
            "r.yml:5:3: error: invalid correlation rule: Unknown correlation type",
        ),
        (
            "type: event_count\ntimespan: 5m\ncondition: {gte: 5}".to_owned(),
            "r.yml:4:1: error: a correlation refers to at least one rule",
        ),
        (
            format!("type: event_count\nrules: [{good}]\ntimespan: 9y\ncondition: {{gte: 5}}"),
            "r.yml:7:3: error: a timespan is between",
        ),
        (
            format!(
                "type: event_count\nrules: [{good}]\ntimespan: 5m\ncondition: {{gte: 99999999}}"
            ),
            "r.yml:8:3: error: a number of a count is between 0 and 100000",
        ),
    ] {
        let text = with(&body);
        assert!(text.starts_with(expected), "\n got {text}\nwant {expected}");
    }
}

#[test]
fn a_correlation_of_a_broken_rule_is_disabled_with_it() {
    let text = format!(
        "{}\n---\n{GOOD}---\ntitle: C\nid: 0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c12\ncorrelation:\n  type: event_count\n  rules: [0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c11]\n  timespan: 5m\n  condition: {{gte: 5}}\n",
        rule("detection:\n  s:\n    a|foo: 1\n  condition: s")
    );
    let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    assert_eq!(ruleset.rules().len(), 1);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn hostile_text_is_refused_quickly() {
    let deep = |open: &str, n: usize| rule(&format!("detection:\n  s: {}", open.repeat(n)));
    let bomb = (1..30).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        let before = format!("*a{}", n - 1);
        format!("{text}a{n}: &a{n} [{}]\n", [before.as_str(); 9].join(","))
    });
    let parens = format!("{}s{}", "(".repeat(4000), ")".repeat(4000));
    let condition = |text: &str| rule(&format!("detection:\n  s:\n    a: 1\n  condition: {text}"));
    let texts = [
        deep("[", 200_000),
        deep("{a: ", 100_000),
        deep("{a: ", 990),
        deep("{a: '}', b: ", 100_000),
        deep("{a: {b: '}}', c: ", 490),
        deep("- ", 200_000),
        deep("[\n", 100_000),
        deep("['x', ", 50_000),
        deep("[\"\\\"\", ", 50_000),
        deep("? ", 200_000),
        deep("!a ", 100_000),
        deep("&a ", 100_000),
        rule(&(0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>()),
        format!("{}{bomb}", rule("")),
        condition(&parens),
        condition(&"not ".repeat(2000)),
        condition(&format!("{}s", "s and ".repeat(20_000))),
        rule("detection:\n  s:\n    a|re: '((((a{100}){100}){100}){100})'\n  condition: s"),
        rule(&format!("detection:\n  s:\n    a|re: '{}'\n  condition: s", "(".repeat(5000))),
        rule(&format!(
            "detection:\n  s:\n    a|windash|base64: '{}'\n  condition: s",
            "-a ".repeat(50)
        )),
    ];
    for text in texts {
        let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
        let start: String = text.chars().skip(90).take(60).collect();
        assert!(ruleset.rules().is_empty() && !problems.is_empty(), "loaded: {start}");
        assert!(problems.iter().all(|p| p.what.len() < 600), "{start}");
    }
}

#[test]
fn files_have_limits() {
    let large = format!("{GOOD}# {}", "x".repeat(limits::FILE_BYTES_MAX));
    let many = "---\na: 1\n".repeat(limits::DOCUMENTS_MAX + 1);
    for text in [large, many, String::new(), "---\n---\n# nothing\n".to_owned()] {
        let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text: &text }]);
        assert_eq!((ruleset.rules().len(), problems.len()), (0, 1), "{problems:?}");
    }
}

#[test]
fn old_collections_share_what_is_global() {
    let text = "action: global\ntitle: Shared\nlogsource:\n  product: linux\n---\nid: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f11\ndetection:\n  s:\n    a: 1\n  condition: s\n---\naction: repeat\nid: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f12\ndetection:\n  s:\n    a: 2\n";
    let (ruleset, problems) = Ruleset::load([Source { path: "r.yml", text }]);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(ruleset.rules().len(), 2);
    assert!(ruleset.rules().iter().all(|rule| rule.title.en == "Shared"));
}
