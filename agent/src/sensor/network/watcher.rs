//! All networks of this host together: frames and the passing of time in, events out. Knows neither
//! sockets nor clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use soc_event::{Event, kind};

use super::frame::{Frame, Says};
use super::interfaces::{Own, Watched};
use super::lan::Lan;
use super::mac::Mac;
use super::memory::Memory;
use super::nd::Nd;
use super::neighbours::{By, Neighbours, Sign};
use super::probe::Probe;
use super::scans::{Scans, Who};
use super::{Config, Now};

/// How often everybody is reported.
const FULL_EVERY: Duration = Duration::from_secs(24 * 3600);
/// A flood is told of at most so often.
const FLOOD_AGAIN: Duration = Duration::from_secs(3600);
/// So many neighbours without a place are a flood.
const FLOOD_MIN: u64 = 256;
/// Findings that wait for the next turn; more are counted as a flood.
const FINDINGS_MAX: usize = 64;

/// Everything that is remembered.
pub(super) struct Watcher {
    config: Config,
    own: Own,
    lans: BTreeMap<Arc<str>, Lan>,
    /// What an earlier run, or an interface that went away, knew.
    memory: Memory,
    neighbours: Neighbours,
    scans: Scans,
    findings: Vec<Event>,
    full_at: Duration,
    flood_told: Option<Duration>,
    /// Packets not looked at, neighbours without a place, since the last report of a flood.
    unread: u64,
    turned_away: u64,
}

/// What one turn gives.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Findings: something is wrong.
    pub(super) findings: Vec<Event>,
    /// Neighbours that are new or have changed, or all of them.
    pub(super) neighbours: Vec<Event>,
}

impl Watcher {
    pub(super) fn new(now: Now, config: Config, memory: Memory) -> Self {
        Self {
            config,
            own: Own::default(),
            lans: BTreeMap::new(),
            memory,
            neighbours: Neighbours::default(),
            scans: Scans::default(),
            findings: Vec::new(),
            full_at: now.at + FULL_EVERY,
            flood_told: None,
            unread: 0,
            turned_away: 0,
        }
    }

    /// The interfaces as they are now. One that is in another network than before begins anew.
    pub(super) fn interfaces(
        &mut self,
        now: Now,
        own: Own,
        watched: &[Watched],
        gateways: &BTreeMap<String, BTreeSet<IpAddr>>,
    ) {
        self.own = own;
        let is_same = |lan: &Lan| {
            let now = watched.iter().find(|it| it.name == lan.name);
            now.is_some_and(|it| it.networks.is_empty() || it.networks == lan.networks)
        };
        for lan in self.lans.values().filter(|lan| !is_same(lan)) {
            // Where a cable was pulled, it may be another network of the same numbers: servers and
            // routers are learned anew, and a gateway elsewhere is told as one nobody saw move.
            let mut known = lan.known();
            (known.dhcp, known.routers, known.is_settled) = Default::default();
            self.memory.insert(lan.name.to_string(), known);
        }
        self.lans.retain(|_, lan| is_same(lan));
        for watched in watched {
            let known = self.memory.get(&*watched.name);
            let new = || Lan::new(now, watched, known, &self.config);
            let lan = self.lans.entry(Arc::clone(&watched.name)).or_insert_with(new);
            if lan.networks.is_empty() {
                lan.networks.clone_from(&watched.networks);
            }
            lan.gateways = gateways.get(&*watched.name).cloned().unwrap_or_default();
        }
    }

    /// A frame at an interface.
    pub(super) fn see(&mut self, now: Now, interface: &str, frame: Frame) {
        let Frame { from, says } = frame;
        let is_own = self.own.macs.contains(&from);
        if let Says::Probe(probe) = says {
            return self.probe(now, probe, is_own);
        }
        let Some(lan) = self.lans.get_mut(interface) else { return };
        let name = Arc::clone(&lan.name);
        let findings = match &says {
            Says::Arp(arp) if !is_own => [
                None,
                arp.address.and_then(|address| {
                    let address = IpAddr::V4(address);
                    lan.claimed(now, address, arp.sender, self.own.addresses.contains(&address))
                }),
            ],
            Says::Nd(Nd::Claim { address, mac }) if !is_own => {
                let address = IpAddr::V6(*address);
                let is_own = self.own.addresses.contains(&address);
                [None, lan.claimed(now, address, *mac, is_own)]
            }
            Says::Nd(Nd::Router(router)) => {
                let address = IpAddr::V6(router.address);
                let moved = (!is_own).then(|| lan.claimed(now, address, from, false)).flatten();
                [lan.offered(now, router, from, is_own), moved]
            }
            Says::Dhcp(message) => [None, lan.dhcp(now, message, from)],
            _ => [None, None],
        };
        findings.into_iter().flatten().for_each(|finding| self.found(finding));
        if !is_own {
            self.neighbour(now, name, from, says);
        }
    }

    fn found(&mut self, finding: Event) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.unread = self.unread.saturating_add(1);
        }
    }

    fn probe(&mut self, now: Now, probe: Probe, is_own: bool) {
        let is_ours = |address: &IpAddr| self.own.addresses.contains(address);
        match probe {
            Probe::Knock { from, to, port } if !is_own && is_ours(&to) => {
                self.scans.knocked(now, from, false, port);
            }
            Probe::Nobody { from, to, port } if is_ours(&to) && !is_ours(&from) => {
                self.scans.knocked(now, from, true, port);
            }
            Probe::Welcome { from, port } => self.scans.welcomed(from, port),
            Probe::Knock { .. } | Probe::Nobody { .. } => {}
        }
    }

    fn neighbour(&mut self, now: Now, interface: Arc<str>, from: Mac, says: Says) {
        let sign = |mac, address, name, by| Sign { mac, address, name, by, interface };
        let sign = match says {
            Says::Arp(arp) => {
                if arp.is_question && arp.address != Some(arp.target) {
                    self.asked(now, arp.sender, arp.target);
                }
                sign(arp.sender, arp.address.map(IpAddr::V4), None, By::Arp)
            }
            Says::Nd(Nd::Claim { address, mac }) => sign(mac, Some(address.into()), None, By::Nd),
            Says::Nd(Nd::Router(router)) => sign(from, Some(router.address.into()), None, By::Nd),
            // Of a client only its own words; a server's are of the server.
            Says::Dhcp(message) if message.client == from => {
                sign(from, None, message.name, By::Dhcp)
            }
            Says::Dhcp(_) => sign(from, None, None, By::Dhcp),
            Says::Named { address, name } => sign(from, Some(address), Some(name), By::Mdns),
            Says::Probe(_) => return,
        };
        self.neighbours.heard(now, sign);
    }

    /// Gateways ask for whomever somebody outside wants to reach.
    fn asked(&mut self, now: Now, from: Mac, target: std::net::Ipv4Addr) {
        let is_gateway = || {
            let address = self.neighbours.address_of(from);
            self.lans.values().any(|lan| address.is_some_and(|it| lan.gateways.contains(&it)))
        };
        if !from.is_shared_by_routers() && !is_gateway() {
            self.scans.asked(now, from, target);
        }
    }

    /// Packets that nobody had time to look at.
    pub(super) fn unread(&mut self, count: u64) {
        self.unread = self.unread.saturating_add(count);
    }

    /// Time has passed; to be called every few seconds.
    pub(super) fn tick(&mut self, now: Now) -> Turn {
        let mut findings = std::mem::take(&mut self.findings);
        let learns_for = Duration::from_secs(self.config.learn_s);
        for lan in self.lans.values_mut() {
            findings.extend(lan.tick(now, learns_for));
        }
        findings.extend(self.scanned(now));
        findings.extend(self.flood(now));
        let gateways: BTreeSet<IpAddr> =
            self.lans.values().flat_map(|lan| lan.gateways.iter().copied()).collect();
        let neighbours = if now.at >= self.full_at {
            self.full_at = now.at + FULL_EVERY;
            self.neighbours.all(now, &gateways)
        } else {
            self.neighbours.tick(now, &gateways)
        };
        Turn { findings, neighbours }
    }

    fn scanned(&mut self, now: Now) -> Vec<Event> {
        let neighbours = &self.neighbours;
        let who = |who: Who| Who {
            address: who.address.or_else(|| neighbours.address_of(who.mac?)),
            mac: who.mac.or_else(|| neighbours.mac_of(who.address?)),
        };
        self.scans.tick(now, || neighbours.addresses(), who)
    }

    fn flood(&mut self, now: Now) -> Option<Event> {
        self.turned_away = self.turned_away.saturating_add(self.neighbours.take_turned_away());
        let is_flood = self.unread > 0 || self.turned_away >= FLOOD_MIN;
        let is_again =
            self.flood_told.is_none_or(|told| now.at.saturating_sub(told) >= FLOOD_AGAIN);
        if !is_flood || !is_again {
            return None;
        }
        self.flood_told = Some(now.at);
        let (unread, turned_away) =
            (std::mem::take(&mut self.unread), std::mem::take(&mut self.turned_away));
        let event = Event::own(now.time, kind::NETWORK_FLOOD)
            .with("flood.pauses", unread)
            .with("flood.addresses", turned_away);
        Some(event)
    }

    /// What the next run shall know.
    pub(super) fn memory(&self) -> Memory {
        let lans = self.lans.values().map(|lan| (lan.name.to_string(), lan.known()));
        self.memory.clone().into_iter().chain(lans).collect()
    }
}
