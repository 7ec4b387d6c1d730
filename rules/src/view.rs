//! One event as the compiled rules see it: every field is looked up, turned to text and folded at
//! most once, however many rules ask for it.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::event::{Event, FieldValue};
use crate::pattern::{Glob, Number, fold};

/// The number a field's name has in a [`crate::Ruleset`].
pub(crate) type Slot = usize;

/// An event under evaluation.
pub(crate) struct View<'e> {
    event: &'e dyn Event,
    names: &'e [String],
    slots: Vec<OnceCell<Values<'e>>>,
    texts: OnceCell<Vec<Held<'e>>>,
}

/// What an event holds under one name; empty when it has no such field, or null.
pub(crate) type Values<'e> = Vec<Held<'e>>;

/// One scalar value.
pub(crate) struct Held<'e> {
    text: Cow<'e, str>,
    kind: Kind,
    /// `None` inside when folding changes nothing.
    folded: OnceCell<Option<String>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Boolean(bool),
    Number(Number),
}

impl<'e> View<'e> {
    /// `names` are the names of all slots.
    pub fn new(event: &'e dyn Event, names: &'e [String]) -> Self {
        let slots = (0..names.len()).map(|_| OnceCell::new()).collect();
        Self { event, names, slots, texts: OnceCell::new() }
    }

    /// The values of a field.
    pub fn values(&self, slot: Slot) -> &[Held<'e>] {
        let (Some(cell), Some(name)) = (self.slots.get(slot), self.names.get(slot)) else {
            return &[];
        };
        cell.get_or_init(|| {
            let mut values = Vec::new();
            if let Some(value) = self.event.field(name) {
                hold(value, &mut values);
            }
            values
        })
    }

    /// Every text of the event, for keywords.
    pub fn texts(&self) -> &[Held<'e>] {
        self.texts.get_or_init(|| {
            let mut texts = Vec::new();
            self.event.texts(&mut |text| {
                texts.push(Held::text_of(Cow::Owned(text.to_owned()), Kind::Text));
                false
            });
            texts
        })
    }
}

/// Flattens a value into its scalars; null is none.
fn hold<'e>(value: FieldValue<'e>, values: &mut Vec<Held<'e>>) {
    let (text, kind) = match value {
        FieldValue::Null => return,
        FieldValue::List(list) => return list.into_iter().for_each(|value| hold(value, values)),
        FieldValue::Text(text) => (text, Kind::Text),
        FieldValue::Boolean(value) => {
            (Cow::Borrowed(if value { "true" } else { "false" }), Kind::Boolean(value))
        }
        FieldValue::Integer(n) => (n.to_string().into(), Kind::Number(Number::Integer(n))),
        FieldValue::Float(n) => (n.to_string().into(), Kind::Number(Number::Float(n))),
    };
    values.push(Held::text_of(text, kind));
}

impl<'e> Held<'e> {
    fn text_of(text: Cow<'e, str>, kind: Kind) -> Self {
        Self { text, kind, folded: OnceCell::new() }
    }

    /// A text by itself, for tests of patterns.
    #[cfg(test)]
    pub fn of(text: &'e str) -> Self {
        Self::text_of(Cow::Borrowed(text), Kind::Text)
    }

    /// As text; numbers in decimal, booleans as `true` and `false`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In lower case, character for character.
    pub fn folded(&self) -> &str {
        let folded = self.folded.get_or_init(|| match fold(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded),
        });
        folded.as_deref().unwrap_or(&self.text)
    }

    /// The text a glob compares itself with.
    pub fn text_for(&self, glob: &Glob) -> &str {
        if glob.cased { self.text() } else { self.folded() }
    }

    /// As a number, also when a text spells one.
    pub fn number(&self) -> Option<Number> {
        match self.kind {
            Kind::Number(number) => Some(number),
            Kind::Text => Number::parse(&self.text),
            Kind::Boolean(_) => None,
        }
    }

    /// As true or false, also when a text says so.
    pub fn boolean(&self) -> Option<bool> {
        match self.kind {
            Kind::Boolean(value) => Some(value),
            Kind::Text if self.text.eq_ignore_ascii_case("true") => Some(true),
            Kind::Text if self.text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}
