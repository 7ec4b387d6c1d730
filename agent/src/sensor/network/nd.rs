use std::net::{IpAddr, Ipv6Addr};

use super::bytes::{byte, ipv6, mac, number};
use super::ip::{ICMPV6, Packet};
use super::mac::Mac;

/// Options of one message that are looked at.
const OPTIONS_MAX: usize = 32;
/// Prefixes of one advertisement that are kept.
const PREFIXES_MAX: usize = 8;

/// A message of neighbour discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nd {
    /// Where an address is: of the sender of a question, or what an answer is about.
    Claim {
        /// The address.
        address: Ipv6Addr,
        /// Who has it.
        mac: Mac,
    },
    /// A router offers itself.
    Router(Router),
}

/// What a router says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Its link-local address.
    pub address: Ipv6Addr,
    /// Where it says it is; none where it does not say.
    pub mac: Option<Mac>,
    /// How long it may be a way out, in seconds; 0: it is none, or leaves.
    pub lifetime_s: u16,
    /// Networks it announces: `2001:db8::/64`.
    pub prefixes: Vec<String>,
}

/// Reads a message. One that has passed a router, or that comes from afar, is none: neighbours
/// alone may speak. Source: RFC 4861, sections 4.1 to 4.6, 6.1 and 7.1.
pub fn read(packet: &Packet<'_>) -> Option<Nd> {
    let IpAddr::V6(source) = packet.source else { return None };
    let bytes = packet.payload;
    if packet.protocol != ICMPV6 || packet.hops != 255 || byte(bytes, 1)? != 0 {
        return None;
    }
    match byte(bytes, 0)? {
        133 => claim(source, option(bytes, 8, 1)),
        134 => router(bytes, source),
        135 => claim(source, option(bytes, 24, 1)),
        136 => claim(ipv6(bytes, 8)?, option(bytes, 24, 2)),
        _ => None,
    }
}

fn claim(address: Ipv6Addr, option: Option<&[u8]>) -> Option<Nd> {
    let mac = mac(option?, 2)?;
    is_of_one_machine(address).then_some(Nd::Claim { address, mac })
}

fn router(bytes: &[u8], address: Ipv6Addr) -> Option<Nd> {
    if !address.is_unicast_link_local() {
        return None;
    }
    let prefixes = options(bytes, 16).filter(|option| option.first() == Some(&3));
    let text = |option: &[u8]| Some(format!("{}/{}", ipv6(option, 16)?, byte(option, 2)?));
    Some(Nd::Router(Router {
        address,
        mac: option(bytes, 16, 1).and_then(|option| mac(option, 2)),
        lifetime_s: number(bytes, 6)?,
        prefixes: prefixes.filter_map(text).take(PREFIXES_MAX).collect(),
    }))
}

fn option(bytes: &[u8], at: usize, kind: u8) -> Option<&[u8]> {
    options(bytes, at).find(|option| option.first() == Some(&kind))
}

/// The options: type, length in units of eight bytes, the rest. Source: RFC 4861, section 4.6.
fn options(bytes: &[u8], at: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.get(at..).unwrap_or_default();
    let next = move || {
        let length = usize::from(byte(rest, 1)?) * 8;
        if length == 0 || length > rest.len() {
            return None;
        }
        let (option, after) = rest.split_at(length);
        rest = after;
        Some(option)
    };
    std::iter::from_fn(next).take(OPTIONS_MAX)
}

/// Whether an address can be one machine's. That of all routers of a network (RFC 4291, section
/// 2.6.1) is answered by each of them.
fn is_of_one_machine(address: Ipv6Addr) -> bool {
    let [.., a, b, c, d] = address.segments();
    !(address.is_unspecified() || address.is_multicast() || address.is_loopback())
        && [a, b, c, d] != [0; 4]
}
