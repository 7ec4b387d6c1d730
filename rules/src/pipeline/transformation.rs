use std::collections::BTreeMap;

use rsigma_parser::{CorrelationRule, LogSource, Modifier, SigmaString, SigmaValue, StringPart};
use serde::Deserialize;
use yaml_serde::{Mapping, Value};

use super::condition::{About, Conditions, FieldCondition, ItemCondition, RuleCondition, accepts};
use super::fields::{self, Casing};
use super::placeholder::{self, Chosen};
use super::run::{Run, Work};
use super::tree::{Item, Node};
use super::values::{Pattern, of_parts, parse, text};
use crate::source::Values;

/// One transformation and when it is done.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// For messages: `own.yml:12, transformation 3 (sysmon_fields)`.
    pub place: String,
    pub id: Option<String>,
    pub rules: Conditions<RuleCondition>,
    pub items: Conditions<ItemCondition>,
    pub fields: Conditions<FieldCondition>,
    pub what: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    One(Transformation),
    /// `nest`: several under the conditions of one.
    Nest(Vec<Step>),
}

/// The transformations with their parameters.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Transformation {
    FieldNameMapping {
        mapping: BTreeMap<String, Values>,
    },
    FieldNamePrefixMapping {
        mapping: BTreeMap<String, Values>,
    },
    FieldNamePrefix {
        prefix: String,
    },
    FieldNameSuffix {
        suffix: String,
    },
    FieldNameTransform {
        transform_func: Casing,
        #[serde(default)]
        mapping: BTreeMap<String, Values>,
    },
    DropDetectionItem {},
    AddCondition {
        conditions: Mapping,
        name: Option<String>,
        #[serde(default)]
        template: bool,
        #[serde(default)]
        negated: bool,
    },
    ChangeLogsource {
        category: Option<String>,
        product: Option<String>,
        service: Option<String>,
    },
    ReplaceString {
        regex: Pattern,
        replacement: String,
        #[serde(default)]
        skip_special: bool,
        #[serde(default)]
        interpret_special: bool,
    },
    MapString {
        mapping: BTreeMap<String, Values>,
    },
    ValuePlaceholders {
        include: Option<Vec<String>>,
        exclude: Option<Vec<String>>,
    },
    WildcardPlaceholders {
        include: Option<Vec<String>>,
        exclude: Option<Vec<String>>,
    },
    SetState {
        key: String,
        #[serde(alias = "value")]
        val: Value,
    },
    SetValue {
        value: Value,
        force_type: Option<Kind>,
    },
    ConvertType {
        target_type: Kind,
    },
    HashesFields {
        valid_hash_algos: Vec<String>,
        #[serde(default)]
        field_prefix: String,
        #[serde(default)]
        drop_algo_prefix: bool,
    },
    #[serde(alias = "case_transformation")]
    Case {
        #[serde(alias = "case_type")]
        method: Casing,
    },
    Regex {
        #[serde(default)]
        method: Method,
    },
    RuleFailure {
        message: String,
    },
    DetectionItemFailure {
        message: String,
    },
    AddField {
        field: Values,
    },
    RemoveField {
        field: Values,
    },
    SetField {
        fields: Vec<String>,
    },
    SetCustomAttribute {
        attribute: String,
        value: Value,
    },
}

/// Types a value can be forced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Str,
    #[serde(alias = "int", alias = "float")]
    Num,
}

/// How `regex` treats case: only `plain` changes what matches here, where case does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    Plain,
    IgnoreCaseFlag,
    #[default]
    IgnoreCaseBrackets,
}

impl Step {
    /// Does it to a rule, when its conditions hold.
    pub fn rule(&self, work: &mut Work<'_>) -> Result<(), String> {
        let about = About::Rule(work.rule, &work.selections);
        if !self.rules.hold(&|one| one.holds(&about, &work.run)) {
            return Ok(());
        }
        match &self.what {
            Action::Nest(steps) => steps.iter().try_for_each(|step| step.rule(work))?,
            Action::One(one) => self.one(one, work)?,
        }
        work.run.applied.extend(self.id.clone());
        Ok(())
    }

    /// Does it to a correlation, as far as it has what the step is about.
    pub fn correlation(
        &self,
        rule: &mut CorrelationRule,
        logsources: &[LogSource],
        run: &mut Run<'_>,
    ) -> Result<(), String> {
        let about = About::Correlation(rule, logsources);
        if !self.rules.hold(&|one| one.holds(&about, run)) {
            return Ok(());
        }
        match &self.what {
            Action::Nest(steps) => {
                steps.iter().try_for_each(|step| step.correlation(rule, logsources, run))?;
            }
            Action::One(Transformation::RuleFailure { message }) => return Err(message.clone()),
            Action::One(Transformation::SetState { key, val }) => {
                run.state.insert(key.clone(), val.clone());
            }
            Action::One(one) => {
                if let Some(names) = one.names() {
                    fields::correlation(self, &*names, rule, run)?;
                }
            }
        }
        run.applied.extend(self.id.clone());
        Ok(())
    }

    fn one(&self, one: &Transformation, work: &mut Work<'_>) -> Result<(), String> {
        use Transformation as T;
        if let Some(names) = one.names() {
            return fields::rule(self, &*names, work);
        }
        match one {
            T::RuleFailure { message } => return Err(message.clone()),
            T::SetState { key, val } => {
                work.run.state.insert(key.clone(), val.clone());
            }
            T::ChangeLogsource { category, product, service } => {
                let [category, product, service] = [category, product, service].map(Clone::clone);
                work.rule.logsource =
                    LogSource { category, product, service, ..LogSource::default() };
            }
            T::AddCondition { conditions, name, template, negated } => {
                let name = name.clone().unwrap_or_else(|| format!("_added_{}", work.run.added));
                work.run.added += 1;
                let node = added(conditions, template.then_some(&work.rule.logsource))?;
                work.require(name, node, *negated);
            }
            T::AddField { field } => work.rule.fields.extend(field.0.iter().cloned()),
            T::RemoveField { field } => work.rule.fields.retain(|one| !field.0.contains(one)),
            T::SetField { fields } => work.rule.fields.clone_from(fields),
            T::SetCustomAttribute { attribute, value } => {
                work.rule.custom_attributes.insert(attribute.clone(), value.clone());
            }
            other => return self.items(other, work),
        }
        Ok(())
    }

    /// Does what concerns single items.
    fn items(&self, one: &Transformation, work: &mut Work<'_>) -> Result<(), String> {
        work.map(&mut |item, run| {
            let meant = self.items.hold(&|condition| condition.holds(&item, run));
            if !meant || !accepts(&self.fields, &item, run) && !self.fields.named.is_empty() {
                return Ok(Some(Node::Item(item)));
            }
            let changed = item_changed(one, item, run)?;
            Ok(changed.map(|node| self.marked(node)))
        })
    }

    /// Notes on every item that the step changed it.
    pub fn marked(&self, node: Node) -> Node {
        match node {
            Node::All(nodes) => {
                Node::All(nodes.into_iter().map(|node| self.marked(node)).collect())
            }
            Node::Any(nodes) => {
                Node::Any(nodes.into_iter().map(|node| self.marked(node)).collect())
            }
            Node::Item(mut item) => {
                item.applied.extend(self.id.clone());
                Node::Item(item)
            }
            other => other,
        }
    }
}

fn item_changed(
    one: &Transformation,
    mut item: Item,
    run: &Run<'_>,
) -> Result<Option<Node>, String> {
    use Transformation as T;
    match one {
        T::DropDetectionItem {} => return Ok(None),
        T::DetectionItemFailure { message } => return Err(message.clone()),
        T::SetValue { value, force_type } => {
            item.open();
            item.parsed.field.modifiers.retain(|modifier| *modifier == Modifier::Cased);
            let mut value = SigmaValue::from_yaml(value);
            if let Some(kind) = force_type {
                value = converted(&value, *kind)?;
            }
            item.parsed.values = vec![value];
        }
        T::ValuePlaceholders { include, exclude } => {
            placeholder::fill(&mut item, &Chosen { include, exclude }, &|name| {
                let values = run.vars.get(name).map(|values| values.0.clone());
                values.ok_or_else(|| format!("'vars' has no values for the placeholder %{name}%"))
            })?;
        }
        T::WildcardPlaceholders { include, exclude } => {
            placeholder::fill(&mut item, &Chosen { include, exclude }, &|_| {
                Ok(vec!["*".to_owned()])
            })?;
        }
        T::Regex { method: Method::Plain } if item.is_text() => {
            if !item.parsed.field.has_modifier(Modifier::Cased) {
                item.parsed.field.modifiers.push(Modifier::Cased);
            }
        }
        T::HashesFields { valid_hash_algos, field_prefix, drop_algo_prefix } => {
            return fields::hashes(item, valid_hash_algos, field_prefix, *drop_algo_prefix)
                .map(Some);
        }
        other if item.is_text() => {
            let mut values = Vec::new();
            let mut opened = item.clone();
            opened.open();
            for value in &opened.parsed.values {
                values.extend(changed(other, value)?);
            }
            if values != opened.parsed.values {
                opened.parsed.values = values;
                item = opened;
            }
        }
        _ => {}
    }
    Ok(Some(Node::Item(item)))
}

/// What a value becomes.
fn changed(one: &Transformation, value: &SigmaValue) -> Result<Vec<SigmaValue>, String> {
    use Transformation as T;
    let shown = |value: &SigmaString| super::values::Wildcards::default().of(&value.parts);
    Ok(vec![match (one, value) {
        (T::ConvertType { .. }, SigmaValue::Null) => SigmaValue::Null,
        (T::ConvertType { target_type }, value) => converted(value, *target_type)?,
        (T::MapString { mapping }, SigmaValue::String(text)) => {
            match mapping.get(&shown(text)).or_else(|| mapping.get(&text.original)) {
                Some(values) => return Ok(values.0.iter().map(|value| new(value)).collect()),
                None => value.clone(),
            }
        }
        (T::ReplaceString { regex, replacement, skip_special, interpret_special }, value) => {
            let text = match value {
                SigmaValue::String(text) => text.clone(),
                SigmaValue::Integer(_) | SigmaValue::Float(_) => {
                    SigmaString::new(&value.to_string())
                }
                other => return Ok(vec![other.clone()]),
            };
            let whole = shown(&text);
            if *skip_special {
                replaced_parts(text, regex, replacement, *interpret_special)
            } else if regex.replace(&whole, replacement) == whole {
                value.clone()
            } else {
                parse(&regex.replace(&whole, replacement), &text)
            }
        }
        (T::Case { method }, SigmaValue::String(text)) => {
            let parts = text.parts.iter().cloned().map(|part| match part {
                StringPart::Plain(text) => StringPart::Plain(method.apply(&text)),
                special => special,
            });
            SigmaValue::String(of_parts(parts.collect()))
        }
        (_, value) => value.clone(),
    }])
}

fn replaced_parts(
    text: SigmaString,
    regex: &Pattern,
    replacement: &str,
    interpret: bool,
) -> SigmaValue {
    let mut parts = Vec::new();
    for part in text.parts {
        match part {
            StringPart::Plain(plain) => {
                let plain = regex.replace(&plain, replacement);
                match parse(&plain, &SigmaString::from_raw(&plain)) {
                    SigmaValue::String(read) if interpret => parts.extend(read.parts),
                    _ => parts.push(StringPart::Plain(plain)),
                }
            }
            special => parts.push(special),
        }
    }
    SigmaValue::String(of_parts(parts))
}

fn converted(value: &SigmaValue, kind: Kind) -> Result<SigmaValue, String> {
    match (kind, value) {
        (Kind::Str, SigmaValue::String(_)) => Ok(value.clone()),
        (Kind::Str, other) => Ok(new(&other.to_string())),
        (Kind::Num, SigmaValue::Integer(_) | SigmaValue::Float(_)) => Ok(value.clone()),
        (Kind::Num, other) => {
            let text = other.to_string();
            let whole = text.parse().map(SigmaValue::Integer);
            let number = whole.or_else(|_| text.parse().map(SigmaValue::Float));
            number.map_err(|_| format!("'{text}' is not a number"))
        }
    }
}

fn new(text: &str) -> SigmaValue {
    SigmaValue::String(SigmaString::new(text))
}

/// The selection `add_condition` adds; with a logsource its parts stand for `$product` and so on.
fn added(conditions: &Mapping, logsource: Option<&LogSource>) -> Result<Node, String> {
    let mut items = Vec::new();
    for (key, value) in conditions {
        let key = text(key).ok_or("the name of a field must be text")?;
        let field = rsigma_parser::parse_field_spec(&key).map_err(|error| error.to_string())?;
        let one = std::slice::from_ref(value);
        let values = value.as_sequence().map_or(one, Vec::as_slice);
        let values = values.iter().map(|value| match (value, logsource) {
            (Value::String(text), Some(logsource)) => new(&filled(text, logsource)),
            (value, _) => SigmaValue::from_yaml(value),
        });
        let parsed = rsigma_parser::DetectionItem { field, values: values.collect() };
        items.push(Node::Item(Item { parsed, applied: Default::default() }));
    }
    Ok(Node::All(items))
}

fn filled(text: &str, logsource: &LogSource) -> String {
    let LogSource { category, product, service, .. } = logsource;
    let parts = [("category", category), ("product", product), ("service", service)];
    parts.into_iter().fold(text.to_owned(), |text, (name, part)| {
        let part = part.as_deref().unwrap_or_default();
        text.replace(&format!("${{{name}}}"), part).replace(&format!("${name}"), part)
    })
}
