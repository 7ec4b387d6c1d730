//! The `detection:` of a rule, compiled: selections of items, joined by conditions.
//!
//! A tree that says what Sigma says and nothing cleverer. It asks [`Facts`] whether a comparison is
//! true: the plain engine compares each time it is asked, the fast one remembers. First
//! [`Detection::holds`] answers yes or no; only for a match [`Detection::explain`] goes again and
//! collects why.

mod budget;
mod build;
mod condition;
mod demand;
mod explain;
mod item;
mod modifiers;

pub use explain::Predicate;

pub(crate) use build::{Builder, word};
pub(crate) use condition::Expression;
pub(crate) use demand::{Demand, Demands};
pub(crate) use item::{Among, Compared, Matcher, Pattern, Predicates};

use std::sync::Arc;

use item::Item;

use crate::view::Slot;

/// A compiled `detection:`.
#[derive(Debug)]
pub(crate) struct Detection {
    selections: Vec<Selection>,
    /// Any of them; more than one when the rule gives a list of conditions.
    conditions: Vec<Expression>,
    /// Filters: all of them must hold as well.
    filters: Vec<Arc<Detection>>,
}

#[derive(Debug)]
struct Selection {
    name: String,
    group: Group,
}

/// Items as a selection nests them.
#[derive(Debug)]
enum Group {
    /// A mapping.
    All(Vec<Group>),
    /// A list of mappings.
    Any(Vec<Group>),
    /// One line of a mapping, or a list of keywords.
    Item(Item),
}

/// What is true of one event.
pub(crate) trait Facts {
    /// Whether a comparison is true, by its number in [`Predicates`].
    fn holds(&mut self, predicate: usize) -> bool;

    /// Whether one of several is true; `among` are the same.
    fn holds_any(&mut self, patterns: &[Pattern], _among: &Among) -> bool {
        patterns.iter().any(|pattern| self.holds(pattern.predicate))
    }

    /// Whether a field is there and not null.
    fn is_there(&mut self, slot: Slot) -> bool;

    /// Asked at each step of the way; when it says no, the answer does not matter any more.
    fn goes_on(&mut self) -> bool;
}

impl Detection {
    /// Whether the event matches.
    pub fn holds(&self, facts: &mut impl Facts) -> bool {
        self.conditions.iter().any(|condition| self.condition(condition, facts))
            && self.filters.iter().all(|filter| filter.holds(facts))
    }

    fn condition(&self, condition: &Expression, facts: &mut impl Facts) -> bool {
        condition.decide(&mut |number| {
            self.selections.get(number).is_some_and(|selection| selection.group.holds(facts))
        })
    }

    /// Adds one more filter.
    pub fn restrict(&mut self, filter: Arc<Detection>) {
        self.filters.push(filter);
    }
}

impl Group {
    fn holds(&self, facts: &mut impl Facts) -> bool {
        if !facts.goes_on() {
            return false;
        }
        match self {
            Self::All(groups) => groups.iter().all(|group| group.holds(facts)),
            Self::Any(groups) => groups.iter().any(|group| group.holds(facts)),
            Self::Item(item) => item.holds(facts),
        }
    }
}
