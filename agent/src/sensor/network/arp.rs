use std::net::Ipv4Addr;

use super::bytes::{array, ipv4, mac, number};
use super::mac::Mac;

/// A question or an answer. Both say where the sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Whether it asks.
    pub is_question: bool,
    /// The sender's hardware address, as it says.
    pub sender: Mac,
    /// The sender's address; none while it only looks whether an address is free.
    pub address: Option<Ipv4Addr>,
    /// Who is asked for.
    pub target: Ipv4Addr,
}

/// Reads what follows Ethernet's header.
///
/// | bytes | what |
/// |---|---|
/// | 0–5 | hardware 1, protocol 0x0800, lengths 6 and 4 |
/// | 6–7 | 1 question, 2 answer |
/// | 8–13, 14–17 | sender |
/// | 18–23, 24–27 | target |
///
/// Source: RFC 826; RFC 5227 for questions without a sender.
pub fn read(bytes: &[u8]) -> Option<Arp> {
    if array::<6>(bytes, 0)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let is_question = match number(bytes, 6)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let address = ipv4(bytes, 14)?;
    Some(Arp {
        is_question,
        sender: mac(bytes, 8)?,
        address: is_of_one_machine(address).then_some(address),
        target: ipv4(bytes, 24)?,
    })
}

/// Whether an address can be one machine's.
pub(super) fn is_of_one_machine(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_loopback())
}
