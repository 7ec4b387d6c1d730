//! The findings of one batch. Those that are the same thing are one from the start: of a rule that
//! matches a thousand events there is one finding and a number.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_event::AgentId;
use soc_rules::{CorrelationMatch, Rule};

use super::finding::{finding, group, predicate_view, sighting};
use super::subject::{Machine, Subject};
use super::worker::Seen;
use crate::alert::{Finding, First, Repeats, fingerprint};
use crate::journal::Kept;
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
        let sighting = sighting(seen.time, (seen.line.position, seen.line.received), found);
        self.count += 1;
        if let Some(repeats) = self.places.get(&same).and_then(|place| self.all.get_mut(*place)) {
            repeats.add(sighting);
            return;
        }
        let fingerprint = fingerprint(&rule.id, same.agent, &same.group);
        let origin = Origin {
            book: book.clone(),
            rule: number,
            line: seen.line.keep(),
            machine: seen.machine.clone(),
            group: same.group.clone(),
            found: found.cloned(),
        };
        let first = First::new(move || origin.finding());
        self.places.insert(same, self.all.len());
        self.all.push(Repeats::new(fingerprint, first, sighting));
    }
}

/// All that is needed to make a finding.
struct Origin {
    book: Arc<Book>,
    rule: usize,
    line: Kept,
    machine: Arc<Machine>,
    group: Vec<(String, String)>,
    found: Option<CorrelationMatch>,
}

impl Origin {
    fn finding(&self) -> Option<Finding> {
        let rule = self.book.ruleset.rules().get(self.rule)?;
        let entry = self.line.entry()?;
        let subject = Subject { entry: &entry, machine: &self.machine };
        // Nothing in an event may stop the telling of the others.
        let explain = AssertUnwindSafe(|| self.book.ruleset.explain(self.rule, &subject.seen()));
        let predicates = if self.found.is_none() {
            catch_unwind(explain).unwrap_or_else(|_| {
                tracing::error!(event = %entry.id, "why a rule matched could not be found out");
                Vec::new()
            })
        } else {
            Vec::new()
        };
        Some(Finding {
            group: self.group.clone(),
            predicates: predicates.into_iter().map(predicate_view).collect(),
            ..finding(rule, &subject, self.found.as_ref())
        })
    }
}
