//! Which logsources an event belongs to: what `product`, `category` and `service` of a rule mean.
//!
//! Data, not code: files below `logsources/` (and the operators' own) say which fields make an event
//! what it is, under which names its fields answer, and which fields are known. [`Logsources`] holds
//! them; a [`Router`] is made from them for one rule set and finds the rules to ask about an event.
//!
//! An event has one product and *sets* of categories and services: what it claims itself
//! ([`crate::Event::logsource`]) and what every entry that fits adds. A rule is asked when each part it
//! names is in what the event is. Two cases are open rather than closed: an event of which nothing is
//! known is asked by every rule, and one of which only the product is claimed, without a field that
//! could tell more, by all rules of that product. Case counts nowhere (ASCII). `definition` is text for
//! people.
//!
//! Never: reads files, looks at a field that no file names.

mod candidates;
mod envelope;
mod few;
mod file;
mod known;
mod route;
mod router;
mod shape;
mod shipped;
mod words;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::source::Source;

pub(crate) use envelope::Envelopes;
pub(crate) use known::Unknown;
pub(crate) use route::Route;
pub(crate) use router::{Router, Slots};

use file::Written;

/// What is known about logsources: the files shipped, and the operators' own. Cheap to clone.
#[derive(Clone)]
pub struct Logsources {
    inner: Arc<Inner>,
}

struct Inner {
    /// In the order they are tried.
    documents: Vec<Written>,
    envelopes: Envelopes,
    /// Of the operators' own files; empty without.
    hash: String,
}

impl Default for Logsources {
    /// What is shipped.
    fn default() -> Self {
        shipped::shipped()
    }
}

impl std::fmt::Debug for Logsources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logsources").field("documents", &self.inner.documents.len()).finish()
    }
}

impl Logsources {
    /// What is shipped and, besides, these files. A broken document is a problem and is left out.
    pub fn load<'a>(sources: impl IntoIterator<Item = Source<'a>>) -> (Self, Vec<Problem>) {
        let shipped = Self::default();
        let mut problems = Vec::new();
        let mut documents = shipped.inner.documents.clone();
        let mut hash = Sha256::new();
        let mut own = false;
        for source in sources {
            own = true;
            hash.update(source.text);
            documents.extend(file::read(source, &mut problems));
        }
        let hash = if own { crate::source::hex(&hash.finalize()) } else { String::new() };
        (Self::of(documents, hash), problems)
    }

    fn of(mut documents: Vec<Written>, hash: String) -> Self {
        documents.sort_by_key(|document| document.priority);
        let envelopes = Envelopes::new(documents.iter().map(|document| &document.envelopes));
        Self { inner: Arc::new(Inner { documents, envelopes, hash }) }
    }

    /// The names, besides its own, that a field of this name answers to: `CommandLine` for
    /// `winlog.event_data.CommandLine`, `SourceName` for `Source Name`.
    pub fn answers_to(&self, name: &str) -> Vec<String> {
        self.inner.envelopes.answers_to(name)
    }

    pub(crate) fn documents(&self) -> &[Written] {
        &self.inner.documents
    }

    pub(crate) fn envelopes(&self) -> &Envelopes {
        &self.inner.envelopes
    }

    pub(crate) fn hash(&self) -> &str {
        &self.inner.hash
    }
}

#[cfg(test)]
mod tests;
