//! One event as the compiled rules see it: every field is looked up, turned to text and folded at
//! most once, however many rules ask for it. A field the event lacks is answered by one that answers
//! to its name ([`Envelopes`]), else by one the event's logsource says stands for it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use crate::event::{Event, FieldValue};
use crate::logsource::Envelopes;
use crate::pattern::{Glob, Number, fold};

/// The number a field's name has in a [`crate::Ruleset`].
pub(crate) type Slot = usize;

/// An event under evaluation.
pub(crate) struct View<'e> {
    event: &'e dyn Event,
    names: &'e [String],
    envelopes: &'e Envelopes,
    /// For each slot in front, who answers in its place.
    aliases: Vec<(Slot, Slot)>,
    /// Names the event's fields answer to, and the fields.
    answers: OnceCell<HashMap<String, &'e str>>,
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
    pub fn new(event: &'e dyn Event, names: &'e [String], envelopes: &'e Envelopes) -> Self {
        let slots = (0..names.len()).map(|_| OnceCell::new()).collect();
        let (answers, texts) = (OnceCell::new(), OnceCell::new());
        Self { event, names, envelopes, aliases: Vec::new(), answers, slots, texts }
    }

    /// Sets who answers for slots that are empty. Before the first value is asked for.
    pub fn alias(&mut self, aliases: Vec<(Slot, Slot)>) {
        self.aliases = aliases;
    }

    /// The values of a field.
    pub fn values(&self, slot: Slot) -> &[Held<'e>] {
        let Some(cell) = self.slots.get(slot) else { return &[] };
        cell.get_or_init(|| {
            let own = self.own(slot);
            if !own.is_empty() {
                return own;
            }
            let others = self.aliases.iter().filter(|(empty, _)| *empty == slot);
            let mut others = others.map(|(_, other)| self.own(*other));
            others.find(|values| !values.is_empty()).unwrap_or_default()
        })
    }

    /// The first value of a field as text, without aliases: what logsources are told by.
    pub fn first(&self, slot: Slot) -> Option<Cow<'e, str>> {
        self.own(slot).into_iter().next().map(|held| held.text)
    }

    /// What the event itself holds under a name or under one that answers to it.
    fn own(&self, slot: Slot) -> Values<'e> {
        let mut values = Vec::new();
        let Some(name) = self.names.get(slot) else { return values };
        let value = self.event.field(name).or_else(|| {
            let answers = self.answers.get_or_init(|| self.answers());
            self.event.field(answers.get(name)?)
        });
        if let Some(value) = value {
            hold(value, &mut values);
        }
        values
    }

    fn answers(&self) -> HashMap<String, &'e str> {
        let mut answers = HashMap::new();
        self.event.fields(&mut |own, _| {
            for name in self.envelopes.answers_to(own) {
                answers.entry(name).or_insert(own);
            }
        });
        answers
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
