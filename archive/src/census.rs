//! How often which field occurs with which type: what a layout is chosen by.

use std::collections::HashMap;

use soc_event::{Fields, Value};

use crate::layout::{self, COLUMNS_MAX};
use crate::{ColumnType, Layout};

/// A field below this many rows costs more as a column (its entry in the footer, a page) than as
/// text in `rest`.
const ROWS_MIN: u64 = 64;
/// And it has to be in one of so many rows, or in [`ROWS_ENOUGH`].
const SHARE: u64 = 100;
const ROWS_ENOUGH: u64 = 512;
/// Names followed at once: fields are named by whoever sends them.
const NAMES_MAX: usize = 16_384;

/// Fields of many rows, counted.
#[derive(Default)]
pub(crate) struct Census {
    rows: u64,
    names: HashMap<String, [u64; 5]>,
}

impl Census {
    /// One more row.
    pub(crate) fn count(&mut self, fields: &Fields) {
        self.rows += 1;
        for (name, value) in fields {
            if let Some(kind) = kind_of(value) {
                self.add(name, kind, 1);
            }
        }
    }

    fn add(&mut self, name: &str, kind: ColumnType, rows: u64) {
        if let Some(counts) = self.names.get_mut(name) {
            counts[slot(kind)] += rows;
        } else if self.names.len() < NAMES_MAX && layout::can_be(name) {
            let mut counts = [0; 5];
            counts[slot(kind)] = rows;
            self.names.insert(name.to_owned(), counts);
        }
    }

    /// The layout that suits these rows: the most frequent fields, each of its most frequent type.
    pub(crate) fn layout(self) -> Layout {
        let rows = self.rows;
        let mut found: Vec<(u64, String, ColumnType)> = self
            .names
            .into_iter()
            .filter_map(|(name, counts)| {
                let (place, count) = counts.into_iter().enumerate().max_by_key(|(_, n)| *n)?;
                is_frequent(count, rows).then_some((count, name, KINDS[place]))
            })
            .collect();
        found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        found.truncate(COLUMNS_MAX);
        Layout::new(found.into_iter().map(|(_, name, kind)| (name, kind)))
    }
}

const KINDS: [ColumnType; 5] = [
    ColumnType::Text,
    ColumnType::Integer,
    ColumnType::Float,
    ColumnType::Boolean,
    ColumnType::Texts,
];

fn slot(kind: ColumnType) -> usize {
    KINDS.iter().position(|one| *one == kind).unwrap_or(0)
}

fn is_frequent(count: u64, rows: u64) -> bool {
    count >= ROWS_MIN && (count >= ROWS_ENOUGH || count * SHARE >= rows)
}

/// The column a value fits into; none for null, numbers past 64 bits signed, and mixed lists.
pub(crate) fn kind_of(value: &Value) -> Option<ColumnType> {
    match value {
        Value::Null => None,
        Value::Boolean(_) => Some(ColumnType::Boolean),
        Value::Number(number) if number.is_i64() => Some(ColumnType::Integer),
        Value::Number(number) => number.is_f64().then_some(ColumnType::Float),
        Value::Text(_) => Some(ColumnType::Text),
        Value::List(items) => {
            items.iter().all(|item| matches!(item, Value::Text(_))).then_some(ColumnType::Texts)
        }
    }
}
