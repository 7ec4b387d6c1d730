//! One pass on a thread of its own, of the lowest priority.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use soc_event::Timestamp;
use soc_rules::Ruleset;
use tokio::runtime::Handle;

use super::draft::{Asked, only};
use super::job::{ASKED, Checkpoint, PassRow, RuleRow};
use super::pass::Pass;
use super::past::{Past, Range, Watcher};
use super::samples::samples;
use super::{Backtests, Error, Found};

/// Live events that may wait before a look back does.
const BEHIND_MAX: u64 = 8192;
/// How long it then waits before it looks again.
const GIVE_WAY: Duration = Duration::from_millis(20);
/// The lowest priority there is.
const NICE: i32 = 19;

/// How a pass came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has looked at everything, or nobody wants the rest.
    Over,
    /// The collector stops, or others go first; it goes on from its checkpoint.
    Interrupted,
}

/// Looks, from where the pass is; blocks. `stops` says, after so many checkpoints, whether it is
/// time to.
pub(super) fn work(
    room: &Backtests,
    handle: &Handle,
    row: PassRow,
    stops: &dyn Fn(u64) -> bool,
) -> Result<Outcome, Error> {
    // Without it, it is only less polite.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "look back: priority");
    }
    let rooms = &room.0.rooms;
    let rules = handle.block_on(room.rules_of(row.id))?;
    let names = rules.iter().map(|row| (row.rule.clone(), row.title.clone())).collect();
    let draft = row.draft.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    let asked = Asked { rules: names, draft };
    let ruleset = only(&rooms.rulebook.current(), &asked);
    let time = (Timestamp::from_micros(row.from_at), Timestamp::from_micros(row.to_at));
    let warm = (time.0.plus_micros(ruleset.timespan_us().saturating_neg()), time.1);
    let past = Past::open(handle, (&rooms.archive, &rooms.journal, &rooms.fleet), warm)?;
    let end = match row.position_end {
        Some(end) => end.unsigned_abs(),
        None => rooms.journal.end().borrow().0,
    };
    handle.block_on(room.begin(row.id, end))?;
    let mut pass = Pass::new(&ruleset, &asked.ids(), time.0, &rooms.folder);
    pass.restore(handle.block_on(room.windows_of(row.id))?);
    let positions = (row.position.unsigned_abs(), end);
    let mut looking =
        Looking::new(room, handle, &row, rules, &ruleset, past.events((1, end)), stops)?;
    looking.events.0 = looking.events.1.saturating_sub(past.events(positions));
    past.missing().for_each(|(path, reason)| looking.is_missing(path, reason));
    looking.park(&mut pass, &ruleset);
    let range = Range { time: warm, positions };
    let is_over = past.walk(&mut pass, &ruleset, range, &mut looking)?;
    if !is_over && !looking.rules.is_empty() {
        return Ok(Outcome::Interrupted);
    }
    let samples = samples(&past, &looking.rules)?;
    handle.block_on(room.finish(row.id, &samples, None))?;
    Ok(Outcome::Over)
}

/// What a pass has come to so far.
struct Looking<'r> {
    room: &'r Backtests,
    handle: &'r Handle,
    pass: i64,
    /// By id of the rule.
    rules: BTreeMap<String, RuleRow>,
    ruleset: Ruleset,
    events: (u64, u64),
    missing: Vec<String>,
    /// Whether a person waits for it.
    is_asked: bool,
    checkpoints: u64,
    stops: &'r dyn Fn(u64) -> bool,
}

impl<'r> Looking<'r> {
    fn new(
        room: &'r Backtests,
        handle: &'r Handle,
        row: &PassRow,
        rules: Vec<RuleRow>,
        ruleset: &Ruleset,
        events: u64,
        stops: &'r dyn Fn(u64) -> bool,
    ) -> Result<Self, Error> {
        let known: HashSet<&str> = ruleset.rules().iter().map(|rule| rule.id.as_str()).collect();
        let mut rules: BTreeMap<_, _> =
            rules.into_iter().map(|row| (row.rule.clone(), row)).collect();
        for row in rules.values_mut().filter(|row| !known.contains(row.rule.as_str())) {
            row.error = Some("the rule is not in force any more".into());
        }
        let (pass, ruleset) = (row.id, ruleset.clone());
        let missing = serde_json::from_str(&row.missing)?;
        let (events, is_asked, checkpoints) = ((0, events), row.reason == ASKED, 0);
        Ok(Self {
            room,
            handle,
            pass,
            rules,
            ruleset,
            events,
            missing,
            is_asked,
            checkpoints,
            stops,
        })
    }

    /// Rules that were too slow before are not asked again.
    fn park(&self, pass: &mut Pass, ruleset: &Ruleset) {
        for (number, rule) in ruleset.rules().iter().enumerate() {
            if self.rules.get(&rule.id).is_some_and(|row| row.error.is_some()) {
                pass.park(number, 0);
            }
        }
    }

    /// Whether it is time to: the collector stops, or a person waits for something else, and a
    /// checkpoint has just been written.
    fn has_to_stop(&self) -> bool {
        let others = self.checkpoints > 0 && !self.is_asked && self.room.running().others_wait;
        others || (self.stops)(self.checkpoints)
    }

    /// Whether somebody waits for any of it.
    fn is_wanted(&mut self) -> bool {
        let stopped = std::mem::take(&mut self.room.running().stopped);
        self.rules.retain(|_, row| !stopped.contains(&row.id));
        !self.rules.is_empty()
    }

    /// A rule was too slow for an event; so nothing is right of those that rest on it.
    fn blame(&mut self, number: usize, at: u64) {
        let Some(slow) = self.ruleset.rules().get(number) else { return };
        for row in self.rules.values_mut().filter(|row| row.error.is_none()) {
            if self.ruleset.with_members([row.rule.clone()]).contains(&slow.id) {
                row.error = Some(format!(
                    "the event at position {at} was too much for the rule {}; live detection would \
                     park it there, and what is counted is of the events read before it",
                    slow.id
                ));
            }
        }
    }

    /// Live events go first.
    fn give_way(&self) {
        let rooms = &self.room.0.rooms;
        let (end, progress) = (rooms.journal.end(), rooms.detect.progress());
        let is_behind = || end.borrow().0.saturating_sub(progress.borrow().0) > BEHIND_MAX;
        // Where nobody evaluates (a command without a collector) there is nobody to wait for.
        while rooms.detect.is_running() && is_behind() && !self.has_to_stop() {
            std::thread::sleep(GIVE_WAY);
        }
    }
}

impl Watcher for Looking<'_> {
    fn found(&mut self, found: Found) {
        if let Some(row) = self.rules.get_mut(&found.rule) {
            row.tally.add(&found);
        }
    }

    fn goes_on(&mut self, events: u64) -> bool {
        self.events.0 = self.events.0.saturating_add(events);
        self.room.0.metrics.events.inc_by(events);
        {
            let mut running = self.room.running();
            running.pass = self.pass;
            (running.events_done, running.events_total) = self.events;
        }
        self.give_way();
        self.is_wanted() && !self.has_to_stop()
    }

    fn is_missing(&mut self, path: &str, reason: &str) {
        let line = format!("{path}: {reason}");
        if !self.missing.contains(&line) {
            self.missing.push(line);
        }
    }

    fn reached(&mut self, position: u64, pass: &mut Pass) -> Result<(), Error> {
        for (number, at) in pass.overdone() {
            self.blame(*number, *at);
        }
        let checkpoint = Checkpoint {
            pass: self.pass,
            position,
            events: self.events,
            missing: &self.missing,
            rules: &self.rules,
            windows: pass.take_changes(),
        };
        self.handle.block_on(self.room.save(checkpoint))?;
        self.checkpoints += 1;
        Ok(())
    }
}
