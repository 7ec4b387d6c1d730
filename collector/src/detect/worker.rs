//! One thread's share of a batch: read, evaluate. Nothing of one event touches another, so it does
//! not matter who does which, nor in which order.
//!
//! The rules read an event from its line. It is decoded only where something has to be done with it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_event::wire::Head;
use soc_event::{AgentId, Timestamp};
use soc_rules::{Evaluator, RuleUse, Ruleset};

use super::line;
use super::subject::{Machine, Machines, Subject};
use crate::import::is_quiet;
use crate::journal::{Entry, Line, Part};

/// A thread's evaluator, kept from batch to batch for its memory.
pub(super) struct Worker {
    ruleset: Ruleset,
    evaluator: Evaluator,
    parked: BTreeSet<usize>,
    /// By number of rule: whether what it matches is decoded here.
    decodes: Arc<[bool]>,
}

/// An event that was evaluated.
pub(super) struct Seen<'l> {
    pub line: Line<'l>,
    /// When it happened, by the clock of its machine.
    pub time: Timestamp,
    pub machine: Arc<Machine>,
    /// Numbers of the rules that match.
    pub matches: Vec<usize>,
    /// Rules for which this event was too much.
    pub parked: Vec<usize>,
    /// The event, where it has been decoded.
    pub decoded: Option<Arc<Entry>>,
}

/// An event that nobody will look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The journal's disk has lost it.
    Damaged,
    /// Evaluating it failed.
    Failed,
}

impl Seen<'_> {
    /// The event; nothing where the journal's disk has lost it.
    pub(super) fn entry(&self) -> Option<Arc<Entry>> {
        self.decoded.clone().or_else(|| self.line.entry().map(Arc::new))
    }
}

impl Worker {
    pub(super) fn new(ruleset: &Ruleset, parked: &BTreeSet<usize>, decodes: &Arc<[bool]>) -> Self {
        let (evaluator, decodes) = (evaluator(ruleset, parked), decodes.clone());
        Self { ruleset: ruleset.clone(), evaluator, parked: parked.clone(), decodes }
    }

    /// What asking the rules has cost since the last call.
    pub(super) fn take_use(&mut self) -> Vec<(usize, RuleUse)> {
        self.evaluator.take_use()
    }

    /// Evaluates events one by one.
    pub(super) fn evaluate<'l>(
        &mut self,
        part: &Part<'l>,
        machines: &mut Machines<'_>,
    ) -> Vec<Result<Seen<'l>, Lost>> {
        part.lines().map(|line| self.evaluate_one(line, machines)).collect()
    }

    fn evaluate_one<'l>(
        &mut self,
        line: Line<'l>,
        machines: &mut Machines<'_>,
    ) -> Result<Seen<'l>, Lost> {
        let mut decoded = None;
        // What the collector says may be about a machine.
        let machine = if line.id.agent == AgentId::COLLECTOR {
            machines.of(decode(&line, &mut decoded)?)
        } else {
            machines.of_agent(line.id.agent, line.position)
        };
        let is_imported = machine.who.as_ref().is_some_and(|who| who.imported);
        if is_imported && is_quiet(line.id.epoch) {
            let time = match Head::of(line.text()) {
                Some(head) => head.time,
                None => decode(&line, &mut decoded)?.event.time,
            };
            let (matches, parked) = (Vec::new(), Vec::new());
            return Ok(Seen { line, time, machine, matches, parked, decoded });
        }
        // Nothing in an event may stop the reading of the others.
        let asked = catch_unwind(AssertUnwindSafe(|| self.ask(&line, &machine, &mut decoded)));
        let Ok(asked) = asked else {
            tracing::error!(event = %line.id, "event could not be evaluated; skipped");
            // Whatever it was in the middle of.
            self.evaluator = evaluator(&self.ruleset, &self.parked);
            return Err(Lost::Failed);
        };
        let (time, matches) = asked?;
        let parked = self.evaluator.take_parked();
        self.parked.extend(&parked);
        Ok(Seen { line, time, machine, matches, parked, decoded })
    }

    /// When the event happened, and what matches it.
    fn ask(
        &mut self,
        line: &Line<'_>,
        machine: &Arc<Machine>,
        decoded: &mut Option<Arc<Entry>>,
    ) -> Result<(Timestamp, Vec<usize>), Lost> {
        let asked = line::ask(&mut self.evaluator, line.text(), machine.about());
        let (time, matches) = match asked {
            Some(asked) => asked,
            None => {
                let entry = decode(line, decoded)?;
                let subject = Subject { entry, machine };
                (entry.event.time, self.evaluator.evaluate(&subject.seen()).to_vec())
            }
        };
        let decodes = |rule: &usize| self.decodes.get(*rule).is_some_and(|decodes| *decodes);
        if matches.iter().any(decodes) {
            decode(line, decoded)?;
        }
        Ok((time, matches))
    }
}

/// Decodes an event unless that was done.
fn decode<'d>(line: &Line<'_>, decoded: &'d mut Option<Arc<Entry>>) -> Result<&'d Entry, Lost> {
    if decoded.is_none() {
        *decoded = line.entry().map(Arc::new);
    }
    decoded.as_deref().ok_or(Lost::Damaged)
}

fn evaluator(ruleset: &Ruleset, parked: &BTreeSet<usize>) -> Evaluator {
    let mut evaluator = Evaluator::new(ruleset);
    parked.iter().for_each(|rule| evaluator.park(*rule));
    evaluator
}
