//! What the sensor knows from one run to the next: where gateways were, who gives addresses, who is
//! a router.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::interfaces::INTERFACES_MAX;
use crate::sensor::Position;

/// Name of the position.
pub(super) const SOURCE: &str = "network known";
/// Of each kind on each interface so many are remembered.
const EACH_MAX: usize = 4;
/// A position's most bytes.
const BYTES_MAX: usize = 4096;

/// What was known about one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    /// Which network it was.
    pub(super) networks: BTreeSet<String>,
    /// Gateways and their hardware addresses as text.
    pub(super) gateways: BTreeMap<IpAddr, String>,
    /// Servers of DHCP.
    pub(super) dhcp: BTreeSet<Ipv4Addr>,
    /// Routers of IPv6.
    pub(super) routers: BTreeSet<Ipv6Addr>,
    /// Whether it had been watched long enough to call a router a stranger.
    pub(super) is_settled: bool,
}

/// By interface.
pub(super) type Memory = BTreeMap<String, Known>;

/// Reads a position; one that is not ours is an empty memory.
pub(super) fn read(bytes: Option<Vec<u8>>) -> Memory {
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// As a position: a JSON object, cut to what fits.
pub(super) fn position(memory: Memory) -> Option<Position> {
    let cut = |mut known: Known| {
        known.networks = known.networks.into_iter().take(EACH_MAX).collect();
        known.gateways = known.gateways.into_iter().take(EACH_MAX).collect();
        known.dhcp = known.dhcp.into_iter().take(EACH_MAX).collect();
        known.routers = known.routers.into_iter().take(EACH_MAX).collect();
        known
    };
    let cut: Memory =
        memory.into_iter().take(INTERFACES_MAX).map(|(name, known)| (name, cut(known))).collect();
    let bytes = serde_json::to_vec(&cut).ok()?;
    (bytes.len() <= BYTES_MAX).then(|| Position { source: SOURCE.to_owned(), bytes })
}
