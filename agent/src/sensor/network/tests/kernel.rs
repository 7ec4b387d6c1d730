//! The kernel itself runs the filters, on frames sent through a pair of local sockets. There every
//! frame is one to us, of no virtual network.

use std::io;
use std::net::Ipv6Addr;

use socket2::{Domain, SockFilter, Socket, Type};

use super::super::filter;
use super::*;

/// How many bytes of a frame the filter lets through; none: it is dropped.
fn passes(filter: &[SockFilter], frame: &[u8]) -> Option<usize> {
    let (near, far) = Socket::pair(Domain::UNIX, Type::DGRAM, None).unwrap();
    far.attach_filter(filter).unwrap();
    far.set_nonblocking(true).unwrap();
    near.send(frame).ok();
    let mut bytes = [0; 2048];
    match io::Read::read(&mut &far, &mut bytes) {
        Ok(count) => Some(count),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            None
        }
    }
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

#[test]
fn the_neighbourhood_is_let_through_and_nothing_else() {
    let filter = filter::neighbourhood();
    let check = |frame: &[u8], expected: bool, what: &str| {
        assert_eq!(passes(&filter, frame).is_some(), expected, "{what}");
    };
    let (host, other) = (v4("192.0.2.10"), v4("192.0.2.20"));
    let router = frames::router(GATEWAY, v6("fe80::1"), 1800, v6("2001:db8::"));
    check(&frames::arp(GATEWAY, other, host, true), true, "ARP");
    check(&router, true, "a router");
    check(&frames::advertisement(THIEF, v6("fe80::66")), true, "a neighbour");
    let mut hidden = router.clone();
    hidden[14 + 6] = 60;
    hidden.splice(54..54, [58, 0, 1, 4, 0, 0, 0, 0]);
    check(&hidden, true, "a router behind another header");
    check(&frames::dhcp(GATEWAY, mac(1), other, host, &[(53, &[5])]), true, "a server");
    check(&frames::dhcp(mac(1), mac(1), v4("0.0.0.0"), host, &[(53, &[1])]), true, "a client");
    check(&frames::named(mac(9), other, "printer-2", other), true, "a name");
    check(&frames::tcp(THIEF, other, host, 22, 0x02), false, "TCP");
    check(&frames::ip4(THIEF, other, host, 17, &frames::udp((53, 4000), b"x")), false, "DNS");
    check(&frames::ip6(THIEF, v6("fe80::9"), v6("ff02::1"), 58, &[128; 20]), false, "a ping");
    check(&frames::ethernet(THIEF, BROADCAST, 0x88cc, &[0; 60]), false, "LLDP");
    check(&[], false, "nothing");
    check(&[0; 13], false, "less than a header");
}

#[test]
fn knocks_are_let_through_without_payload() {
    let filter = filter::probes();
    let (host, other) = (v4("192.0.2.10"), v4("192.0.2.20"));
    let tcp = |flags| {
        let frame = frames::tcp(THIEF, other, host, 22, flags);
        [&frame[..], &[0xaa; 1000]].concat()
    };
    assert_eq!(passes(&filter, &tcp(0x02)), Some(96));
    for knock in [0x02, 0x00, 0x01, 0x29, 0xc2] {
        assert!(passes(&filter, &tcp(knock)).is_some(), "{knock:#x}");
    }
    // What belongs to a connection, and answers that others give.
    for other in [0x10, 0x18, 0x11, 0x14, 0x04, 0x12] {
        assert!(passes(&filter, &tcp(other)).is_none(), "{other:#x}");
    }
    let mut options = frames::tcp(THIEF, other, host, 22, 0x02);
    options[14] = 0x46;
    options.splice(34..34, [1, 1, 1, 1]);
    assert!(passes(&filter, &options).is_some(), "behind options of IPv4");
    let body = [0x9c, 0x40, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0];
    let six = frames::ip6(THIEF, v6("2001:db8::9"), v6("2001:db8::10"), 6, &body);
    assert!(passes(&filter, &six).is_some(), "IPv6");
    assert!(passes(&filter, &frames::arp(GATEWAY, other, host, true)).is_none(), "ARP");
}
