use std::net::IpAddr;

use super::bytes::{byte, number};
use super::ip::{self, Packet};

/// Numbers below belong to services; from here on the kernel gives them to clients, and what
/// arrives late for a client that has gone is no knocking. Also where `traceroute` aims at.
/// Source: /proc/sys/net/ipv4/ip_local_port_range, its default.
const CLIENTS_FROM: u16 = 32_768;

/// Knocking at a port, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A packet that opens a TCP connection, or one that no connection ever has (no flags at all,
    /// or `FIN` out of nowhere).
    Knock {
        /// Who.
        from: IpAddr,
        /// Whose port.
        to: IpAddr,
        /// Which.
        port: u16,
    },
    /// The port took the connection.
    Welcome {
        /// Who had knocked.
        from: IpAddr,
        /// At which.
        port: u16,
    },
    /// The kernel says that nobody listens at this UDP port.
    Nobody {
        /// Who is told so.
        from: IpAddr,
        /// Whose port.
        to: IpAddr,
        /// Which.
        port: u16,
    },
}

/// Reads a packet. Source: RFC 9293, section 3.1 (flags: byte 13); RFC 792 and RFC 4443, section
/// 3.1 (the packet that was refused stands behind eight bytes).
pub fn read(packet: &Packet<'_>) -> Option<Probe> {
    match packet.protocol {
        ip::TCP => tcp(packet),
        ip::ICMP => refused(packet, (3, 3), ip::read_v4),
        ip::ICMPV6 => refused(packet, (1, 4), ip::read_v6),
        _ => None,
    }
}

fn tcp(packet: &Packet<'_>) -> Option<Probe> {
    let flags = byte(packet.payload, 13)?;
    let (source, destination) = (number(packet.payload, 0)?, number(packet.payload, 2)?);
    let (acknowledges, resets, opens) = (flags & 0x10 != 0, flags & 0x04 != 0, flags & 0x02 != 0);
    if acknowledges && opens && !resets {
        return Some(Probe::Welcome { from: packet.destination, port: source });
    }
    let knocks = !acknowledges && !resets;
    let (from, to) = (packet.source, packet.destination);
    knocks.then_some(Probe::Knock { from, to, port: destination })
}

fn refused(
    packet: &Packet<'_>,
    wanted: (u8, u8),
    inner: fn(&[u8]) -> Option<Packet<'_>>,
) -> Option<Probe> {
    if (byte(packet.payload, 0)?, byte(packet.payload, 1)?) != wanted {
        return None;
    }
    let refused = inner(packet.payload.get(8..)?)?;
    let port = number(refused.payload, 2)?;
    if refused.protocol != ip::UDP || port >= CLIENTS_FROM {
        return None;
    }
    Some(Probe::Nobody { from: refused.source, to: refused.destination, port })
}
