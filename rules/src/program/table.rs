use std::collections::BTreeMap;

/// Numbers of predicates under keys of eight bytes, to be looked up very often and mostly in vain.
///
/// A bitmap says no to nearly all keys that are not there; behind it is a table with open
/// addressing. The lists lie behind each other in one vector.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// A power of two of bits, or nothing.
    bits: Vec<u64>,
    /// Key, first and last place in `lists`; an empty place has an empty range.
    places: Vec<(u64, u32, u32)>,
    lists: Vec<u32>,
}

/// Bits of the bitmap for each key: so that few of the others pass.
const BITS_PER_KEY: usize = 32;

impl Table {
    pub fn new(keys: &BTreeMap<u64, Vec<u32>>) -> Self {
        if keys.is_empty() {
            return Self::default();
        }
        let size = (keys.len() * 2).next_power_of_two();
        let words = (keys.len() * BITS_PER_KEY / 64).next_power_of_two();
        let mut table =
            Self { bits: vec![0; words], places: vec![(0, 0, 0); size], lists: Vec::new() };
        for (key, list) in keys {
            table.add(*key, list);
        }
        table
    }

    fn add(&mut self, key: u64, list: &[u32]) {
        let hash = mix(key);
        let (word, bit) = self.bit(hash);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= 1 << bit;
        }
        let first = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        self.lists.extend_from_slice(list);
        let last = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        let mask = self.places.len() - 1;
        let mut place = low(hash) & mask;
        while let Some(taken) = self.places.get_mut(place) {
            if taken.1 == taken.2 {
                *taken = (key, first, last);
                return;
            }
            place = (place + 1) & mask;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// The numbers under a key.
    #[inline]
    pub fn get(&self, key: u64) -> &[u32] {
        let hash = mix(key);
        let (word, bit) = self.bit(hash);
        match self.bits.get(word) {
            Some(word) if word >> bit & 1 == 1 => self.find(key, hash),
            _ => &[],
        }
    }

    fn find(&self, key: u64, hash: u64) -> &[u32] {
        let mask = self.places.len().wrapping_sub(1);
        let mut place = low(hash) & mask;
        while let Some((known, first, last)) = self.places.get(place) {
            if first == last {
                break;
            }
            if *known == key {
                return self.lists.get(*first as usize..*last as usize).unwrap_or(&[]);
            }
            place = (place + 1) & mask;
        }
        &[]
    }

    #[inline]
    fn bit(&self, hash: u64) -> (usize, u64) {
        let mask = self.bits.len().wrapping_sub(1);
        (low(hash >> 38) & mask, hash >> 32 & 63)
    }
}

/// Spreads a key over all bits (the multiplier is 2⁶⁴ divided by the golden ratio).
#[inline]
pub(super) fn mix(key: u64) -> u64 {
    let spread = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    spread ^ spread >> 29
}

#[allow(clippy::cast_possible_truncation, reason = "only the low bits matter")]
fn low(hash: u64) -> usize {
    hash as usize
}

/// A text as a key: equal texts have equal keys.
#[inline]
pub(super) fn key_of(text: &[u8]) -> u64 {
    let (chunks, rest) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    for chunk in chunks {
        hash = mix(hash ^ u64::from_le_bytes(*chunk));
    }
    mix(hash ^ short(rest))
}

/// Up to eight bytes as a number.
#[inline]
pub(super) fn short(text: &[u8]) -> u64 {
    text.iter().rev().fold(0, |key, byte| key << 8 | u64::from(*byte))
}
