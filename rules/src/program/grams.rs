use std::collections::{BTreeMap, HashMap};

use super::table::{Table, short};
use super::written::Written;

/// Four bytes of text as a number.
pub(super) type Gram = u32;

/// Bytes of a gram.
pub(super) const GRAM: usize = 4;

/// Texts looked for anywhere in a value, all at once.
///
/// Each has one gram, the rarest of it, in a bitmap; the value's grams are looked up there one after
/// the other, which needs no state between them and so no waiting. What passes is compared.
#[derive(Debug, Default)]
pub(super) struct Grams {
    bits: Vec<u64>,
    shift: u32,
    places: Table,
    runs: Vec<Run>,
}

/// A text and where its gram stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    text: Written,
    at: usize,
    /// Where eight bytes of it begin that hold the gram; compared before all others, for texts that
    /// share a gram mostly differ beside it. Shorter texts have zeros there.
    eight_at: usize,
    eight: u64,
    mask: u64,
}

impl Run {
    pub fn new(text: Written, at: usize) -> Self {
        let eight_at = at.min(text.bytes.len().saturating_sub(EIGHT));
        let bytes = text.bytes.get(eight_at..).unwrap_or(&[]);
        let bytes = bytes.get(..EIGHT).unwrap_or(bytes);
        let mask = u64::MAX.checked_shr(8 * (EIGHT - bytes.len()) as u32).unwrap_or(0);
        Self { at, eight_at, eight: short(bytes), mask, text }
    }

    /// Whether it stands in a value that has its gram there.
    #[inline]
    fn is_in(&self, value: &[u8], gram_at: usize, is_escaped: bool) -> bool {
        let Some(begin) = gram_at.checked_sub(self.at) else { return false };
        let rest = value.get(begin..).unwrap_or(&[]);
        let near = rest.get(self.eight_at..).unwrap_or(&[]);
        let eight = match near.first_chunk::<EIGHT>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => short(near),
        };
        (eight ^ self.eight) & self.mask == 0
            && rest.starts_with(&self.text.bytes)
            && self.text.fits(is_escaped)
    }
}

/// Bytes of a word.
const EIGHT: usize = 8;

/// How often grams stand in the texts of all rules: what is common there is common in events.
#[derive(Debug, Default)]
pub(super) struct Frequencies(HashMap<Gram, u32>);

impl Frequencies {
    pub fn count(&mut self, text: &[u8]) {
        for gram in grams(text) {
            *self.0.entry(gram).or_default() += 1;
        }
    }

    /// The place of the rarest gram of a text and how often it stands elsewhere.
    pub fn rarest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let known = |gram: Gram| self.0.get(&gram).copied().unwrap_or(0);
        let places = grams(text).enumerate();
        places.map(|(at, gram)| (at, known(gram))).min_by_key(|(_, count)| *count)
    }
}

/// Bits of the bitmap for each gram.
const BITS_PER_GRAM: usize = 32;

impl Grams {
    pub fn new(runs: Vec<Run>) -> Self {
        if runs.is_empty() {
            return Self::default();
        }
        let size = (runs.len() * BITS_PER_GRAM).next_power_of_two().max(64);
        let mut found = Self {
            bits: vec![0; size / 64],
            shift: 32 - size.trailing_zeros().min(31),
            places: Table::default(),
            runs: Vec::new(),
        };
        let mut keys: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for run in runs {
            let Some(gram) = run.text.bytes.get(run.at..).and_then(|rest| grams(rest).next())
            else {
                continue;
            };
            let number = u32::try_from(found.runs.len()).unwrap_or(u32::MAX);
            keys.entry(gram.into()).or_default().push(number);
            let place = found.place(gram);
            if let Some(word) = found.bits.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
            found.runs.push(run);
        }
        found.places = Table::new(&keys);
        found
    }

    #[inline]
    fn place(&self, gram: Gram) -> usize {
        (gram.wrapping_mul(0x9E37_79B1) >> self.shift) as usize
    }

    /// Adds the predicates whose text stands in this one.
    #[inline]
    pub fn search(&self, text: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        if self.runs.is_empty() {
            return;
        }
        for (at, gram) in grams(text).enumerate() {
            let place = self.place(gram);
            let word = self.bits.get(place / 64).copied().unwrap_or(0);
            if word >> (place % 64) & 1 == 1 {
                self.compare(text, is_escaped, at, gram, hits);
            }
        }
    }

    #[cold]
    fn compare(&self, text: &[u8], is_escaped: bool, at: usize, gram: Gram, hits: &mut Vec<u32>) {
        for number in self.places.get(gram.into()) {
            let Some(run) = self.runs.get(*number as usize) else { continue };
            if run.is_in(text, at, is_escaped) {
                hits.push(run.text.predicate);
            }
        }
    }
}

/// Bytes of the shortest text that is looked for.
pub(super) const PAIR: usize = 2;

/// The same for texts of two or three bytes: by their first two.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// A bit for each pair of bytes.
    bits: Vec<u64>,
    places: Table,
    texts: Vec<Written>,
}

impl Pairs {
    pub fn new(texts: Vec<Written>) -> Self {
        if texts.is_empty() {
            return Self::default();
        }
        let mut found = Self { bits: vec![0; 0x1_0000 / 64], ..Self::default() };
        let mut keys: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (number, text) in texts.iter().enumerate() {
            let Some([a, b]) = text.bytes.first_chunk() else { continue };
            let pair = usize::from(u16::from_le_bytes([*a, *b]));
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            keys.entry(pair as u64).or_default().push(number);
            if let Some(word) = found.bits.get_mut(pair / 64) {
                *word |= 1 << (pair % 64);
            }
        }
        found.places = Table::new(&keys);
        found.texts = texts;
        found
    }

    /// Adds the predicates whose text stands in this one.
    pub fn search(&self, text: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        if self.texts.is_empty() {
            return;
        }
        for (at, pair) in text.windows(PAIR).enumerate() {
            let [a, b] = pair else { continue };
            let pair = usize::from(u16::from_le_bytes([*a, *b]));
            let word = self.bits.get(pair / 64).copied().unwrap_or(0);
            if word >> (pair % 64) & 1 == 1 {
                self.compare(text.get(at..).unwrap_or(&[]), is_escaped, pair as u64, hits);
            }
        }
    }

    fn compare(&self, rest: &[u8], is_escaped: bool, pair: u64, hits: &mut Vec<u32>) {
        for number in self.places.get(pair) {
            let Some(text) = self.texts.get(*number as usize) else { continue };
            if rest.starts_with(&text.bytes) && text.fits(is_escaped) {
                hits.push(text.predicate);
            }
        }
    }
}

/// All grams of a text, from left to right.
#[inline]
fn grams(text: &[u8]) -> impl Iterator<Item = Gram> {
    text.windows(GRAM).map(|four| match four {
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    })
}
