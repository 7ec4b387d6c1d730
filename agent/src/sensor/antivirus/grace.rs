//! Restarts are no outages: what got worse is told when it has lasted.
//!
//! An upgrade stops the daemon for some seconds, and loading signatures takes a minute or more on
//! a weak machine. So a product that got worse keeps the state told before until it has been worse
//! for a while; what got better is told at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use soc_event::Timestamp;

use super::judgement::{Reason, State};
use super::status::Status;

/// A product that runs and does not answer may be loading its signatures, which takes longer.
const LOADING_FACTOR: u32 = 3;

/// Which products got worse, since when.
#[derive(Debug)]
pub(super) struct Grace {
    wait: Duration,
    /// Until then the machine is starting, and with it its services.
    starting_until: Option<Instant>,
    worse_since: BTreeMap<String, Instant>,
}

impl Grace {
    /// Waits so long; `starting_until` where the machine has just begun to run.
    pub(super) fn new(wait: Duration, starting_until: Option<Instant>) -> Self {
        Self { wait, starting_until, worse_since: BTreeMap::new() }
    }

    /// Whether something is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.worse_since.is_empty()
    }

    /// What is to be told of what was found, after what was told before.
    pub(super) fn settle(
        &mut self,
        found: Vec<Status>,
        told: &BTreeMap<String, Status>,
        at: Instant,
        now: Timestamp,
    ) -> Vec<Status> {
        let mut settled = Vec::new();
        let mut worse_since = BTreeMap::new();
        let names = |status: &Status| status.product().to_owned();
        for before in told.values().filter(|before| before.state != State::Missing) {
            if !found.iter().any(|status| names(status) == names(before)) {
                let gone = before.gone(now);
                if self.waits(&gone, Some(before), at, &mut worse_since) {
                    settled.push(before.clone());
                }
            }
        }
        for status in found {
            // That there is none is told when the last one is surely gone.
            if status.state == State::Missing && !settled.is_empty() {
                continue;
            }
            let before = told.get(status.product());
            match self.waits(&status, before, at, &mut worse_since) {
                true => settled.extend(before.cloned()),
                false => settled.push(status),
            }
        }
        self.worse_since = worse_since;
        settled
    }

    fn waits(
        &self,
        status: &Status,
        before: Option<&Status>,
        at: Instant,
        worse_since: &mut BTreeMap<String, Instant>,
    ) -> bool {
        let is_worse = match before {
            Some(before) => is_worse(status, before),
            None => {
                let is_starting = self.starting_until.is_some_and(|until| at < until);
                is_starting && matches!(status.state, State::Off | State::Unknown)
            }
        };
        if !is_worse {
            return false;
        }
        let since = self.worse_since.get(status.product()).copied().unwrap_or(at);
        let factor = if status.state == State::Unknown { LOADING_FACTOR } else { 1 };
        let waits = at.saturating_duration_since(since) < self.wait.saturating_mul(factor);
        if waits {
            worse_since.insert(status.product().to_owned(), since);
        }
        waits
    }
}

/// Whether it got worse in a way that a restart may explain.
fn is_worse(status: &Status, before: &Status) -> bool {
    const PASSING: [Reason; 4] =
        [Reason::EngineStopped, Reason::StateUnknown, Reason::RealtimeOff, Reason::RealtimeUnknown];
    let gained =
        |reason: &Reason| status.reasons.contains(reason) && !before.reasons.contains(reason);
    PASSING.iter().any(gained)
}

#[cfg(test)]
mod tests {
    use super::super::claim::{Origin, Switch};
    use super::super::facts::Facts;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn product(running: Option<bool>) -> Status {
        let origin = Origin::new("test", now());
        let facts = Facts {
            engine_running: running.map(|running| origin.claims(running)),
            realtime: Some(origin.claims(Switch::On)),
            signatures_time: Some(origin.claims(now())),
            ..Facts::named("A", "Vendor")
        };
        Status::of(facts, now())
    }

    /// The states told when something is found so many seconds after something else was told.
    fn check(before: Option<Status>, found: &[(u64, Option<Status>, &[State])]) {
        let start = Instant::now();
        let starting = before.is_none().then(|| start + Duration::from_secs(600));
        let mut grace = Grace::new(Duration::from_secs(120), starting);
        let mut told: BTreeMap<String, Status> =
            before.into_iter().map(|it| (it.product().to_owned(), it)).collect();
        for (seconds, status, expected) in found {
            let found = vec![status.clone().unwrap_or_else(Status::missing)];
            let at = start + Duration::from_secs(*seconds);
            let settled = grace.settle(found, &told, at, now());
            let states: Vec<State> = settled.iter().map(|status| status.state).collect();
            assert_eq!(states, *expected, "after {seconds} s");
            told = settled.into_iter().map(|it| (it.product().to_owned(), it)).collect();
        }
    }

    #[test]
    fn a_restart_is_not_told_and_an_outage_is() {
        use State::{Missing, Off, Protected, Unknown};
        let (runs, stopped, loads) = (product(Some(true)), product(Some(false)), product(None));
        let seen = |status: &Status| Some(status.clone());
        // An upgrade: stopped, loading, running.
        check(
            seen(&runs),
            &[
                (0, seen(&stopped), &[Protected]),
                (30, seen(&loads), &[Protected]),
                (200, seen(&loads), &[Protected]),
                (210, seen(&runs), &[Protected]),
                (220, seen(&stopped), &[Protected]),
            ],
        );
        check(seen(&runs), &[(0, seen(&stopped), &[Protected]), (120, seen(&stopped), &[Off])]);
        check(seen(&runs), &[(0, seen(&loads), &[Protected]), (360, seen(&loads), &[Unknown])]);
        // Programs are replaced, or removed.
        check(seen(&runs), &[(0, None, &[Protected]), (5, seen(&runs), &[Protected])]);
        check(seen(&runs), &[(0, None, &[Protected]), (120, None, &[Missing])]);
        check(seen(&stopped), &[(0, seen(&runs), &[Protected])]);
    }

    #[test]
    fn services_may_take_their_time_when_the_machine_starts() {
        use State::{Off, Protected};
        let (runs, stopped) = (product(Some(true)), product(Some(false)));
        check(None, &[(0, Some(stopped.clone()), &[]), (60, Some(runs), &[Protected])]);
        check(None, &[(0, Some(stopped.clone()), &[]), (120, Some(stopped), &[Off])]);
        check(None, &[(0, None, &[State::Missing])]);
    }
}
