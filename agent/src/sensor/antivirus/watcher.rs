//! The sensor at work: looks, waits out restarts, tells what changed, tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use soc_event::Timestamp;

use super::detection::Detections;
use super::grace::Grace;
use super::judgement::State;
use super::selftest::{Folder, Schedule, SelfTest};
use super::status::Status;
use super::{Config, Looker};
use crate::sensor::{Clock, Context, Delivery, Observation, Position, Positions, Root, read};

/// A machine that runs for less is starting.
const STARTING: Duration = Duration::from_secs(10 * 60);
/// How often a self-test is made.
const TEST_EVERY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// When the last self-test was made.
const TESTED: &str = "antivirus selftest";

pub(super) struct Watcher {
    pub(super) detections: Detections,
    looker: Looker,
    config: Config,
    clock: Arc<dyn Clock>,
    positions: Arc<dyn Positions>,
    pub(super) grace: Grace,
    folder: Folder,
    test: Option<SelfTest>,
    /// When the last self-test was made, as last handed over.
    tested: Option<Timestamp>,
    /// What was last found.
    found: Vec<Status>,
    /// What was last sent of each product.
    sent: BTreeMap<String, Status>,
}

impl Watcher {
    pub(super) fn new(config: Config, folder: Folder, context: &Context) -> Self {
        // Left behind where the machine lost power during a test.
        folder.clean();
        let private = folder.file().to_str().map(str::to_owned);
        let wait = Duration::from_secs(config.grace_s);
        Self {
            detections: Detections::new(context, private),
            looker: Looker::new(context.root.clone(), config.clone()),
            grace: Grace::new(wait, starting_until(&context.root)),
            config,
            clock: Arc::clone(&context.clock),
            positions: Arc::clone(&context.positions),
            folder,
            test: None,
            tested: None,
            found: Vec::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Whether to look again soon.
    pub(super) fn is_waiting(&self) -> bool {
        self.grace.is_waiting()
    }

    /// Whether somebody waits for what the logs say.
    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// As if the product had had its time.
    #[cfg(test)]
    pub(super) fn end_test_now(&mut self) {
        self.test.iter_mut().for_each(SelfTest::end_now);
    }

    /// One look; true when there is more to read at once.
    pub(super) fn turn(&mut self, look: bool, full: bool) -> (Delivery, bool) {
        let mut delivery = Delivery::default();
        let now = self.clock.now();
        if look {
            let observed = self.looker.look(now);
            self.detections.follow(&observed.logs);
            self.found.clone_from(&observed.products);
            self.report(observed.products, full, now, &mut delivery);
        }
        let more = self.detections.read(now, &mut delivery);
        self.test(now, &mut delivery);
        (delivery, more)
    }

    fn report(&mut self, found: Vec<Status>, full: bool, now: Timestamp, delivery: &mut Delivery) {
        let found = self.grace.settle(found, &self.sent, Instant::now(), now);
        let names: Vec<&str> = found.iter().map(Status::product).collect();
        let same_set = names.len() == self.sent.len()
            && names.iter().all(|name| self.sent.contains_key(*name));
        let gone = self.sent.values().filter(|sent| !names.contains(&sent.product()));
        let gone: Vec<Status> =
            gone.filter(|sent| sent.state != State::Missing).map(|sent| sent.gone(now)).collect();
        let changed = |status: &&Status| {
            full || !same_set
                || self.sent.get(status.product()).is_none_or(|sent| sent.differs(status))
        };
        let news = gone.iter().chain(found.iter().filter(changed));
        delivery.observations.extend(news.map(|status| Observation::state(status.event(now))));
        self.sent = found.into_iter().map(|status| (status.product().to_owned(), status)).collect();
    }

    /// Begins a self-test when it is due, and ends one.
    fn test(&mut self, now: Timestamp, delivery: &mut Delivery) {
        if let Some(test) = &self.test {
            let reported_by = self.detections.caught_by.as_deref();
            if let Some(outcome) = test.look(&self.found, reported_by) {
                self.test = None;
                let event = outcome.event(now);
                delivery.observations.push(Observation::state(event));
            }
        } else if self.is_test_due(now) {
            self.detections.caught_by = None;
            let wait = Duration::from_secs(self.config.selftest_wait_s);
            self.test = Some(SelfTest::begin(&self.folder, wait));
            self.tested = Some(now);
            let bytes = now.as_micros().to_le_bytes().to_vec();
            delivery.positions.push(Position { source: TESTED.to_owned(), bytes });
        }
    }

    fn is_test_due(&mut self, now: Timestamp) -> bool {
        // Not before the first look, which says what there is to test, nor while services start.
        if self.config.selftest == Schedule::Off || self.sent.is_empty() || self.is_waiting() {
            return false;
        }
        if self.tested.is_none() {
            let stored = self.positions.position(TESTED);
            let micros = stored.and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
            self.tested = micros.map(Timestamp::from_micros);
        }
        // A time in the future is that of a clock which was wrong.
        self.tested.is_none_or(|at| now < at || at.plus_micros(TEST_EVERY_MICROS) <= now)
    }
}

/// Until when services may still be starting. Source: proc(5), /proc/uptime.
fn starting_until(root: &Root) -> Option<Instant> {
    let text = read::text(&root.path("/proc/uptime")).ok()?;
    let seconds: u64 = text.split(['.', ' ']).next()?.parse().ok()?;
    let left = STARTING.checked_sub(Duration::from_secs(seconds))?;
    Instant::now().checked_add(left)
}
