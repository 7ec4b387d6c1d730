//! The findings of one batch. Those that are the same thing are one from the start: of a rule that
//! matches a thousand events there is one finding and a number.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_event::AgentId;
use soc_rules::{CorrelationMatch, Rule};

use super::finding::{finding, group, predicate_view, sighting};
use super::subject::Subject;
use super::worker::Seen;
use crate::alert::{Finding, Repeats, Why};
use crate::journal::Entry;
use crate::rulebook::Book;

/// All findings.
#[derive(Debug, Default)]
pub(super) struct Findings {
    places: HashMap<Same, usize>,
    all: Vec<Repeats>,
    count: u64,
}

/// What a fingerprint is made of.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Same {
    rule: usize,
    agent: AgentId,
    group: Vec<(String, String)>,
}

impl Findings {
    /// How many there are, each repeat counted.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// All of them, in the order of the first of each.
    pub(super) fn all(&self) -> &[Repeats] {
        &self.all
    }

    /// One more, of a rule that matched the event or, over time, found something with it.
    pub(super) fn add(
        &mut self,
        book: &Arc<Book>,
        (number, rule): (usize, &Rule),
        seen: &Seen<'_>,
        found: Option<&CorrelationMatch>,
    ) {
        let same =
            Same { rule: number, agent: seen.machine.agent, group: group(rule, seen, found) };
        let known = self.places.get(&same).and_then(|place| self.all.get_mut(*place));
        if let Some(repeats) = known {
            self.count += 1;
            repeats.add(sighting(seen, found));
            return;
        }
        let Some(entry) = seen.entry() else { return };
        let why = if found.is_none() { why(book, number, seen, &entry) } else { Why::default() };
        let subject = Subject { entry: &entry, machine: &seen.machine };
        let finding = Finding {
            group: same.group.clone(),
            why,
            ..finding(rule, &subject, sighting(seen, found))
        };
        self.count += 1;
        self.all.push(Repeats::new(finding));
        self.places.insert(same, self.all.len() - 1);
    }
}

/// Keeps what is needed to find out why a rule matched.
fn why(book: &Arc<Book>, rule: usize, seen: &Seen<'_>, entry: &Arc<Entry>) -> Why {
    let (book, entry, machine) = (book.clone(), entry.clone(), seen.machine.clone());
    Why::new(move || {
        let subject = Subject { entry: &entry, machine: &machine };
        // Nothing in an event may stop the telling of the others.
        let explained = catch_unwind(AssertUnwindSafe(|| {
            book.ruleset.explain(rule, &subject.seen()).into_iter().map(predicate_view).collect()
        }));
        explained.unwrap_or_else(|_| {
            tracing::error!(event = %entry.id, "why a rule matched could not be found out");
            Vec::new()
        })
    })
}
