//! Events in, findings out. No clock, no database: the same in, the same out, on however many
//! threads.
//!
//! Evaluating one event needs no other, so the parts of a batch go to whoever is free. What needs
//! order comes after, in the order of the journal and by one: the windows of correlations, and from
//! which event on a rule is parked. A batch ends with the event that was too much for a rule: what
//! comes after it is evaluated again by all without that rule, whoever had asked it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use soc_event::Timestamp;
use soc_rules::{CorrelationMatch, Eviction, Rule, RuleUse};

use super::findings::Findings;
use super::parking::Parking;
use super::subject::{Machines, Subject, WhoIs};
use super::windows::Windows;
use super::worker::{Lost, Seen, Worker};
use crate::journal::{Lines, Part, Position};
use crate::metrics::Stage;
use crate::rulebook::Book;
use crate::tuning::{Found, Hidden, InForce};

/// Events of one part, and for how many a further thread is worth its start.
const PART_EVENTS: usize = 128;

/// Rules and the windows of their correlations.
pub(super) struct Engine {
    book: Arc<Book>,
    in_force: Arc<InForce>,
    workers: Vec<Worker>,
    windows: Windows,
    parked: BTreeSet<usize>,
    /// See [`Worker`].
    decodes: Arc<[bool]>,
    /// What helping threads cost.
    stage: Option<Stage>,
}

/// What a batch of events came to.
#[derive(Debug, Default)]
pub(super) struct Digest {
    pub findings: Findings,
    /// What exceptions hid, by their numbers.
    pub hidden: BTreeMap<i64, Hidden>,
    /// Windows that changed: key and state, or nothing when it ended.
    pub changes: Vec<(String, Option<Vec<u8>>)>,
    /// Rules that are parked from here on.
    pub parked: Vec<Parking>,
    /// Evidence of correlations given up, by id of the rule.
    pub evictions: Vec<(String, Eviction)>,
    /// What each rule cost, by its id.
    pub costs: BTreeMap<String, RuleUse>,
    /// The first position after the batch.
    pub next: Position,
    /// When the last event was received.
    pub received: Option<Timestamp>,
    pub events: u64,
    /// Events that could not be read or evaluated.
    pub failed: u64,
    /// Those of them that the disk has lost, as decoding showed.
    pub damaged: u64,
    /// Evidence of correlations given up for lack of room.
    pub evicted: u64,
}

impl Digest {
    /// Whether there is something to write besides how far reading is.
    pub(super) fn matters(&self) -> bool {
        !(self.findings.count() == 0
            && self.hidden.is_empty()
            && self.changes.is_empty()
            && self.parked.is_empty()
            && self.evictions.is_empty())
    }
}

impl Engine {
    pub(super) fn new(
        book: Arc<Book>,
        in_force: Arc<InForce>,
        windows: Vec<(String, Vec<u8>)>,
        parked: BTreeSet<usize>,
        threads: usize,
    ) -> Self {
        let windows = Windows::new(&book.ruleset, windows);
        let rules = book.ruleset.rules().iter().enumerate();
        let decodes: Arc<[bool]> = rules
            .map(|(number, rule)| {
                let alone = rule.group_by.is_empty() && !in_force.concerns(&rule.id);
                windows.looks_at(number) || !alone
            })
            .collect();
        let worker = |_| Worker::new(&book.ruleset, &parked, &decodes);
        let workers = (0..threads.max(1)).map(worker).collect();
        Self { book, in_force, workers, windows, parked, decodes, stage: None }
    }

    /// The same, counting what threads it starts take of the processor.
    pub(super) fn measured_by(self, stage: Stage) -> Self {
        Self { stage: Some(stage), ..self }
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// How many rules are not asked.
    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn digest(&mut self, lines: &Lines, who: &WhoIs<'_>) -> Digest {
        let mut digest = Digest { next: lines.next, failed: lines.damaged, ..Digest::default() };
        let seen = evaluate(&mut self.workers, lines, who, self.stage.as_ref());
        self.take_all(seen, &mut digest);
        self.count(&mut digest);
        if !digest.parked.is_empty() {
            for worker in &mut self.workers {
                *worker = Worker::new(&self.book.ruleset, &self.parked, &self.decodes);
            }
        }
        digest
    }

    /// In the order of the journal, up to the first event that was too much for a rule.
    pub(super) fn take_all<'l>(
        &mut self,
        seen: impl Iterator<Item = Result<Seen<'l>, Lost>>,
        digest: &mut Digest,
    ) {
        for seen in seen {
            digest.events += 1;
            match seen {
                Ok(seen) => self.take_in(&seen, digest),
                Err(lost) => {
                    digest.failed += 1;
                    digest.damaged += u64::from(lost == Lost::Damaged);
                }
            }
            if !digest.parked.is_empty() {
                return;
            }
        }
    }

    fn take_in(&mut self, seen: &Seen<'_>, digest: &mut Digest) {
        digest.received = Some(seen.line.received);
        let work = AssertUnwindSafe(|| self.findings(seen, digest));
        if catch_unwind(work).is_err() {
            digest.failed += 1;
            tracing::error!(event = %seen.line.id, "event could not be correlated; skipped");
        }
        let newly = seen.parked.iter().filter(|rule| self.parked.insert(**rule));
        let rules = self.book.ruleset.rules();
        let parking = newly.filter_map(|rule| Some(Parking::new(rules.get(*rule)?, &seen.line)));
        digest.parked.extend(parking);
        if !digest.parked.is_empty() {
            digest.next = seen.line.position.plus(1);
        }
    }

    fn findings(&mut self, seen: &Seen<'_>, digest: &mut Digest) {
        let rules = self.book.ruleset.rules();
        for number in &seen.matches {
            if let Some(rule) = rules.get(*number).filter(|rule| rule.alerts) {
                self.tell((*number, rule), seen, None, digest);
            }
        }
        for found in self.windows.feed(seen) {
            let Some(rule) = rules.get(found.rule) else { continue };
            digest.costs.entry(rule.id.clone()).or_default().matched += 1;
            if rule.alerts {
                self.tell((found.rule, rule), seen, Some(&found), digest);
            }
        }
    }

    /// A finding, unless it is held back.
    fn tell(
        &self,
        (number, rule): (usize, &Rule),
        seen: &Seen<'_>,
        found: Option<&CorrelationMatch>,
        digest: &mut Digest,
    ) {
        let (machine, received) = (&seen.machine, seen.line.received);
        let agency = machine.who.as_ref().map_or(0, |who| who.agency_id);
        if !self.in_force.is_on(&rule.id, agency) {
            return;
        }
        let place = Found { rule: &rule.id, agent: machine.text(), agency, received };
        if let Some(exception) = self.hiding(place, seen) {
            let hidden = digest.hidden.entry(exception).or_default();
            hidden.count += 1;
            hidden.at = hidden.at.max(received.as_micros());
            return;
        }
        digest.findings.add(&self.book, (number, rule), seen, found);
    }

    /// The exception that hides it.
    fn hiding(&self, place: Found<'_>, seen: &Seen<'_>) -> Option<i64> {
        let numbers = self.in_force.may_hide(place);
        if numbers.is_empty() {
            return None;
        }
        let entry = seen.entry()?;
        let subject = Subject { entry: &entry, machine: &seen.machine };
        self.in_force.hiding(&numbers, &subject.seen())
    }

    /// What the batch cost and what was given up for it.
    fn count(&mut self, digest: &mut Digest) {
        let rules = self.book.ruleset.rules();
        for (rule, more) in self.workers.iter_mut().flat_map(Worker::take_use) {
            let Some(rule) = rules.get(rule) else { continue };
            let sum = digest.costs.entry(rule.id.clone()).or_default();
            sum.asked += more.asked;
            sum.matched += more.matched;
            sum.steps += more.steps;
        }
        digest.changes = self.windows.take_changes();
        digest.evicted = self.windows.take_evicted();
        let evictions = self.windows.take_evictions().into_iter();
        digest.evictions = evictions
            .filter_map(|eviction| Some((rules.get(eviction.rule)?.id.clone(), eviction)))
            .collect();
    }
}

/// All events of the batch in the order of the journal, whoever evaluated them.
fn evaluate<'l>(
    workers: &mut [Worker],
    lines: &'l Lines,
    who: &WhoIs<'_>,
    stage: Option<&Stage>,
) -> impl Iterator<Item = Result<Seen<'l>, Lost>> + use<'l> {
    let (parts, next) = (lines.parts(PART_EVENTS), AtomicUsize::new(0));
    let wanted = usize::try_from(lines.events()).unwrap_or(usize::MAX).div_ceil(PART_EVENTS);
    let work = |worker: &mut Worker| work(worker, &parts, &next, who);
    let mut done = std::thread::scope(|scope| {
        let mut workers = workers.iter_mut().take(wanted.max(1));
        let own = workers.next();
        let start = |worker| {
            let thread = std::thread::Builder::new().name("detect".into());
            // Without a further thread the others do its share.
            let measured = move || match stage {
                Some(stage) => stage.measure(|| work(worker)),
                None => work(worker),
            };
            thread.spawn_scoped(scope, measured).ok()
        };
        let helpers: Vec<_> = workers.map_while(start).collect();
        let mut done = own.map(work).unwrap_or_default();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, seen)| seen)
}

type Done<'l> = Vec<(usize, Vec<Result<Seen<'l>, Lost>>)>;

/// Takes the next part nobody has begun, until there is none.
fn work<'l>(
    worker: &mut Worker,
    parts: &[Part<'l>],
    next: &AtomicUsize,
    who: &WhoIs<'_>,
) -> Done<'l> {
    let (mut done, mut machines) = (Vec::new(), Machines::new(who));
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(part) = parts.get(number) else { return done };
        done.push((number, worker.evaluate(part, &mut machines)));
    }
}
