use yaml_serde::Value;

use crate::limits;
use crate::problem::Fault;

/// Refuses what the scanner below the parser takes quadratic time on: many flow collections, which
/// may be nested in each other, and many block collections begun on one line.
///
/// Counts every bracket that could open a collection and none that closes one, because which of
/// those stand inside quotes only the scanner knows.
pub(crate) fn opens_too_much(text: &str) -> bool {
    let mut before = b' ';
    let mut opened = 0_usize;
    for byte in text.bytes() {
        let can_open = before.is_ascii_whitespace() || b"-:,[{?".contains(&before);
        if can_open && matches!(byte, b'[' | b'{') {
            opened += 1;
        }
        before = byte;
    }
    opened > limits::FLOWS_MAX || text.lines().any(|line| compact_depth(line) > limits::DEPTH_MAX)
}

/// How many `- ` or `? ` a line begins with: each is one level of nesting.
fn compact_depth(line: &str) -> usize {
    let words = line.split_ascii_whitespace();
    words.take_while(|word| matches!(*word, "-" | "?" | ":")).count()
}

/// Checks what the Sigma parser takes on trust: that conditions cannot exhaust its stack, and that
/// detections hold values where it would otherwise turn structure into text.
///
/// # Errors
/// The first thing wrong.
pub(crate) fn shape(document: &Value) -> Result<(), Fault> {
    let Some(map) = document.as_mapping() else {
        return Err(Fault::new("a rule is a mapping of keys to values")
            .hint("begin with 'title: …' at the start of a line"));
    };
    for section in ["detection", "filter"] {
        if let Some(Value::Mapping(detection)) = map.get(section) {
            detections(section, detection)?;
        }
    }
    match map.get("correlation").and_then(|correlation| correlation.get("condition")) {
        Some(Value::String(text)) => condition(text, &["correlation", "condition"]),
        _ => Ok(()),
    }
}

fn detections(section: &str, detection: &yaml_serde::Mapping) -> Result<(), Fault> {
    if detection.len() > limits::SELECTIONS_MAX {
        let what = format!("more than {} selections in one rule", limits::SELECTIONS_MAX);
        return Err(Fault::new(what).at([section]));
    }
    for (key, value) in detection {
        let Some(name) = key.as_str() else {
            return Err(Fault::new("the name of a selection must be text").at([section]));
        };
        match (name, value) {
            ("condition", Value::String(text)) => condition(text, &[section, name])?,
            ("condition", Value::Sequence(texts)) => {
                let mut bytes = 0;
                for text in texts.iter().filter_map(Value::as_str) {
                    bytes += text.len();
                    too_long(bytes, &[section, name])?;
                    condition(text, &[section, name])?;
                }
            }
            ("condition" | "timeframe", _) => {}
            ("rules", _) if section == "filter" => {}
            _ => selection(value, &mut vec![section.to_owned(), name.to_owned()])?,
        }
    }
    Ok(())
}

fn selection(value: &Value, at: &mut Vec<String>) -> Result<(), Fault> {
    match value {
        Value::Mapping(map) => {
            if map.is_empty() {
                return Err(Fault::new("an empty selection").at(at.clone()));
            }
            for (key, value) in map {
                let Some(field) = key.as_str() else {
                    return Err(Fault::new("the name of a field must be text").at(at.clone()));
                };
                at.push(field.to_owned());
                item(value, at)?;
                at.pop();
            }
            Ok(())
        }
        Value::Sequence(parts) if parts.is_empty() => {
            Err(Fault::new("an empty selection").at(at.clone()))
        }
        Value::Sequence(parts) => parts.iter().try_for_each(|part| selection(part, at)),
        Value::Tagged(_) => Err(tagged(at)),
        _ => Ok(()),
    }
}

fn item(value: &Value, at: &[String]) -> Result<(), Fault> {
    let wrong = |what: &str| Err(Fault::new(what).at(at.to_vec()));
    match value {
        Value::Mapping(_) => wrong("a field is compared with a value or a list of values"),
        Value::Tagged(_) => Err(tagged(at)),
        Value::Sequence(values) if values.is_empty() => wrong("an empty list of values"),
        Value::Sequence(values) => {
            let nested = |value: &Value| value.is_mapping() || value.is_sequence();
            if values.iter().any(nested) {
                wrong("a list of values holds a list or mapping")
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

fn tagged(at: &[String]) -> Fault {
    Fault::new("a YAML tag (a word after '!') is not allowed here")
        .hint("put text that begins with '!' in quotes")
        .at(at.to_vec())
}

/// Bounds what the condition parser recurses on.
fn condition(text: &str, at: &[&str]) -> Result<(), Fault> {
    too_long(text.len(), at)?;
    let (mut open, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    let mut nots = 0_usize;
    for word in text.split([' ', '\t', '\n', '(']).filter(|word| !word.is_empty()) {
        nots = if word == "not" { nots + 1 } else { 0 };
        deepest = deepest.max(nots);
    }
    if deepest > limits::CONDITION_DEPTH_MAX {
        let what = format!("a condition nested deeper than {}", limits::CONDITION_DEPTH_MAX);
        return Err(Fault::new(what).at(at.iter().copied()));
    }
    Ok(())
}

fn too_long(bytes: usize, at: &[&str]) -> Result<(), Fault> {
    if bytes <= limits::CONDITION_BYTES_MAX {
        return Ok(());
    }
    let what = format!("a condition of more than {} bytes", limits::CONDITION_BYTES_MAX);
    Err(Fault::new(what).at(at.iter().copied()))
}
