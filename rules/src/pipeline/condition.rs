use regex::Regex;
use rsigma_parser::{
    ConditionExpr, CorrelationRule, LogSource, Modifier, SigmaRule, SigmaString, SigmaValue,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use yaml_serde::Value;

use super::attribute;
use super::run::Run;
use super::tree::{Item, Node};
use super::values::{Pattern, same};

/// Several conditions and how they are joined; none of them is no condition.
#[derive(Clone, Debug)]
pub(super) struct Conditions<C> {
    pub named: Vec<(String, C)>,
    pub link: Link,
    pub negated: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Link {
    All,
    Any,
    Expression(ConditionExpr),
}

impl<C> Conditions<C> {
    pub fn hold(&self, test: &dyn Fn(&C) -> bool) -> bool {
        if self.named.is_empty() {
            return true;
        }
        let joined = match &self.link {
            Link::All => self.named.iter().all(|(_, one)| test(one)),
            Link::Any => self.named.iter().any(|(_, one)| test(one)),
            Link::Expression(expression) => self.expression(expression, test),
        };
        joined != self.negated
    }

    fn expression(&self, expression: &ConditionExpr, test: &dyn Fn(&C) -> bool) -> bool {
        match expression {
            ConditionExpr::And(parts) => parts.iter().all(|part| self.expression(part, test)),
            ConditionExpr::Or(parts) => parts.iter().any(|part| self.expression(part, test)),
            ConditionExpr::Not(part) => !self.expression(part, test),
            ConditionExpr::Identifier(name) => {
                self.named.iter().any(|(known, one)| known == name && test(one))
            }
            // Refused when the file is read.
            ConditionExpr::Selector { .. } => false,
        }
    }
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operator {
    #[default]
    Eq,
    Ne,
    Gte,
    Gt,
    Lte,
    Lt,
    In,
    NotIn,
}

/// A condition on the whole rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RuleCondition {
    Logsource {
        category: Option<String>,
        product: Option<String>,
        service: Option<String>,
    },
    ContainsField {
        field: String,
    },
    ContainsDetectionItem {
        field: String,
        value: Option<Value>,
    },
    ProcessingItemApplied {
        processing_item_id: String,
    },
    ProcessingState {
        key: String,
        val: Value,
        #[serde(default)]
        op: Operator,
    },
    IsSigmaRule {},
    IsSigmaCorrelationRule {},
    RuleAttribute {
        attribute: String,
        value: Value,
        #[serde(default)]
        op: Operator,
    },
    Tag {
        tag: String,
    },
}

/// Any value, or all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Which {
    #[default]
    Any,
    All,
}

/// A condition on one field and its values.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ItemCondition {
    MatchString {
        #[serde(default)]
        cond: Which,
        pattern: Pattern,
        #[serde(default)]
        negate: bool,
    },
    MatchValue {
        #[serde(default)]
        cond: Which,
        value: Value,
    },
    ContainsWildcard {
        #[serde(default)]
        cond: Which,
    },
    IsNull {
        #[serde(default)]
        cond: Which,
    },
    ProcessingItemApplied {
        processing_item_id: String,
    },
    ProcessingState {
        key: String,
        val: Value,
        #[serde(default)]
        op: Operator,
    },
}

/// How names are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    #[default]
    Plain,
    #[serde(alias = "regex")]
    Re,
}

/// A condition on the name of a field.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FieldCondition {
    IncludeFields {
        fields: Vec<String>,
        #[serde(default, alias = "match_type")]
        mode: Mode,
    },
    ExcludeFields {
        fields: Vec<String>,
        #[serde(default, alias = "match_type")]
        mode: Mode,
    },
    ProcessingItemApplied {
        processing_item_id: String,
    },
    ProcessingState {
        key: String,
        val: Value,
        #[serde(default)]
        op: Operator,
    },
}

/// What a rule condition looks at.
pub(super) enum About<'a> {
    Rule(&'a SigmaRule, &'a BTreeMap<String, Node>),
    /// With the logsources of the rules it refers to.
    Correlation(&'a CorrelationRule, &'a [LogSource]),
}

impl RuleCondition {
    pub fn holds(&self, about: &About<'_>, run: &Run<'_>) -> bool {
        match self {
            Self::Logsource { category, product, service } => {
                let is = |of: &LogSource| {
                    part(category, &of.category)
                        && part(product, &of.product)
                        && part(service, &of.service)
                };
                match about {
                    About::Rule(rule, _) => is(&rule.logsource),
                    About::Correlation(_, logsources) => logsources.iter().any(is),
                }
            }
            Self::ContainsField { field } => {
                about.any(&|item| item.parsed.field.name.as_ref() == Some(field))
            }
            Self::ContainsDetectionItem { field, value } => about.any(&|item| {
                let values = &item.parsed.values;
                item.parsed.field.name.as_ref() == Some(field)
                    && value.as_ref().is_none_or(|value| values.iter().any(|one| same(one, value)))
            }),
            Self::ProcessingItemApplied { processing_item_id } => {
                run.applied.contains(processing_item_id)
            }
            Self::ProcessingState { key, val, op } => state(run, key, val, *op),
            Self::IsSigmaRule {} => matches!(about, About::Rule(..)),
            Self::IsSigmaCorrelationRule {} => matches!(about, About::Correlation(..)),
            Self::RuleAttribute { attribute, value, op } => {
                attribute::of(about, attribute).is_some_and(|held| held.stands(*op, value))
            }
            Self::Tag { tag } => {
                let tags = match about {
                    About::Rule(rule, _) => &rule.tags,
                    About::Correlation(rule, _) => &rule.tags,
                };
                tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
            }
        }
    }
}

impl About<'_> {
    fn any(&self, test: &dyn Fn(&Item) -> bool) -> bool {
        match self {
            Self::Rule(_, selections) => selections.values().any(|node| node.any(test)),
            Self::Correlation(..) => false,
        }
    }
}

impl ItemCondition {
    pub fn holds(&self, item: &Item, run: &Run<'_>) -> bool {
        let values = &item.parsed.values;
        let each = |cond: Which, test: &dyn Fn(&SigmaValue) -> bool| match cond {
            Which::Any => values.iter().any(test),
            Which::All => values.iter().all(test),
        };
        let within = item.within();
        match self {
            Self::MatchString { cond, pattern, negate } => each(*cond, &|value| {
                let matched = match value {
                    SigmaValue::String(text) => pattern.begins(&within.of(&text.parts)),
                    _ => false,
                };
                matched != *negate
            }),
            Self::MatchValue { cond, value } => each(*cond, &|one| same(one, value)),
            Self::ContainsWildcard { cond } => each(*cond, &|value| match value {
                SigmaValue::String(text) => text.contains_wildcards() || within.is_open(),
                _ => false,
            }),
            Self::IsNull { cond } => each(*cond, &|value| matches!(value, SigmaValue::Null)),
            Self::ProcessingItemApplied { processing_item_id } => {
                item.applied.contains(processing_item_id)
            }
            Self::ProcessingState { key, val, op } => state(run, key, val, *op),
        }
    }
}

impl FieldCondition {
    pub fn holds(&self, field: &str, run: &Run<'_>) -> bool {
        match self {
            Self::IncludeFields { fields, mode } => named(fields, *mode, field),
            Self::ExcludeFields { fields, mode } => !named(fields, *mode, field),
            Self::ProcessingItemApplied { processing_item_id } => run
                .applied_to_field
                .get(field)
                .is_some_and(|applied| applied.contains(processing_item_id)),
            Self::ProcessingState { key, val, op } => state(run, key, val, *op),
        }
    }

    /// Patterns that are no regular expressions.
    pub fn fault(&self) -> Option<String> {
        let (Self::IncludeFields { fields, mode } | Self::ExcludeFields { fields, mode }) = self
        else {
            return None;
        };
        let faults = fields.iter().filter(|_| *mode == Mode::Re);
        faults.filter_map(|field| Pattern::new(field).err()).next()
    }
}

/// Whether an item, or a reference in it, is about a field the conditions accept.
pub(super) fn accepts(fields: &Conditions<FieldCondition>, item: &Item, run: &Run<'_>) -> bool {
    let name = item.parsed.field.name.as_deref();
    let own = name.is_some_and(|name| fields.hold(&|one| one.holds(name, run)));
    let refers = item.parsed.field.has_modifier(Modifier::FieldRef);
    let references = item.parsed.values.iter().filter(|_| refers);
    let mut references = references.filter_map(|value| match value {
        SigmaValue::String(text) => SigmaString::as_plain(text),
        _ => None,
    });
    let keywords =
        name.is_none() && fields.hold(&|one| matches!(one, FieldCondition::ExcludeFields { .. }));
    own || keywords || references.any(|name| fields.hold(&|one| one.holds(&name, run)))
}

fn named(fields: &[String], mode: Mode, field: &str) -> bool {
    fields.iter().any(|known| match mode {
        Mode::Plain => known == field,
        Mode::Re => Regex::new(&format!("^(?:{known})")).is_ok_and(|known| known.is_match(field)),
    })
}

fn part(wanted: &Option<String>, given: &Option<String>) -> bool {
    wanted
        .as_ref()
        .is_none_or(|wanted| given.as_ref().is_some_and(|given| given.eq_ignore_ascii_case(wanted)))
}

fn state(run: &Run<'_>, key: &str, value: &Value, how: Operator) -> bool {
    let held = run.state.get(key).and_then(attribute::Held::of);
    held.is_some_and(|held| held.stands(how, value))
}
