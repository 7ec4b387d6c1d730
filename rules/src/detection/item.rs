use std::collections::BTreeMap;

use super::Facts;
use crate::pattern::{Found, Held, Test, Within, unfold};
use crate::view::{Slot, Values};

/// One field, or the whole event, compared with the values a rule gives.
#[derive(Debug)]
pub(crate) struct Item {
    /// `None`: a keyword, searched in every text of the event.
    pub slot: Option<Slot>,
    /// The field's name.
    pub field: Option<String>,
    /// As written: `contains|all`.
    pub modifiers: String,
    pub patterns: Vec<Pattern>,
    /// The numbers of the comparisons.
    pub among: Among,
    pub all: bool,
    pub negated: bool,
}

/// One value of a rule.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As written.
    pub text: String,
    /// The number of the comparison it stands for in [`Predicates`].
    pub predicate: usize,
}

/// Numbers of comparisons, 64 together: lists of hashes have thousands of them.
#[derive(Debug)]
pub(crate) struct Among(Vec<(usize, u64)>);

impl Among {
    /// Of an item's patterns.
    pub fn of(patterns: &[Pattern]) -> Self {
        let mut words: BTreeMap<usize, u64> = BTreeMap::new();
        for Pattern { predicate, .. } in patterns {
            *words.entry(predicate / 64).or_default() |= 1 << (predicate % 64);
        }
        Self(words.into_iter().collect())
    }

    /// Each word with its place among all words.
    pub fn words(&self) -> &[(usize, u64)] {
        &self.0
    }
}

/// All different comparisons of a rule set. Rules say the same thing often; it is kept once.
pub(crate) type Predicates = Vec<Compared>;

/// A field and what it is compared with.
#[derive(Debug)]
pub(crate) struct Compared {
    /// `None`: every text of the event.
    pub slot: Option<Slot>,
    pub matcher: Matcher,
}

/// How a value is tried.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// One of several tests, against each value of the field.
    Tests(Vec<Test>),
    /// The field is absent or null.
    Null,
    /// The field is there, whatever it holds, or is not.
    Exists(bool),
    /// The field stands so to another field.
    Reference { slot: Slot, within: Within, cased: bool },
}

/// A value of the event that made a pattern true.
pub(crate) struct Hit<'v> {
    /// `None` when the pattern is about absence.
    pub value: Option<&'v str>,
    pub range: Found,
}

impl Item {
    /// Whether the event matches the line of the rule.
    pub fn holds(&self, facts: &mut impl Facts) -> bool {
        if self.negated {
            let present = self.slot.is_none_or(|slot| facts.is_there(slot));
            return present && !facts.holds_any(&self.patterns, &self.among);
        }
        if self.all {
            self.patterns.iter().all(|pattern| facts.holds(pattern.predicate))
        } else {
            facts.holds_any(&self.patterns, &self.among)
        }
    }
}

impl Compared {
    /// The other field it looks at.
    pub fn other_slot(&self) -> Option<Slot> {
        match &self.matcher {
            Matcher::Reference { slot, .. } => Some(*slot),
            Matcher::Tests(_) | Matcher::Null | Matcher::Exists(_) => None,
        }
    }

    /// Whether it is true of an event whose fields at hand have so many bytes; counts the work down
    /// from `left`, in steps of about a nanosecond. When nothing is left it is not.
    pub fn holds(&self, event: &impl Values, bytes: usize, left: &mut u64) -> bool {
        let Matcher::Tests(tests) = &self.matcher else {
            let is_text = matches!(self.matcher, Matcher::Reference { .. });
            *left = left.saturating_sub(if is_text { 8 + bytes as u64 } else { 1 });
            return *left > 0 && self.hit(event).is_some();
        };
        let mut any = |value: &Held<'_>| tests.iter().any(|test| test.holds(value, left));
        event.each(self.slot, &mut |value| any(&value))
    }

    /// The first value that makes it true.
    pub fn hit<'v>(&self, event: &'v impl Values) -> Option<Hit<'v>> {
        let mut hit = None;
        match &self.matcher {
            Matcher::Tests(tests) => {
                event.each(self.slot, &mut |value| {
                    hit = first(tests, &value);
                    hit.is_some()
                });
            }
            Matcher::Null => {
                let there = event.each(self.slot, &mut |_| true);
                hit = (!there).then_some(Hit { value: None, range: None });
            }
            Matcher::Exists(wanted) => {
                let mut value = None;
                event.each(self.slot, &mut |held| {
                    value = Some(held.text);
                    true
                });
                let there = self.slot.is_some_and(|slot| event.is_present(slot));
                hit = (there == *wanted).then_some(Hit { value, range: None });
            }
            Matcher::Reference { slot, within, cased } => {
                event.each(self.slot, &mut |value| {
                    event.each(Some(*slot), &mut |other| {
                        hit = refer(&value, &other, *within, *cased);
                        hit.is_some()
                    })
                });
            }
        }
        hit
    }
}

fn first<'v>(tests: &[Test], value: &Held<'v>) -> Option<Hit<'v>> {
    let range = tests.iter().find_map(|test| test.find(value))?;
    Some(Hit { value: Some(value.text), range })
}

fn refer<'v>(value: &Held<'v>, other: &Held<'_>, within: Within, cased: bool) -> Option<Hit<'v>> {
    let (text, wanted) =
        if cased { (value.text, other.text) } else { (value.folded, other.folded) };
    let start = match within {
        Within::Whole => (text == wanted).then_some(0),
        Within::Contains => text.find(wanted),
        Within::StartsWith => text.starts_with(wanted).then_some(0),
        Within::EndsWith => text.ends_with(wanted).then(|| text.len() - wanted.len()),
    }?;
    let range = start..start + wanted.len();
    let range = if cased { range } else { unfold(value.text, text, range) };
    Some(Hit { value: Some(value.text), range: Some(range) })
}
