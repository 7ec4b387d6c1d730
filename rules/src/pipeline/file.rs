use std::collections::BTreeMap;

use rsigma_parser::{ConditionExpr, parse_condition};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use yaml_serde::{Mapping, Value};

use super::condition::{Conditions, Link};
use super::transformation::{Action, Step, Transformation};
use crate::limits;
use crate::problem::{Fault, Problem, Severity};
use crate::source::{Document, Source, Values, documents, similar, strict};

/// A pipeline as it was read.
pub(super) struct Pipeline {
    pub priority: i64,
    pub vars: BTreeMap<String, Values>,
    pub steps: Vec<Step>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    #[serde(rename = "name")]
    _name: Option<String>,
    priority: i64,
    vars: BTreeMap<String, Values>,
    transformations: Vec<Mapping>,
    postprocessing: Option<Value>,
    finalizers: Option<Value>,
    #[serde(rename = "allowed_backends")]
    _allowed_backends: Option<Value>,
}

/// What belongs to the step rather than to its transformation.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct When {
    id: Option<String>,
    rule_conditions: Value,
    rule_cond_op: Option<Operator>,
    #[serde(alias = "rule_cond_expression")]
    rule_cond_expr: Option<String>,
    rule_cond_not: bool,
    detection_item_conditions: Value,
    detection_item_cond_op: Option<Operator>,
    #[serde(alias = "detection_item_cond_expression")]
    detection_item_cond_expr: Option<String>,
    detection_item_cond_not: bool,
    field_name_conditions: Value,
    field_name_cond_op: Option<Operator>,
    #[serde(alias = "field_name_cond_expression")]
    field_name_cond_expr: Option<String>,
    field_name_cond_not: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operator {
    And,
    Or,
}

const OF_STEPS: [&str; 16] = [
    "id",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_expr",
    "rule_cond_expression",
    "rule_cond_not",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_expr",
    "detection_item_cond_expression",
    "detection_item_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_expr",
    "field_name_cond_expression",
    "field_name_cond_not",
];

/// What pySigma has and an engine that evaluates has no use for.
const OF_QUERIES: [(&str, &str); 2] = [
    (
        "query_expression_placeholders",
        "it makes part of a query; give the values in 'vars' instead",
    ),
    ("strict_field_mapping_failure", "whether a field is known is what 'rules check' says"),
];

const KNOWN: [&str; 25] = [
    "field_name_mapping",
    "field_name_prefix_mapping",
    "field_name_prefix",
    "field_name_suffix",
    "field_name_transform",
    "drop_detection_item",
    "add_condition",
    "change_logsource",
    "replace_string",
    "map_string",
    "value_placeholders",
    "wildcard_placeholders",
    "set_state",
    "set_value",
    "convert_type",
    "hashes_fields",
    "case",
    "regex",
    "rule_failure",
    "detection_item_failure",
    "add_field",
    "remove_field",
    "set_field",
    "set_custom_attribute",
    "nest",
];

/// The good pipelines of a file.
pub(super) fn read(source: Source<'_>, problems: &mut Vec<Problem>) -> Vec<Pipeline> {
    let documents = match documents(source) {
        Ok(documents) => documents,
        Err(problem) => {
            problems.push(*problem);
            return Vec::new();
        }
    };
    let mut pipelines = Vec::new();
    for document in documents {
        match one(document, problems) {
            Ok(pipeline) => pipelines.push(pipeline),
            Err(problem) => problems.push(*problem),
        }
    }
    pipelines
}

fn one(document: Document<'_>, problems: &mut Vec<Problem>) -> Result<Pipeline, Box<Problem>> {
    let written: Written = strict(document)?;
    let for_queries =
        [("postprocessing", &written.postprocessing), ("finalizers", &written.finalizers)];
    for (key, _) in for_queries.iter().filter(|(_, value)| value.is_some()) {
        let fault = Fault::new(format!("'{key}' is ignored: it is about queries")).at([*key]);
        problems.push(document.problem(fault, None, Severity::Warning));
    }
    let mut steps = Vec::new();
    for (number, mapping) in written.transformations.into_iter().enumerate() {
        let at = vec!["transformations".to_owned(), format!("[{number}]")];
        let reading = Reading { document, at, number: number + 1 };
        steps.push(
            reading
                .step(mapping)
                .map_err(|fault| Box::new(document.problem(fault, None, Severity::Error)))?,
        );
    }
    Ok(Pipeline { priority: written.priority, vars: written.vars, steps })
}

/// One transformation and where it stands.
struct Reading<'d> {
    document: Document<'d>,
    at: Vec<String>,
    number: usize,
}

impl Reading<'_> {
    fn fault(&self, id: Option<&str>, what: &str) -> Fault {
        let id = id.map_or(String::new(), |id| format!(" ({id})"));
        Fault::new(format!("transformation {}{id}: {what}", self.number)).at(self.at.clone())
    }

    fn step(&self, mapping: Mapping) -> Result<Step, Fault> {
        let (of_step, of_transformation): (Mapping, Mapping) = mapping
            .into_iter()
            .partition(|(key, _)| key.as_str().is_some_and(|key| OF_STEPS.contains(&key)));
        let id = of_step.get("id").and_then(Value::as_str).map(str::to_owned);
        let fault = |what: String| self.fault(id.as_deref(), &what);
        let kind = of_transformation.get("type").and_then(Value::as_str).map(str::to_owned);
        let Some(kind) = kind else { return Err(fault("it has no 'type'".to_owned())) };
        let when: When = typed(Value::Mapping(of_step)).map_err(fault)?;
        let what = if kind == "nest" {
            Action::Nest(self.nested(of_transformation)?)
        } else {
            known(&kind).map_err(|(what, hint)| match hint {
                Some(hint) => fault(what).hint(hint),
                None => fault(what),
            })?;
            let one: Transformation = typed(Value::Mapping(of_transformation))
                .map_err(|what| fault(format!("'{kind}': {what}")))?;
            Action::One(one)
        };
        check(&what).map_err(|what| fault(format!("'{kind}': {what}")))?;
        let line = self.document.problem(self.fault(None, ""), None, Severity::Error).line;
        let place = format!("{}:{}", self.document.path, line.unwrap_or_default());
        let named = id.as_ref().map_or(String::new(), |id| format!(" ({id})"));
        let fields: Conditions<super::condition::FieldCondition> = conditions(
            &when.field_name_conditions,
            when.field_name_cond_op,
            when.field_name_cond_expr.as_deref(),
            when.field_name_cond_not,
        )
        .map_err(|what| fault(format!("field_name_conditions: {what}")))?;
        if let Some(what) = fields.named.iter().find_map(|(_, one)| one.fault()) {
            return Err(fault(what));
        }
        Ok(Step {
            place: format!("{place}, transformation {}{named}", self.number),
            rules: conditions(
                &when.rule_conditions,
                when.rule_cond_op,
                when.rule_cond_expr.as_deref(),
                when.rule_cond_not,
            )
            .map_err(|what| fault(format!("rule_conditions: {what}")))?,
            items: conditions(
                &when.detection_item_conditions,
                when.detection_item_cond_op,
                when.detection_item_cond_expr.as_deref(),
                when.detection_item_cond_not,
            )
            .map_err(|what| fault(format!("detection_item_conditions: {what}")))?,
            id,
            fields,
            what,
        })
    }

    fn nested(&self, mut mapping: Mapping) -> Result<Vec<Step>, Fault> {
        let Some(Value::Sequence(items)) = mapping.remove("items") else {
            return Err(self.fault(None, "'nest' needs a list 'items'"));
        };
        let mut steps = Vec::new();
        for (number, item) in items.into_iter().enumerate() {
            let mut at = self.at.clone();
            at.extend(["items".to_owned(), format!("[{number}]")]);
            let reading = Reading { document: self.document, at, number: number + 1 };
            let Value::Mapping(item) = item else {
                return Err(reading.fault(None, "not a mapping"));
            };
            steps.push(reading.step(item)?);
        }
        Ok(steps)
    }
}

/// Why a type is not known, and what to do about it.
fn known(kind: &str) -> Result<(), (String, Option<String>)> {
    if let Some((_, why)) = OF_QUERIES.iter().find(|(name, _)| *name == kind) {
        return Err((format!("'{kind}' has no meaning here"), Some((*why).to_owned())));
    }
    if KNOWN.contains(&kind) || kind == "case_transformation" {
        return Ok(());
    }
    let hint = similar(kind, KNOWN).map(|meant| format!("did you mean '{meant}'?"));
    Err((format!("unknown type '{kind}'"), hint))
}

fn check(action: &Action) -> Result<(), String> {
    use Transformation as T;
    match action {
        Action::One(T::FieldNameMapping { mapping } | T::FieldNamePrefixMapping { mapping }) => {
            match mapping.iter().find(|(_, names)| names.0.is_empty()) {
                Some((name, _)) => Err(format!("'{name}' becomes nothing")),
                None => Ok(()),
            }
        }
        Action::One(
            T::ValuePlaceholders { include: Some(_), exclude: Some(_) }
            | T::WildcardPlaceholders { include: Some(_), exclude: Some(_) },
        ) => Err("'include' and 'exclude' exclude each other".to_owned()),
        Action::One(T::AddCondition { conditions, .. }) if conditions.is_empty() => {
            Err("'conditions' is empty".to_owned())
        }
        _ => Ok(()),
    }
}

/// A list, or a mapping by name, joined by operator or expression.
fn conditions<C: DeserializeOwned>(
    written: &Value,
    operator: Option<Operator>,
    expression: Option<&str>,
    negated: bool,
) -> Result<Conditions<C>, String> {
    let mut named = Vec::new();
    match written {
        Value::Null => {}
        Value::Sequence(list) => {
            for (number, one) in list.iter().enumerate() {
                let mut one = one.clone();
                let id = one.as_mapping_mut().and_then(|one| one.remove("id"));
                let name = id.as_ref().and_then(Value::as_str).map(str::to_owned);
                let name = name.unwrap_or_else(|| format!("cond_{number}"));
                let number = number + 1;
                named.push((
                    name,
                    typed(one).map_err(|what| format!("condition {number}: {what}"))?,
                ));
            }
        }
        Value::Mapping(map) => {
            for (name, one) in map {
                let name = name.as_str().ok_or("the name of a condition must be text")?;
                let one =
                    typed(one.clone()).map_err(|what| format!("condition '{name}': {what}"))?;
                named.push((name.to_owned(), one));
            }
        }
        _ => return Err("neither a list nor a mapping".to_owned()),
    }
    let link = match (operator, expression) {
        (Some(_), Some(_)) => return Err("an operator and an expression exclude each other".into()),
        (None, Some(text)) => Link::Expression(read_expression(text, &named)?),
        (Some(Operator::Or), None) => Link::Any,
        _ => Link::All,
    };
    Ok(Conditions { named, link, negated })
}

fn read_expression<C>(text: &str, named: &[(String, C)]) -> Result<ConditionExpr, String> {
    if text.len() > limits::CONDITION_BYTES_MAX
        || text.matches(['(', ')']).count() > 2 * limits::CONDITION_DEPTH_MAX
        || text.split_whitespace().filter(|word| *word == "not").count()
            > limits::CONDITION_DEPTH_MAX
    {
        return Err(format!("the expression '{text}' is too long"));
    }
    let parsed = parse_condition(text);
    let parsed = parsed.map_err(|_| format!("cannot understand the expression '{text}'"))?;
    let mut parts = vec![&parsed];
    while let Some(part) = parts.pop() {
        match part {
            ConditionExpr::And(more) | ConditionExpr::Or(more) => parts.extend(more),
            ConditionExpr::Not(one) => parts.push(one),
            ConditionExpr::Identifier(name) if named.iter().any(|(known, _)| known == name) => {}
            ConditionExpr::Identifier(name) => {
                return Err(format!("no condition is called '{name}'"));
            }
            ConditionExpr::Selector { .. } => {
                return Err(format!("'{text}': only and, or, not and names of conditions"));
            }
        }
    }
    Ok(parsed)
}

/// Reads a value into a type.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    yaml_serde::from_value(value).map_err(|error| error.to_string())
}
