use rsigma_parser::{
    CorrelationRule, FilterRule, Modifier, SigmaCollection, SigmaParserError, SigmaRule,
    parse_condition, parse_sigma_yaml,
};
use yaml_serde::Value;

use super::similar::distance;
use super::{Document, Source, assemble, guard, split, yaml};
use crate::limits;
use crate::problem::{Fault, Problem, Severity};

/// A document the Sigma parser accepted.
pub(crate) struct Parsed<'a> {
    pub document: Document<'a>,
    pub parts: Parts,
    /// As YAML, for what the parser does not keep.
    pub value: Value,
}

/// What kind of document it is.
pub(crate) enum Parts {
    Rule(Box<SigmaRule>),
    Correlation(Box<CorrelationRule>),
    Filter(Box<FilterRule>),
}

/// Reads every document of a file; what cannot be read becomes a problem and leaves the rest alone.
pub(crate) fn read<'a>(source: Source<'a>, problems: &mut Vec<Problem>) -> Vec<Parsed<'a>> {
    let documents = match whole(source) {
        Ok(documents) => documents,
        Err(fault) => {
            let file = Document { path: source.path, text: "", first_line: 1 };
            problems.push(file.problem_at(fault, None, Severity::Error, (Some(1), Some(1))));
            return Vec::new();
        }
    };
    let shared = limits::SHARED_BYTES_MAX;
    let mut reader = Reader { global: None, previous: None, shared, problems };
    documents.into_iter().filter_map(|document| reader.document(document)).collect()
}

pub(super) fn whole(source: Source<'_>) -> Result<Vec<Document<'_>>, Fault> {
    if source.text.len() > limits::FILE_BYTES_MAX {
        let what = format!("the file is larger than {} bytes", limits::FILE_BYTES_MAX);
        return Err(Fault::new(what).hint("split it into several files"));
    }
    let documents = split(source.path, source.text);
    if documents.is_empty() {
        return Err(Fault::new("the file holds no rule"));
    }
    if documents.len() > limits::DOCUMENTS_MAX {
        let what = format!("the file holds more than {} documents", limits::DOCUMENTS_MAX);
        return Err(Fault::new(what).hint("split it into several files"));
    }
    Ok(documents)
}

/// Remembers what `action: global` and `action: repeat` of older rule collections refer to.
struct Reader<'a, 'p> {
    global: Option<&'a str>,
    previous: Option<&'a str>,
    /// Bytes that may still be read again.
    shared: usize,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Reader<'a, '_> {
    fn document(&mut self, document: Document<'a>) -> Option<Parsed<'a>> {
        let value = self.yaml(document)?;
        if let Err(fault) = guard::shape(&value) {
            self.fail(document, &value, fault);
            return None;
        }
        let action = value.get("action").and_then(Value::as_str).map(str::to_owned);
        match action.as_deref() {
            Some("global") => self.global = Some(document.text),
            Some("reset") => self.global = None,
            Some("repeat") => return self.sigma(document, value, true),
            None => {
                let parsed = self.sigma(document, value, false);
                self.previous = Some(document.text);
                return parsed;
            }
            Some(other) => {
                let fault = Fault::new(format!("unknown action '{other}'")).at(["action"]);
                self.fail(document, &value, fault.hint("one of global, reset, repeat"));
            }
        }
        None
    }

    fn yaml(&mut self, document: Document<'a>) -> Option<Value> {
        if guard::opens_too_much(document.text) {
            let what = format!("more than {} lists or mappings in brackets", limits::FLOWS_MAX);
            self.problems.push(document.problem(Fault::new(what), None, Severity::Error));
            return None;
        }
        let error = match yaml::parse(document.text) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let at = error.location().map(|at| (number(at.line()), number(at.column())));
        let line = at.map_or(document.line(), |(line, _)| document.first_line + line - 1);
        let position = (Some(line), Some(at.map_or(1, |(_, column)| column)));
        let fault = yaml_fault(&error.to_string());
        self.problems.push(document.problem_at(fault, None, Severity::Error, position));
        None
    }

    fn sigma(&mut self, document: Document<'a>, value: Value, repeat: bool) -> Option<Parsed<'a>> {
        if self.global.is_none()
            && !repeat
            && let Some(rule) = assemble::rule(&value)
        {
            return Some(Parsed { document, parts: Parts::Rule(Box::new(rule)), value });
        }
        let mut before: Vec<&str> = self.global.into_iter().collect();
        if repeat {
            let Some(previous) = self.previous else {
                let fault = Fault::new("'action: repeat' without a document before it");
                self.fail(document, &value, fault.at(["action"]));
                return None;
            };
            before.push(previous);
        }
        let plain = before.is_empty();
        let again = before.iter().map(|text| text.len()).sum();
        let Some(left) = self.shared.checked_sub(again) else {
            let most = limits::SHARED_BYTES_MAX;
            let what = format!("'action' shares more than {most} bytes in this file");
            self.fail(document, &value, Fault::new(what).hint("split it into several files"));
            return None;
        };
        self.shared = left;
        before.push(document.text);
        let text = before.join("\n---\n");
        match parse(&text, if repeat { 2 } else { 1 }) {
            Ok((parts, warnings)) => {
                let id = label(&value);
                for warning in warnings.into_iter().filter(|_| plain).take(limits::WARNINGS_MAX) {
                    let fault = warning_fault(&warning);
                    self.problems.push(document.problem(fault, id.as_deref(), Severity::Warning));
                }
                Some(Parsed { document, parts, value })
            }
            Err(message) => {
                self.fail(document, &value, sigma_fault(&message, &value));
                None
            }
        }
    }

    fn fail(&mut self, document: Document<'a>, value: &Value, fault: Fault) {
        let id = label(value);
        self.problems.push(document.problem(fault, id.as_deref(), Severity::Error));
    }
}

/// How a problem names the rule: its id, else its title.
fn label(value: &Value) -> Option<String> {
    let key = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    key("id").or_else(|| key("title"))
}

/// The last of `expected` documents, with what the parser grumbled about; or why there is none.
fn parse(text: &str, expected: usize) -> Result<(Parts, Vec<String>), String> {
    let collection = parse_sigma_yaml(text).map_err(|error| error.to_string())?;
    if collection.len() < expected {
        let last = collection.errors.into_iter().next_back();
        return Err(last.unwrap_or_else(|| "not a Sigma rule".to_owned()));
    }
    let SigmaCollection { rules, correlations, filters, errors } = collection;
    let parts = if let Some(filter) = filters.into_iter().next_back() {
        Parts::Filter(Box::new(filter))
    } else if let Some(correlation) = correlations.into_iter().next_back() {
        Parts::Correlation(Box::new(correlation))
    } else {
        let rule = rules.into_iter().next_back().ok_or("not a Sigma rule")?;
        Parts::Rule(Box::new(rule))
    };
    Ok((parts, errors))
}

pub(super) fn yaml_fault(message: &str) -> Fault {
    let what = message.split(" at line ").next().unwrap_or(message);
    let fault = Fault::new(format!("not valid YAML: {what}"));
    if message.contains("tab") || message.contains("cannot start any token") {
        fault.hint("indent with spaces; put text that begins with % @ ` * & ! in quotes")
    } else if message.contains("duplicate entry") {
        fault.hint("a key may stand once in a mapping; use a list of values")
    } else if message.contains("mapping values are not allowed") {
        fault.hint("put text that holds ': ' in quotes")
    } else if message.contains("did not find expected") {
        fault.hint("look for a wrong indentation or a quote that is not closed just above")
    } else {
        fault
    }
}

fn warning_fault(message: &str) -> Fault {
    let fault = Fault::new(message);
    let key = ["status", "level", "related", "sigma-version"]
        .into_iter()
        .find(|key| message.contains(key));
    let fault = match key {
        Some("level") => fault.hint("one of informational, low, medium, high, critical"),
        Some("status") => fault.hint("one of stable, test, experimental, deprecated, unsupported"),
        _ => fault,
    };
    match key {
        Some(key) => fault.at([key]),
        None => fault,
    }
}

/// Places a message of the Sigma parser, which carries no position, and says what to do.
fn sigma_fault(message: &str, value: &Value) -> Fault {
    if let Some(fault) = condition_fault(value) {
        return fault;
    }
    if let Some(fault) = modifier_fault(value) {
        return fault;
    }
    let what = lower_first(message);
    let fault = Fault::new(what);
    let section = ["correlation", "filter", "detection"]
        .into_iter()
        .find(|section| value.get(*section).is_some())
        .unwrap_or("title");
    if message.contains("'condition'") {
        return fault.at([section]).hint("add 'condition: selection' below the selections");
    }
    if message.contains("'title'") {
        return fault.hint("add 'title: …'");
    }
    if message.contains("'detection'") {
        return fault.hint("add 'detection:' with a selection and a condition");
    }
    if message.contains("correlation type") {
        let fault = fault.at(["correlation", "type"]);
        return fault.hint("one of event_count, value_count, temporal, temporal_ordered");
    }
    if message.contains("timespan") || message.contains("timeframe") {
        let fault = fault.at(["correlation", "timespan"]);
        return fault.hint("a number and one of s, m, h, d, w: '5m'");
    }
    if message.contains("ondition") {
        return fault.at([section, "condition"]);
    }
    if message.contains("logsource") {
        return fault.at(["logsource"]);
    }
    fault.at([section])
}

fn lower_first(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// Parses the conditions once more, for the position the collection parser throws away.
fn condition_fault(value: &Value) -> Option<Fault> {
    for section in ["detection", "filter", "correlation"] {
        let Some(condition) = value.get(section).and_then(|section| section.get("condition"))
        else {
            continue;
        };
        let texts: Vec<&str> = match condition {
            Value::String(text) => vec![text],
            Value::Sequence(texts) => texts.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        for text in texts {
            if let Err(error) = parse_condition(text) {
                return Some(one_condition(text, &error).at([section, "condition"]));
            }
        }
    }
    None
}

fn one_condition(text: &str, error: &SigmaParserError) -> Fault {
    let column = error.location().filter(|at| at.line == 1).map(|at| at.col.saturating_sub(1));
    let mut fault = Fault::new(format!("cannot understand the condition '{text}'"));
    if let Some(column) = column {
        let rest: String = text.chars().skip(column as usize).take(20).collect();
        fault.what.push_str(&if rest.is_empty() {
            ": something is missing at its end".to_owned()
        } else {
            format!(" at '{rest}'")
        });
    }
    fault.offset = column;
    if text.contains('|') {
        fault.hint("counting with '|' was removed from Sigma: write a correlation rule")
    } else {
        fault.hint("join names of selections with and, or, not, '1 of name*', 'all of them'")
    }
}

fn modifier_fault(value: &Value) -> Option<Fault> {
    let section = ["detection", "filter"].into_iter().find(|key| value.get(*key).is_some())?;
    for (name, selection) in value.get(section)?.as_mapping()? {
        let Some(name) = name.as_str() else { continue };
        let mut maps = vec![selection];
        while let Some(part) = maps.pop() {
            match part {
                Value::Sequence(parts) => maps.extend(parts.iter().rev()),
                Value::Mapping(map) => {
                    for key in map.keys().filter_map(Value::as_str) {
                        if let Some(fault) = unknown_modifier(key) {
                            return Some(fault.at([section, name, key]));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn unknown_modifier(key: &str) -> Option<Fault> {
    let unknown = key.split('|').skip(1).find(|word| word.parse::<Modifier>().is_err())?;
    Some(Fault::new(format!("unknown modifier '{unknown}' in '{key}'")).hint(similar(unknown)))
}

fn similar(modifier: &str) -> String {
    if modifier == "not" {
        return "negate in the condition: 'selection and not filter'".to_owned();
    }
    let known = rsigma_parser::reference::MODIFIERS.iter().map(|(name, _)| *name);
    let near = known.map(|name| (distance(modifier, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 3 => format!("did you mean '{name}'?"),
        _ => "the modifiers are listed in the Sigma specification, appendix 'modifiers'".to_owned(),
    }
}
