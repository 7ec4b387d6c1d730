use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::Correlation;
use super::condition::Condition;
use super::entry::{Entry, Value, allocated};

/// What one correlation knows about one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    /// In their order.
    pub entries: VecDeque<Entry>,
    /// Spans of time that were told or judged already, in order.
    pub told: Vec<(i64, i64)>,
    /// Of a group that is judged at the end of a window: who can end it.
    pub hosts: Vec<Box<str>>,
    /// Bytes of the entries.
    heap: u64,
}

/// What became of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It belongs to what was told already, or is known.
    Known,
    /// It is the newest.
    Last,
    /// It has its place among others.
    At(usize),
}

/// Spans of time that are remembered; the two nearest each other become one.
const TOLD_MAX: usize = 16;
/// Hosts that can end a window.
const HOSTS_MAX: usize = 16;

impl Group {
    /// Takes a match in.
    pub fn add(&mut self, entry: Entry) -> Added {
        let time = entry.time_us;
        if self.told.iter().any(|(first, last)| (*first..=*last).contains(&time)) {
            return Added::Known;
        }
        if self.entries.back().is_none_or(|newest| newest.order() < entry.order()) {
            self.heap += entry.bytes();
            self.entries.push_back(entry);
            return Added::Last;
        }
        match self.entries.binary_search_by(|known| known.order().cmp(&entry.order())) {
            Err(place) => {
                self.heap += entry.bytes();
                self.entries.insert(place, entry);
                Added::At(place)
            }
            Ok(place) => match self.entries.get_mut(place) {
                Some(known) if known.members | entry.members != known.members => {
                    known.members |= entry.members;
                    Added::At(place)
                }
                _ => Added::Known,
            },
        }
    }

    /// Notes a host that can end the group's window.
    pub fn expect(&mut self, host: &str) {
        if self.hosts.len() < HOSTS_MAX && !self.hosts.iter().any(|known| **known == *host) {
            self.hosts.push(host.into());
        }
    }

    /// Forgets what happened before a moment; how many events.
    pub fn forget(&mut self, before_us: i64) -> usize {
        let mut gone = 0;
        while self.entries.front().is_some_and(|entry| entry.time_us < before_us) {
            self.heap -= self.entries.pop_front().map_or(0, |entry| entry.bytes());
            gone += 1;
        }
        self.told.retain(|(_, last)| *last >= before_us);
        gone
    }

    /// When more than `max` events are held, goes down to three quarters: first without those that
    /// make no difference, then without what arrived first. How many of the latter.
    pub fn shrink(&mut self, correlation: &Correlation, max: usize) -> u64 {
        if self.entries.len() <= max {
            return 0;
        }
        self.thin(correlation);
        let surplus = self.entries.len().saturating_sub(max - max / 4);
        if surplus > 0 {
            let mut arrived: Vec<u64> = self.entries.iter().map(|entry| entry.arrived).collect();
            let (_, newest_gone, _) = arrived.select_nth_unstable(surplus - 1);
            let newest_gone = *newest_gone;
            self.entries.retain(|entry| entry.arrived > newest_gone);
        }
        self.heap = self.entries.iter().map(Entry::bytes).sum();
        u64::try_from(surplus).unwrap_or(u64::MAX)
    }

    /// Leaves repetitions out between two of the same that lie within one timespan: whatever window
    /// holds the one in the middle holds one of the others too.
    fn thin(&mut self, correlation: &Correlation) {
        let same: fn(&Entry) -> Value = match correlation.condition {
            Condition::ValueCount(_) => |entry| entry.value,
            Condition::Temporal(_) => |entry| Value([entry.members, 0]),
            Condition::Ordered(_) => return self.thin_runs(correlation),
            _ => return,
        };
        let mut following: HashMap<Value, i64> = HashMap::new();
        let mut next: Vec<Option<i64>> = Vec::with_capacity(self.entries.len());
        for entry in self.entries.iter().rev() {
            next.push(following.insert(same(entry), entry.time_us));
        }
        let mut kept: HashMap<Value, i64> = HashMap::new();
        self.entries.retain(|entry| {
            let before = kept.get(&same(entry));
            let between = before.zip(next.pop().flatten()).is_some_and(|(before, after)| {
                after.saturating_sub(*before) <= correlation.timespan_us
            });
            if !between {
                kept.insert(same(entry), entry.time_us);
            }
            !between
        });
    }

    /// Of matches of the same member one after the other, the first and the last ones are enough for
    /// any order.
    fn thin_runs(&mut self, correlation: &Correlation) {
        let marks: Vec<(u64, i64)> =
            self.entries.iter().map(|entry| (entry.members, entry.time_us)).collect();
        let (mut number, mut run) = (0, 0);
        self.entries.retain(|_| {
            let at = number;
            number += 1;
            let Some((members, _)) = marks.get(at) else { return true };
            if marks.get(run).is_none_or(|(first, _)| first != members) {
                run = at;
            }
            let tail = marks.get(at..=at + correlation.members.len());
            let (Some(tail), Some((_, began))) = (tail, marks.get(run)) else { return true };
            let within = tail.iter().all(|(other, time)| {
                other == members && time.saturating_sub(*began) <= correlation.timespan_us
            });
            at == run || !within
        });
    }

    /// Uses up the evidence of a window, which covers the span.
    pub fn use_up(&mut self, range: Range<usize>, span: (i64, i64)) -> Vec<Entry> {
        let evidence: Vec<Entry> = self.entries.drain(range).collect();
        self.heap -= evidence.iter().map(Entry::bytes).sum::<u64>();
        let place = self.told.partition_point(|known| *known < span);
        self.told.insert(place, span);
        if self.told.len() > TOLD_MAX {
            self.join_nearest();
        }
        evidence
    }

    fn join_nearest(&mut self) {
        let gap = |pair: &[(i64, i64)]| match pair {
            [(_, end), (start, _)] => start.saturating_sub(*end),
            _ => i64::MAX,
        };
        let nearest = self.told.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair));
        let Some(place) = nearest.map(|(place, _)| place) else { return };
        let (_, end) = self.told.remove(place + 1);
        if let Some(span) = self.told.get_mut(place) {
            span.1 = span.1.max(end);
        }
    }

    /// When the window that waits for its end ends.
    pub fn due_us(&self, timespan_us: i64) -> Option<i64> {
        self.entries.front().map(|entry| entry.time_us.saturating_add(timespan_us))
    }

    /// The newest moment it knows about.
    pub fn newest_us(&self) -> i64 {
        let entry = self.entries.back().map(|entry| entry.time_us);
        let told = self.told.iter().map(|(_, last)| *last).max();
        entry.max(told).unwrap_or(i64::MIN)
    }

    /// Bytes of what it holds.
    pub fn bytes(&self) -> u64 {
        let told = u64::try_from(self.told.len()).unwrap_or(u64::MAX).saturating_mul(16);
        // A name here, and there a place in the list of what is due.
        let hosts: u64 = self.hosts.iter().map(|host| 96 + allocated(host)).sum();
        self.heap.saturating_add(told).saturating_add(hosts)
    }

    /// Made of what was written down.
    pub fn of(entries: VecDeque<Entry>, told: Vec<(i64, i64)>, hosts: Vec<Box<str>>) -> Self {
        let heap = entries.iter().map(Entry::bytes).sum();
        Self { entries, told, hosts, heap }
    }
}
