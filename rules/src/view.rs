//! One event as the plain engine sees it: every field is looked up, turned to text and folded at
//! most once, however many rules ask for it.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::detection::{Facts, Predicates};
use crate::event::{Event, FieldValue};
use crate::pattern::{Held, Kind, Number, fold};

/// The number a field's name has in a [`crate::Ruleset`].
pub(crate) type Slot = usize;

/// Whoever knows what the fields of an event hold.
pub(crate) trait Values {
    /// Shows the values of a field, or every text of the event, until `visit` says that it is
    /// enough; whether it did. A field that is absent or null has none.
    fn each<'v>(&'v self, slot: Option<Slot>, visit: &mut dyn FnMut(Held<'v>) -> bool) -> bool;
}

/// An event under evaluation.
pub(crate) struct View<'e> {
    event: &'e dyn Event,
    names: &'e [String],
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
    pub fn new(event: &'e dyn Event, names: &'e [String]) -> Self {
        let slots = (0..names.len()).map(|_| OnceCell::new()).collect();
        Self { event, names, slots, texts: OnceCell::new() }
    }

    fn values(&self, slot: Slot) -> &[Scalar<'e>] {
        let (Some(cell), Some(name)) = (self.slots.get(slot), self.names.get(slot)) else {
            return &[];
        };
        cell.get_or_init(|| {
            let mut values = Vec::new();
            if let Some(value) = self.event.field(name) {
                scalars(value, &mut |text, kind| values.push(Scalar::new(text, kind)));
            }
            values
        })
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
