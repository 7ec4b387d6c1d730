//! One thread's share of a batch: decode, evaluate, say why. Nothing of one event touches another,
//! so it does not matter who does which, nor in which order.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_rules::{Evaluator, Predicate, RuleUse, Ruleset};

use super::subject::{Machine, Machines, Subject};
use crate::import::is_quiet;
use crate::journal::{Entry, Part};

/// A thread's evaluator, kept from batch to batch for its memory.
pub(super) struct Worker {
    ruleset: Ruleset,
    evaluator: Evaluator,
    parked: BTreeSet<usize>,
}

/// An event that was evaluated.
pub(super) struct Seen {
    pub entry: Entry,
    pub machine: Arc<Machine>,
    /// Numbers of the rules that match.
    pub matches: Vec<usize>,
    /// Why those that alert do.
    pub reasons: Vec<(usize, Vec<Predicate>)>,
    /// Rules for which this event was too much.
    pub parked: Vec<usize>,
}

/// An event that nobody will look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The journal's disk has lost it.
    Damaged,
    /// Evaluating it failed.
    Failed,
}

impl Worker {
    pub(super) fn new(ruleset: &Ruleset, parked: &BTreeSet<usize>) -> Self {
        let evaluator = evaluator(ruleset, parked);
        Self { ruleset: ruleset.clone(), evaluator, parked: parked.clone() }
    }

    /// What asking the rules has cost since the last call.
    pub(super) fn take_use(&mut self) -> Vec<(usize, RuleUse)> {
        self.evaluator.take_use()
    }

    /// Evaluates events one by one.
    pub(super) fn evaluate(
        &mut self,
        part: &Part<'_>,
        machines: &mut Machines<'_>,
    ) -> Vec<Result<Seen, Lost>> {
        part.entries()
            .map(|entry| match entry {
                Some(entry) => self.evaluate_one(entry, machines),
                None => Err(Lost::Damaged),
            })
            .collect()
    }

    fn evaluate_one(&mut self, entry: Entry, machines: &mut Machines<'_>) -> Result<Seen, Lost> {
        let machine = machines.of(&entry);
        if machine.who.as_ref().is_some_and(|who| who.imported) && is_quiet(entry.id.epoch) {
            let (matches, reasons, parked) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Seen { entry, machine, matches, reasons, parked });
        }
        // Nothing in an event may stop the reading of the others.
        let asked = catch_unwind(AssertUnwindSafe(|| {
            let subject = Subject { entry: &entry, machine: &machine };
            let matches = self.evaluator.evaluate(&subject.seen()).to_vec();
            (self.reasons(&matches, &subject), self.evaluator.take_parked(), matches)
        }));
        let Ok((reasons, parked, matches)) = asked else {
            tracing::error!(event = %entry.id, "event could not be evaluated; skipped");
            // Whatever it was in the middle of.
            self.evaluator = evaluator(&self.ruleset, &self.parked);
            return Err(Lost::Failed);
        };
        self.parked.extend(&parked);
        Ok(Seen { entry, machine, matches, reasons, parked })
    }

    fn reasons(&self, matches: &[usize], subject: &Subject<'_>) -> Vec<(usize, Vec<Predicate>)> {
        let (rules, seen) = (self.ruleset.rules(), subject.seen());
        let alerts = |rule: &&usize| rules.get(**rule).is_some_and(|rule| rule.alerts);
        let told = matches.iter().filter(alerts);
        told.map(|rule| (*rule, self.ruleset.explain(*rule, &seen))).collect()
    }
}

fn evaluator(ruleset: &Ruleset, parked: &BTreeSet<usize>) -> Evaluator {
    let mut evaluator = Evaluator::new(ruleset);
    parked.iter().for_each(|rule| evaluator.park(*rule));
    evaluator
}
