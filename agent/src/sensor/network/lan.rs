//! One network: what is known about the ways out of it and about its servers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use soc_event::{Event, kind};

use super::claims::{Claims, Role};
use super::dhcp::{Dhcp, Kind};
use super::interfaces::Watched;
use super::mac::Mac;
use super::memory::Known;
use super::nd::Router;
use super::servers::Servers;
use super::{Config, Now, vendor};

/// What is known about the network at one interface.
#[derive(Debug)]
pub(super) struct Lan {
    pub(super) name: Arc<str>,
    pub(super) networks: BTreeSet<String>,
    pub(super) gateways: BTreeSet<IpAddr>,
    claims: Claims,
    dhcp: Servers<std::net::Ipv4Addr>,
    routers: Servers<Ipv6Addr>,
    since: Now,
    is_settled: bool,
}

impl Lan {
    /// A network as an earlier run knew it, where it is the same.
    pub(super) fn new(now: Now, watched: &Watched, known: Option<&Known>, config: &Config) -> Self {
        let known = known.filter(|known| known.networks == watched.networks);
        let known = known.cloned().unwrap_or_default();
        let place = |(address, mac): (IpAddr, String)| Some((address, mac.parse().ok()?));
        let dhcp = config.dhcp_servers.iter().copied().chain(known.dhcp);
        let routers = config.routers.iter().copied().chain(known.routers);
        Self {
            name: Arc::clone(&watched.name),
            networks: watched.networks.clone(),
            gateways: BTreeSet::new(),
            claims: Claims::remembering(known.gateways.into_iter().filter_map(place).collect()),
            dhcp: Servers::knowing(dhcp),
            routers: Servers::knowing(routers),
            since: now,
            is_settled: known.is_settled,
        }
    }

    /// Somebody says where an address is.
    pub(super) fn claimed(
        &mut self,
        now: Now,
        address: IpAddr,
        mac: Mac,
        is_own: bool,
    ) -> Option<Event> {
        let role = match () {
            () if is_own => Role::Own,
            () if self.gateways.contains(&address) => Role::Gateway,
            () => Role::Other,
        };
        let event = self.claims.claimed(now, address, mac, role)?;
        Some(event.with("network.interface", &*self.name))
    }

    /// A router of IPv6 offers itself.
    pub(super) fn offered(
        &mut self,
        now: Now,
        router: &Router,
        mac: Mac,
        is_own: bool,
    ) -> Option<Event> {
        if router.lifetime_s == 0 && router.prefixes.is_empty() {
            return None;
        }
        let known: Vec<String> = self.routers.accepted().map(|it| it.to_string()).collect();
        let learning = !self.is_settled || is_own || mac.is_shared_by_routers();
        if !self.routers.heard(now, router.address, Some(mac), learning) {
            return None;
        }
        let event = Event::own(now.time, kind::NETWORK_ROUTER_CONFLICT)
            .with("network.interface", &*self.name)
            .with("router.ip", router.address.to_string())
            .with("router.mac", mac.to_string())
            .with("router.vendor", vendor::of(mac))
            .with("router.prefixes", router.prefixes.clone())
            .with("router.lifetime_s", router.lifetime_s)
            .with("router.known", known);
        Some(event)
    }

    /// A message of DHCP. A client's says which server it chose; that is all one hears of a server
    /// that answers to one machine only.
    pub(super) fn dhcp(&mut self, now: Now, message: &Dhcp, from: Mac) -> Option<Event> {
        let is_lasting = matches!(message.kind, Kind::Request | Kind::Ack);
        if let Some(address) = message.address.filter(|_| is_lasting) {
            self.claims.expect(now, address.into(), message.client);
        }
        let server = message.server?;
        let mac = message.kind.is_of_server().then_some(from);
        let known: Vec<String> = self.dhcp.accepted().map(|it| it.to_string()).collect();
        // The first one is the one that belongs here.
        let learning = self.dhcp.is_empty();
        if !self.dhcp.heard(now, server, mac, learning) {
            return None;
        }
        let text = |address: Option<std::net::Ipv4Addr>| address.map(|it| it.to_string());
        let event = Event::own(now.time, kind::NETWORK_DHCP_CONFLICT)
            .with("network.interface", &*self.name)
            .with("dhcp.server.ip", server.to_string())
            .with("dhcp.server.mac", mac.map(|mac| mac.to_string()))
            .with("dhcp.server.vendor", mac.and_then(vendor::of))
            .with("dhcp.message", message.kind.as_str())
            .with("dhcp.client.mac", message.client.to_string())
            .with("dhcp.router", text(message.router))
            .with("dhcp.dns", text(message.dns))
            .with("dhcp.known", known);
        Some(event)
    }

    /// Reports what has become certain with time.
    pub(super) fn tick(&mut self, now: Now, learns_for: Duration) -> Vec<Event> {
        self.is_settled |= now.at.saturating_sub(self.since.at) >= learns_for;
        let events = self.claims.tick(now).into_iter();
        events.map(|event| event.with("network.interface", &*self.name)).collect()
    }

    /// What the next run shall know.
    pub(super) fn known(&self) -> Known {
        let places = self.claims.places(self.gateways.iter().copied()).into_iter();
        Known {
            networks: self.networks.clone(),
            gateways: places.map(|(address, mac)| (address, mac.to_string())).collect(),
            dhcp: self.dhcp.accepted().collect(),
            routers: self.routers.accepted().collect(),
            is_settled: self.is_settled,
        }
    }
}
