use std::net::IpAddr;

use super::bytes::{byte, ipv4, ipv6, number};

/// Numbers of protocols. Source: IANA, "Protocol Numbers".
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;
/// Headers looked through before the payload of IPv6.
const HEADERS_MAX: usize = 8;

/// A packet of the internet protocol, either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// From.
    pub source: IpAddr,
    /// To.
    pub destination: IpAddr,
    /// Routers it may still pass; 255 says that it passed none.
    pub hops: u8,
    /// What the payload is.
    pub protocol: u8,
    /// As much as was caught.
    pub payload: &'a [u8],
}

/// Reads IPv4. A later part of a cut packet says nothing. Source: RFC 791, section 3.1.
pub fn read_v4(bytes: &[u8]) -> Option<Packet<'_>> {
    let first = byte(bytes, 0)?;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < 20 || number(bytes, 6)? & 0x1fff != 0 {
        return None;
    }
    Some(Packet {
        source: ipv4(bytes, 12)?.into(),
        destination: ipv4(bytes, 16)?.into(),
        hops: byte(bytes, 8)?,
        protocol: byte(bytes, 9)?,
        payload: bytes.get(header..)?,
    })
}

/// Reads IPv6, through the headers that may stand before the payload: whoever hides an
/// advertisement behind one is heard all the same. Cut packets say nothing; hosts must not heed
/// advertisements in them either. Source: RFC 8200, section 4; RFC 6980, section 5.
pub fn read_v6(bytes: &[u8]) -> Option<Packet<'_>> {
    if byte(bytes, 0)? >> 4 != 6 {
        return None;
    }
    let (mut protocol, mut at) = (byte(bytes, 6)?, 40);
    for _ in 0..HEADERS_MAX {
        if !matches!(protocol, 0 | 43 | 60) {
            break;
        }
        let units = usize::from(byte(bytes, at + 1)?);
        (protocol, at) = (byte(bytes, at)?, at + (units + 1) * 8);
    }
    Some(Packet {
        source: ipv6(bytes, 8)?.into(),
        destination: ipv6(bytes, 24)?.into(),
        hops: byte(bytes, 7)?,
        protocol,
        payload: bytes.get(at..)?,
    })
}
