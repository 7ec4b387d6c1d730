use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::scope::Scope;
use super::signal::{Fired, Signal, of_event, of_match};
use super::{CorrelationLimits, CorrelationMatch, Origin};
use crate::event::Event;
use crate::ruleset::Ruleset;

/// Looks at matches over time. Owns all window state; see the room's documentation for what it
/// promises.
pub struct Correlator {
    pub(super) ruleset: Ruleset,
    pub(super) limits: CorrelationLimits,
    /// By number of rule: the correlations it feeds and as which member.
    fed: HashMap<usize, Vec<(usize, usize)>>,
    pub(super) scopes: HashMap<Box<str>, Scope>,
    /// Bytes of all groups.
    pub(super) bytes: u64,
    /// Rows of groups and hosts that are gone.
    pub(super) stale: BTreeSet<String>,
    /// Changes so far: the clock of eviction.
    pub(super) changes: u64,
    pub(super) evicted: u64,
    /// By number of correlation and scope, since they were last asked for.
    pub(super) evictions: BTreeMap<(usize, Box<str>), u64>,
}

/// What is to be done, correlation by correlation: members have smaller numbers than those that refer
/// to them, so each is visited once.
#[derive(Default)]
struct Work(BTreeMap<usize, Todo>);

#[derive(Default)]
struct Todo {
    /// With the host each came from.
    signals: Vec<Signal>,
    /// Slots of groups a window of which has ended.
    ended: Vec<u32>,
}

impl Work {
    /// An event that is a match of two members is one event.
    fn add(&mut self, number: usize, signal: Signal) {
        let signals = &mut self.0.entry(number).or_default().signals;
        let same = |known: &&mut Signal| {
            known.key == signal.key && known.entry.order() == signal.entry.order()
        };
        match signals.iter_mut().find(same) {
            Some(known) => known.entry.members |= signal.entry.members,
            None => signals.push(signal),
        }
    }
}

impl Correlator {
    /// With no state yet.
    pub fn new(ruleset: &Ruleset, limits: CorrelationLimits) -> Self {
        let mut fed: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for (number, correlation) in ruleset.correlations().iter().enumerate() {
            for (position, member) in correlation.members.iter().enumerate() {
                fed.entry(member.rule).or_default().push((number, position));
            }
        }
        Self {
            ruleset: ruleset.clone(),
            limits,
            fed,
            scopes: HashMap::new(),
            bytes: 0,
            stale: BTreeSet::new(),
            changes: 0,
            evicted: 0,
            evictions: BTreeMap::new(),
        }
    }

    /// Whether some correlation looks at matches of this rule; at events of others it only takes the
    /// time.
    pub fn looks_at(&self, rule: usize) -> bool {
        self.fed.contains_key(&rule)
    }

    /// Takes in one event with what [`Ruleset::matching`] said about it; also events that nothing
    /// matched, for windows end by them. `id` names the event in the evidence.
    ///
    /// What fires is returned members first; [`crate::Rule::alerts`] tells which of it to show.
    pub fn feed(
        &mut self,
        from: Origin<'_>,
        id: &str,
        event: &dyn Event,
        matches: &[usize],
    ) -> Vec<CorrelationMatch> {
        if self.fed.is_empty() {
            return Vec::new();
        }
        let time_us = event.time_us();
        let ended_us = time_us.saturating_sub(self.limits.late_us.max(0));
        let scope = match self.scopes.get_mut(from.scope) {
            Some(scope) => scope,
            None => self.scopes.entry(from.scope.into()).or_default(),
        };
        let host = scope.hosts.number(from.host);
        let late = scope.is_late(host, time_us, &self.limits);
        let mut work = Work::default();
        for (number, slot) in scope.take_ended(host, ended_us) {
            work.0.entry(number).or_default().ended.push(slot);
        }
        let ruleset = self.ruleset.clone();
        let correlations = ruleset.correlations();
        for matched in matches {
            for (number, position) in self.fed.get(matched).into_iter().flatten() {
                let correlation = correlations.get(*number);
                let signal =
                    correlation.and_then(|of| of_event(of, *position, from.host, id, event, late));
                if let Some(signal) = signal {
                    work.add(*number, signal);
                }
            }
        }
        let fired = self.work_off(from, host, work, ended_us);
        self.forget_hosts(from.scope);
        fired
    }

    /// Ends all windows that wait for their end, as if nothing more came: for events of a file.
    pub fn finish(&mut self) -> Vec<CorrelationMatch> {
        let ruleset = self.ruleset.clone();
        let mut names: Vec<Box<str>> = self.scopes.keys().cloned().collect();
        names.sort_unstable();
        let mut fired = Vec::new();
        for name in names {
            for (number, correlation) in ruleset.correlations().iter().enumerate() {
                if !correlation.waits() {
                    continue;
                }
                for (host, slot) in self.waiting(&name, number) {
                    let mut work = Work::default();
                    work.0.entry(number).or_default().ended.push(slot);
                    let from = Origin { scope: &name, host: &host };
                    let Some(scope) = self.scopes.get_mut(&name) else { continue };
                    let number = scope.hosts.number(&host);
                    fired.extend(self.work_off(from, number, work, i64::MAX));
                }
            }
        }
        fired
    }

    /// The groups of a correlation in the order of their keys, each with the host that began it.
    fn waiting(&self, scope: &str, number: usize) -> Vec<(Box<str>, u32)> {
        let Some(scope) = self.scopes.get(scope) else { return Vec::new() };
        let Some(table) = scope.tables.get(&number) else { return Vec::new() };
        let mut slots: Vec<u32> = table.occupied().collect();
        slots.sort_by_key(|slot| table.get(*slot).map(|slot| slot.key.bytes()));
        let host = |slot: u32| {
            let host = table.get(slot).map_or("", |slot| scope.hosts.name(slot.host));
            (host.into(), slot)
        };
        slots.into_iter().map(host).collect()
    }

    fn work_off(
        &mut self,
        from: Origin<'_>,
        host: u32,
        mut work: Work,
        ended_us: i64,
    ) -> Vec<CorrelationMatch> {
        let ruleset = self.ruleset.clone();
        let correlations = ruleset.correlations();
        let mut found = Vec::new();
        while let Some((number, todo)) = work.0.pop_first() {
            let Some(correlation) = correlations.get(number) else { continue };
            let before = self.bytes_of(from.scope, number);
            let mut fired: Vec<Fired> = Vec::new();
            for signal in todo.signals {
                fired.extend(self.take_in(number, from.scope, host, signal));
            }
            for slot in todo.ended {
                self.changes += 1;
                if let Some(scope) = self.scopes.get_mut(from.scope) {
                    let change = self.changes;
                    fired.extend(scope.judge(number, correlation, slot, ended_us, change));
                }
            }
            self.make_room(from.scope, number, before);
            for fired in fired {
                for (above, position) in self.fed.get(&correlation.rule).into_iter().flatten() {
                    let parent = correlations.get(*above);
                    let signal = parent.and_then(|parent| {
                        of_match(parent, *position, from.host, correlation, &fired)
                    });
                    if let Some(signal) = signal {
                        work.add(*above, signal);
                    }
                }
                found.push(fired.found);
            }
        }
        found
    }

    fn take_in(
        &mut self,
        number: usize,
        name: &str,
        host: u32,
        mut signal: Signal,
    ) -> Option<Fired> {
        let ruleset = self.ruleset.clone();
        let correlation = ruleset.correlations().get(number)?;
        self.changes += 1;
        signal.entry.arrived = self.changes;
        let scope = self.scopes.get_mut(name)?;
        let outcome = scope.take_in(number, correlation, host, signal, &self.limits);
        for removed in &outcome.expired {
            self.drop_row(correlation, name, removed);
        }
        self.gave_up(number, name, outcome.given_up);
        outcome.fired
    }
}
