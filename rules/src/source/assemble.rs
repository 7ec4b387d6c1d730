//! A detection rule from YAML that is already there. The Sigma parser takes text only; asking it
//! means to scan the text a second time, which was half of the time of loading.
//!
//! Only what is plainly right is taken: whatever is odd is [`None`] and left to the Sigma parser,
//! which knows what to say about it. Where this answers, it answers what the parser would.

use std::str::FromStr;

use rsigma_parser::{
    Detection, DetectionItem, Detections, LogSource, Modifier, Related, SigmaRule, SigmaValue,
    parse_condition, parse_field_spec,
};
use yaml_serde::{Mapping, Value};

/// The rule a document holds, if it is a detection rule without anything unusual.
pub(super) fn rule(document: &Value) -> Option<SigmaRule> {
    let map = document.as_mapping()?;
    let unusual = ["correlation", "filter", "action", "sigma-version", "custom_attributes"];
    if unusual.iter().any(|key| map.contains_key(*key)) {
        return None;
    }
    let logsource = map.get("logsource").map_or(Some(LogSource::default()), logsource)?;
    let standing = |(key, value): (&Value, &Value)| {
        Some((key.as_str()?.to_owned(), value.clone())).filter(|(key, _)| !is_standard(key))
    };
    Some(SigmaRule {
        title: text(map, "title")?,
        logsource,
        detection: detections(map.get("detection")?.as_mapping()?)?,
        sigma_version: None,
        id: text(map, "id"),
        name: text(map, "name"),
        related: map.get("related").map_or(Some(Vec::new()), related)?,
        taxonomy: text(map, "taxonomy"),
        status: known(map, "status")?,
        description: text(map, "description"),
        license: text(map, "license"),
        author: text(map, "author"),
        references: texts(map, "references"),
        date: text(map, "date"),
        modified: text(map, "modified"),
        fields: texts(map, "fields"),
        falsepositives: texts(map, "falsepositives"),
        level: known(map, "level")?,
        tags: texts(map, "tags"),
        scope: texts(map, "scope"),
        custom_attributes: map.iter().filter_map(standing).collect(),
    })
}

/// Keys of a rule that the specification names.
fn is_standard(key: &str) -> bool {
    let about = ["title", "id", "related", "name", "taxonomy", "status", "description", "license"];
    let more = ["author", "references", "date", "modified", "fields", "falsepositives", "level"];
    let rest = ["logsource", "detection", "tags", "scope"];
    about.contains(&key) || more.contains(&key) || rest.contains(&key)
}

fn text(map: &Mapping, key: &str) -> Option<String> {
    map.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(map: &Mapping, key: &str) -> Vec<String> {
    match map.get(key) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Sequence(texts)) => {
            texts.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// One of the words a key allows; `None` for another one.
fn known<T: FromStr>(map: &Mapping, key: &str) -> Option<Option<T>> {
    match map.get(key).and_then(Value::as_str) {
        None => Some(None),
        Some(word) => word.parse().ok().map(Some),
    }
}

fn related(value: &Value) -> Option<Vec<Related>> {
    let one = |value: &Value| {
        let map = value.as_mapping()?;
        let relation_type = map.get("type")?.as_str()?.parse().ok()?;
        Some(Related { id: text(map, "id")?, relation_type })
    };
    value.as_sequence()?.iter().map(one).collect()
}

fn logsource(value: &Value) -> Option<LogSource> {
    let map = value.as_mapping()?;
    let known = ["category", "product", "service", "definition"];
    let is_known = |key: &Value| key.as_str().is_some_and(|key| known.contains(&key));
    map.keys().all(is_known).then(|| LogSource {
        category: text(map, "category"),
        product: text(map, "product"),
        service: text(map, "service"),
        definition: text(map, "definition"),
        ..LogSource::default()
    })
}

fn detections(map: &Mapping) -> Option<Detections> {
    let condition_strings: Vec<String> = match map.get("condition")? {
        Value::String(text) => vec![text.clone()],
        Value::Sequence(texts) => {
            texts.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        _ => return None,
    };
    let conditions = condition_strings.iter().map(|text| parse_condition(text).ok());
    let conditions = conditions.collect::<Option<_>>()?;
    let named =
        map.iter().filter(|(key, _)| !matches!(key.as_str(), Some("condition" | "timeframe")));
    let named = named.map(|(key, value)| Some((key.as_str()?.to_owned(), detection(value)?)));
    Some(Detections {
        named: named.collect::<Option<_>>()?,
        conditions,
        condition_strings,
        timeframe: text(map, "timeframe"),
    })
}

fn detection(value: &Value) -> Option<Detection> {
    match value {
        Value::Mapping(map) => {
            let items = map.iter().map(|(key, value)| item(key.as_str()?, value));
            Some(Detection::AllOf(items.collect::<Option<_>>()?))
        }
        Value::Sequence(parts) if parts.iter().any(|p| p.is_mapping() || p.is_sequence()) => {
            Some(Detection::AnyOf(parts.iter().map(detection).collect::<Option<_>>()?))
        }
        Value::Sequence(words) => {
            Some(Detection::Keywords(words.iter().map(SigmaValue::from_yaml).collect()))
        }
        word => Some(Detection::Keywords(vec![SigmaValue::from_yaml(word)])),
    }
}

fn item(key: &str, value: &Value) -> Option<DetectionItem> {
    if key.contains(['[', ']']) {
        return None;
    }
    let field = parse_field_spec(key).ok()?;
    let is_raw = field.has_modifier(Modifier::Re);
    let read = |value: &Value| match value {
        Value::String(text) if is_raw => SigmaValue::from_raw_string(text),
        other => SigmaValue::from_yaml(other),
    };
    let values = match value {
        Value::Sequence(values) => values.iter().map(read).collect(),
        value => vec![read(value)],
    };
    Some(DetectionItem { field, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsigma_parser::parse_sigma_yaml;

    const RULE: &str = r"title: T
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10
related:
  - {id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f11, type: derived}
status: test
level: high
date: 2026-11-22
references: one
tags: [attack.t1059, 7]
logsource: {product: windows, definition: x}
soc: {group_by: [a]}
detection:
  s:
    - a|contains|all: [x*, 'y\*', 1, 1.5, true, null]
      b|re: '^a*\\d$'
    - c: ''
  words: [one, 2]
  word: three
  condition: [s, 1 of word*]
  timeframe: 5m
";

    fn check(text: &str, answers: bool) {
        let value: Value = yaml_serde::from_str(text).unwrap();
        let parsed = parse_sigma_yaml(text).unwrap();
        let assembled = rule(&value);
        assert_eq!(assembled.is_some(), answers, "{text}");
        if let Some(assembled) = assembled {
            assert_eq!((parsed.rules, parsed.errors), (vec![assembled], Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_plain_rule_is_what_the_sigma_parser_makes_of_it() {
        check(RULE, true);
        check(&RULE.replace("status: test\n", ""), true);
        check(&RULE.replace("  condition: [s, 1 of word*]\n", "  condition: s\n"), true);
    }

    #[test]
    fn what_is_odd_is_left_to_the_sigma_parser() {
        for (from, to) in [
            ("status: test", "status: tset"),
            ("title: T", "taxonomy: T"),
            ("type: derived", "type: derved"),
            ("contains", "contain"),
            ("    - c:", "    - c[0]:"),
            ("definition: x", "sort: x"),
            ("level: high", "sigma-version: 3"),
            ("1 of word*", "1 off word*"),
        ] {
            check(&RULE.replace(from, to), false);
        }
    }
}
