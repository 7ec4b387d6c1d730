use std::collections::BTreeMap;

use super::ends::{Ends, Side};
use super::grams::{Frequencies, GRAM, Grams, PAIR, Pairs, Run};
use super::needle::{Needle, number_key};
use super::table::{Table, key_of};
use super::written::{Written, written};
use crate::pattern::Number;

/// What is looked for in the values of one field.
#[derive(Debug)]
pub(super) struct FieldIndex {
    whole: Table,
    numbers: Table,
    heads: Ends,
    tails: Ends,
    parts: Grams,
    /// Parts of two or three bytes.
    pairs: Pairs,
    /// Parts that are not ASCII and too short: looked at in values that are not ASCII either.
    foreign: Vec<u32>,
    /// What no index finds: looked at whenever the field is there.
    others: Vec<u32>,
}

/// Needles of one field on their way into its index.
#[derive(Debug, Default)]
pub(super) struct FieldDraft {
    whole: BTreeMap<u64, Vec<u32>>,
    numbers: BTreeMap<u64, Vec<u32>>,
    heads: Vec<Written>,
    tails: Vec<Written>,
    parts: Vec<Written>,
    pairs: Vec<Written>,
    foreign: Vec<u32>,
    others: Vec<u32>,
}

impl FieldDraft {
    /// Whether finding it is cheap: then it is looked for even where no rule depends on it alone.
    pub fn finds(needle: &Needle) -> bool {
        match needle {
            Needle::Number(_) => true,
            Needle::Whole(text) | Needle::Start(text) | Needle::End(text) => !text.is_empty(),
            Needle::Part(text) => text.len() >= GRAM,
        }
    }

    pub fn add(&mut self, needle: &Needle, predicate: u32) {
        match needle {
            Needle::Number(key) => self.numbers.entry(*key).or_default().push(predicate),
            Needle::Whole(text) | Needle::Start(text) | Needle::End(text) if text.is_empty() => {
                self.others.push(predicate);
            }
            Needle::Whole(text) => {
                for text in written(text, predicate) {
                    self.whole.entry(key_of(&text.bytes)).or_default().push(predicate);
                }
            }
            Needle::Start(text) => self.heads.extend(written(text, predicate)),
            Needle::End(text) => self.tails.extend(written(text, predicate)),
            Needle::Part(text) => self.add_part(text, predicate),
        }
    }

    fn add_part(&mut self, text: &str, predicate: u32) {
        if text.len() >= GRAM {
            self.parts.extend(written(text, predicate));
        } else if !text.is_ascii() {
            self.foreign.push(predicate);
        } else if text.len() >= PAIR {
            self.pairs.extend(written(text, predicate));
        } else {
            self.others.push(predicate);
        }
    }

    pub fn finish(self, frequencies: &Frequencies) -> FieldIndex {
        let run = |text: Written| {
            let (at, _) = frequencies.rarest(&text.bytes)?;
            Some(Run::new(text, at))
        };
        let unique = |mut list: Vec<u32>| {
            list.sort_unstable();
            list.dedup();
            list
        };
        FieldIndex {
            whole: Table::new(&self.whole),
            numbers: Table::new(&self.numbers),
            heads: Ends::new(Side::Start, self.heads),
            tails: Ends::new(Side::End, self.tails),
            parts: Grams::new(self.parts.into_iter().filter_map(run).collect()),
            pairs: Pairs::new(self.pairs),
            foreign: unique(self.foreign),
            others: unique(self.others),
        }
    }
}

impl FieldIndex {
    /// Adds the predicates that may be true of a value. `value` is folded; with JSON's escapes of
    /// backslash and quote if `is_escaped`, else without any.
    pub fn search(&self, value: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        if !self.whole.is_empty() {
            hits.extend_from_slice(self.whole.get(key_of(value)));
        }
        self.tails.search(value, is_escaped, hits);
        self.heads.search(value, is_escaped, hits);
        self.search_parts(value, is_escaped, hits);
    }

    /// The same for the number a value is or spells.
    pub fn search_number(&self, number: Number, hits: &mut Vec<u32>) {
        hits.extend_from_slice(self.numbers.get(number_key(number)));
    }

    pub fn knows_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Only what stands anywhere: for texts of which only parts are looked for.
    pub fn search_parts(&self, value: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        hits.extend_from_slice(&self.others);
        self.parts.search(value, is_escaped, hits);
        self.pairs.search(value, is_escaped, hits);
        if !self.foreign.is_empty() && !value.is_ascii() {
            hits.extend_from_slice(&self.foreign);
        }
    }
}
