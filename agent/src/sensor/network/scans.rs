//! Who looks for open doors: many ports of this host, or many addresses of the network.
//!
//! **Ports.** Of each stranger the ports it knocked at without being let in are remembered. A
//! service's clients knock at doors that open, and a misconfigured one at the same few again and
//! again; whoever tries fifteen closed ones looks for something. Within ten minutes that is a
//! vertical scan, within a day a slow one.
//!
//! **Addresses.** Of each neighbour the addresses it asks for that nobody has are remembered. Busy
//! servers ask for machines that are there; thirty that are not within five minutes, or sixty
//! within a day, are a horizontal scan. Gateways ask on behalf of the whole world and are left out.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use soc_event::{Event, kind};

use super::Now;
use super::mac::Mac;

/// Strangers, and neighbours that ask, whose doings are remembered: each at most so many.
pub(super) const SOURCES_MAX: usize = 256;
/// Ports or addresses remembered of each.
pub(super) const TRIED_MAX: usize = 1024;
/// Closed ports that make a scan.
const PORTS_MIN: usize = 15;
/// Absent addresses that make a scan: within [`SWEEP_WINDOW`], and within [`WINDOW`].
const ADDRESSES_MIN: usize = 30;
const ADDRESSES_SLOW_MIN: usize = 60;
const SWEEP_WINDOW: Duration = Duration::from_secs(300);
/// So slow, a scan of ports is a slow one.
const SLOW: Duration = Duration::from_secs(600);
/// After so long remembering begins anew.
const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// Whoever does nothing for so long is forgotten.
const IDLE: Duration = Duration::from_secs(6 * 3600);
/// A scan is told of when it has paused for so long, or goes on for so long.
const PAUSE: Duration = Duration::from_secs(5);
const TELL_AFTER: Duration = Duration::from_secs(30);
/// One that goes on is told of again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(3600);
/// Ports or addresses that are told as samples.
const SAMPLES: usize = 20;
/// Scans told of in one turn.
const TOLD_MAX: usize = 16;

/// What somebody tried.
#[derive(Clone, Debug)]
struct Tries<T> {
    first: Now,
    last: Now,
    /// Sorted.
    tried: Vec<T>,
    /// When there was first enough to speak of.
    noticed: Option<Now>,
    told: Option<Now>,
    /// More was tried than is remembered.
    is_full: bool,
}

impl<T: Ord + Copy> Tries<T> {
    fn new(now: Now) -> Self {
        Self { first: now, last: now, tried: Vec::new(), noticed: None, told: None, is_full: false }
    }

    fn add(&mut self, now: Now, what: T) {
        if now.at.saturating_sub(self.first.at) >= WINDOW {
            let told = self.told;
            *self = Self { told, ..Self::new(now) };
        }
        let Err(place) = self.tried.binary_search(&what) else { return };
        if self.tried.len() < TRIED_MAX {
            self.tried.insert(place, what);
        } else {
            self.is_full = true;
        }
        self.last = now;
    }

    fn remove(&mut self, what: T) {
        if let Ok(place) = self.tried.binary_search(&what) {
            self.tried.remove(place);
        }
    }

    fn took(&self) -> Duration {
        self.last.at.saturating_sub(self.first.at)
    }

    /// Whether to tell of it now: enough was tried, and it has paused or goes on for long.
    fn is_due(&mut self, now: Now, is_enough: bool) -> bool {
        if !is_enough {
            self.noticed = None;
            return false;
        }
        let noticed = *self.noticed.get_or_insert(now);
        if let Some(told) = self.told {
            let has_news = self.last.at > told.at;
            return has_news && now.at.saturating_sub(told.at) >= AGAIN_AFTER;
        }
        now.at.saturating_sub(self.last.at) >= PAUSE
            || now.at.saturating_sub(noticed.at) >= TELL_AFTER
    }
}

/// Knocks of one stranger: TCP and UDP ports are different doors.
type Door = (bool, u16);

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Scans {
    knocks: HashMap<IpAddr, Tries<Door>>,
    asks: HashMap<Mac, Tries<Ipv4Addr>>,
}

/// Whom an address or a hardware address belongs to.
pub(super) struct Who {
    pub(super) address: Option<IpAddr>,
    pub(super) mac: Option<Mac>,
}

impl Scans {
    /// Somebody knocked at a port of this host.
    pub(super) fn knocked(&mut self, now: Now, from: IpAddr, is_udp: bool, port: u16) {
        if let Some(tries) = slot(&mut self.knocks, from, now) {
            tries.add(now, (is_udp, port));
        }
    }

    /// The port let somebody in: it was no door that is closed.
    pub(super) fn welcomed(&mut self, from: IpAddr, port: u16) {
        if let Some(tries) = self.knocks.get_mut(&from) {
            tries.remove((false, port));
            if tries.tried.is_empty() && tries.told.is_none() {
                self.knocks.remove(&from);
            }
        }
    }

    /// A neighbour asked for an address.
    pub(super) fn asked(&mut self, now: Now, from: Mac, target: Ipv4Addr) {
        if let Some(tries) = slot(&mut self.asks, from, now) {
            tries.add(now, target);
        }
    }

    /// Forgets who does nothing any more, and reports who scans. `present` are the addresses that
    /// somebody has; `who` knows the other name of an address or hardware address.
    pub(super) fn tick(
        &mut self,
        now: Now,
        present: impl Fn() -> BTreeSet<Ipv4Addr>,
        who: impl Fn(Who) -> Who,
    ) -> Vec<Event> {
        forget(&mut self.knocks, now);
        forget(&mut self.asks, now);
        let mut events = Vec::new();
        for (from, tries) in &mut self.knocks {
            let is_due = tries.is_due(now, tries.tried.len() >= PORTS_MIN);
            if is_due && events.len() < TOLD_MAX {
                events.push(ports_event(now, &who(Who { address: Some(*from), mac: None }), tries));
                tries.told = Some(now);
            }
        }
        let mut known = None;
        for (from, tries) in &mut self.asks {
            if tries.tried.len() >= ADDRESSES_MIN {
                let known = known.get_or_insert_with(&present);
                tries.tried.retain(|target| !known.contains(target));
            }
            let enough =
                if tries.took() <= SWEEP_WINDOW { ADDRESSES_MIN } else { ADDRESSES_SLOW_MIN };
            let is_due = tries.is_due(now, tries.tried.len() >= enough);
            if is_due && events.len() < TOLD_MAX {
                let who = who(Who { address: None, mac: Some(*from) });
                events.push(addresses_event(now, &who, tries));
                tries.told = Some(now);
            }
        }
        events
    }
}

fn forget<K: Eq + Hash, T: Ord + Copy>(all: &mut HashMap<K, Tries<T>>, now: Now) {
    all.retain(|_, tries| now.at.saturating_sub(tries.last.at) < IDLE);
}

/// The place of a source. When there is none left, whoever tried least gives way, the one that did
/// so longest ago first; a crowd of strangers that each try one thing takes the place of others
/// like them, not of who tries much.
fn slot<K: Eq + Hash + Copy, T: Ord + Copy>(
    all: &mut HashMap<K, Tries<T>>,
    from: K,
    now: Now,
) -> Option<&mut Tries<T>> {
    if !all.contains_key(&from) && all.len() >= SOURCES_MAX {
        let least = |(_, tries): &(&K, &Tries<T>)| (tries.tried.len(), tries.last.at);
        let least = all.iter().min_by_key(least).map(|(key, tries)| (*key, tries.tried.len()));
        match least {
            Some((key, count)) if count < PORTS_MIN => drop(all.remove(&key)),
            _ => return None,
        }
    }
    Some(all.entry(from).or_insert_with(|| Tries::new(now)))
}

fn event<T: Ord + Copy>(now: Now, who: &Who, kind: &str, tries: &Tries<T>) -> Event {
    Event::own(now.time, kind::NETWORK_SCAN)
        .with("source.ip", who.address.map(|address| address.to_string()))
        .with("source.mac", who.mac.map(|mac| mac.to_string()))
        .with("scan.kind", kind)
        .with("scan.first", tries.first.time.to_string())
        .with("scan.last", tries.last.time.to_string())
        .with("scan.seconds", tries.took().as_secs())
        .with("scan.more", tries.is_full)
}

fn ports_event(now: Now, who: &Who, tries: &Tries<Door>) -> Event {
    let kind = if tries.took() > SLOW { "slow" } else { "vertical" };
    let udp = tries.tried.iter().filter(|(is_udp, _)| *is_udp).count();
    let transport = if udp * 2 > tries.tried.len() { "udp" } else { "tcp" };
    let ports: Vec<String> =
        tries.tried.iter().take(SAMPLES).map(|(_, port)| port.to_string()).collect();
    event(now, who, kind, tries)
        .with("network.transport", transport)
        .with("scan.ports", ports)
        .with("scan.port_count", tries.tried.len() as u64)
}

fn addresses_event(now: Now, who: &Who, tries: &Tries<Ipv4Addr>) -> Event {
    let samples: Vec<String> = tries.tried.iter().take(SAMPLES).map(Ipv4Addr::to_string).collect();
    event(now, who, "horizontal", tries)
        .with("scan.addresses", samples)
        .with("scan.address_count", tries.tried.len() as u64)
}
