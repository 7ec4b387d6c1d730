use std::collections::BTreeMap;

use super::anchor::{escaped, head, longest_run, tail};
use super::grams::{Frequencies, GRAM, Grams, PAIR, Pairs, Run};
use super::needle::{Needle, number_key};
use super::table::{Table, key_of, short};
use crate::pattern::Number;

/// What is looked for in the values of one field.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    whole: Table,
    numbers: Table,
    /// By number of bytes, less one.
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

/// Beginnings or ends of one to eight bytes.
#[derive(Debug, Default)]
struct Ends(Vec<(usize, Table)>);

/// Needles of one field on their way into its index.
#[derive(Debug, Default)]
pub(super) struct FieldDraft {
    whole: BTreeMap<u64, Vec<u32>>,
    numbers: BTreeMap<u64, Vec<u32>>,
    heads: BTreeMap<usize, BTreeMap<u64, Vec<u32>>>,
    tails: BTreeMap<usize, BTreeMap<u64, Vec<u32>>>,
    parts: Vec<(Vec<u8>, u32)>,
    pairs: Vec<(Vec<u8>, u32)>,
    foreign: Vec<u32>,
    others: Vec<u32>,
}

/// A beginning or end shorter than this is looked for by its longest part, if that is longer.
const END_BYTES_MIN: usize = 3;

impl FieldDraft {
    /// Whether finding it is cheap: then it is looked for even where no rule depends on it alone.
    pub fn finds(needle: &Needle) -> bool {
        match needle {
            Needle::Number(_) => true,
            Needle::Whole(text) => !text.is_empty(),
            Needle::End(text) => tail(text).len() >= END_BYTES_MIN,
            Needle::Start(text) => head(text).len() >= END_BYTES_MIN,
            Needle::Part(text) => longest_run(text).len() >= GRAM,
        }
    }

    pub fn add(&mut self, needle: &Needle, predicate: u32) {
        match needle {
            Needle::Number(key) => self.numbers.entry(*key).or_default().push(predicate),
            Needle::Whole(text) if !text.is_empty() && !text.bytes().any(escaped) => {
                self.whole.entry(key_of(text.as_bytes())).or_default().push(predicate);
            }
            Needle::Whole(text) | Needle::End(text)
                if tail(text).len() >= END_BYTES_MIN.min(longest_run(text).len()) =>
            {
                let tails = self.tails.entry(tail(text).len()).or_default();
                tails.entry(short(tail(text))).or_default().push(predicate);
            }
            Needle::Start(text)
                if head(text).len() >= END_BYTES_MIN.min(longest_run(text).len()) =>
            {
                let heads = self.heads.entry(head(text).len()).or_default();
                heads.entry(short(head(text))).or_default().push(predicate);
            }
            Needle::Whole(text) | Needle::Start(text) | Needle::End(text) | Needle::Part(text) => {
                self.add_part(text, predicate);
            }
        }
    }

    fn add_part(&mut self, text: &str, predicate: u32) {
        let run = longest_run(text);
        if run.len() >= GRAM {
            self.parts.push((text.as_bytes().to_vec(), predicate));
        } else if !run.is_ascii() {
            self.foreign.push(predicate);
        } else if run.len() >= PAIR {
            self.pairs.push((run.to_vec(), predicate));
        } else {
            self.others.push(predicate);
        }
    }

    pub fn finish(self, frequencies: &Frequencies) -> FieldIndex {
        let ends = |drafts: BTreeMap<usize, BTreeMap<u64, Vec<u32>>>| {
            Ends(drafts.into_iter().map(|(length, keys)| (length, Table::new(&keys))).collect())
        };
        let runs = self.parts.iter().filter_map(|(text, predicate)| {
            let runs = text.split(|byte| escaped(*byte)).filter(|run| run.len() >= GRAM);
            let rare = |run| frequencies.rarest(run).map(|(at, count)| (count, at, run));
            let (_, at, run) = runs.filter_map(rare).min_by_key(|(count, ..)| *count)?;
            Some(Run { text: run.into(), at, predicate: *predicate })
        });
        let unique = |mut list: Vec<u32>| {
            list.sort_unstable();
            list.dedup();
            list
        };
        FieldIndex {
            whole: Table::new(&self.whole),
            numbers: Table::new(&self.numbers),
            heads: ends(self.heads),
            tails: ends(self.tails),
            parts: Grams::new(runs.collect()),
            pairs: Pairs::new(&self.pairs),
            foreign: unique(self.foreign),
            others: unique(self.others),
        }
    }
}

impl FieldIndex {
    /// Adds the predicates that may be true of a value. `text` is folded; a backslash and a quote
    /// may have a backslash before them.
    pub fn search(&self, text: &[u8], hits: &mut Vec<u32>) {
        if !self.whole.is_empty() {
            hits.extend_from_slice(self.whole.get(key_of(text)));
        }
        if !self.tails.0.is_empty() {
            self.tails.search(last_eight(text), text.len(), false, hits);
        }
        if !self.heads.0.is_empty() {
            self.heads.search(first_eight(text), text.len(), true, hits);
        }
        self.search_parts(text, hits);
    }

    /// The same for the number a value is or spells.
    pub fn search_number(&self, number: Number, hits: &mut Vec<u32>) {
        hits.extend_from_slice(self.numbers.get(number_key(number)));
    }

    pub fn knows_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Only what stands anywhere: for texts of which only parts are looked for.
    pub fn search_parts(&self, text: &[u8], hits: &mut Vec<u32>) {
        hits.extend_from_slice(&self.others);
        self.parts.search(text, hits);
        self.pairs.search(text, hits);
        if !self.foreign.is_empty() && !text.is_ascii() {
            hits.extend_from_slice(&self.foreign);
        }
    }
}

impl Ends {
    /// `eight` are the first bytes in the low end, or the last bytes in the high end.
    fn search(&self, eight: u64, length: usize, at_start: bool, hits: &mut Vec<u32>) {
        for (bytes, table) in &self.0 {
            if *bytes > length {
                return;
            }
            let drop = 8 * (8 - bytes);
            let key = if at_start { eight << drop >> drop } else { eight >> drop };
            hits.extend_from_slice(table.get(key));
        }
    }
}

fn first_eight(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => short(text),
    }
}

fn last_eight(text: &[u8]) -> u64 {
    match text.last_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        // Shorter: the bytes at the high end, as if others stood before them.
        None if text.is_empty() => 0,
        None => short(text) << (8 * (8 - text.len())),
    }
}
