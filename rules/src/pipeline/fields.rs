use rsigma_parser::{
    CorrelationCondition, CorrelationRule, DetectionItem, FieldSpec, Modifier, SigmaString,
    SigmaValue,
};
use serde::Deserialize;

use super::run::{Run, Work};
use super::transformation::{Step, Transformation};
use super::tree::{Item, Node};

/// What a name becomes; `None` leaves it.
pub(super) type Names<'n> = dyn Fn(&str) -> Option<Vec<String>> + 'n;

/// A way to write names and texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Casing {
    #[serde(alias = "lowercase")]
    Lower,
    #[serde(alias = "uppercase")]
    Upper,
    SnakeCase,
}

impl Casing {
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::SnakeCase => snake(text),
        }
    }
}

/// `ParentImage` as `parent_image`, `TargetIP` as `target_ip`.
fn snake(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let small_next = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let begins = before.is_some_and(|before| {
            before.is_lowercase()
                || before.is_ascii_digit()
                || (before.is_uppercase() && small_next)
        });
        if letter.is_uppercase() && begins {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

impl Transformation {
    /// How it changes names of fields, if that is what it does.
    pub fn names(&self) -> Option<Box<Names<'_>>> {
        Some(match self {
            Self::FieldNameMapping { mapping } => {
                Box::new(|name| mapping.get(name).map(|names| names.0.clone()))
            }
            Self::FieldNamePrefixMapping { mapping } => Box::new(|name| {
                let fitting =
                    mapping.iter().filter(|(prefix, _)| name.starts_with(prefix.as_str()));
                let (prefix, others) = fitting.max_by_key(|(prefix, _)| prefix.len())?;
                let rest = name.get(prefix.len()..).unwrap_or_default();
                Some(others.0.iter().map(|other| format!("{other}{rest}")).collect())
            }),
            Self::FieldNamePrefix { prefix } => {
                Box::new(move |name| Some(vec![format!("{prefix}{name}")]))
            }
            Self::FieldNameSuffix { suffix } => {
                Box::new(move |name| Some(vec![format!("{name}{suffix}")]))
            }
            Self::FieldNameTransform { transform_func, mapping } => Box::new(|name| {
                let given = mapping.get(name).map(|names| names.0.clone());
                Some(given.unwrap_or_else(|| vec![transform_func.apply(name)]))
            }),
            _ => return None,
        })
    }
}

impl Step {
    /// The names a field gets by this step; none when it keeps its own.
    fn renamed(&self, names: &Names<'_>, name: &str, run: &mut Run<'_>) -> Option<Vec<String>> {
        let accepted = self.fields.hold(&|one| one.holds(name, run));
        let renamed = names(name).filter(|_| accepted)?;
        if renamed != [name] {
            run.renamed(name, &renamed, self.id.as_ref());
        }
        Some(renamed)
    }
}

/// Renames the fields of a rule: in items, in references to fields, in its list of fields.
pub(super) fn rule(step: &Step, names: &Names<'_>, work: &mut Work<'_>) -> Result<(), String> {
    let run = &mut work.run;
    let listed = std::mem::take(&mut work.rule.fields).into_iter();
    work.rule.fields =
        listed.flat_map(|name| step.renamed(names, &name, run).unwrap_or(vec![name])).collect();
    work.map(&mut |item, run| {
        if !step.items.hold(&|condition| condition.holds(&item, run)) {
            return Ok(Some(Node::Item(item)));
        }
        Ok(Some(renamed(step, names, item, run)))
    })
}

fn renamed(step: &Step, names: &Names<'_>, mut item: Item, run: &mut Run<'_>) -> Node {
    let mut changed = false;
    if item.parsed.field.has_modifier(Modifier::FieldRef) {
        let mut values = Vec::new();
        for value in std::mem::take(&mut item.parsed.values) {
            let name = match &value {
                SigmaValue::String(text) => text.as_plain(),
                _ => None,
            };
            let others = name.and_then(|name| step.renamed(names, &name, run));
            changed |= others.is_some();
            match others {
                Some(others) => values.extend(others.iter().map(|name| reference(name))),
                None => values.push(value),
            }
        }
        item.parsed.values = values;
    }
    let own = item.parsed.field.name.clone();
    match own.and_then(|name| step.renamed(names, &name, run)) {
        Some(others) => step.marked(under(item, others)),
        None if changed => step.marked(Node::Item(item)),
        None => Node::Item(item),
    }
}

/// The item under each of these names: one of them is enough.
fn under(item: Item, names: Vec<String>) -> Node {
    let mut nodes: Vec<Node> = Vec::new();
    for name in names {
        let mut item = item.clone();
        item.parsed.field.name = Some(name);
        nodes.push(Node::Item(item));
    }
    match (nodes.pop(), nodes.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            nodes.extend(last);
            Node::Any(nodes)
        }
    }
}

fn reference(name: &str) -> SigmaValue {
    SigmaValue::String(SigmaString::from_raw(name))
}

/// Renames the fields of a correlation, where each stands for one.
pub(super) fn correlation(
    step: &Step,
    names: &Names<'_>,
    rule: &mut CorrelationRule,
    run: &mut Run<'_>,
) -> Result<(), String> {
    let mut only = |name: &str| match step.renamed(names, name, run) {
        None => Ok(name.to_owned()),
        Some(mut others) => match (others.pop(), others.is_empty()) {
            (Some(other), true) => Ok(other),
            _ => Err(format!("'{name}' of a correlation can become one field only")),
        },
    };
    let mut aliases = Vec::new();
    for alias in &mut rule.aliases {
        aliases.push(alias.alias.clone());
        for name in alias.mapping.values_mut() {
            *name = only(name)?;
        }
    }
    for name in rule.group_by.iter_mut().filter(|name| !aliases.contains(name)) {
        *name = only(name)?;
    }
    if let CorrelationCondition::Threshold { field: Some(fields), .. } = &mut rule.condition {
        for name in fields {
            *name = only(name)?;
        }
    }
    Ok(())
}

/// Takes `Hashes` apart: a field for each algorithm.
pub(super) fn hashes(
    item: Item,
    known: &[String],
    prefix: &str,
    without_name: bool,
) -> Result<Node, String> {
    let mut fields: Vec<(String, Vec<SigmaValue>)> = Vec::new();
    for value in &item.parsed.values {
        let SigmaValue::String(text) = value else { return Ok(Node::Item(item)) };
        let text: String = text.original.trim_matches('*').to_owned();
        let (algorithm, hash) = match text.split_once(['=', '|']) {
            Some((algorithm, hash)) => (algorithm.to_uppercase(), hash.to_owned()),
            None => (by_length(&text).to_owned(), text),
        };
        if !known.iter().any(|name| name.eq_ignore_ascii_case(&algorithm)) {
            continue;
        }
        let field = if without_name { prefix.to_owned() } else { format!("{prefix}{algorithm}") };
        let hash = SigmaValue::String(SigmaString::new(&hash));
        match fields.iter_mut().find(|(name, _)| *name == field) {
            Some((_, hashes)) => hashes.push(hash),
            None => fields.push((field, vec![hash])),
        }
    }
    if fields.is_empty() {
        return Err(format!("a value of '{}' is no hash of {}", name_of(&item), known.join(", ")));
    }
    let nodes = fields.into_iter().map(|(field, values)| {
        let field = FieldSpec::new(Some(field), Vec::new());
        let parsed = DetectionItem { field, values };
        Node::Item(Item { parsed, applied: item.applied.clone() })
    });
    Ok(Node::Any(nodes.collect()))
}

fn name_of(item: &Item) -> &str {
    item.parsed.field.name.as_deref().unwrap_or("keywords")
}

fn by_length(hash: &str) -> &'static str {
    match hash.len() {
        32 => "MD5",
        40 => "SHA1",
        64 => "SHA256",
        128 => "SHA512",
        _ => "",
    }
}
