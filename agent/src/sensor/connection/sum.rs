//! Connections of one window, summed up.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use soc_event::{Event, Timestamp, kind};

use crate::sensor::owner::Owner;
use crate::sensor::port::Transport;

/// Destinations kept in a window; further ones are summed up without their address.
const KEYS_MAX: usize = 1024;
/// Destinations of a program on one port that are told one by one; of more, networks.
const ALONE_MAX: usize = 16;
/// Events of one window: those with most connections; the others are summed up by program.
const EVENTS_MAX: usize = 64;

/// Where a program connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Address(IpAddr),
    /// First address and length of its prefix: 24 bits of IPv4, 48 of IPv6.
    Network(IpAddr, u8),
    /// Too many.
    Many,
}

impl Place {
    /// The network around an address.
    pub(super) fn network(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::Network(Ipv4Addr::new(a, b, c, 0).into(), 24)
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                Self::Network(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into(), 48)
            }
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Network(address, bits) => format!("{address}/{bits}"),
            Self::Many => String::new(),
        }
    }
}

/// Who connects to where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub executable: Option<String>,
    pub user: Option<String>,
    pub transport: Transport,
    pub port: u16,
    pub place: Place,
}

#[derive(Clone, Debug)]
struct Count {
    name: Option<String>,
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// The connections of one window.
#[derive(Debug, Default)]
pub(super) struct Sum {
    counts: BTreeMap<Key, Count>,
}

impl Sum {
    /// A connection began.
    pub(super) fn add(&mut self, mut key: Key, owner: &Owner, time: Timestamp) {
        if self.counts.len() >= KEYS_MAX && !self.counts.contains_key(&key) {
            key.place = Place::Many;
            // Every program has one such place at the most; programs beyond twice the limit are one.
            if self.counts.len() >= 2 * KEYS_MAX {
                (key.executable, key.user, key.port) = (None, None, 0);
            }
        }
        let one = Count { name: owner.name.clone(), count: 1, first: time, last: time };
        self.counts.entry(key).and_modify(|count| count.join(&one)).or_insert(one);
    }

    /// Takes what there is as events, and begins anew.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Event> {
        let counts = std::mem::take(&mut self.counts);
        let counts = widened(counts, Place::network);
        let counts = widened(counts, |_| Place::Many);
        let mut all: Vec<(Key, Count)> = counts.into_iter().collect();
        all.sort_by(|left, right| right.1.count.cmp(&left.1.count).then(left.0.cmp(&right.0)));
        let rest = all.split_off(all.len().min(EVENTS_MAX));
        let mut summed: BTreeMap<Key, Count> = BTreeMap::new();
        for (key, count) in rest {
            let key = Key { place: Place::Many, port: 0, ..key };
            summed.entry(key).and_modify(|sum| sum.join(&count)).or_insert(count);
        }
        let told = all.iter().map(|(key, count)| (key, count));
        let told = told.chain(summed.iter().take(EVENTS_MAX));
        told.map(|(key, count)| event(key, count, now)).collect()
    }
}

impl Count {
    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Joins the destinations of programs that have too many on one port.
fn widened(counts: BTreeMap<Key, Count>, wider: fn(IpAddr) -> Place) -> BTreeMap<Key, Count> {
    let group = |key: &Key| (key.executable.clone(), key.user.clone(), key.transport, key.port);
    let mut sizes = BTreeMap::new();
    for key in counts.keys() {
        *sizes.entry(group(key)).or_insert(0) += 1;
    }
    let mut joined: BTreeMap<Key, Count> = BTreeMap::new();
    for (key, count) in counts {
        let is_many = sizes.get(&group(&key)).is_some_and(|size| *size > ALONE_MAX);
        let place = match key.place {
            Place::Address(address) | Place::Network(address, _) if is_many => wider(address),
            place => place,
        };
        let key = Key { place, ..key };
        joined.entry(key).and_modify(|sum| sum.join(&count)).or_insert(count);
    }
    joined
}

fn event(key: &Key, count: &Count, now: Timestamp) -> Event {
    described(key, count.name.as_deref(), now)
        .with("connection.count", count.count)
        .with("connection.first", count.first.to_string())
        .with("connection.last", count.last.to_string())
}

/// An event about a destination, without counts.
pub(super) fn described(key: &Key, name: Option<&str>, now: Timestamp) -> Event {
    let event = Event::own(now, kind::CONNECTION_OUTBOUND)
        .with("process.executable", key.executable.clone())
        .with("process.name", name.map(str::to_owned))
        .with("user.name", key.user.clone())
        .with("network.transport", key.transport.as_str())
        .with("destination.port", key.port);
    match key.place {
        Place::Address(_) => event.with("destination.ip", key.place.text()),
        Place::Network(..) => event.with("destination.network", key.place.text()),
        Place::Many => event,
    }
}
