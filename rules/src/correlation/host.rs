use std::collections::{BTreeSet, HashMap};

/// The hosts of one scope, by number.
#[derive(Default)]
pub(super) struct Hosts {
    numbers: HashMap<Box<str>, u32>,
    list: Vec<Host>,
    free: Vec<u32>,
}

/// One machine.
#[derive(Default)]
pub(super) struct Host {
    pub name: Box<str>,
    pub clock: Clock,
    /// Windows it has put events into: when each ends, of which correlation, in which slot.
    pub due: BTreeSet<(i64, u32, u32)>,
    /// Groups it began.
    pub groups: u32,
    pub changed: bool,
    pub written: bool,
}

/// How far a host's events have come, in whole minutes, so that it seldom changes.
///
/// An event with a wrong time far ahead would make all others late: the clock goes back when a thousand
/// events one after the other are more than a day behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub newest_us: i64,
    /// Events one after the other far behind it, and the newest of them.
    pub behind: u64,
    pub newest_behind_us: i64,
}

const MINUTE_US: i64 = 60 * 1_000_000;
const DAY_US: i64 = 24 * 60 * MINUTE_US;
const BEHIND_MAX: u64 = 1_000;

impl Default for Clock {
    fn default() -> Self {
        Self { newest_us: i64::MIN, behind: 0, newest_behind_us: i64::MIN }
    }
}

impl Clock {
    /// Whether an event that happened at this time is late, before it is taken into account.
    pub fn is_late(&self, time_us: i64, late_us: i64) -> bool {
        self.newest_us.saturating_sub(time_us) > late_us
    }

    /// Takes an event into account.
    pub fn see(&mut self, time_us: i64) {
        let minute = time_us.saturating_sub(time_us.rem_euclid(MINUTE_US));
        if minute >= self.newest_us {
            *self = Self { newest_us: minute, ..Self::default() };
        } else if self.newest_us.saturating_sub(minute) <= DAY_US {
            *self = Self { newest_us: self.newest_us, ..Self::default() };
        } else {
            self.behind += 1;
            self.newest_behind_us = self.newest_behind_us.max(minute);
            if self.behind >= BEHIND_MAX {
                *self = Self { newest_us: self.newest_behind_us, ..Self::default() };
            }
        }
    }
}

impl Hosts {
    /// The number of a host, also of a new one.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let host = Host { name: name.into(), ..Host::default() };
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.list.push(Host::default());
                u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(slot) = self.get_mut(number) {
            *slot = host;
        }
        self.numbers.insert(name.into(), number);
        number
    }

    pub fn get(&self, number: u32) -> Option<&Host> {
        self.list.get(usize::try_from(number).ok()?)
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut Host> {
        self.list.get_mut(usize::try_from(number).ok()?)
    }

    pub fn name(&self, number: u32) -> &str {
        self.get(number).map_or("", |host| &host.name)
    }

    pub fn find_mut(&mut self, name: &str) -> Option<&mut Host> {
        let number = *self.numbers.get(name)?;
        self.get_mut(number)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Host> {
        let known = &self.numbers;
        self.list.iter_mut().filter(|host| known.contains_key(&host.name))
    }

    /// Forgets half of the hosts without groups when there are too many: those whose events are
    /// oldest. The names of those that had a row of state.
    pub fn shrink(&mut self, max: usize) -> Vec<Box<str>> {
        if self.numbers.len() <= max {
            return Vec::new();
        }
        let idle = |number: &&u32| {
            self.get(**number).is_some_and(|host| host.groups == 0 && host.due.is_empty())
        };
        let mut idle: Vec<u32> = self.numbers.values().filter(idle).copied().collect();
        idle.sort_by(|a, b| self.age(*a).cmp(&self.age(*b)));
        let mut written = Vec::new();
        for number in idle.iter().take(idle.len().div_ceil(2)) {
            let Some(host) = self.get_mut(*number).map(std::mem::take) else { continue };
            self.numbers.remove(&host.name);
            self.free.push(*number);
            if host.written {
                written.push(host.name);
            }
        }
        written
    }

    fn age(&self, number: u32) -> (i64, &str) {
        self.get(number).map_or((i64::MIN, ""), |host| (host.clock.newest_us, &host.name))
    }
}
