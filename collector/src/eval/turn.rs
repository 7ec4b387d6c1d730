use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use indicatif::ProgressBar;
use soc_rules::{CorrelationLimits, Correlator, Event, JsonEvent, Origin, Ruleset};

use super::host::host;
use super::tell::{Subject, Teller};
use super::work::{Done, Kept, Matched};
use super::{Outputs, Summary, lock};
use crate::logs::Skipped;
use crate::seen::Seen;
use crate::visible::visible;

/// Most lines about records that were skipped; the others are counted.
const SKIPPED_TOLD_MAX: u64 = 100;

/// Puts what threads have done into the order of the logs, and tells it.
pub(super) struct Turn<'a> {
    order: Mutex<Order<'a>>,
    moved: Condvar,
    /// Most blocks that may be done before their turn.
    waiting_max: usize,
    /// Memory of blocks that are told.
    spare: Mutex<Vec<Vec<u8>>>,
}

struct Order<'a> {
    /// The number of the block that is told next.
    next: u64,
    waiting: BTreeMap<u64, Done>,
    outputs: Outputs<'a>,
    teller: Arc<Teller>,
    correlator: Option<Correlator>,
    progress: Option<ProgressBar>,
    summary: Summary,
    is_over: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        ruleset: &Ruleset,
        teller: Arc<Teller>,
        outputs: Outputs<'a>,
        progress: Option<ProgressBar>,
        threads: NonZeroUsize,
    ) -> Self {
        let feeds = ruleset.rules().iter().any(|rule| rule.is_correlation);
        let correlator = feeds.then(|| Correlator::new(ruleset, CorrelationLimits::default()));
        let order = Order {
            next: 0,
            waiting: BTreeMap::new(),
            outputs,
            teller,
            correlator,
            progress,
            summary: Summary::default(),
            is_over: false,
        };
        let waiting_max = threads.get().saturating_mul(4);
        Self {
            order: Mutex::new(order),
            moved: Condvar::new(),
            waiting_max,
            spare: Mutex::default(),
        }
    }

    /// Waits until another block may be begun; false when nobody listens any more.
    ///
    /// Whoever has the block that all wait for does not wait here, so there is always one that moves.
    pub(super) fn wait(&self) -> bool {
        let order = lock(&self.order);
        let is_full =
            |order: &mut Order<'_>| order.waiting.len() >= self.waiting_max && !order.is_over;
        let order = self.moved.wait_while(order, is_full).unwrap_or_else(PoisonError::into_inner);
        !order.is_over
    }

    /// Memory for the next block.
    pub(super) fn memory(&self) -> Vec<u8> {
        lock(&self.spare).pop().unwrap_or_default()
    }

    /// Tells what was done when its turn has come, and all that waited for it.
    pub(super) fn take(&self, done: Done) {
        let mut order = lock(&self.order);
        order.waiting.insert(done.block.number, done);
        let mut is_broken = false;
        while let Some(done) = order.due() {
            is_broken = is_broken || order.tell(&done).is_err();
            lock(&self.spare).push(done.block.bytes);
        }
        order.is_over |= is_broken;
        drop(order);
        self.moved.notify_all();
    }

    /// What it came to.
    pub(super) fn finish(self) -> Summary {
        let mut order = self.order.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = order.progress.take() {
            progress.finish_and_clear();
        }
        order.end();
        let untold = order.summary.events_failed.saturating_sub(SKIPPED_TOLD_MAX);
        if untold > 0 {
            let _ = writeln!(order.outputs.errors, "{untold} more were skipped");
        }
        order.summary
    }
}

impl Order<'_> {
    fn due(&mut self) -> Option<Done> {
        let done = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(done)
    }

    /// # Errors
    /// When matches cannot be written any more.
    fn tell(&mut self, done: &Done) -> std::io::Result<()> {
        self.summary.events += done.events;
        self.summary.matches += done.matches;
        self.tell_skipped(&done.skipped);
        if let Some(progress) = &self.progress {
            progress.inc(done.block.length);
        }
        let written = if done.matched.is_empty() {
            self.write(&done.out)
        } else {
            let out = self.correlate(done);
            self.write(&out)
        };
        match &written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                let _ = writeln!(self.outputs.errors, "matches cannot be written: {error}");
                self.summary.events_failed += 1;
            }
            _ => {}
        }
        written
    }

    fn write(&mut self, out: &[u8]) -> std::io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        self.outputs.matches.write_all(out)?;
        self.outputs.matches.flush()
    }

    /// What matched, with what correlations make of it after each event.
    fn correlate(&mut self, done: &Done) -> Vec<u8> {
        let mut out = Vec::with_capacity(done.out.len());
        let mut told = 0;
        for matched in &done.matched {
            out.extend_from_slice(done.out.get(told..matched.at).unwrap_or_default());
            told = matched.at;
            self.feed(done, matched, &mut out);
        }
        out.extend_from_slice(done.out.get(told..).unwrap_or_default());
        out
    }

    fn feed(&mut self, done: &Done, matched: &Matched, out: &mut Vec<u8>) {
        let Some(correlator) = &mut self.correlator else { return };
        let id = done.block.log.at(matched.place);
        let mut feed = |event: &dyn Event| {
            let from = Origin { scope: "", host: &host(event) };
            correlator.feed(from, &id, event, &matched.rules)
        };
        let (subject, found) = match &matched.event {
            Kept::Event(event) => (Subject::Event(event), feed(&Seen(event))),
            Kept::Json(range) => {
                let json = done.block.bytes.get(range.clone()).unwrap_or_default();
                let Ok(event) = JsonEvent::parse(json) else { return };
                (Subject::Json(json), feed(&event))
            }
        };
        for found in found {
            let at = Some((&*done.block.log, matched.place));
            let is_told = self.teller.tell_correlation(&found, subject, at, out);
            self.summary.matches += u64::from(is_told);
        }
    }

    /// What windows come to that waited for their end: no more events come.
    fn end(&mut self) {
        let Some(correlator) = &mut self.correlator else { return };
        let mut out = Vec::new();
        for found in correlator.finish() {
            let is_told = self.teller.tell_correlation(&found, Subject::None, None, &mut out);
            self.summary.matches += u64::from(is_told);
        }
        if !self.is_over && self.write(&out).is_err() {
            self.is_over = true;
        }
    }

    fn tell_skipped(&mut self, skipped: &[Skipped]) {
        for skipped in skipped {
            self.summary.events_failed += 1;
            if self.summary.events_failed > SKIPPED_TOLD_MAX {
                continue;
            }
            let line = visible(&skipped.told());
            let errors = &mut self.outputs.errors;
            let mut write = || drop(writeln!(errors, "{line}"));
            match &self.progress {
                Some(progress) => progress.suspend(write),
                None => write(),
            }
        }
    }
}
