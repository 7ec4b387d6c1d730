//! The `detection:` of a rule, compiled: selections of items, joined by conditions.
//!
//! The plain engine: a tree that is walked for every candidate rule. It is the yardstick a faster
//! one has to equal, so it says what Sigma says and nothing cleverer. First [`Detection::holds`]
//! answers yes or no; only for a match [`Detection::explain`] goes again and collects why.

mod build;
mod condition;
mod explain;
mod item;
mod modifiers;

pub use explain::Predicate;

pub(crate) use build::Builder;
pub(crate) use condition::Expression;

use std::sync::Arc;

use item::Item;

use crate::view::View;

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

impl Detection {
    /// Whether the event matches.
    pub fn holds(&self, view: &View<'_>) -> bool {
        let selection = |number: usize| {
            self.selections.get(number).is_some_and(|selection| selection.group.holds(view))
        };
        self.conditions.iter().any(|condition| condition.holds(&selection))
            && self.filters.iter().all(|filter| filter.holds(view))
    }

    /// Adds one more filter.
    pub fn restrict(&mut self, filter: Arc<Detection>) {
        self.filters.push(filter);
    }
}

impl Group {
    fn holds(&self, view: &View<'_>) -> bool {
        match self {
            Self::All(groups) => groups.iter().all(|group| group.holds(view)),
            Self::Any(groups) => groups.iter().any(|group| group.holds(view)),
            Self::Item(item) => item.holds(view),
        }
    }
}
