//! How often which field occurs with which type: what a layout is chosen by.

use std::collections::HashMap;

use soc_event::{Fields, Value};

use crate::layout::{self, COLUMNS_MAX};
use crate::memo::Memo;
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
    places: HashMap<String, usize>,
    counts: Vec<[u64; 5]>,
    memo: Memo,
}

impl Census {
    /// One more row.
    pub(crate) fn count(&mut self, fields: &Fields) {
        self.rows += 1;
        let Self { places, counts, memo, .. } = self;
        for (at, (name, value)) in fields.iter().enumerate() {
            let place = memo.get(at, name, |name| place_of(name, places, counts));
            if let Some(count) = place.and_then(|place| counts.get_mut(place))
                && let Some(kind) = kind_of(value)
            {
                count[slot(kind)] += 1;
            }
        }
    }

    /// Of so many rows, whose fields are [`Self::add`]ed.
    pub(crate) fn of_rows(rows: usize) -> Self {
        Self { rows: u64::try_from(rows).unwrap_or(u64::MAX), ..Self::default() }
    }

    /// A field occurs so many times more with values of this type.
    pub(crate) fn add(&mut self, name: &str, kind: ColumnType, times: u64) {
        let Self { places, counts, .. } = self;
        let place = place_of(name, places, counts);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            count[slot(kind)] = count[slot(kind)].saturating_add(times);
        }
    }

    /// The layout that suits these rows: the most frequent fields, each of its most frequent type.
    pub(crate) fn layout(self) -> Layout {
        let rows = self.rows;
        let mut found: Vec<(u64, String, ColumnType)> = self
            .places
            .into_iter()
            .filter_map(|(name, place)| {
                let counts = self.counts.get(place)?;
                let (place, count) = counts.iter().copied().enumerate().max_by_key(|(_, n)| *n)?;
                is_frequent(count, rows).then_some((count, name, KINDS[place]))
            })
            .collect();
        found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        found.truncate(COLUMNS_MAX);
        Layout::new(found.into_iter().map(|(_, name, kind)| (name, kind)))
    }
}

fn place_of(
    name: &str,
    places: &mut HashMap<String, usize>,
    counts: &mut Vec<[u64; 5]>,
) -> Option<usize> {
    if let Some(place) = places.get(name) {
        return Some(*place);
    }
    if places.len() >= NAMES_MAX || !layout::can_be(name) {
        return None;
    }
    places.insert(name.to_owned(), counts.len());
    counts.push([0; 5]);
    Some(counts.len() - 1)
}

const KINDS: [ColumnType; 5] = [
    ColumnType::Text,
    ColumnType::Integer,
    ColumnType::Float,
    ColumnType::Boolean,
    ColumnType::Texts,
];

fn slot(kind: ColumnType) -> usize {
    match kind {
        ColumnType::Text => 0,
        ColumnType::Integer => 1,
        ColumnType::Float => 2,
        ColumnType::Boolean => 3,
        ColumnType::Texts => 4,
    }
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
