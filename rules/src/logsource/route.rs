use super::few::Few;
use super::words::{UNSAID, Word};

/// What an event turned out to be: equal routes are looked at by the same rules, under the same
/// names. Small and hashable, so that a caller can remember what follows from it; events of the world
/// have few of them, but a forger can make many: bound the memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(super) scope: Scope,
    pub(super) product: Word,
    /// As claimed.
    pub(super) category: Word,
    /// As claimed.
    pub(super) service: Word,
    /// The entries that fit and add something.
    pub(super) entries: Few,
}

/// How much is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// What it is.
    #[default]
    Known,
    /// The product and nothing else.
    Product,
    /// Nothing.
    Nothing,
}

/// The words an event has, as far as they are known yet.
#[derive(Default)]
pub(super) struct Sets {
    pub categories: Few,
    pub services: Few,
}

impl Sets {
    pub fn claimed(category: Word, service: Word) -> Self {
        let mut sets = Self::default();
        if category != UNSAID {
            sets.categories.add(category);
        }
        if service != UNSAID {
            sets.services.add(service);
        }
        sets
    }
}
