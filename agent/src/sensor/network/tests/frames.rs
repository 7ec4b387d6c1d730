//! Frames as they are on the wire.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{BROADCAST, Mac};

pub(super) fn ethernet(from: Mac, to: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to.0[..], &from.0[..], &kind.to_be_bytes()[..], payload].concat()
}

pub(super) fn arp(from: Mac, address: Ipv4Addr, target: Ipv4Addr, asks: bool) -> Vec<u8> {
    let operation = [0, if asks { 1 } else { 2 }];
    let (address, target) = (address.octets(), target.octets());
    let head = [0, 1, 8, 0, 6, 4];
    let body = [&head[..], &operation, &from.0, &address, &[0; 6], &target].concat();
    ethernet(from, BROADCAST, 0x0806, &body)
}

pub(super) fn ip4(from: Mac, source: Ipv4Addr, to: Ipv4Addr, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut head = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    head.extend(source.octets());
    head.extend(to.octets());
    ethernet(from, BROADCAST, 0x0800, &[&head[..], body].concat())
}

pub(super) fn ip6(from: Mac, source: Ipv6Addr, to: Ipv6Addr, next: u8, body: &[u8]) -> Vec<u8> {
    let mut head = vec![0x60, 0, 0, 0, 0, 0, next, 255];
    head.extend(source.octets());
    head.extend(to.octets());
    ethernet(from, BROADCAST, 0x86dd, &[&head[..], body].concat())
}

pub(super) fn tcp(from: Mac, source: Ipv4Addr, to: Ipv4Addr, port: u16, flags: u8) -> Vec<u8> {
    let port = port.to_be_bytes();
    let ports = if flags == 0x12 { [port, [0x9c, 0x40]] } else { [[0x9c, 0x40], port] };
    let rest = [0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
    ip4(from, source, to, 6, &[ports.as_flattened(), &rest].concat())
}

/// The kernel's word that nobody listens at a UDP port; `from` had asked.
pub(super) fn refusal(own: Mac, to: Ipv4Addr, from: Ipv4Addr, port: u16) -> Vec<u8> {
    let udp = [[0x9c, 0x40], port.to_be_bytes(), [0, 8], [0, 0]];
    let refused = ip4(own, from, to, 17, udp.as_flattened());
    ip4(own, to, from, 1, &[&[3, 3, 0, 0, 0, 0, 0, 0], &refused[14..]].concat())
}

pub(super) fn udp(ports: (u16, u16), body: &[u8]) -> Vec<u8> {
    let ports = [ports.0.to_be_bytes(), ports.1.to_be_bytes(), [0, 0], [0, 0]];
    [ports.as_flattened(), body].concat()
}

pub(super) fn router(from: Mac, address: Ipv6Addr, lifetime: u16, prefix: Ipv6Addr) -> Vec<u8> {
    let lifetime = lifetime.to_be_bytes();
    let mut body = vec![134, 0, 0, 0, 64, 0, lifetime[0], lifetime[1]];
    body.extend([0; 8]);
    body.extend([&[1, 1][..], &from.0].concat());
    body.extend([3, 4, 64, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(prefix.octets());
    ip6(from, address, "ff02::1".parse().unwrap(), 58, &body)
}

/// An answer about an address, with the hardware address in its option.
pub(super) fn advertisement(from: Mac, address: Ipv6Addr) -> Vec<u8> {
    let mut body = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    body.extend(address.octets());
    body.extend([&[2, 1][..], &from.0].concat());
    ip6(from, address, "ff02::1".parse().unwrap(), 58, &body)
}

/// Options of DHCP: number and value.
pub(super) fn dhcp(
    from: Mac,
    client: Mac,
    source: Ipv4Addr,
    given: Ipv4Addr,
    options: &[(u8, &[u8])],
) -> Vec<u8> {
    let is_server = source != Ipv4Addr::UNSPECIFIED;
    let mut body = vec![if is_server { 2 } else { 1 }, 1, 6];
    body.resize(16, 0);
    body.extend(given.octets());
    body.resize(28, 0);
    body.extend(client.0);
    body.resize(236, 0);
    body.extend([99, 130, 83, 99]);
    for (number, value) in options {
        body.extend([*number, u8::try_from(value.len()).unwrap()]);
        body.extend(*value);
    }
    body.push(255);
    let ports = if is_server { (67, 68) } else { (68, 67) };
    ip4(from, source, Ipv4Addr::BROADCAST, 17, &udp(ports, &body))
}

/// An answer of multicast DNS: `name`.local is at an address.
pub(super) fn named(from: Mac, source: Ipv4Addr, name: &str, address: Ipv4Addr) -> Vec<u8> {
    let mut body = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    for label in [name, "local"] {
        body.push(u8::try_from(label.len()).unwrap());
        body.extend(label.as_bytes());
    }
    body.extend([0, 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4]);
    body.extend(address.octets());
    ip4(from, source, "224.0.0.251".parse().unwrap(), 17, &udp((5353, 5353), &body))
}
