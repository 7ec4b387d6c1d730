//! Finding and leaving out entries of a parsed TOML document.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The entries with these names, and the others.
pub(super) fn split<'i>(table: &DeTable<'i>, names: &[&str]) -> (DeTable<'i>, DeTable<'i>) {
    let (mut own, mut others) = (DeTable::new(), DeTable::new());
    for (key, value) in table {
        let side = if names.contains(&key.get_ref().as_ref()) { &mut own } else { &mut others };
        side.insert(key.clone(), value.clone());
    }
    (own, others)
}

/// The table as a value; its span is never asked for.
pub(super) fn root(table: DeTable<'_>) -> Spanned<DeValue<'_>> {
    Spanned::new(0..0, DeValue::Table(table))
}

/// Removes the innermost entry in which the span lies; false if there is none.
pub(super) fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let is_in = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if is_in(key.span()) || is_in(value.span()) || holds(value.get_ref(), span) {
            let inner = match value.get_mut() {
                DeValue::Table(inner) => remove(inner, span),
                _ => false,
            };
            if inner {
                return true;
            }
            found = Some(key.clone());
        }
    }
    found.is_some_and(|key| table.remove(&key).is_some())
}

/// Where the setting is that a sentence begins with: `port.poll_ms is 7; …`.
pub(super) fn find(table: &DeTable<'_>, sentence: &str) -> Option<usize> {
    let name = sentence.split([' ', ':', '[']).next()?;
    let mut table = table;
    let mut found = None;
    for part in name.split('.') {
        let (key, value) = table.iter().find(|(key, _)| key.get_ref() == part)?;
        found = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// Whether something inside has this span: a table's own span is only its header.
fn holds(value: &DeValue<'_>, span: &Range<usize>) -> bool {
    let is_in = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    match value {
        DeValue::Table(table) => table.iter().any(|(key, value)| {
            is_in(key.span()) || is_in(value.span()) || holds(value.get_ref(), span)
        }),
        DeValue::Array(array) => {
            array.iter().any(|value| is_in(value.span()) || holds(value.get_ref(), span))
        }
        _ => false,
    }
}
