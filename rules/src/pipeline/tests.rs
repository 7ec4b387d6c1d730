use super::*;
use crate::{JsonEvent, Options, Ruleset, Severity};

fn load(pipelines: &[&str]) -> Pipelines {
    let sources = pipelines.iter().map(|text| Source { path: "p.yml", text });
    let (pipelines, problems) = Pipelines::load(sources);
    assert_eq!(problems, []);
    pipelines
}

fn rule(detection: &str) -> String {
    format!(
        "title: T\nid: 11111111-2222-4333-8444-555555555555\nstatus: test\nlevel: high\ntags: [attack.t1059]\ndate: 2026-01-02\nlogsource: {{product: windows, category: process_creation}}\ndetection:\n{detection}\n"
    )
}

/// Whether a rule matches a JSON event after passing through these transformations.
fn through(transformations: &str, detection: &str, event: &str) -> bool {
    let text =
        format!("vars: {{admins: [lan, b*], port: 22}}\ntransformations:\n{transformations}\n");
    matches(load(&[&text]), &rule(detection), event)
}

fn matches(pipelines: Pipelines, rule: &str, event: &str) -> bool {
    let options = Options { pipelines, ..Options::default() };
    let (ruleset, problems) = Ruleset::load_with([Source { path: "r.yml", text: rule }], options);
    let errors: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    !ruleset.matching(&JsonEvent::parse(event.as_bytes()).unwrap()).is_empty()
}

const IMAGE: &str = "  s:\n    Image|endswith: '\\cmd.exe'\n  condition: s";

#[test]
fn fields_get_other_names() {
    let map = "  - {type: field_name_mapping, mapping: {Image: process.executable}}";
    assert!(through(map, IMAGE, r#"{"process.executable": "C:\\cmd.exe"}"#));
    assert!(!through(map, IMAGE, r#"{"Image": "C:\\cmd.exe"}"#));
    let many = "  - {type: field_name_mapping, mapping: {Image: [a, b]}}";
    assert!(through(many, IMAGE, r#"{"a": "x", "b": "C:\\cmd.exe"}"#), "one of several");
    let both = "  s:\n    Image: x\n    User: y\n  condition: s";
    assert!(through(many, both, r#"{"b": "x", "User": "y"}"#));
    assert!(!through(many, both, r#"{"b": "x", "User": "z"}"#));
    let prefix =
        "  - {type: field_name_prefix, prefix: win.}\n  - {type: field_name_suffix, suffix: .text}";
    assert!(through(prefix, IMAGE, r#"{"win.Image.text": "C:\\cmd.exe"}"#));
    let prefixes = "  - {type: field_name_prefix_mapping, mapping: {I: x, Im: 'y.'}}";
    assert!(through(prefixes, IMAGE, r#"{"y.age": "C:\\cmd.exe"}"#), "the longest prefix");
    let snake =
        "  - {type: field_name_transform, transform_func: snake_case, mapping: {User: who}}";
    let two = "  s:\n    ParentImage: x\n    User: y\n  condition: s";
    assert!(through(snake, two, r#"{"parent_image": "x", "who": "y"}"#));
    let reference = "  s:\n    A|fieldref: Image\n  condition: s";
    assert!(through(map, reference, r#"{"A": "x", "process.executable": "x"}"#));
}

#[test]
fn conditions_choose_rules_items_and_fields() {
    let step = |conditions: &str| {
        format!("  - {{type: field_name_mapping, mapping: {{Image: exe}}, {conditions}}}")
    };
    let applies = |conditions: &str| through(&step(conditions), IMAGE, r#"{"exe": "C:\\cmd.exe"}"#);
    for (conditions, expected) in [
        ("rule_conditions: [{type: logsource, product: windows}]", true),
        ("rule_conditions: [{type: logsource, product: linux}]", false),
        ("rule_conditions: [{type: logsource, product: linux}], rule_cond_not: true", true),
        (
            "rule_conditions: [{type: logsource, product: linux}, {type: is_sigma_rule}], rule_cond_op: or",
            true,
        ),
        ("rule_conditions: [{type: is_sigma_correlation_rule}]", false),
        (
            "rule_conditions: {a: {type: tag, tag: attack.t1059}, b: {type: logsource, product: linux}}, rule_cond_expr: a and not b",
            true,
        ),
        ("rule_conditions: [{id: a, type: tag, tag: x}], rule_cond_expression: not a", true),
        ("rule_conditions: [{type: contains_field, field: Image}]", true),
        ("rule_conditions: [{type: contains_detection_item, field: Image, value: x}]", false),
        (
            "rule_conditions: [{type: rule_attribute, attribute: level, value: medium, op: gte}]",
            true,
        ),
        (
            "rule_conditions: [{type: rule_attribute, attribute: status, value: test, op: gt}]",
            false,
        ),
        (
            "rule_conditions: [{type: rule_attribute, attribute: date, value: 2025-12-31, op: gt}]",
            true,
        ),
        (
            "rule_conditions: [{type: rule_attribute, attribute: tags, value: attack.t1059, op: in}]",
            true,
        ),
        ("rule_conditions: [{type: rule_attribute, attribute: nothing, value: x}]", false),
        ("detection_item_conditions: [{type: match_string, cond: any, pattern: '.*cmd'}]", true),
        ("detection_item_conditions: [{type: match_string, cond: any, pattern: cmd}]", false),
        (
            "detection_item_conditions: [{type: match_string, cond: all, pattern: cmd, negate: true}]",
            true,
        ),
        ("detection_item_conditions: [{type: contains_wildcard, cond: any}]", true),
        ("detection_item_conditions: [{type: is_null, cond: all}]", false),
        ("detection_item_conditions: [{type: match_value, cond: any, value: 5}]", false),
        ("field_name_conditions: [{type: include_fields, fields: [Image]}]", true),
        ("field_name_conditions: [{type: exclude_fields, fields: ['Im.*'], mode: re}]", false),
    ] {
        assert_eq!(applies(conditions), expected, "{conditions}");
    }
}

#[test]
fn steps_remember_what_was_done() {
    let steps = "  - {id: one, type: set_state, key: index, val: 5, rule_conditions: [{type: logsource, product: windows}]}
  - {type: field_name_mapping, mapping: {Image: a}, rule_conditions: [{type: processing_item_applied, processing_item_id: one}]}
  - {id: two, type: field_name_mapping, mapping: {a: b}, rule_conditions: [{type: processing_state, key: index, val: 5}]}
  - {type: field_name_suffix, suffix: '2', detection_item_conditions: [{type: processing_item_applied, processing_item_id: two}]}
  - {type: field_name_suffix, suffix: '3', field_name_conditions: [{type: processing_item_applied, processing_item_id: two}]}
  - {type: field_name_suffix, suffix: '4', rule_conditions: [{type: processing_state, key: index, val: 6, op: gte}]}";
    assert!(through(steps, IMAGE, r#"{"b23": "C:\\cmd.exe"}"#));
}

#[test]
fn selections_are_added_and_dropped() {
    let add = "  - {type: add_condition, conditions: {EventID: [1, 4688], 'Where|contains': $product}, template: true}";
    assert!(through(
        add,
        IMAGE,
        r#"{"Image": "C:\\cmd.exe", "EventID": 4688, "Where": "x-windows"}"#
    ));
    assert!(!through(add, IMAGE, r#"{"Image": "C:\\cmd.exe", "EventID": 3, "Where": "windows"}"#));
    let not = "  - {type: add_condition, conditions: {EventID: 5}, negated: true}";
    assert!(through(not, IMAGE, r#"{"Image": "C:\\cmd.exe", "EventID": 4}"#));
    assert!(!through(not, IMAGE, r#"{"Image": "C:\\cmd.exe", "EventID": 5}"#));
    let drop = "  - {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [User]}]}";
    let all = "  s:\n    Image: x\n    User: y\n  f:\n    User: z\n  condition: s and not f and not 1 of f*";
    assert!(through(drop, all, r#"{"Image": "x", "User": "z"}"#), "a selection left empty is gone");
}

#[test]
fn values_are_changed() {
    let cmd = r#"{"Image": "D:\\sys\\cmd.exe"}"#;
    let replace = |more: &str| {
        format!("  - {{type: replace_string, regex: '^C:(.)', replacement: 'D:\\1'{more}}}")
    };
    let path = "  s:\n    Image: 'C:\\sys\\cmd.*'\n  condition: s";
    assert!(
        through(&replace(""), path, cmd) && through(&replace(", skip_special: true"), path, cmd)
    );
    assert!(!through(&replace(""), path, r#"{"Image": "C:\\sys\\cmd.exe"}"#));
    let contains = "  s:\n    Image|contains: 'sys\\'\n  condition: s";
    assert!(through(
        "  - {type: replace_string, regex: sys, replacement: System}",
        contains,
        r#"{"Image": "C:\\system\\x"}"#
    ));
    let map = "  - {type: map_string, mapping: {high: [3, 4], low: 1}}";
    let level = "  s:\n    level: [high, other]\n  condition: s";
    assert!(through(map, level, r#"{"level": 4}"#) && through(map, level, r#"{"level": "other"}"#));
    assert!(!through(map, level, r#"{"level": "high"}"#));
    let set = "  - {type: set_value, value: 7, field_name_conditions: [{type: include_fields, fields: [level]}]}";
    assert!(through(set, level, r#"{"level": 7}"#));
    let number = "  - {type: convert_type, target_type: num}";
    assert!(through(number, "  s:\n    port: '022'\n  condition: s", r#"{"port": 22}"#));
    let text = "  - {type: convert_type, target_type: str}";
    assert!(through(text, "  s:\n    port: 22\n  condition: s", r#"{"port": "22"}"#));
    let cased = "  s:\n    a|cased: ABC\n  condition: s";
    assert!(through("  - {type: case, method: lower}", cased, r#"{"a": "abc"}"#));
    assert!(!through("  - {type: regex, method: plain}", level, r#"{"level": "HIGH"}"#));
    assert!(through("  - {type: regex}", level, r#"{"level": "HIGH"}"#));
    let expression = "  s:\n    a|re: sys\n  condition: s";
    assert!(
        through(
            "  - {type: replace_string, regex: sys, replacement: x}",
            expression,
            r#"{"a": "sys"}"#
        ),
        "no text"
    );
}

#[test]
fn hashes_get_fields_of_their_own() {
    let hashes = "  - {type: hashes_fields, valid_hash_algos: [MD5, SHA256], field_prefix: File, field_name_conditions: [{type: include_fields, fields: [Hashes]}]}";
    let detection = "  s:\n    Hashes|contains:\n      - 'MD5=987B65CD9B9F4E9A1AFD8F8B48CF64A7'\n      - '5D41402ABC4B2A76B9719D911017C592'\n      - 'SHA1=X'\n  condition: s";
    assert!(through(hashes, detection, r#"{"FileMD5": "5d41402abc4b2a76b9719d911017c592"}"#));
    assert!(!through(hashes, detection, r#"{"FileSHA1": "x"}"#));
}

#[test]
fn placeholders_are_filled_from_vars() {
    let user = "  s:\n    User|expand: 'x-%admins%'\n  condition: s";
    let values = "  - {type: value_placeholders}";
    assert!(
        through(values, user, r#"{"User": "x-bob"}"#)
            && !through(values, user, r#"{"User": "x-zoe"}"#)
    );
    let wild = "  - {type: value_placeholders, exclude: [admins]}\n  - {type: wildcard_placeholders, include: [admins]}";
    assert!(
        through(wild, user, r#"{"User": "x-zoe"}"#) && !through(wild, user, r#"{"User": "zoe"}"#)
    );
}

#[test]
fn a_step_can_hold_steps_and_change_the_logsource() {
    let nest = "  - type: nest
    rule_conditions: [{type: logsource, category: process_creation}]
    items:
      - {type: change_logsource, product: acme, service: edr}
      - {type: field_name_mapping, mapping: {Image: exe}}";
    let event = |product: &str| {
        format!(r#"{{"product": "{product}", "service": "edr", "exe": "C:\\cmd.exe"}}"#)
    };
    assert!(through(nest, IMAGE, &event("acme")) && !through(nest, IMAGE, &event("windows")));
}

#[test]
fn pipelines_follow_each_other_by_priority() {
    let second = "name: b\npriority: 20\ntransformations:\n  - {type: field_name_mapping, mapping: {a: b}}\n";
    let first = "name: a\npriority: 10\ntransformations:\n  - {type: field_name_mapping, mapping: {Image: a}}\n";
    assert!(matches(load(&[second, first]), &rule(IMAGE), r#"{"b": "C:\\cmd.exe"}"#));
}

/// What is wrong with a rule after these transformations.
fn refused(transformations: &str, detection: &str) -> String {
    let text = format!("transformations:\n{transformations}\n");
    let options = Options { pipelines: load(&[&text]), ..Options::default() };
    let text = rule(detection);
    let (ruleset, problems) = Ruleset::load_with([Source { path: "r.yml", text: &text }], options);
    assert!(ruleset.rules().is_empty());
    problems[0].to_string()
}

#[test]
fn a_step_refuses_a_rule_and_says_which_step() {
    let told = refused(
        "  - {type: set_state, key: a, val: b}\n  - {id: no_cmd, type: rule_failure, message: not here}",
        IMAGE,
    );
    let expected = "r.yml:7:1: error: the pipeline refuses the rule: not here (hint: by p.yml:3, transformation 2 (no_cmd))";
    assert_eq!(told, expected);
    let item = "  - {type: detection_item_failure, message: no images, field_name_conditions: [{type: include_fields, fields: [Image]}]}";
    assert!(refused(item, IMAGE).contains("no images"));
    assert!(refused("  - {type: drop_detection_item}", IMAGE).contains("leaves nothing"));
    let user = "  s:\n    User|expand: '%nobody%'\n  condition: s";
    assert!(refused("  - {type: value_placeholders}", user).contains("%nobody%"));
}

#[test]
fn correlations_and_filters_are_renamed_like_their_rules() {
    let text = format!(
        "{}---\ntitle: C\nid: 21111111-2222-4333-8444-555555555555\ncorrelation:\n  type: event_count\n  rules: [11111111-2222-4333-8444-555555555555]\n  group-by: [User]\n  timespan: 5m\n  condition: {{gte: 2}}\n---\ntitle: F\nid: 31111111-2222-4333-8444-555555555555\nlogsource: {{product: windows}}\nfilter:\n  rules: any\n  known: {{User: system}}\n  condition: not known\n",
        rule(IMAGE)
    );
    let pipeline = "transformations:\n  - {type: field_name_mapping, mapping: {Image: exe, User: who}, rule_conditions: [{type: logsource, product: windows}]}\n";
    let options = Options { pipelines: load(&[pipeline]), ..Options::default() };
    let (ruleset, problems) = Ruleset::load_with([Source { path: "r.yml", text: &text }], options);
    assert_eq!(problems, []);
    let event = |who: &str| format!(r#"{{"exe": "C:\\cmd.exe", "who": "{who}"}}"#);
    let matched = |who: &str| ruleset.matching(&JsonEvent::parse(event(who).as_bytes()).unwrap());
    assert_eq!((matched("zoe"), matched("SYSTEM")), (vec![0], vec![]));
    let mut one = rsigma_parser::parse_sigma_yaml(&text).unwrap().correlations.remove(0);
    let windows = LogSource { product: Some("windows".into()), ..LogSource::default() };
    load(&[pipeline]).correlation(&mut one, &[windows]).unwrap();
    assert_eq!(one.group_by, ["who"]);
    let two = "transformations:\n  - {type: field_name_mapping, mapping: {who: [a, b]}}\n";
    let fault = load(&[two]).correlation(&mut one, &[]).unwrap_err();
    assert!(fault.what.contains("'who' of a correlation can become one field only"));
}

#[test]
fn a_broken_pipeline_is_told_with_its_step_and_left_out() {
    for (text, expected) in [
        (
            "transformations:\n  - {type: field_name_prefix, prefix: a}\n  - {id: x, type: field_name_mappin, mapping: {}}",
            "p.yml:3:3: error: transformation 2 (x): unknown type 'field_name_mappin' (hint: did you mean 'field_name_mapping'?)",
        ),
        (
            "transformations:\n  - {type: query_expression_placeholders, expression: x}",
            "p.yml:2:3: error: transformation 1: 'query_expression_placeholders' has no meaning here (hint: it makes part of a query",
        ),
        (
            "transformations:\n  - type: nest\n    items:\n      - {type: set_state, key: a, val: b}\n      - {type: set_state, key: a, vol: b}",
            "p.yml:5:7: error: transformation 2: 'set_state': unknown field `vol`",
        ),
        (
            "transformations:\n  - {type: replace_string, regex: '(?=x)', replacement: y}",
            "p.yml:2:3: error: transformation 1: 'replace_string': not a usable regular expression '(?=x)': error: look-around",
        ),
        (
            "transformations:\n  - {type: field_name_prefix, prefix: a, rule_conditions: [{type: logsrc}]}",
            "p.yml:2:3: error: transformation 1: rule_conditions: condition 1: unknown variant `logsrc`",
        ),
        (
            "transformations:\n  - {type: field_name_prefix, prefix: a, rule_conditions: {a: {type: is_sigma_rule}}, rule_cond_expr: a or b}",
            "p.yml:2:3: error: transformation 1: rule_conditions: no condition is called 'b'",
        ),
        ("transformation: []", "p.yml:1:1: error: unknown field `transformation`"),
        (
            "transformations:\n  - {mapping: {}}",
            "p.yml:2:3: error: transformation 1: it has no 'type'",
        ),
        (
            "transformations:\n  - {type: field_name_mapping, mapping: {a: []}}",
            "p.yml:2:3: error: transformation 1: 'field_name_mapping': 'a' becomes nothing",
        ),
        ("postprocessing:\n  - {type: embed}", "p.yml:1:1: warning: 'postprocessing' is ignored"),
    ] {
        let (pipelines, problems) = Pipelines::load([Source { path: "p.yml", text }]);
        let told = problems[0].to_string();
        assert!(told.starts_with(expected), "{told}\n{expected}");
        assert_eq!(pipelines.inner.steps.len(), 0);
    }
}
