//! Which interfaces there are, and which of them are watched.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use pnet_datalink::NetworkInterface;

use super::Config;
use super::mac::Mac;
use crate::sensor::Root;

/// Interfaces that are watched at once.
pub(super) const INTERFACES_MAX: usize = 8;
/// Bridges and ends of containers and virtual machines: what they say stays inside of this host.
const INNER: [&str; 10] =
    ["docker", "br-", "veth", "virbr", "vnet", "cni", "flannel", "cali", "lxc", "podman"];
/// The interface is part of a bond, which is watched instead. Source: netdevice(7), `IFF_SLAVE`.
const IS_PART: u32 = 0x800;

/// What this host has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) macs: BTreeSet<Mac>,
    pub(super) addresses: BTreeSet<IpAddr>,
}

/// An interface that is watched.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) name: Arc<str>,
    /// `192.0.2.0/24`, sorted: which network it is in, as far as one can tell.
    pub(super) networks: BTreeSet<String>,
    pub(super) interface: NetworkInterface,
}

/// Addresses of this host and the interfaces to watch, as they are now.
pub(super) fn look(root: &Root, config: &Config) -> (Own, Vec<Watched>) {
    let interfaces = pnet_datalink::interfaces();
    let own = own(&interfaces);
    let is_bridged = |name: &str| root.path(format!("/sys/class/net/{name}/brport")).exists();
    let wanted = interfaces.into_iter().filter(|interface| {
        is_wanted(interface, config)
            && (config.names(&interface.name) || !is_bridged(&interface.name))
    });
    (own, wanted.take(INTERFACES_MAX).map(Watched::new).collect())
}

fn own(interfaces: &[NetworkInterface]) -> Own {
    let macs = interfaces.iter().filter_map(|interface| interface.mac);
    let addresses = interfaces.iter().flat_map(|interface| interface.ips.iter());
    Own {
        macs: macs.map(|mac| Mac(mac.octets())).filter(|mac| mac.is_one_machine()).collect(),
        addresses: addresses.map(|network| network.ip()).collect(),
    }
}

fn is_wanted(interface: &NetworkInterface, config: &Config) -> bool {
    let is_ethernet = interface.mac.is_some_and(|mac| !mac.is_zero());
    let is_lan = is_ethernet && !interface.is_loopback() && !interface.is_point_to_point();
    if !is_lan || !interface.is_up() || !interface.is_running() {
        return false;
    }
    if !config.interfaces.is_empty() {
        return config.names(&interface.name);
    }
    interface.flags & IS_PART == 0 && !INNER.iter().any(|start| interface.name.starts_with(start))
}

impl Watched {
    fn new(interface: NetworkInterface) -> Self {
        let ipv4 = interface.ips.iter().filter(|network| network.is_ipv4());
        let networks = ipv4.map(|it| format!("{}/{}", it.network(), it.prefix())).collect();
        Self { name: Arc::from(interface.name.as_str()), networks, interface }
    }
}
