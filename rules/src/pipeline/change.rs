use rsigma_parser::{Modifier, SigmaString, SigmaValue, StringPart};

use super::fields;
use super::placeholder::{self, Chosen};
use super::run::Run;
use super::transformation::{Kind, Method, Transformation};
use super::tree::{Item, Node};
use super::values::{Pattern, Wildcards, of_parts, parse};

/// What becomes of an item the step is about; `None` drops it.
pub(super) fn item(
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
            item.parsed.field.modifiers.retain(|modifier| *modifier != Modifier::Cased);
            item.parsed.field.modifiers.push(Modifier::Cased);
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
    let shown = |value: &SigmaString| Wildcards::default().of(&value.parts);
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

/// A text, its wildcards read.
pub(super) fn new(text: &str) -> SigmaValue {
    SigmaValue::String(SigmaString::new(text))
}
