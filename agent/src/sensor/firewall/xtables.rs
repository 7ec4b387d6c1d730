//! Matches of iptables that `iptables-nft` leaves as they are. Layouts are those of the kernel:
//! Source: Linux `include/uapi/linux/netfilter/xt_*.h`. Whatever is not plain is "perhaps".

use super::packet::{Packet, STATE_ESTABLISHED, STATE_NEW, STATE_UNTRACKED};
use crate::sensor::netlink::part;

/// Whether a packet matches; nothing where that is not known.
pub(super) fn matches(packet: &Packet, name: &str, revision: u32, info: &[u8]) -> Option<bool> {
    match (name, revision) {
        ("comment", _) => Some(true),
        ("conntrack", 2 | 3) => conntrack(packet, info),
        ("state", 0) => {
            let mask = u32::from_ne_bytes(part(info, 0)?);
            Some(mask & bit(packet.state?, 1 << 6)? != 0)
        }
        ("tcp", 0) => tcp(packet, info),
        ("udp", 0) => udp(packet, info),
        ("multiport", 1) => multiport(packet, info),
        ("addrtype", 1) => addrtype(packet, info),
        _ => None,
    }
}

/// The bit iptables has for a state.
fn bit(state: u32, untracked: u32) -> Option<u32> {
    match state {
        STATE_NEW => Some(1 << 3),
        STATE_ESTABLISHED => Some(1 << 1),
        STATE_UNTRACKED => Some(untracked),
        _ => None,
    }
}

// | bytes | what                                                 |
// |-------|------------------------------------------------------|
// | 128   | four addresses with their masks                      |
// | 8     | expiry                                               |
// | 10    | protocol, four ports                                 |
// | 2, 2  | what is compared, what of it is turned round         |
// | 2, 2  | states, status                                       |
fn conntrack(packet: &Packet, info: &[u8]) -> Option<bool> {
    const STATE: u16 = 1;
    // Says that it was written as `-m state`.
    const ALIAS: u16 = 1 << 13;
    let compared = u16::from_ne_bytes(part(info, 146)?);
    let turned = u16::from_ne_bytes(part(info, 148)?);
    let states = u16::from_ne_bytes(part(info, 150)?);
    if compared & !ALIAS != STATE {
        return None;
    }
    let hit = u32::from(states) & bit(packet.state?, 1 << 8)? != 0;
    Some(hit != (turned & STATE != 0))
}

/// Two ports as a range, and whether it is turned round.
fn in_range(port: Option<u16>, info: &[u8], at: usize, is_turned: bool) -> Option<bool> {
    let low = u16::from_ne_bytes(part(info, at)?);
    let high = u16::from_ne_bytes(part(info, at + 2)?);
    if (low, high) == (0, u16::MAX) {
        return Some(!is_turned);
    }
    port.map(|port| (low..=high).contains(&port) != is_turned)
}

/// Both must hold.
fn both(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

// | bytes      | what                                         |
// |------------|----------------------------------------------|
// | 2, 2, 2, 2 | source ports from, to; destination from, to  |
// | 1, 1, 1, 1 | option, mask of flags, flags, what is turned |
fn tcp(packet: &Packet, info: &[u8]) -> Option<bool> {
    let [option, mask, wanted, turned] = part(info, 8)?;
    if !packet.is_tcp {
        return Some(false);
    }
    if option != 0 {
        return None;
    }
    let (source, target) = packet.ports();
    let flags = packet.transport.get(13).copied().flatten();
    let flags = if mask == 0 {
        Some(true)
    } else {
        flags.map(|flags| (flags & mask == wanted) != (turned & 4 != 0))
    };
    let ports = both(
        in_range(source, info, 0, turned & 1 != 0),
        in_range(target, info, 4, turned & 2 != 0),
    );
    both(ports, flags)
}

fn udp(packet: &Packet, info: &[u8]) -> Option<bool> {
    let [turned] = part(info, 8)?;
    if packet.is_tcp {
        return Some(false);
    }
    let (source, target) = packet.ports();
    both(in_range(source, info, 0, turned & 1 != 0), in_range(target, info, 4, turned & 2 != 0))
}

// | bytes | what                                                         |
// |-------|--------------------------------------------------------------|
// | 1, 1  | 0 source, 1 destination, 2 either; how many                  |
// | 30    | ports                                                        |
// | 15    | whether a port begins a range                                |
// | 1     | turned round                                                 |
fn multiport(packet: &Packet, info: &[u8]) -> Option<bool> {
    let [kind, count] = part(info, 0)?;
    let [turned] = part(info, 47)?;
    let (source, target) = packet.ports();
    let port = match kind {
        0 => source?,
        1 => target?,
        _ => return None,
    };
    let (mut at, mut hit) = (0, false);
    while at < usize::from(count).min(15) {
        let low = u16::from_ne_bytes(part(info, 2 + at * 2)?);
        let mut high = low;
        if part::<1>(info, 32 + at)? != [0] {
            at += 1;
            high = u16::from_ne_bytes(part(info, 2 + at * 2)?);
        }
        hit |= (low..=high).contains(&port);
        at += 1;
    }
    Some(hit != (turned != 0))
}

// | bytes | what                                  |
// |-------|---------------------------------------|
// | 2, 2  | kinds of source, destination, as bits |
// | 4     | flags                                 |
fn addrtype(packet: &Packet, info: &[u8]) -> Option<bool> {
    const LOCAL: u16 = 1 << 2;
    const TURN_DESTINATION: u32 = 2;
    let source = u16::from_ne_bytes(part(info, 0)?);
    let target = u16::from_ne_bytes(part(info, 2)?);
    let flags = u32::from_ne_bytes(part(info, 4)?);
    if source != 0 || flags & !TURN_DESTINATION != 0 || packet.is_reply {
        return None;
    }
    Some(target == 0 || (target & LOCAL != 0) != (flags & TURN_DESTINATION != 0))
}

#[cfg(test)]
mod tests {
    use super::super::packet::{Interface, Question};
    use super::*;

    #[test]
    fn short_layouts_are_not_known_and_never_panic() {
        let packet = Packet::request(&Question {
            source: None,
            interface: Interface { name: "eth0".to_owned(), index: 2 },
            destination: "192.0.2.1".parse().unwrap(),
            port: 22,
            is_tcp: true,
        });
        for name in ["conntrack", "state", "tcp", "udp", "multiport", "addrtype", "recent"] {
            for revision in 0..4 {
                for length in 0..160 {
                    matches(&packet, name, revision, &vec![0xff; length]);
                }
            }
        }
        assert_eq!(matches(&packet, "recent", 0, &[]), None);
        assert_eq!(matches(&packet, "comment", 0, &[]), Some(true));
    }
}
