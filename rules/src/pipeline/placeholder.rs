use rsigma_parser::{Modifier, SigmaString, SigmaValue};

use super::tree::Item;
use crate::limits;

/// Which placeholders a step is about.
pub(super) struct Chosen<'s> {
    pub include: &'s Option<Vec<String>>,
    pub exclude: &'s Option<Vec<String>>,
}

impl Chosen<'_> {
    fn has(&self, name: &str) -> bool {
        let among = |names: &Vec<String>| names.iter().any(|known| known == name);
        self.include.as_ref().is_none_or(among) && !self.exclude.as_ref().is_some_and(among)
    }
}

/// Puts values in the place of `%name%` in an item with `expand`; when no placeholder is left, the
/// modifier goes.
pub(super) fn fill(
    item: &mut Item,
    chosen: &Chosen<'_>,
    values_of: &dyn Fn(&str) -> Result<Vec<String>, String>,
) -> Result<(), String> {
    if !item.parsed.field.has_modifier(Modifier::Expand) {
        return Ok(());
    }
    let mut values = Vec::new();
    let mut left = false;
    for value in &item.parsed.values {
        let SigmaValue::String(text) = value else {
            values.push(value.clone());
            continue;
        };
        for text in filled(&text.original, chosen, values_of)? {
            left |= text.split('%').count() > 2;
            values.push(SigmaValue::String(SigmaString::new(&text)));
        }
    }
    item.parsed.values = values;
    if !left {
        item.parsed.field.modifiers.retain(|modifier| *modifier != Modifier::Expand);
    }
    Ok(())
}

fn filled(
    text: &str,
    chosen: &Chosen<'_>,
    values_of: &dyn Fn(&str) -> Result<Vec<String>, String>,
) -> Result<Vec<String>, String> {
    let mut pieces = text.split('%');
    let mut texts = vec![pieces.next().unwrap_or_default().to_owned()];
    while let Some(name) = pieces.next() {
        let Some(behind) = pieces.next() else {
            texts.iter_mut().for_each(|text| text.extend(["%", name]));
            break;
        };
        let own = || vec![format!("%{name}%")];
        let values = if chosen.has(name) { values_of(name)? } else { own() };
        if texts.len().saturating_mul(values.len()) > limits::VARIANTS_MAX {
            return Err(format!("a value stands for more than {} texts", limits::VARIANTS_MAX));
        }
        let longer = |text: &String| {
            values.iter().map(|value| format!("{text}{value}{behind}")).collect::<Vec<_>>()
        };
        texts = texts.iter().flat_map(longer).collect();
    }
    Ok(texts)
}
