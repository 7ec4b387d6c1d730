//! Which words a row group has, said column by column.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::UInt32Type;

use super::survey::fields;
use crate::layout;
use crate::unpack::{Own, strange};
use crate::words::Collector;
use crate::{ColumnType, Error, message};

/// Columns of every event whose values are words to be found.
const FIXED: [&str; 5] = ["host", "kind", "product", "category", "service"];

/// Values of a column of every event.
pub(super) fn of_fixed(words: &mut Collector, name: &str, values: &ArrayRef) -> Result<(), Error> {
    if FIXED.contains(&name) {
        repeated(words, text(name, values)?);
    }
    Ok(())
}

/// Values of a field's own column.
pub(super) fn of_field(words: &mut Collector, name: &str, kind: ColumnType, values: &ArrayRef) {
    if let (ColumnType::Text, Some(texts)) = (kind, values.as_string_opt::<i32>()) {
        return repeated(words, texts);
    }
    let Some(own) = Own::of(name, kind, values) else { return };
    (0..values.len()).filter_map(|nth| own.value(nth)).for_each(|value| words.add_field(&value));
}

/// Neighbours are often the same.
fn repeated(words: &mut Collector, texts: &StringArray) {
    let mut last = None;
    for text in texts.iter().flatten() {
        if last != Some(text) {
            words.add_value(text);
            last = Some(text);
        }
    }
}

/// Lines, and where in them messages begin.
pub(super) fn of_raw(
    words: &mut Collector,
    values: &ArrayRef,
    begins: Option<&ArrayRef>,
) -> Result<(), Error> {
    let lines = text("raw", values)?;
    let begins = begins.and_then(|begins| begins.as_primitive_opt::<UInt32Type>());
    for (nth, line) in lines.iter().enumerate() {
        let Some(line) = line else { continue };
        words.add_text(line);
        let begin = begins.filter(|begins| begins.is_valid(nth)).map(|begins| begins.value(nth));
        if let Some(message) = begin.and_then(|begin| cut_within_a_word(line, begin)) {
            words.add_text(message);
        }
    }
    Ok(())
}

/// The message where its first word is only the end of one of the line, or of an address.
fn cut_within_a_word(line: &str, begin: u32) -> Option<&str> {
    let message = message::cut(line, begin)?;
    let before = line.strip_suffix(message)?.chars().next_back()?;
    (before.is_alphanumeric() || before == '.').then_some(message)
}

/// The rests of rows; gives the names of fields that have a column and yet stand there.
pub(super) fn of_rest(
    words: &mut Collector,
    values: &ArrayRef,
    mut found: impl FnMut(&str),
) -> Result<(), Error> {
    for rest in text(layout::REST, values)?.iter().flatten() {
        for (name, value) in fields(rest)? {
            words.add_field(&value);
            if value != soc_event::Value::Null {
                found(&name);
            }
        }
    }
    Ok(())
}

/// What a later version said.
pub(super) fn of_unknown(words: &mut Collector, values: &ArrayRef) -> Result<(), Error> {
    text(layout::UNKNOWN, values)?.iter().flatten().for_each(|text| words.add_text(text));
    Ok(())
}

fn text<'a>(name: &str, values: &'a ArrayRef) -> Result<&'a StringArray, Error> {
    values.as_string_opt::<i32>().ok_or_else(|| strange(name))
}
