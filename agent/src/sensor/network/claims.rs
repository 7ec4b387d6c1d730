//! Who has which address, and whether two want the same.
//!
//! An address moves for good reasons: a lease ends, a card is replaced, a router stands in for
//! another. So one move is no finding, but for the gateway's, which is told when it has lasted a
//! minute. Two machines that take an address from each other in turns are a finding: somebody
//! answers in the name of another, or an address was given twice. So is whoever keeps claiming an
//! address of this host.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use soc_event::{Event, kind};

use super::Now;
use super::mac::Mac;

/// Addresses that are watched on one network.
pub(super) const CLAIMS_MAX: usize = 4096;
/// Whoever had an address and claims it again within so long takes turns with the other.
const TURNS_WITHIN: Duration = Duration::from_secs(600);
/// So many turns are a finding: A, B, A again, B again.
const TURNS_MIN: u8 = 2;
/// A gateway that has moved is told after so long, when the old one has not spoken since.
const MOVED_AFTER: Duration = Duration::from_secs(60);
/// Claims of an address of ours: this far apart, so that one which just moved away does not count.
const OWN_AFTER: Duration = Duration::from_secs(15);
/// And not further apart than this.
const OWN_KEEPS: Duration = Duration::from_secs(120);
/// The same finding is told again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Unclaimed for so long, an address is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// What DHCP said about an address is worth so long.
const EXPECTED_FOR: Duration = Duration::from_secs(300);
/// Addresses DHCP speaks of that are remembered.
const EXPECTED_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Claim {
    mac: Mac,
    last: Now,
    /// Who had it before, and when that one was last heard with it.
    before: Option<(Mac, Now)>,
    turns: u8,
    /// A gateway that moved and was not told yet.
    moved: Option<Moved>,
    told: Option<Now>,
}

/// Whoever claims an address of this host.
#[derive(Clone, Copy, Debug)]
struct Rival {
    since: Now,
    last: Now,
    told: Option<Now>,
}

#[derive(Clone, Copy, Debug)]
struct Moved {
    from: Mac,
    at: Now,
    /// While this sensor did not look.
    unseen: bool,
}

/// What an address is to this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Own,
    Gateway,
    Other,
}

/// What is known about one network.
#[derive(Debug, Default)]
pub(super) struct Claims {
    claims: HashMap<IpAddr, Claim>,
    /// Who claims an address of ours.
    rivals: BTreeMap<(IpAddr, Mac), Rival>,
    /// Who gets which address, as DHCP says.
    expected: HashMap<IpAddr, (Mac, Now)>,
    /// Where gateways were when the agent last ran.
    remembered: BTreeMap<IpAddr, Mac>,
}

impl Claims {
    /// Begins with what an earlier run knew.
    pub(super) fn remembering(remembered: BTreeMap<IpAddr, Mac>) -> Self {
        Self { remembered, ..Self::default() }
    }

    /// DHCP says that somebody will have an address: no surprise, then.
    pub(super) fn expect(&mut self, now: Now, address: IpAddr, mac: Mac) {
        if self.expected.len() < EXPECTED_MAX || self.expected.contains_key(&address) {
            self.expected.insert(address, (mac, now));
        }
    }

    /// Somebody claims an address.
    pub(super) fn claimed(
        &mut self,
        now: Now,
        address: IpAddr,
        mac: Mac,
        role: Role,
    ) -> Option<Event> {
        if !mac.is_one_machine() {
            return None;
        }
        if role == Role::Own {
            return self.rivalled(now, address, mac);
        }
        let is_expected = role == Role::Other && self.is_expected(now, address, mac);
        if !self.claims.contains_key(&address) {
            self.first_claim(now, address, mac, role);
            return None;
        }
        let claim = self.claims.get_mut(&address)?;
        if claim.mac == mac {
            claim.last = now;
            return None;
        }
        claim.move_to(now, mac, role, is_expected);
        let is_due = claim.turns >= TURNS_MIN && is_again(claim.told, now);
        if !is_due {
            return None;
        }
        (claim.told, claim.moved) = (Some(now), None);
        let other = claim.before.map(|(mac, _)| mac);
        Some(event(now, address, mac, other, "alternating", role))
    }

    fn first_claim(&mut self, now: Now, address: IpAddr, mac: Mac, role: Role) {
        if role == Role::Other && self.claims.len() >= CLAIMS_MAX {
            return;
        }
        let known = self.remembered.remove(&address);
        let from = known.filter(|known| role == Role::Gateway && *known != mac && !shared(mac));
        let moved = from.map(|from| Moved { from, at: now, unseen: true });
        let before = from.map(|from| (from, now));
        let claim = Claim { mac, last: now, before, turns: 0, moved, told: None };
        self.claims.insert(address, claim);
    }

    /// Somebody claims an address that this host has.
    fn rivalled(&mut self, now: Now, address: IpAddr, mac: Mac) -> Option<Event> {
        if shared(mac) || !self.has_room_for_rival(address, mac) {
            return None;
        }
        let new = Rival { since: now, last: now, told: None };
        let rival = self.rivals.entry((address, mac)).or_insert(new);
        // An address that stands by moves away and comes back; only who keeps claiming is a rival.
        if now.at.saturating_sub(rival.last.at) > OWN_KEEPS {
            rival.since = now;
        }
        rival.last = now;
        let lasts = now.at.saturating_sub(rival.since.at) >= OWN_AFTER;
        if !lasts || !is_again(rival.told, now) {
            return None;
        }
        rival.told = Some(now);
        Some(event(now, address, mac, None, "own_address", Role::Own))
    }

    fn has_room_for_rival(&self, address: IpAddr, mac: Mac) -> bool {
        self.rivals.len() < EXPECTED_MAX || self.rivals.contains_key(&(address, mac))
    }

    fn is_expected(&self, now: Now, address: IpAddr, mac: Mac) -> bool {
        let expected = self.expected.get(&address);
        expected.is_some_and(|(who, at)| *who == mac && now.at.saturating_sub(at.at) < EXPECTED_FOR)
    }

    /// Forgets what is old, and reports gateways that have moved for good.
    pub(super) fn tick(&mut self, now: Now) -> Vec<Event> {
        let since = |then: Now| now.at.saturating_sub(then.at);
        self.claims.retain(|_, claim| since(claim.last) < FORGOTTEN_AFTER);
        self.expected.retain(|_, (_, at)| since(*at) < EXPECTED_FOR);
        self.rivals.retain(|_, rival| since(rival.last) < AGAIN_AFTER);
        let mut events = Vec::new();
        for (address, claim) in &mut self.claims {
            let due = claim.moved.filter(|moved| since(moved.at) >= MOVED_AFTER);
            let Some(moved) = due else { continue };
            claim.moved = None;
            let kind = if moved.unseen { "gateway_changed_unseen" } else { "gateway_changed" };
            events.push(event(now, *address, claim.mac, Some(moved.from), kind, Role::Gateway));
        }
        events
    }

    /// Where these gateways are, for the next run.
    pub(super) fn places(&self, gateways: impl Iterator<Item = IpAddr>) -> BTreeMap<IpAddr, Mac> {
        let place = |address: IpAddr| {
            let now = self.claims.get(&address).map(|claim| claim.mac);
            Some((address, now.or_else(|| self.remembered.get(&address).copied())?))
        };
        gateways.filter_map(place).collect()
    }
}

impl Claim {
    fn move_to(&mut self, now: Now, mac: Mac, role: Role, is_expected: bool) {
        let (old, old_last) = (self.mac, self.last);
        let returns = self.before.is_some_and(|(before, last)| {
            before == mac && now.at.saturating_sub(last.at) < TURNS_WITHIN
        });
        (self.mac, self.last, self.before) = (mac, now, Some((old, old_last)));
        // What routers that stand in for each other do among themselves, and what DHCP announced.
        if shared(mac) || is_expected {
            (self.turns, self.moved) = (0, None);
            return;
        }
        self.turns = if returns { self.turns.saturating_add(1) } else { 0 };
        // Back where it was: nothing has moved. Whether the two go on taking turns is another
        // finding.
        self.moved = match self.moved {
            _ if returns => None,
            Some(moved) => Some(moved),
            None => (role == Role::Gateway).then_some(Moved { from: old, at: now, unseen: false }),
        };
    }
}

fn shared(mac: Mac) -> bool {
    mac.is_shared_by_routers()
}

fn is_again(told: Option<Now>, now: Now) -> bool {
    told.is_none_or(|told| now.at.saturating_sub(told.at) >= AGAIN_AFTER)
}

fn event(now: Now, address: IpAddr, mac: Mac, other: Option<Mac>, what: &str, role: Role) -> Event {
    let protocol = if address.is_ipv4() { "arp" } else { "nd" };
    Event::own(now.time, kind::NETWORK_ARP_CONFLICT)
        .with("network.protocol", protocol)
        .with("conflict.kind", what)
        .with("conflict.ip", address.to_string())
        .with("conflict.mac", mac.to_string())
        .with("conflict.mac.other", other.map(|mac| mac.to_string()))
        .with("conflict.vendor", super::vendor::of(mac))
        .with("conflict.gateway", role == Role::Gateway)
}
