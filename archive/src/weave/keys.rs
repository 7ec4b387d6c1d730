//! The order of rows in a file: host, kind, log source, time; found without holding more of a row
//! than where it belongs.

use std::cmp::Ordering;
use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{TimestampMicrosecondType, UInt64Type};

use super::source::Column;
use super::{Pick, Source};
use crate::Error;
use crate::unpack::strange;

/// Columns that rows are sorted by before their time. Texts: there are few machines and kinds of
/// logs among many rows, so they are compared once a group and numbers from then on.
const GROUPED: [&str; 5] = ["host", "kind", "product", "category", "service"];
/// Rows that are looked at at a time.
const ROWS_AT_ONCE: usize = 8192;

/// A row, and what it is sorted by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    group: u32,
    pub(super) time: i64,
    pub(super) position: u64,
    pub(super) pick: Pick,
}

impl Key {
    pub(super) fn source(&self) -> usize {
        usize::try_from(self.pick.source).unwrap_or(usize::MAX)
    }

    pub(super) fn row(&self) -> usize {
        usize::try_from(self.pick.row).unwrap_or(usize::MAX)
    }
}

/// These rows, or all of the sources, in the order of a file. Sources whose rows would have to be
/// read in another order than theirs are taken into memory: none that was written as it should be.
pub(super) fn ordered(sources: &mut [Source], picks: Option<&[Pick]>) -> Result<Vec<Key>, Error> {
    let mut groups = Groups::default();
    let mut keys = Vec::new();
    match picks {
        Some(picks) => of_picks(sources, picks, &mut groups, &mut keys)?,
        None => {
            for (number, source) in sources.iter().enumerate() {
                of_source(number, source, &mut groups, &mut keys)?;
            }
        }
    }
    let ranks = groups.ranks();
    for key in &mut keys {
        let group = usize::try_from(key.group).unwrap_or(usize::MAX);
        key.group = ranks.get(group).copied().unwrap_or_default();
    }
    // Stable: what is sorted already, file by file, is only merged.
    keys.sort_by(by_place);
    take_disordered(sources, &keys)?;
    Ok(keys)
}

fn by_place(one: &Key, other: &Key) -> Ordering {
    let place = |key: &Key| (key.group, key.time, key.position);
    place(one).cmp(&place(other))
}

fn of_picks(
    sources: &[Source],
    picks: &[Pick],
    groups: &mut Groups,
    keys: &mut Vec<Key>,
) -> Result<(), Error> {
    let columns = sources.iter().map(|source| Reading::of(source)?.take(source.rows()));
    let columns = columns.collect::<Result<Vec<_>, Error>>()?;
    for pick in picks {
        let source = usize::try_from(pick.source).ok().and_then(|source| columns.get(source));
        let row = usize::try_from(pick.row).unwrap_or(usize::MAX);
        let columns = source.filter(|columns| row < columns.rows());
        let columns = columns.ok_or(Error::Unfit("a row that is not there"))?;
        keys.push(columns.key(row, *pick, groups));
    }
    Ok(())
}

fn of_source(
    number: usize,
    source: &Source,
    groups: &mut Groups,
    keys: &mut Vec<Key>,
) -> Result<(), Error> {
    let number = u32::try_from(number).map_err(|_| Error::Unfit("too many files"))?;
    let mut reading = Reading::of(source)?;
    let mut done = 0;
    while done < source.rows() {
        let count = ROWS_AT_ONCE.min(source.rows() - done);
        let columns = reading.take(count)?;
        // A run gives all of its rows at once.
        let first = if source.is_stream() { done } else { 0 };
        for row in done..done + count {
            let pick = Pick {
                source: number,
                row: u32::try_from(row).map_err(|_| Error::Unfit("too many rows"))?,
            };
            keys.push(columns.key(row - first, pick, groups));
        }
        done += count;
    }
    Ok(())
}

fn take_disordered(sources: &mut [Source], keys: &[Key]) -> Result<(), Error> {
    let mut next = vec![0_u32; sources.len()];
    let mut is_disordered = vec![false; sources.len()];
    for Key { pick, .. } in keys {
        let source = usize::try_from(pick.source).unwrap_or(usize::MAX);
        if let (Some(next), Some(flag)) = (next.get_mut(source), is_disordered.get_mut(source)) {
            *flag |= pick.row != *next;
            *next = pick.row.saturating_add(1);
        }
    }
    for (source, is_disordered) in sources.iter_mut().zip(is_disordered) {
        if is_disordered && source.is_stream() {
            source.take_into_memory()?;
        }
    }
    Ok(())
}

/// The columns of some rows of a source that their keys are made of.
struct Columns {
    texts: [StringArray; 5],
    times: ArrayRef,
    positions: ArrayRef,
}

/// The same as they are read.
struct Reading {
    texts: [Column; 5],
    times: Column,
    positions: Column,
}

impl Reading {
    fn of(source: &Source) -> Result<Self, Error> {
        let [host, kind, product, category, service] = GROUPED.map(|name| source.column(name, 0));
        let texts = [host?, kind?, product?, category?, service?];
        let (times, positions) = (source.column("time", 0)?, source.column("position", 0)?);
        Ok(Self { texts, times, positions })
    }

    fn take(&mut self, count: usize) -> Result<Columns, Error> {
        let [host, kind, product, category, service] = &mut self.texts;
        let text = |column: &mut Column, name: &str| -> Result<StringArray, Error> {
            let array = column.take(count)?;
            Ok(array.as_string_opt::<i32>().ok_or_else(|| strange(name))?.clone())
        };
        let texts = [
            text(host, "host")?,
            text(kind, "kind")?,
            text(product, "product")?,
            text(category, "category")?,
            text(service, "service")?,
        ];
        let (times, positions) = (self.times.take(count)?, self.positions.take(count)?);
        let are_numbers = times.as_primitive_opt::<TimestampMicrosecondType>().is_some()
            && positions.as_primitive_opt::<UInt64Type>().is_some();
        if are_numbers { Ok(Columns { texts, times, positions }) } else { Err(strange("time")) }
    }
}

impl Columns {
    fn rows(&self) -> usize {
        self.times.len()
    }

    fn key(&self, row: usize, pick: Pick, groups: &mut Groups) -> Key {
        let group = groups.of(self
            .texts
            .each_ref()
            .map(|column| column.is_valid(row).then(|| column.value(row))));
        let times = self.times.as_primitive::<TimestampMicrosecondType>();
        let positions = self.positions.as_primitive::<UInt64Type>();
        Key { group, time: times.value(row), position: positions.value(row), pick }
    }
}

/// Host, kind and log source of a row.
type Group<T> = [Option<T>; 5];

/// The groups that were met, numbered.
#[derive(Default)]
struct Groups {
    numbers: HashMap<Vec<u8>, u32>,
    met: Vec<Group<String>>,
    scratch: Vec<u8>,
    last: Option<(Vec<u8>, u32)>,
}

impl Groups {
    /// The number of a group. Neighbours are mostly of one.
    fn of(&mut self, group: Group<&str>) -> u32 {
        self.scratch.clear();
        for text in group {
            match text {
                None => self.scratch.push(0),
                Some(text) => {
                    self.scratch.push(1);
                    self.scratch.extend(text.len().to_le_bytes());
                    self.scratch.extend(text.as_bytes());
                }
            }
        }
        if let Some((last, number)) = &self.last
            && *last == self.scratch
        {
            return *number;
        }
        let number = match self.numbers.get(&self.scratch) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.met.len()).unwrap_or(u32::MAX);
                self.met.push(group.map(|text| text.map(str::to_owned)));
                self.numbers.insert(self.scratch.clone(), number);
                number
            }
        };
        let (last, known) = self.last.get_or_insert_default();
        last.clone_from(&self.scratch);
        *known = number;
        number
    }

    /// The place of each number's group in the order of all.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.met.len()).collect();
        order.sort_unstable_by_key(|number| self.met.get(*number));
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            if let Some(place) = ranks.get_mut(number) {
                *place = u32::try_from(rank).unwrap_or(u32::MAX);
            }
        }
        ranks
    }
}
