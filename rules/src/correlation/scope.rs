use std::collections::BTreeMap;

use super::entry::{Entry, ids};
use super::group::{Added, Group};
use super::held::Opened;
use super::host::Hosts;
use super::signal::{Fired, Key, Signal};
use super::table::{Removed, Table};
use super::tally::Tally;
use super::window::{Trail, around, judge};
use super::{Correlation, CorrelationLimits, CorrelationMatch};

/// All that is remembered of one scope.
#[derive(Default)]
pub(super) struct Scope {
    pub hosts: Hosts,
    /// By number of correlation.
    pub tables: BTreeMap<usize, Table>,
    /// Bytes of all tables.
    pub bytes: u64,
}

/// What a match came to.
#[derive(Default)]
pub(super) struct Outcome {
    pub fired: Option<Fired>,
    /// Events given up, because their group was too large.
    pub given_up: u64,
    /// Groups that are too old to matter.
    pub expired: Vec<Removed>,
}

impl Scope {
    /// Bytes of the groups of one correlation.
    pub fn bytes_of(&self, number: usize) -> u64 {
        self.tables.get(&number).map_or(0, Table::bytes)
    }

    /// Whether an event of this host is late; moves its clock on.
    pub fn is_late(&mut self, host: u32, time_us: i64, limits: &CorrelationLimits) -> bool {
        let Some(host) = self.hosts.get_mut(host) else { return false };
        let late = host.clock.is_late(time_us, limits.late_us);
        let before = host.clock;
        host.clock.see(time_us);
        host.changed |= host.clock != before;
        late
    }

    /// The windows that have ended now that this host has come so far, by correlation.
    pub fn take_ended(&mut self, host: u32, before_us: i64) -> Vec<(usize, u32)> {
        let Some(host) = self.hosts.get(host) else { return Vec::new() };
        let ended = host.due.iter().take_while(|(due_us, ..)| *due_us < before_us);
        let mut ended: Vec<(i64, usize, u32)> =
            ended.map(|(due, number, slot)| (*due, number_of(*number), *slot)).collect();
        // Slots have other numbers after a restart, keys have not.
        ended.sort_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| self.key(a).cmp(&self.key(b)))
        });
        ended.into_iter().map(|(_, number, slot)| (number, slot)).collect()
    }

    fn key(&self, (_, number, slot): &(i64, usize, u32)) -> Option<&[u8]> {
        self.tables.get(number)?.get(*slot).map(|slot| slot.key.bytes())
    }

    /// Takes a match in that came from a host.
    pub fn take_in(
        &mut self,
        number: usize,
        correlation: &Correlation,
        host: u32,
        signal: Signal,
        limits: &CorrelationLimits,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let Signal { key, entry } = signal;
        let kept_us = correlation.timespan_us.saturating_add(limits.lateness_us.max(0));
        let before_us = entry.time_us.saturating_sub(kept_us);
        let change = entry.arrived;
        let slot = match self.tables.entry(number).or_default().find(&key) {
            Some(slot) => slot,
            None => {
                outcome.expired = self.expire(number, correlation, host, before_us);
                self.begin(number, key, host)
            }
        };
        let Some(mut opened) = self.open(number, slot, correlation) else { return outcome };
        let waiting = opened.trail.is_none().then(|| waits_for(&opened.group, correlation));
        let added = opened.group.add(entry);
        if added == Added::Known {
            if let Some(table) = self.tables.get_mut(&number) {
                table.put_back(slot, opened);
            }
            return outcome;
        }
        let window = match waiting {
            Some(_) => {
                opened.group.expect(self.hosts.name(host));
                outcome.given_up = opened.shrink(correlation, limits);
                None
            }
            None => opened.move_on(correlation, added, limits, &mut outcome.given_up),
        };
        if let Some(range) = window {
            let first = opened.group.entries.get(range.start).map_or(0, |entry| entry.time_us);
            let last = opened.group.entries.get(range.end - 1).map_or(0, |entry| entry.time_us);
            let evidence = opened.group.use_up(range, (first, last));
            outcome.fired = self.told(number, slot, correlation, &evidence);
            opened.trail = Some(Trail::of(correlation, &opened.group.entries));
        }
        opened.forget(before_us);
        if let Some(waiting) = waiting {
            self.wait(number, slot, Some(waiting), Some(waits_for(&opened.group, correlation)));
        }
        self.close(number, slot, opened, change);
        outcome
    }

    /// Judges the windows of a group that ended before a moment, at most `max`.
    pub fn judge(
        &mut self,
        number: usize,
        correlation: &Correlation,
        slot: u32,
        before_us: i64,
        change: u64,
    ) -> Vec<Fired> {
        let mut fired = Vec::new();
        let Some(mut opened) = self.open(number, slot, correlation) else { return fired };
        let waiting = waits_for(&opened.group, correlation);
        while let Some(due_us) = opened.group.due_us(correlation.timespan_us)
            && due_us < before_us
        {
            let entries = &opened.group.entries;
            let first_us = entries.front().map_or(due_us, |entry| entry.time_us);
            let end = entries.partition_point(|entry| entry.time_us <= due_us);
            let holds = judge(correlation, entries, 0..end);
            let evidence = opened.group.use_up(0..end, (first_us, due_us));
            if holds {
                fired.extend(self.told(number, slot, correlation, &evidence));
            }
        }
        if opened.group.entries.is_empty() {
            opened.group.hosts.clear();
        }
        self.wait(number, slot, Some(waiting), Some(waits_for(&opened.group, correlation)));
        self.close(number, slot, opened, change);
        fired
    }

    /// Notes what is waited for of a group that was restored.
    pub fn expect(&mut self, number: usize, correlation: &Correlation, slot: u32, group: &Group) {
        if correlation.waits() {
            self.wait(number, slot, None, Some(waits_for(group, correlation)));
        }
    }

    /// Gives up what is too much in a table.
    pub fn evict(&mut self, number: usize, correlation: &Correlation, bytes: u64) -> Vec<Removed> {
        let mut gone = Vec::new();
        let hosts = &self.hosts;
        if let Some(table) = self.tables.get_mut(&number) {
            table.evict(bytes, &|host| hosts.name(host), |removed| gone.push(removed));
        }
        gone.iter().for_each(|removed| self.gone(number, correlation, removed));
        gone
    }

    fn expire(
        &mut self,
        number: usize,
        correlation: &Correlation,
        host: u32,
        before_us: i64,
    ) -> Vec<Removed> {
        let Some(table) = self.tables.get_mut(&number) else { return Vec::new() };
        let expired = table.expired(host, before_us);
        let expired: Vec<Removed> =
            expired.into_iter().filter_map(|slot| table.remove(slot)).collect();
        expired.iter().for_each(|removed| self.gone(number, correlation, removed));
        expired
    }

    fn gone(&mut self, number: usize, correlation: &Correlation, removed: &Removed) {
        if let Some(host) = self.hosts.get_mut(removed.host) {
            host.groups = host.groups.saturating_sub(1);
        }
        if correlation.waits() {
            let waiting = removed.held.look(|group| waits_for(group, correlation));
            self.wait(number, removed.slot, Some(waiting), None);
        }
    }

    /// A new group of a host.
    pub fn begin(&mut self, number: usize, key: Key, host: u32) -> u32 {
        if let Some(host) = self.hosts.get_mut(host) {
            host.groups = host.groups.saturating_add(1);
        }
        self.tables.entry(number).or_default().begin(key, host)
    }

    fn open(&mut self, number: usize, slot: u32, of: &Correlation) -> Option<Box<Opened>> {
        self.tables.get_mut(&number)?.open(slot, of)
    }

    fn close(&mut self, number: usize, slot: u32, opened: Box<Opened>, change: u64) {
        if let Some(table) = self.tables.get_mut(&number) {
            table.close(slot, opened, change);
        }
    }

    /// Changes what hosts are waited for.
    fn wait(&mut self, number: usize, slot: u32, old: Option<Waiting>, new: Option<Waiting>) {
        if old == new {
            return;
        }
        let place = |due_us| (due_us, u32::try_from(number).unwrap_or(u32::MAX), slot);
        for (names, due_us) in old.into_iter().flatten() {
            for host in names {
                if let Some(host) = self.hosts.find_mut(&host) {
                    host.due.remove(&place(due_us));
                }
            }
        }
        for (names, due_us) in new.into_iter().flatten() {
            for name in names {
                let host = self.hosts.number(&name);
                if let Some(host) = self.hosts.get_mut(host) {
                    host.due.insert(place(due_us));
                }
            }
        }
    }

    fn told(
        &self,
        number: usize,
        slot: u32,
        correlation: &Correlation,
        evidence: &[Entry],
    ) -> Option<Fired> {
        let key = &self.tables.get(&number)?.get(slot)?.key;
        let values = key.values().into_iter().skip(usize::from(correlation.per_host));
        let (count, value) = Tally::figures(correlation, evidence);
        let found = CorrelationMatch {
            rule: correlation.rule,
            group: correlation.group_by.iter().cloned().zip(values.map(str::to_owned)).collect(),
            count,
            value,
            first_us: evidence.iter().map(Entry::first_us).min().unwrap_or(0),
            last_us: evidence.iter().map(|entry| entry.time_us).max().unwrap_or(0),
            late: evidence.iter().any(|entry| entry.late),
            events: ids(evidence),
        };
        let last = |place: usize| {
            let more = evidence.iter().rev().filter_map(|entry| entry.more.as_deref());
            more.filter_map(|more| more.carried.get(place)?.clone()).next()
        };
        Some(Fired { found, carried: (0..correlation.carried.len()).map(last).collect() })
    }
}

/// Hosts that can end a group's window, and when it ends.
type Waiting = Option<(Vec<Box<str>>, i64)>;

fn waits_for(group: &Group, correlation: &Correlation) -> Waiting {
    let due_us = group.due_us(correlation.timespan_us)?;
    Some((group.hosts.clone(), due_us))
}

fn number_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Opened {
    /// The window that fires now that an entry was added, where that shows at once.
    fn move_on(
        &mut self,
        correlation: &Correlation,
        added: Added,
        limits: &CorrelationLimits,
        given_up: &mut u64,
    ) -> Option<std::ops::Range<usize>> {
        if added == Added::Last && self.group.entries.len() <= room(correlation, limits) {
            return self.trail.as_mut()?.follow(correlation, &self.group.entries);
        }
        let new = match added {
            Added::At(place) => self.group.entries.get(place)?,
            Added::Last | Added::Known => self.group.entries.back()?,
        };
        let (time_us, id) = (new.time_us, new.id.clone());
        *given_up = self.shrink(correlation, limits);
        self.trail = Some(Trail::of(correlation, &self.group.entries));
        let same = |entry: &Entry| entry.time_us == time_us && entry.id == id;
        let place = self.group.entries.iter().position(same)?;
        around(correlation, &self.group.entries, place)
    }

    fn shrink(&mut self, correlation: &Correlation, limits: &CorrelationLimits) -> u64 {
        self.group.shrink(correlation, room(correlation, limits))
    }

    /// Forgets what happened before a moment. A window that is not judged yet is kept.
    fn forget(&mut self, before_us: i64) {
        match &mut self.trail {
            Some(trail) => trail.forgot(self.group.forget(before_us)),
            None => self.group.told.retain(|(_, last)| *last >= before_us),
        }
    }
}

/// How many events a group may hold.
fn room(correlation: &Correlation, limits: &CorrelationLimits) -> usize {
    let needed = correlation.condition.needed(correlation.members.len());
    limits.events_per_group.max(needed.saturating_add(needed / 3).saturating_add(2))
}
