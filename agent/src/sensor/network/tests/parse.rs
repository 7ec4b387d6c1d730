use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::super::dhcp::Kind;
use super::super::frame::Says;
use super::super::nd::Nd;
use super::super::probe::Probe;
use super::*;

fn says(bytes: &[u8]) -> Option<Says> {
    read(bytes).map(|frame| frame.says)
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// One frame of every kind that is read.
fn all() -> Vec<Vec<u8>> {
    let (host, other) = (v4("192.0.2.10"), v4("192.0.2.20"));
    vec![
        frames::arp(GATEWAY, v4("192.0.2.1"), host, true),
        frames::tcp(THIEF, other, host, 22, 0x02),
        frames::tcp(OWN, host, other, 22, 0x12),
        frames::refusal(OWN, host, other, 161),
        frames::router(GATEWAY, v6("fe80::1"), 1800, v6("2001:db8::")),
        frames::advertisement(THIEF, v6("fe80::66")),
        frames::dhcp(GATEWAY, mac(1), v4("192.0.2.1"), other, &[(53, &[5]), (54, &[192, 0, 2, 1])]),
        frames::named(mac(9), other, "printer-2", other),
    ]
}

#[test]
fn a_sender_of_arp_says_where_it_is_but_not_while_it_probes() {
    let Some(Says::Arp(arp)) = says(&frames::arp(THIEF, v4("192.0.2.1"), v4("192.0.2.2"), false))
    else {
        panic!("no ARP")
    };
    assert_eq!((arp.sender, arp.address), (THIEF, Some(v4("192.0.2.1"))));
    assert!(!arp.is_question);
    let probe = says(&frames::arp(THIEF, v4("0.0.0.0"), v4("192.0.2.2"), true));
    assert!(matches!(probe, Some(Says::Arp(arp)) if arp.address.is_none()));
}

#[test]
fn tags_of_virtual_networks_are_looked_through() {
    let plain = frames::arp(GATEWAY, v4("192.0.2.1"), v4("192.0.2.2"), true);
    let tagged = [&plain[..12], &[0x81, 0, 0, 7], &plain[12..]].concat();
    let twice = [&plain[..12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9], &plain[12..]].concat();
    assert_eq!(says(&tagged), says(&plain));
    assert_eq!(says(&twice), says(&plain));
}

#[test]
fn neighbours_are_believed_only_when_they_are_neighbours() {
    let near = frames::advertisement(THIEF, v6("2001:db8::66"));
    let claim = Nd::Claim { address: v6("2001:db8::66"), mac: THIEF };
    assert_eq!(says(&near), Some(Says::Nd(claim)));
    let mut far = near.clone();
    far[14 + 7] = 64;
    assert_eq!(says(&far), None);
    let anycast = frames::advertisement(THIEF, v6("2001:db8::"));
    assert_eq!(says(&anycast), None, "each router answers for that one");
}

#[test]
fn an_advertisement_hidden_behind_other_headers_is_heard() {
    let plain = frames::router(THIEF, v6("fe80::66"), 1800, v6("2001:db8:66::"));
    let Some(Says::Nd(Nd::Router(router))) = says(&plain) else { panic!("no router") };
    assert_eq!(router.prefixes, ["2001:db8:66::/64"]);
    assert_eq!((router.lifetime_s, router.mac), (1800, Some(THIEF)));
    let mut hidden = plain.clone();
    hidden[14 + 6] = 60;
    hidden.splice(54..54, [58, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!(says(&hidden), says(&plain));
}

#[test]
fn messages_of_dhcp_say_who_serves_and_whom() {
    let offer = frames::dhcp(
        THIEF,
        mac(5),
        v4("192.0.2.66"),
        v4("192.0.2.150"),
        &[
            (53, &[2]),
            (54, &[192, 0, 2, 66]),
            (3, &[192, 0, 2, 66]),
            (6, &[192, 0, 2, 66, 8, 8, 8, 8]),
        ],
    );
    let Some(Says::Dhcp(offer)) = says(&offer) else { panic!("no DHCP") };
    assert_eq!((offer.kind, offer.client), (Kind::Offer, mac(5)));
    assert_eq!(offer.server, Some(v4("192.0.2.66")));
    assert_eq!((offer.router, offer.dns), (offer.server, offer.server));
    let request = frames::dhcp(
        mac(5),
        mac(5),
        v4("0.0.0.0"),
        v4("0.0.0.0"),
        &[(53, &[3]), (50, &[192, 0, 2, 150]), (12, b"may-tinh-5")],
    );
    let Some(Says::Dhcp(request)) = says(&request) else { panic!("no DHCP") };
    assert_eq!(
        (request.name.as_deref(), request.address),
        (Some("may-tinh-5"), Some(v4("192.0.2.150")))
    );
}

#[test]
fn only_an_answer_from_the_very_address_names_a_machine() {
    let (own, other) = (v4("192.0.2.20"), v4("192.0.2.1"));
    let name = |address| says(&frames::named(mac(9), own, "printer-2", address));
    assert_eq!(name(own), Some(Says::Named { address: own.into(), name: "printer-2".into() }));
    assert_eq!(name(other), None);
    assert_eq!(says(&frames::named(mac(9), own, "bad\u{1b}[31m", own)), None);
}

/// Sent by avahi 0.8 of Debian 12 when it started, caught behind UDP's header.
const AVAHI: &str = "00008400000000040000000001330130013001300161016201650166016601660166013801310138\
     01340165013001300130013001300130013001300130013001300130013001380165016603697036\
     046172706100000c80010000007800150d626f2d64696e682d747579656e056c6f63616c00c06000\
     018001000000780004c00002010131013201300331393207696e2d61646472c050000c8001000000\
     780002c060c060001c8001000000780010fe80000000000000e4818ffffeba0003";

#[test]
fn what_avahi_says_names_its_machine() {
    let pairs = AVAHI.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let from = |address: &str| mdns::name_of(&bytes, address.parse().unwrap());
    assert_eq!(from("192.0.2.1").as_deref(), Some("bo-dinh-tuyen"));
    assert_eq!(from("fe80::e481:8fff:feba:3").as_deref(), Some("bo-dinh-tuyen"));
    assert_eq!(from("192.0.2.2"), None);
}

#[test]
fn knocks_welcomes_and_refusals_are_told_apart() {
    let (host, other) = (v4("192.0.2.10"), v4("192.0.2.20"));
    let probe = |flags, port| says(&frames::tcp(THIEF, other, host, port, flags));
    let knock =
        |port| Some(Says::Probe(Probe::Knock { from: other.into(), to: host.into(), port }));
    assert_eq!(probe(0x02, 22), knock(22));
    assert_eq!(probe(0x00, 23), knock(23), "no flags at all");
    assert_eq!(probe(0x29, 24), knock(24), "a Christmas tree");
    assert_eq!(probe(0x10, 22), None);
    assert_eq!(probe(0x14, 22), None);
    let welcome = says(&frames::tcp(OWN, host, other, 22, 0x12));
    assert_eq!(welcome, Some(Says::Probe(Probe::Welcome { from: other.into(), port: 22 })));
    let nobody = Probe::Nobody { from: other.into(), to: host.into(), port: 161 };
    assert_eq!(says(&frames::refusal(OWN, host, other, 161)), Some(Says::Probe(nobody)));
    assert_eq!(says(&frames::refusal(OWN, host, other, 40_000)), None, "late for a client");
}

#[test]
fn every_frame_that_is_cut_short_is_read_or_not_but_never_more() {
    for frame in all() {
        assert!(read(&frame).is_some());
        for end in 0..frame.len() {
            let _ = read(&frame[..end]);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_damage_is_read_without_harm(
        which in 0_usize..8,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut frame = all().swap_remove(which);
        for (place, byte) in damage {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        if let Some(frame) = read(&frame) {
            let mut host = Host::new();
            host.watcher.see(moment(Duration::ZERO), "eth0", frame);
            host.pass(seconds(60));
        }
    }
}
