//! Which columns the new files have, and which fields move for it.

use std::collections::{HashMap, HashSet};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use soc_event::{Fields, Value};

use super::keys::Key;
use super::{ROWS_AT_ONCE, Source};
use crate::census::{Census, kind_of};
use crate::layout;
use crate::unpack::strange;
use crate::{ColumnType, Error, Layout};

/// The layout that suits all rows, and what moves of each source.
pub(super) struct Survey {
    pub(super) layout: Layout,
    pub(super) moves: Vec<Moves>,
}

/// Fields of a source that do not stay where they are.
#[derive(Default)]
pub(super) struct Moves {
    /// Values of its rest that get a column: by field, then by row.
    pub(super) promoted: HashMap<String, HashMap<usize, Value>>,
    /// Its columns that go to the rest.
    pub(super) demoted: Vec<(String, ColumnType)>,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.promoted.is_empty() && self.demoted.is_empty()
    }

    /// Whether messages that are kept in their lines go to the rest.
    pub(super) fn has_message(&self) -> bool {
        self.demoted.iter().any(|(name, kind)| name == layout::MESSAGE && *kind == ColumnType::Text)
    }
}

/// A field of a type.
type Typed = (String, ColumnType);

impl Survey {
    pub(super) fn of(sources: &[Source], keys: &[Key]) -> Result<Self, Error> {
        let picked = picked(sources, keys);
        let mut census = Census::of_rows(keys.len());
        let mut in_rest = Vec::new();
        for (source, picked) in sources.iter().zip(&picked) {
            for (name, kind) in source.layout().columns() {
                let mut count = filled(source, name, picked)?;
                if name == layout::MESSAGE && source.has_message_at() {
                    count += filled(source, layout::MESSAGE_AT, picked)?;
                }
                census.add(name, *kind, count);
            }
            in_rest.push(rest_names(source, picked, &mut census)?);
        }
        let layout = census.layout();
        let columns: HashSet<&Typed> = layout.columns().iter().collect();
        let mut moves = Vec::new();
        for ((source, picked), names) in sources.iter().zip(&picked).zip(in_rest) {
            let moving: HashSet<Typed> =
                names.into_iter().filter(|typed| columns.contains(typed)).collect();
            let is_gone = |typed: &&Typed| !columns.contains(typed);
            moves.push(Moves {
                promoted: promoted(source, picked, &moving)?,
                demoted: source.layout().columns().iter().filter(is_gone).cloned().collect(),
            });
        }
        Ok(Self { layout, moves })
    }
}

/// The rows of each source that are asked for; nothing where that is all of them.
fn picked(sources: &[Source], keys: &[Key]) -> Vec<Option<Vec<usize>>> {
    let mut rows = vec![Vec::new(); sources.len()];
    for key in keys {
        if let Some(rows) = rows.get_mut(key.source()) {
            rows.push(key.row());
        }
    }
    let all = |(source, rows): (&Source, Vec<usize>)| (rows.len() < source.rows()).then_some(rows);
    sources.iter().zip(rows).map(all).collect()
}

/// In how many of these rows a column holds something.
fn filled(source: &Source, name: &str, picked: &Option<Vec<usize>>) -> Result<u64, Error> {
    let count = match (picked, source.nulls(name)) {
        (None, Some(nulls)) => source.rows().saturating_sub(nulls),
        _ => {
            let mut count = 0;
            walk(source, name, picked, &mut |_, _, _| {
                count += 1;
                Ok(())
            })?;
            count
        }
    };
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Calls `each` with every one of these rows in which a column holds something: the row, values of
/// the column, and where among them its own is.
fn walk(
    source: &Source,
    name: &str,
    picked: &Option<Vec<usize>>,
    each: &mut dyn FnMut(usize, &ArrayRef, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut column = source.column(name, 0)?;
    if let Some(rows) = picked {
        let values = column.take(source.rows())?;
        let filled = rows.iter().filter(|row| **row < values.len() && values.is_valid(**row));
        return filled.into_iter().try_for_each(|row| each(*row, &values, *row));
    }
    let step = if source.is_stream() { ROWS_AT_ONCE } else { source.rows().max(1) };
    for first in (0..source.rows()).step_by(step) {
        let count = step.min(source.rows() - first);
        let values = column.take(count)?;
        if values.null_count() < values.len() {
            let mut filled = (0..count).filter(|nth| values.is_valid(*nth));
            filled.try_for_each(|nth| each(first + nth, &values, nth))?;
        }
    }
    Ok(())
}

fn walk_rest(
    source: &Source,
    picked: &Option<Vec<usize>>,
    each: &mut dyn FnMut(usize, Fields),
) -> Result<(), Error> {
    walk(source, layout::REST, picked, &mut |row, values, nth| {
        let texts = values.as_string_opt::<i32>().ok_or_else(|| strange(layout::REST))?;
        each(row, fields(texts.value(nth))?);
        Ok(())
    })
}

/// The fields of a rest.
pub(super) fn fields(text: &str) -> Result<Fields, Error> {
    serde_json::from_str(text).map_err(|_| strange(layout::REST))
}

/// Counts the fields of the rest, and gives those that could have a column.
fn rest_names(
    source: &Source,
    picked: &Option<Vec<usize>>,
    census: &mut Census,
) -> Result<HashSet<Typed>, Error> {
    let mut names = HashSet::new();
    walk_rest(source, picked, &mut |_, fields| {
        for (name, value) in fields {
            if let Some(kind) = kind_of(&value) {
                census.add(&name, kind, 1);
                names.insert((name, kind));
            }
        }
    })?;
    Ok(names)
}

/// Values of the rest that belong into a column.
fn promoted(
    source: &Source,
    picked: &Option<Vec<usize>>,
    moving: &HashSet<Typed>,
) -> Result<HashMap<String, HashMap<usize, Value>>, Error> {
    let mut promoted: HashMap<String, HashMap<usize, Value>> = HashMap::new();
    if moving.is_empty() {
        return Ok(promoted);
    }
    walk_rest(source, picked, &mut |row, fields| {
        for (name, value) in fields {
            let Some(kind) = kind_of(&value) else { continue };
            let typed = (name, kind);
            if moving.contains(&typed) {
                promoted.entry(typed.0).or_default().insert(row, value);
            }
        }
    })?;
    Ok(promoted)
}

impl Source {
    /// Whether messages may be in their lines.
    pub(super) fn has_message_at(&self) -> bool {
        self.has(layout::MESSAGE_AT, &datafusion::arrow::datatypes::DataType::UInt32)
    }
}
