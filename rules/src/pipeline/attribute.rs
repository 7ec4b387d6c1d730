use std::cmp::Ordering;

use rsigma_parser::{Level, Status};
use yaml_serde::Value;

use super::condition::{About, Operator};

/// What a rule says about itself, in a form that can be compared.
pub(super) enum Held {
    Text(String),
    Number(f64),
    Boolean(bool),
    /// A place in an order, and what names the places.
    Rank(usize, &'static [&'static str]),
    List(Vec<String>),
}

const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];
const STATUSES: &[&str] = &["unsupported", "deprecated", "experimental", "test", "stable"];

impl Held {
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Bool(value) => Some(Self::Boolean(*value)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Sequence(values) => {
                Some(Self::List(values.iter().filter_map(super::values::text).collect()))
            }
            _ => None,
        }
    }

    /// Whether it stands so to a value.
    pub fn stands(&self, how: Operator, value: &Value) -> bool {
        let Some(wanted) = super::values::text(value) else { return false };
        if let Self::List(list) = self {
            let is_in = list.contains(&wanted);
            return match how {
                Operator::In => is_in,
                Operator::NotIn => !is_in,
                Operator::Ne => true,
                _ => false,
            };
        }
        let order = match self {
            Self::Text(text) => Some(text.cmp(&wanted)),
            Self::Number(n) => wanted.parse::<f64>().ok().and_then(|wanted| n.partial_cmp(&wanted)),
            Self::Boolean(value) => Some(value.to_string().cmp(&wanted)),
            Self::Rank(rank, names) => {
                let wanted = wanted.to_lowercase();
                names.iter().position(|name| *name == wanted).map(|wanted| rank.cmp(&wanted))
            }
            Self::List(_) => None,
        };
        match how {
            Operator::Eq | Operator::In => order == Some(Ordering::Equal),
            Operator::Ne | Operator::NotIn => order != Some(Ordering::Equal),
            Operator::Gte => order.is_some_and(Ordering::is_ge),
            Operator::Gt => order.is_some_and(Ordering::is_gt),
            Operator::Lte => order.is_some_and(Ordering::is_le),
            Operator::Lt => order.is_some_and(Ordering::is_lt),
        }
    }
}

/// An attribute by the name Sigma gives it; dates compare as they are written, year first.
pub(super) fn of(about: &About<'_>, name: &str) -> Option<Held> {
    macro_rules! attribute {
        ($rule:expr) => {{
            let text = |text: &Option<String>| text.clone().map(Held::Text);
            match name {
                "title" => Some(Held::Text($rule.title.clone())),
                "id" => text(&$rule.id),
                "name" => text(&$rule.name),
                "description" => text(&$rule.description),
                "author" => text(&$rule.author),
                "license" => text(&$rule.license),
                "taxonomy" => text(&$rule.taxonomy),
                "date" => text(&$rule.date),
                "modified" => text(&$rule.modified),
                "level" => $rule.level.map(level),
                "status" => $rule.status.map(status),
                "tags" => Some(Held::List($rule.tags.clone())),
                "references" => Some(Held::List($rule.references.clone())),
                "falsepositives" => Some(Held::List($rule.falsepositives.clone())),
                "fields" => Some(Held::List($rule.fields.clone())),
                "scope" => Some(Held::List($rule.scope.clone())),
                other => $rule.custom_attributes.get(other).and_then(Held::of),
            }
        }};
    }
    match about {
        About::Rule(rule, _) => attribute!(rule),
        About::Correlation(rule, _) => attribute!(rule),
    }
}

fn level(level: Level) -> Held {
    let rank = LEVELS.iter().position(|name| *name == level.as_str());
    Held::Rank(rank.unwrap_or_default(), LEVELS)
}

fn status(status: Status) -> Held {
    let rank = match status {
        Status::Unsupported => 0,
        Status::Deprecated => 1,
        Status::Experimental => 2,
        Status::Test => 3,
        Status::Stable => 4,
    };
    Held::Rank(rank, STATUSES)
}
