//! One event as the plain engine sees it: every field is looked up, turned to text and folded at
//! most once, however many rules ask for it. A field the event lacks is answered by one that answers
//! to its name ([`Envelopes`]), else by one the event's logsource says stands for it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use crate::detection::{Facts, Predicates};
use crate::event::{Event, FieldValue};
use crate::logsource::Envelopes;
use crate::pattern::{Held, Kind, Number, fold};

/// The number a field's name has in a [`crate::Ruleset`].
pub(crate) type Slot = usize;

/// Whoever knows what the fields of an event hold.
pub(crate) trait Values {
    /// Shows the values of a field, or every text of the event, until `visit` says that it is
    /// enough; whether it did. A field that is absent or null has none.
    fn each<'v>(&'v self, slot: Option<Slot>, visit: &mut dyn FnMut(Held<'v>) -> bool) -> bool;

    /// Whether the event has a field of this name, also one that holds nothing: null, an empty
    /// list, an object. Source: Sigma modifiers specification, `exists`.
    fn is_present(&self, slot: Slot) -> bool;
}

/// An event under evaluation.
pub(crate) struct View<'e> {
    event: &'e dyn Event,
    names: &'e [String],
    envelopes: &'e Envelopes,
    /// For each slot in front, who answers in its place.
    aliases: Vec<(Slot, Slot)>,
    /// Names the event's fields answer to, and the fields.
    answers: OnceCell<HashMap<String, &'e str>>,
    slots: Vec<OnceCell<Vec<Scalar<'e>>>>,
    texts: OnceCell<Vec<Scalar<'e>>>,
}

/// One value with its folded form.
struct Scalar<'e> {
    text: Cow<'e, str>,
    /// `None` when folding changes nothing.
    folded: Option<String>,
    kind: Kind,
}

/// What is true of an event, asked anew each time: slow, and right at a glance.
pub(crate) struct Plain<'a, V> {
    pub view: &'a V,
    pub predicates: &'a Predicates,
}

impl<V: Values> Facts for Plain<'_, V> {
    fn holds(&mut self, predicate: usize) -> bool {
        self.predicates.get(predicate).is_some_and(|compared| compared.hit(self.view).is_some())
    }

    fn is_there(&mut self, slot: Slot) -> bool {
        self.view.each(Some(slot), &mut |_| true)
    }

    fn goes_on(&mut self) -> bool {
        true
    }
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

    fn values(&self, slot: Slot) -> &[Scalar<'e>] {
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
        self.own(slot).into_iter().next().map(|scalar| scalar.text)
    }

    /// What the event itself holds under a name or under one that answers to it.
    fn own(&self, slot: Slot) -> Vec<Scalar<'e>> {
        let mut values = Vec::new();
        let Some(name) = self.names.get(slot) else { return values };
        let mut take = |name: &str| {
            if let Some(value) = self.event.field(name) {
                scalars(value, &mut |text, kind| values.push(Scalar::new(text, kind)));
            }
            !values.is_empty()
        };
        if !take(name) {
            let answers = self.answers.get_or_init(|| self.answers());
            let _ = answers.get(name).is_some_and(|name| take(name));
        }
        values
    }

    /// Of fields that hold something.
    fn answers(&self) -> HashMap<String, &'e str> {
        let mut answers = HashMap::new();
        self.event.fields(&mut |own, value| {
            let mut is_empty = true;
            scalars(value, &mut |_, _| is_empty = false);
            let names = self.envelopes.answers_to(own).into_iter().filter(|_| !is_empty);
            for name in names {
                answers.entry(name).or_insert(own);
            }
        });
        answers
    }

    fn is_there(&self, slot: Slot) -> bool {
        let Some(name) = self.names.get(slot) else { return false };
        let mut is_there = self.event.field(name).is_some();
        self.event.fields(&mut |own, _| {
            is_there = is_there || self.envelopes.answers_to(own).iter().any(|other| other == name);
        });
        is_there
    }

    fn texts(&self) -> &[Scalar<'e>] {
        self.texts.get_or_init(|| {
            let mut texts = Vec::new();
            self.event.texts(&mut |text| {
                texts.push(Scalar::new(Cow::Owned(text.to_owned()), Kind::Text));
                false
            });
            texts
        })
    }
}

impl Values for View<'_> {
    fn each<'v>(&'v self, slot: Option<Slot>, visit: &mut dyn FnMut(Held<'v>) -> bool) -> bool {
        let values = match slot {
            Some(slot) => self.values(slot),
            None => self.texts(),
        };
        values.iter().any(|value| visit(value.held()))
    }

    fn is_present(&self, slot: Slot) -> bool {
        let others = self.aliases.iter().filter(|(empty, _)| *empty == slot);
        std::iter::once(slot).chain(others.map(|(_, other)| *other)).any(|slot| self.is_there(slot))
    }
}

/// Shows the scalars of a value as text, with what they are; null is none.
pub(crate) fn scalars<'e>(value: FieldValue<'e>, visit: &mut dyn FnMut(Cow<'e, str>, Kind)) {
    match value {
        FieldValue::Null => {}
        FieldValue::List(list) => list.into_iter().for_each(|value| scalars(value, visit)),
        FieldValue::Text(text) => visit(text, Kind::Text),
        FieldValue::Boolean(value) => {
            visit(Cow::Borrowed(if value { "true" } else { "false" }), Kind::Boolean(value));
        }
        FieldValue::Integer(n) => visit(n.to_string().into(), Kind::Number(Number::Integer(n))),
        FieldValue::Float(n) => visit(n.to_string().into(), Kind::Number(Number::Float(n))),
    }
}

impl<'e> Scalar<'e> {
    fn new(text: Cow<'e, str>, kind: Kind) -> Self {
        let folded = match fold(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded),
        };
        Self { text, folded, kind }
    }

    fn held(&self) -> Held<'_> {
        let folded = self.folded.as_deref().unwrap_or(&self.text);
        Held { text: &self.text, folded, kind: self.kind }
    }
}
