use super::{Program, Route};
use crate::detection::{Among, Compared, Facts, Pattern, Predicates};
use crate::record::Record;
use crate::view::Slot;

/// From so many comparisons on it is faster to look which of them the index found.
const MANY: usize = 8;

/// A set of numbers that is emptied in the time it took to fill it.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Bits {
    /// For numbers below `size`.
    pub fn new(size: usize) -> Self {
        Self { words: vec![0; size.div_ceil(64)], touched: Vec::new() }
    }

    /// Puts a number in; whether it was not in yet.
    #[inline]
    pub fn insert(&mut self, number: usize) -> bool {
        let Some(word) = self.words.get_mut(number / 64) else { return false };
        if *word == 0 {
            self.touched.push(u32::try_from(number / 64).unwrap_or(u32::MAX));
        }
        let bit = 1 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    #[inline]
    pub fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// The word of so many 64 numbers, as [`Among::words`] has them.
    #[inline]
    fn word(&self, place: usize) -> u64 {
        self.words.get(place).copied().unwrap_or(0)
    }

    /// Whether it has all of these.
    pub fn has_all(&self, among: &Among) -> bool {
        among.words().iter().all(|(place, word)| self.word(*place) & word == *word)
    }

    /// The numbers in it.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.touched.iter().flat_map(|at| {
            let mut left = self.words.get(*at as usize).copied().unwrap_or(0);
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(*at as usize * 64 + bit)
            })
        })
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        for word in self.touched.drain(..) {
            if let Some(word) = self.words.get_mut(word as usize) {
                *word = 0;
            }
        }
    }
}

/// Which predicates were asked about an event, and which of them are true.
#[derive(Debug)]
pub(crate) struct Remembered {
    known: Bits,
    truths: Bits,
}

impl Remembered {
    pub fn new(predicates: usize) -> Self {
        Self { known: Bits::new(predicates), truths: Bits::new(predicates) }
    }

    /// For the next event.
    pub fn clear(&mut self) {
        self.known.clear();
        self.truths.clear();
    }
}

/// What is true of the event in a record; each comparison is made once.
pub(crate) struct Memo<'a> {
    pub program: &'a Program,
    pub route: &'a Route,
    /// The predicates the index found.
    pub found: &'a Bits,
    pub predicates: &'a Predicates,
    pub record: &'a mut Record,
    pub remembered: &'a mut Remembered,
    /// Work done so far; about a nanosecond each.
    pub steps: u64,
    /// Work after which it gives up.
    pub steps_max: u64,
}

impl Facts for Memo<'_> {
    fn holds(&mut self, predicate: usize) -> bool {
        self.steps += 1;
        if self.found.contains(predicate) {
            if self.program.proves(predicate) {
                return true;
            }
        } else if self.route.settles(predicate) {
            // What the index looks for and has not found is not true.
            return false;
        }
        if self.remembered.known.contains(predicate) {
            return self.remembered.truths.contains(predicate);
        }
        if !self.goes_on() {
            return false;
        }
        let Some(compared) = self.predicates.get(predicate) else { return false };
        let holds = self.compare(compared);
        // What one rule could not afford, another one may.
        if self.steps <= self.steps_max {
            self.remembered.known.insert(predicate);
            if holds {
                self.remembered.truths.insert(predicate);
            }
        }
        holds
    }

    fn holds_any(&mut self, patterns: &[Pattern], among: &Among) -> bool {
        if patterns.len() < MANY || !self.route.settles_all(among) {
            return patterns.iter().any(|pattern| self.holds(pattern.predicate));
        }
        for (place, word) in among.words() {
            self.steps += 1;
            let mut left = self.found.word(*place) & word;
            while left != 0 {
                if self.holds(place * 64 + left.trailing_zeros() as usize) {
                    return true;
                }
                left &= left - 1;
            }
        }
        false
    }

    fn is_there(&mut self, slot: Slot) -> bool {
        self.record.has(slot)
    }

    fn goes_on(&mut self) -> bool {
        self.steps += 1;
        self.steps <= self.steps_max
    }
}

impl Memo<'_> {
    fn compare(&mut self, compared: &Compared) -> bool {
        let bytes = self.record.settle(compared.slot);
        if let Some(other) = compared.other_slot() {
            self.record.settle(Some(other));
        }
        let left_before = self.steps_max.saturating_sub(self.steps) + 1;
        let mut left = left_before;
        let holds = compared.holds(&*self.record, bytes, &mut left);
        self.steps += left_before - left;
        holds
    }
}
