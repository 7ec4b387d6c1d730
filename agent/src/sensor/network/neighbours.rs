//! Who is on the network: a bounded table of hardware addresses.
//!
//! Whoever is heard for the first time is a newcomer; who is heard again a minute later has
//! settled. Newcomers have a table of their own, so that a flood of invented addresses fills that
//! one only and never pushes out who is known; and telling of them has a budget.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use soc_event::{Event, kind};

use super::bucket::Bucket;
use super::mac::Mac;
use super::{Now, vendor};

/// Settled neighbours that are kept.
pub(super) const SETTLED_MAX: usize = 4096;
/// Newcomers that are kept.
pub(super) const NEWCOMERS_MAX: usize = 1024;
/// Heard again so long after the first time, a newcomer has settled.
const SETTLES_AFTER: Duration = Duration::from_secs(60);
/// A newcomer that is not heard again for so long is forgotten, unless there is room for all.
const NEWCOMER_STAYS: Duration = Duration::from_secs(600);
/// Unheard for so long, a neighbour is not told of any more, and makes room.
const GONE_AFTER: Duration = Duration::from_secs(25 * 3600);
/// Unheard for so long, it is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// Changes of one neighbour are told this far apart.
const CHANGES_APART: Duration = Duration::from_secs(60);
/// Addresses of one neighbour that are kept: the latest.
const ADDRESSES_MAX: usize = 8;
/// Neighbours told of between two full reports: so many at once, so many an hour.
const TOLD_AT_ONCE: u32 = 1024;
const TOLD_PER_HOUR: f64 = 256.0;

/// How a neighbour was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Arp,
    Nd,
    Dhcp,
    Mdns,
}

impl By {
    const ALL: [Self; 4] = [Self::Arp, Self::Nd, Self::Dhcp, Self::Mdns];

    fn as_str(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Nd => "nd",
            Self::Dhcp => "dhcp",
            Self::Mdns => "mdns",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Arp => 1,
            Self::Nd => 2,
            Self::Dhcp => 4,
            Self::Mdns => 8,
        }
    }
}

/// One sign of life.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    pub(super) mac: Mac,
    pub(super) address: Option<IpAddr>,
    pub(super) name: Option<String>,
    pub(super) by: By,
    pub(super) interface: Arc<str>,
}

#[derive(Clone, Debug)]
struct Neighbour {
    /// The latest first.
    addresses: Vec<IpAddr>,
    name: Option<String>,
    seen_by: u8,
    interface: Arc<str>,
    first: Now,
    last: Now,
    told: Option<Told>,
}

/// What a report of a neighbour said that is worth another when it changes. Addresses of IPv6
/// change daily by themselves and are not.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    at: Duration,
    addresses: BTreeSet<Ipv4Addr>,
    name: Option<String>,
    is_gateway: bool,
}

/// The table.
#[derive(Debug)]
pub(super) struct Neighbours {
    settled: HashMap<Mac, Neighbour>,
    newcomers: HashMap<Mac, Neighbour>,
    budget: Bucket,
    /// For whom there was no room since it was asked for last.
    turned_away: u64,
}

impl Default for Neighbours {
    fn default() -> Self {
        Self {
            settled: HashMap::new(),
            newcomers: HashMap::new(),
            budget: Bucket::new(TOLD_AT_ONCE, TOLD_PER_HOUR / 3600.0),
            turned_away: 0,
        }
    }
}

impl Neighbours {
    /// Somebody was heard.
    pub(super) fn heard(&mut self, now: Now, sign: Sign) {
        if !sign.mac.is_one_machine() {
            return;
        }
        if let Some(known) = self.settled.get_mut(&sign.mac) {
            return known.heard(now, sign);
        }
        if let Some(known) = self.newcomers.get_mut(&sign.mac) {
            let mac = sign.mac;
            known.heard(now, sign);
            if now.at.saturating_sub(known.first.at) >= SETTLES_AFTER {
                self.settle(now, mac);
            }
        } else if self.newcomers.len() < NEWCOMERS_MAX {
            self.newcomers.insert(sign.mac, Neighbour::new(now, sign));
        } else {
            self.turned_away = self.turned_away.saturating_add(1);
        }
    }

    fn settle(&mut self, now: Now, mac: Mac) {
        if self.settled.len() >= SETTLED_MAX {
            let quiet = self.settled.iter().min_by_key(|(_, neighbour)| neighbour.last.at);
            match quiet.filter(|(_, it)| it.is_gone(now)).map(|(mac, _)| *mac) {
                Some(quiet) => drop(self.settled.remove(&quiet)),
                None => return self.turned_away = self.turned_away.saturating_add(1),
            }
        }
        if let Some(neighbour) = self.newcomers.remove(&mac) {
            self.settled.insert(mac, neighbour);
        }
    }

    /// Forgets who left, and reports who came or changed.
    pub(super) fn tick(&mut self, now: Now, gateways: &BTreeSet<IpAddr>) -> Vec<Event> {
        self.forget(now);
        let mut events = Vec::new();
        for (mac, neighbour) in self.settled.iter_mut().chain(self.newcomers.iter_mut()) {
            let state = neighbour.state(now, gateways);
            let is_news = neighbour.told.as_ref().is_none_or(|told| told.is_old_beside(&state));
            if is_news && self.budget.take(now.at) {
                events.push(neighbour.event(now, *mac, gateways));
                neighbour.told = Some(state);
            }
        }
        events
    }

    /// A full report: everybody who was heard within a day.
    pub(super) fn all(&mut self, now: Now, gateways: &BTreeSet<IpAddr>) -> Vec<Event> {
        let mut events = Vec::new();
        for (mac, neighbour) in &mut self.settled {
            if !neighbour.is_gone(now) {
                events.push(neighbour.event(now, *mac, gateways));
                neighbour.told = Some(neighbour.state(now, gateways));
            }
        }
        events
    }

    fn forget(&mut self, now: Now) {
        let unheard = |neighbour: &Neighbour| now.at.saturating_sub(neighbour.last.at);
        self.settled.retain(|_, neighbour| unheard(neighbour) < FORGOTTEN_AFTER);
        // Somebody who speaks once an hour shall settle, too, as long as there is no crowd.
        let crowded = self.newcomers.len() > NEWCOMERS_MAX / 2;
        let stays = if crowded { NEWCOMER_STAYS } else { GONE_AFTER };
        self.newcomers.retain(|_, neighbour| unheard(neighbour) < stays);
    }

    /// For how many there was no room since this was asked for last.
    pub(super) fn take_turned_away(&mut self) -> u64 {
        std::mem::take(&mut self.turned_away)
    }

    /// Addresses of IPv4 that somebody has.
    pub(super) fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.iter().flat_map(|(_, neighbour)| neighbour.ipv4()).collect()
    }

    /// Who has an address.
    pub(super) fn mac_of(&self, address: IpAddr) -> Option<Mac> {
        self.iter().find(|(_, it)| it.addresses.contains(&address)).map(|(mac, _)| *mac)
    }

    /// The latest address of somebody.
    pub(super) fn address_of(&self, mac: Mac) -> Option<IpAddr> {
        let neighbour = self.settled.get(&mac).or_else(|| self.newcomers.get(&mac))?;
        neighbour.ipv4().next().map(IpAddr::V4).or_else(|| neighbour.addresses.first().copied())
    }

    fn iter(&self) -> impl Iterator<Item = (&Mac, &Neighbour)> {
        self.settled.iter().chain(self.newcomers.iter())
    }
}

impl Neighbour {
    fn new(now: Now, sign: Sign) -> Self {
        let interface = Arc::clone(&sign.interface);
        let (addresses, name) = (Vec::new(), None);
        let mut neighbour =
            Self { addresses, name, seen_by: 0, interface, first: now, last: now, told: None };
        neighbour.heard(now, sign);
        neighbour
    }

    fn heard(&mut self, now: Now, sign: Sign) {
        self.last = now;
        self.seen_by |= sign.by.bit();
        self.interface = sign.interface;
        if let Some(name) = sign.name {
            self.name = Some(name);
        }
        if let Some(address) = sign.address.filter(|it| self.addresses.first() != Some(it)) {
            self.addresses.retain(|known| *known != address);
            self.addresses.insert(0, address);
            self.addresses.truncate(ADDRESSES_MAX);
        }
    }

    fn is_gone(&self, now: Now) -> bool {
        now.at.saturating_sub(self.last.at) >= GONE_AFTER
    }

    fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.addresses.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })
    }

    fn state(&self, now: Now, gateways: &BTreeSet<IpAddr>) -> Told {
        Told {
            at: now.at,
            addresses: self.ipv4().collect(),
            name: self.name.clone(),
            is_gateway: self.is_gateway(gateways),
        }
    }

    fn is_gateway(&self, gateways: &BTreeSet<IpAddr>) -> bool {
        self.addresses.iter().any(|address| gateways.contains(address))
    }

    fn event(&self, now: Now, mac: Mac, gateways: &BTreeSet<IpAddr>) -> Event {
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        let seen_by = By::ALL.into_iter().filter(|by| self.seen_by & by.bit() != 0);
        Event::own(now.time, kind::NETWORK_NEIGHBOUR)
            .with("neighbour.mac", mac.to_string())
            .with("neighbour.mac.private", mac.is_private())
            .with("neighbour.ip", addresses)
            .with("neighbour.name", self.name.clone())
            .with("neighbour.vendor", vendor::of(mac))
            .with("neighbour.seen_by", seen_by.map(|by| by.as_str().to_owned()).collect::<Vec<_>>())
            .with("neighbour.gateway", self.is_gateway(gateways))
            .with("neighbour.interface", &*self.interface)
            .with("neighbour.first_seen", self.first.time.to_string())
            .with("neighbour.last_seen", self.last.time.to_string())
    }
}

impl Told {
    fn is_old_beside(&self, state: &Self) -> bool {
        let is_same = self.addresses == state.addresses
            && self.name == state.name
            && self.is_gateway == state.is_gateway;
        !is_same && state.at.saturating_sub(self.at) >= CHANGES_APART
    }
}
