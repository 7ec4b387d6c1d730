//! From a frame to what it says. Pure and total: what is cut short, unknown or not for us says
//! nothing.

use std::net::IpAddr;

use super::bytes::{mac, number};
use super::mac::Mac;
use super::{arp, dhcp, ip, mdns, nd, probe};

/// One frame, as far as this sensor reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Who put it on the wire.
    pub from: Mac,
    /// What it says.
    pub says: Says,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Who has which IPv4 address.
    Arp(arp::Arp),
    /// Who has which IPv6 address, and who is a router.
    Nd(nd::Nd),
    /// Who asks for an address, and who gives them.
    Dhcp(dhcp::Dhcp),
    /// What a machine calls itself.
    Named {
        /// Where it says so.
        address: IpAddr,
        /// `printer-2`
        name: String,
    },
    /// Somebody knocks at a port, or a port was (not) there.
    Probe(probe::Probe),
}

/// Bytes before the payload: two addresses and the type.
/// Source: IEEE 802.3, section 3.1.1.
const HEADER: usize = 14;
/// Tags of virtual networks: 802.1Q and 802.1ad. At most two of them are looked through.
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// Reads a frame.
pub fn read(bytes: &[u8]) -> Option<Frame> {
    let from = mac(bytes, 6)?;
    let (mut kind, mut at) = (number(bytes, 12)?, HEADER);
    for _ in 0..2 {
        if TAGS.contains(&kind) {
            (kind, at) = (number(bytes, at + 2)?, at + 4);
        }
    }
    let payload = bytes.get(at..)?;
    let says = match kind {
        0x0806 => Says::Arp(arp::read(payload)?),
        0x0800 => transport(&ip::read_v4(payload)?)?,
        0x86dd => transport(&ip::read_v6(payload)?)?,
        _ => return None,
    };
    Some(Frame { from, says })
}

fn transport(packet: &ip::Packet<'_>) -> Option<Says> {
    match packet.protocol {
        ip::UDP => udp(packet),
        ip::ICMPV6 => match nd::read(packet) {
            Some(nd) => Some(Says::Nd(nd)),
            None => probe::read(packet).map(Says::Probe),
        },
        _ => probe::read(packet).map(Says::Probe),
    }
}

/// Source: RFC 768. Ports of DHCP: RFC 2131, section 4.1; of multicast DNS: RFC 6762, section 3.
fn udp(packet: &ip::Packet<'_>) -> Option<Says> {
    let ports = (number(packet.payload, 0)?, number(packet.payload, 2)?);
    let message = packet.payload.get(8..)?;
    match ports {
        (67 | 68, 67 | 68) => dhcp::read(message).map(Says::Dhcp),
        (5353, _) => {
            let name = mdns::name_of(message, packet.source)?;
            Some(Says::Named { address: packet.source, name })
        }
        _ => None,
    }
}
