use std::borrow::Cow;
use std::collections::HashMap;

use super::few::Few;
use super::file::{Entry, is_any};
use super::route::Sets;
use super::words::{Fast, STRANGE, UNSAID, Word, Words};
use crate::source::Values;
use crate::view::Slot;

/// A field that entries look at, and the values they know.
pub(super) struct Field {
    pub slot: Slot,
    pub values: Words,
}

/// What an event holds under a field's slot, as text: its first value.
pub(crate) type Look<'l, 'e> = dyn FnMut(Slot) -> Option<Cow<'e, str>> + 'l;

/// Category, service, and up to four values: what entries of one shape are found by.
type Key = [Word; 6];

/// Entries that look at the same things: however many, they cost one look-up.
pub(super) struct Shape {
    category: bool,
    service: bool,
    /// Fields that have to be there.
    present: Vec<usize>,
    /// Fields whose values tell.
    exact: Vec<usize>,
    entries: HashMap<Key, Vec<u32>, Fast>,
}

impl Shape {
    /// The shape an entry has; `field` numbers fields.
    pub fn of(entry: &Entry, field: &mut dyn FnMut(&str) -> usize) -> Self {
        let (mut present, mut exact) = (Vec::new(), Vec::new());
        for (name, values) in &entry.when {
            if is_any(values) { &mut present } else { &mut exact }.push(field(name));
        }
        Self {
            category: !entry.of.category.0.is_empty(),
            service: !entry.of.service.0.is_empty(),
            present,
            exact,
            entries: HashMap::default(),
        }
    }

    pub fn is_like(&self, other: &Self) -> bool {
        (self.category, self.service, &self.present, &self.exact)
            == (other.category, other.service, &other.present, &other.exact)
    }

    /// Whether it asks what an event is, rather than only what it holds.
    pub fn refers(&self) -> bool {
        self.category || self.service
    }

    /// Whether it says by values, or by presence of fields, what an event is.
    pub fn tells(&self) -> Tells {
        match (self.exact.is_empty(), self.present.is_empty()) {
            (false, _) => Tells::ByValue,
            (true, false) => Tells::ByPresence,
            (true, true) => Tells::Nothing,
        }
    }

    /// Notes an entry of this shape under each combination of its values.
    pub fn add(&mut self, entry: &Entry, number: u32, vocabulary: &mut Vocabulary<'_>) {
        let of = |values: &Values, words: &mut Words| match values.0.is_empty() {
            true => vec![UNSAID],
            false => values.0.iter().map(|word| words.number(word)).collect(),
        };
        let mut choices = vec![
            of(&entry.of.category, vocabulary.categories),
            of(&entry.of.service, vocabulary.services),
        ];
        let exact = entry.when.values().filter(|values| !is_any(values));
        for (field, values) in self.exact.iter().zip(exact) {
            let Some(field) = vocabulary.fields.get_mut(*field) else { continue };
            choices.push(of(values, &mut field.values));
        }
        for key in combinations(&choices) {
            self.entries.entry(key).or_default().push(number);
        }
    }

    /// The entries that fit.
    pub fn fitting(
        &self,
        fields: &[Field],
        sets: &Sets,
        look: &mut Look<'_, '_>,
        found: &mut dyn FnMut(u32),
    ) {
        let Some(mut key) = self.values(fields, look) else { return };
        let unsaid = Few::only(UNSAID);
        let categories = if self.category { &sets.categories } else { &unsaid };
        let services = if self.service { &sets.services } else { &unsaid };
        for category in categories.iter() {
            for service in services.iter() {
                (key[0], key[1]) = (category, service);
                self.entries.get(&key).into_iter().flatten().for_each(|entry| found(*entry));
            }
        }
    }

    fn values(&self, fields: &[Field], look: &mut Look<'_, '_>) -> Option<Key> {
        let mut key = Key::default();
        for (field, place) in self.exact.iter().zip(key.iter_mut().skip(2)) {
            let field = fields.get(*field)?;
            *place = field.values.find(&look(field.slot)?);
            if *place == STRANGE {
                return None;
            }
        }
        for field in &self.present {
            look(fields.get(*field)?.slot)?;
        }
        Some(key)
    }
}

/// What decides about a shape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    ByValue,
    ByPresence,
    Nothing,
}

/// Where words get their numbers.
pub(super) struct Vocabulary<'v> {
    pub categories: &'v mut Words,
    pub services: &'v mut Words,
    pub fields: &'v mut [Field],
}

fn combinations(choices: &[Vec<Word>]) -> Vec<Key> {
    let mut keys = vec![Key::default()];
    for (place, words) in choices.iter().enumerate() {
        let mut longer = Vec::new();
        for key in &keys {
            for word in words {
                let mut key = *key;
                if let Some(part) = key.get_mut(place) {
                    *part = *word;
                }
                longer.push(key);
            }
        }
        keys = longer;
    }
    keys
}
