use std::collections::BTreeMap;

use super::table::{Table, key_of, short};
use super::written::Written;

/// Texts that values begin or end with.
///
/// Looked up by as many bytes as one of [`LENGTHS`] says, then compared.
#[derive(Debug)]
pub(super) struct Ends {
    side: Side,
    /// The lengths that are needed, ascending, and the texts under the key of so many bytes.
    tables: Vec<(usize, Table)>,
    texts: Vec<Written>,
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Start,
    End,
}

/// Bytes of a key: all of a short text; of a long one so many that texts which share a folder do
/// not share a key.
const LENGTHS: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 32];

impl Ends {
    pub fn new(side: Side, texts: Vec<Written>) -> Self {
        let mut keys: BTreeMap<usize, BTreeMap<u64, Vec<u32>>> = BTreeMap::new();
        for (number, text) in texts.iter().enumerate() {
            let fitting = LENGTHS.iter().rev().find(|length| **length <= text.bytes.len());
            let Some((length, bytes)) =
                fitting.and_then(|length| Some((*length, side.bytes(&text.bytes, *length)?)))
            else {
                continue;
            };
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            keys.entry(length).or_default().entry(key(bytes)).or_default().push(number);
        }
        let tables = keys.into_iter().map(|(length, keys)| (length, Table::new(&keys)));
        Self { side, tables: tables.collect(), texts }
    }

    /// Adds the predicates whose text the value begins or ends with.
    #[inline]
    pub fn search(&self, value: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        for (length, table) in &self.tables {
            let Some(bytes) = self.side.bytes(value, *length) else { return };
            for number in table.get(key(bytes)) {
                let Some(text) = self.texts.get(*number as usize) else { continue };
                // Of a text of up to eight bytes the key is all.
                let stands = text.bytes.len() <= 8 || self.side.has(value, &text.bytes);
                if stands && text.fits(is_escaped) {
                    hits.push(text.predicate);
                }
            }
        }
    }
}

impl Side {
    #[inline]
    fn bytes(self, text: &[u8], length: usize) -> Option<&[u8]> {
        match self {
            Self::Start => text.get(..length),
            Self::End => text.get(text.len().checked_sub(length)?..),
        }
    }

    #[inline]
    fn has(self, value: &[u8], text: &[u8]) -> bool {
        match self {
            Self::Start => value.starts_with(text),
            Self::End => value.ends_with(text),
        }
    }
}

/// Of up to eight bytes, those; of more, what they come to.
#[inline]
fn key(bytes: &[u8]) -> u64 {
    match bytes.len() {
        ..=8 => short(bytes),
        _ => key_of(bytes),
    }
}
