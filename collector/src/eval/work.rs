use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use jiff::tz::TimeZone;
use soc_event::Event;
use soc_formats::text::Moment;
use soc_formats::{Fault, Found, Place, Record, Stretch};
use soc_rules::{Evaluator, Ruleset};

use super::lock;
use super::tell::{Subject, Teller};
use super::turn::Turn;
use crate::logs::Reader;
use crate::logs::{Block, Log, Skipped};
use crate::seen::Seen;

/// A block that was evaluated.
pub(super) struct Done {
    pub block: Block,
    /// What matched, written down.
    pub out: Vec<u8>,
    pub events: u64,
    pub matches: u64,
    pub skipped: Vec<Skipped>,
    /// What correlations have to be told.
    pub matched: Vec<Matched>,
}

/// An event that matched, for correlations.
pub(super) struct Matched {
    pub place: Place,
    pub rules: Vec<usize>,
    pub event: Kept,
    /// Where in [`Done::out`] the matches of the events before it end.
    pub at: usize,
}

/// An event that outlives its reading.
pub(super) enum Kept {
    /// Where in the block it stands.
    Json(Range<usize>),
    Event(Box<Event>),
}

/// Evaluates block after block until there are no more, or nobody listens.
pub(super) fn work(ruleset: &Ruleset, teller: &Teller, reader: &Mutex<Reader>, turn: &Turn<'_>) {
    let mut worker = Worker {
        ruleset,
        teller,
        evaluator: Evaluator::new(ruleset),
        zone: TimeZone::system(),
        feeds: ruleset.rules().iter().any(|rule| rule.is_correlation),
    };
    while turn.wait() {
        let Some(block) = lock(reader).next(turn.memory()) else { return };
        let done = worker.evaluate(block);
        turn.take(done);
    }
}

struct Worker<'a> {
    ruleset: &'a Ruleset,
    teller: &'a Teller,
    evaluator: Evaluator,
    zone: TimeZone,
    /// Whether there is a correlation to be fed.
    feeds: bool,
}

impl Worker<'_> {
    fn evaluate(&mut self, mut block: Block) -> Done {
        let skipped = std::mem::take(&mut block.skipped);
        let mut result = Outcome { skipped, ..Outcome::default() };
        let stretch = Stretch { bytes: &block.bytes, first: block.first };
        let zone = self.zone.clone();
        let moment = Moment::kept(block.log.ended, &zone);
        block.log.format.read(stretch, moment, &mut |Found { place, record }| {
            let fault = match record {
                Ok(Record::Json(json)) => self.json(json, place, &block, &mut result).err(),
                Ok(Record::Event(event)) => self.event(event, place, &block.log, &mut result).err(),
                Err(fault) => Some(fault),
            };
            match fault {
                None => result.events += 1,
                Some(fault) => result.skipped.push(block.log.skipped(place, &fault)),
            }
        });
        let Outcome { out, events, matches, skipped, matched } = result;
        Done { block, out, events, matches, skipped, matched }
    }

    fn json(
        &mut self,
        json: &[u8],
        place: Place,
        block: &Block,
        result: &mut Outcome,
    ) -> Result<(), Fault> {
        let evaluator = &mut self.evaluator;
        let evaluated = fenced(move || evaluator.evaluate_json(json));
        let rules = match evaluated {
            Some(rules) => rules.map_err(|error| Fault::Damaged(error.to_string()))?,
            None => return Err(self.failed()),
        };
        if !rules.is_empty() {
            let kept = || Kept::Json(range(json, &block.bytes));
            let matched = self.feeds.then_some(kept);
            result.add(rules, self.teller, Subject::Json(json), (&block.log, place), matched);
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: Box<Event>,
        place: Place,
        log: &Log,
        result: &mut Outcome,
    ) -> Result<(), Fault> {
        let evaluator = &mut self.evaluator;
        let seen = Seen(&event);
        let evaluated = fenced(|| evaluator.evaluate(&seen));
        let Some(rules) = evaluated else { return Err(self.failed()) };
        if !rules.is_empty() {
            let kept = || Kept::Event(event.clone());
            let matched = self.feeds.then_some(kept);
            result.add(rules, self.teller, Subject::Event(&event), (log, place), matched);
        }
        Ok(())
    }

    /// After a panic nothing of the evaluator is trusted.
    fn failed(&mut self) -> Fault {
        self.evaluator = Evaluator::new(self.ruleset);
        Fault::Damaged("could not be evaluated".to_owned())
    }
}

/// What a block comes to.
#[derive(Default)]
struct Outcome {
    out: Vec<u8>,
    events: u64,
    matches: u64,
    skipped: Vec<Skipped>,
    matched: Vec<Matched>,
}

impl Outcome {
    fn add(
        &mut self,
        rules: &[usize],
        teller: &Teller,
        subject: Subject<'_>,
        at: (&Log, Place),
        kept: Option<impl FnOnce() -> Kept>,
    ) {
        for rule in rules {
            self.matches += u64::from(teller.tell(*rule, subject, at, &mut self.out));
        }
        if let Some(kept) = kept {
            let (event, rules, place) = (kept(), rules.to_vec(), at.1);
            self.matched.push(Matched { place, rules, event, at: self.out.len() });
        }
    }
}

/// What comes of it, unless it panics: no event may stop the others.
fn fenced<T>(evaluate: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(evaluate)).ok()
}

/// Where a part of a block stands in it.
fn range(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start.saturating_add(part.len())
}
