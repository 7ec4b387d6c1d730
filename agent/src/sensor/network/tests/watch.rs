use super::super::neighbours::{NEWCOMERS_MAX, SETTLED_MAX};
use super::*;

const OTHER: &str = "192.0.2.20";
const HOST: &str = "192.0.2.10";

fn knock(host: &mut Host, from: &str, port: u16) {
    host.see(&frames::tcp(THIEF, v4(from), v4(HOST), port, 0x02));
}

fn welcome(host: &mut Host, to: &str, port: u16) {
    host.see(&frames::tcp(OWN, v4(HOST), v4(to), port, 0x12));
}

#[test]
fn a_neighbour_is_told_once_with_what_is_known_of_it_and_again_when_it_changes() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    host.see(&frames::named(GATEWAY, v4("192.0.2.1"), "gateway", v4("192.0.2.1")));
    let events = host.pass(seconds(60));
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.kind.as_str(), "network.neighbour");
    assert_eq!(event.text("neighbour.mac"), Some("00:16:3e:00:00:fe"));
    assert_eq!(event.text("neighbour.vendor"), Some("Xen"));
    assert_eq!(event.text("neighbour.name"), Some("gateway"));
    assert_eq!(event.fields["neighbour.gateway"].as_bool(), Some(true));
    assert_eq!(list(event, "neighbour.seen_by"), ["arp", "mdns"]);
    assert_eq!(list(event, "neighbour.ip"), ["192.0.2.1"]);
    host.pass(seconds(600));
    host.claims("192.0.2.5", GATEWAY);
    assert_eq!(list(&host.pass(seconds(5))[0], "neighbour.ip"), ["192.0.2.5", "192.0.2.1"]);
    assert!(host.pass(seconds(3600)).is_empty());
}

#[test]
fn everybody_heard_within_a_day_is_told_daily() {
    let mut host = Host::new();
    for number in 0..300 {
        host.claims(&format!("198.51.{}.{}", number / 200, number % 200 + 1), mac(number));
    }
    assert_eq!(host.pass(seconds(120)).len(), 300);
    for number in 0..300 {
        host.claims(&format!("198.51.{}.{}", number / 200, number % 200 + 1), mac(number));
    }
    assert_eq!(host.pass(seconds(23 * 3600)).len(), 0);
    assert_eq!(host.pass(seconds(3600)).len(), 300);
    assert_eq!(host.pass(seconds(24 * 3600)).len(), 0, "nobody was heard any more");
}

#[test]
fn invented_addresses_push_out_nobody_and_are_told_once() {
    let mut host = Host::new();
    let known: Vec<Mac> = (0..100).map(mac).collect();
    for _ in 0..2 {
        for (number, mac) in known.iter().enumerate() {
            host.claims(&format!("192.0.2.{}", number + 100), *mac);
        }
        host.pass(seconds(61));
    }
    let mut told = Vec::new();
    for number in 0..100_000_u32 {
        host.claims("198.51.100.1", mac(0x0100_0000 + number));
        if number % 2_000 == 0 {
            told.extend(host.pass(seconds(5)));
        }
    }
    told.extend(host.pass(seconds(60)));
    let floods = told.iter().filter(|event| event.kind == soc_event::kind::NETWORK_FLOOD);
    let counts: Vec<_> = floods.map(|event| event.fields["flood.addresses"].as_i64()).collect();
    assert_eq!(counts.len(), 1, "told once an hour");
    let neighbours = told.iter().filter(|it| it.kind == soc_event::kind::NETWORK_NEIGHBOUR).count();
    assert!(neighbours <= NEWCOMERS_MAX + 256, "{neighbours}");
    for (number, mac) in known.iter().enumerate() {
        host.claims(&format!("192.0.2.{}", number + 100), *mac);
    }
    let full = host.pass(seconds(24 * 3600));
    let full: BTreeSet<&str> = full.iter().filter_map(|it| it.text("neighbour.mac")).collect();
    assert!(known.iter().all(|mac| full.contains(&*mac.to_string())));
    assert!(full.len() <= SETTLED_MAX);
}

#[test]
fn many_closed_ports_within_minutes_are_a_vertical_scan() {
    let mut host = Host::new();
    (1..=1000).for_each(|port| knock(&mut host, OTHER, port));
    welcome(&mut host, OTHER, 22);
    let events = host.pass(seconds(10));
    let scan = events.iter().find(|it| it.kind == soc_event::kind::NETWORK_SCAN).unwrap();
    assert_eq!(scan.text("scan.kind"), Some("vertical"));
    assert_eq!(scan.text("source.ip"), Some(OTHER));
    assert_eq!(scan.fields["scan.port_count"].as_i64(), Some(999));
    assert_eq!(list(scan, "scan.ports").len(), 20);
    assert!(host.findings(seconds(3600)).is_empty(), "told once");
}

#[test]
fn a_scan_of_one_port_in_ten_minutes_is_a_slow_one() {
    let mut host = Host::new();
    let mut found = Vec::new();
    for port in 1..=20 {
        knock(&mut host, OTHER, port);
        found.extend(host.findings(seconds(600)));
    }
    assert_eq!(found, ["network.scan slow"]);
}

#[test]
fn ports_of_udp_are_scanned_when_the_kernel_says_that_nobody_is_there() {
    let mut host = Host::new();
    for port in 100..130 {
        host.see(&frames::refusal(OWN, v4(HOST), v4(OTHER), port));
    }
    let events = host.pass(seconds(10));
    assert_eq!(events[0].text("network.transport"), Some("udp"));
}

#[test]
fn clients_are_no_scanners() {
    let mut host = Host::new();
    // A thousand short connections, a client of passive FTP, and one that tries three dead ports.
    for connection in 0..1000_u16 {
        knock(&mut host, OTHER, 443);
        welcome(&mut host, OTHER, 443);
        let passive = 20_000 + connection;
        knock(&mut host, "192.0.2.21", passive);
        welcome(&mut host, "192.0.2.21", passive);
        knock(&mut host, "192.0.2.22", 9000 + connection % 3);
    }
    // What goes through this host to others is not its business.
    for port in 1..=100 {
        host.see(&frames::tcp(THIEF, v4(OTHER), v4("198.51.100.7"), port, 0x02));
    }
    assert!(host.findings(seconds(3600)).is_empty());
}

#[test]
fn a_crowd_of_strangers_does_not_hide_the_one_that_scans() {
    let mut host = Host::new();
    let mut found = Vec::new();
    for port in 1..=20 {
        knock(&mut host, OTHER, port);
        knock(&mut host, OTHER, 5000 + port);
        for stranger in 0..400_u32 {
            let [_, _, c, d] = (u32::from(port) * 400 + stranger).to_be_bytes();
            knock(&mut host, &format!("198.51.{c}.{d}"), 443);
        }
        found.extend(host.findings(seconds(30)));
    }
    assert_eq!(found, ["network.scan vertical"]);
}

#[test]
fn whoever_asks_for_many_that_are_not_there_scans_the_network() {
    let mut host = Host::new();
    for number in 1..=254 {
        host.see(&frames::arp(THIEF, v4("192.0.2.66"), v4(&format!("192.0.2.{number}")), true));
    }
    let events = host.pass(seconds(10));
    let scan = events.iter().find(|it| it.kind == soc_event::kind::NETWORK_SCAN).unwrap();
    assert_eq!(scan.text("scan.kind"), Some("horizontal"));
    assert_eq!(scan.text("source.ip"), Some("192.0.2.66"));
    assert_eq!(scan.text("source.mac"), Some("00:0c:29:66:66:66"));
    assert_eq!(scan.fields["scan.address_count"].as_i64(), Some(253), "it is there itself");
}

#[test]
fn gateways_and_servers_of_many_clients_ask_without_scanning() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    for number in 1..=254 {
        host.see(&frames::arp(GATEWAY, v4("192.0.2.1"), v4(&format!("192.0.2.{number}")), true));
    }
    for number in 100..200_u32 {
        host.claims(&format!("192.0.2.{number}"), mac(number));
        let target = v4(&format!("192.0.2.{number}"));
        host.see(&frames::arp(mac(1), v4("192.0.2.11"), target, true));
    }
    assert!(host.findings(seconds(600)).is_empty());
}

#[test]
fn taking_turns_with_the_gateway_is_told_at_once_and_once() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    let mut found = Vec::new();
    for _ in 0..20 {
        host.claims("192.0.2.1", THIEF);
        host.claims("192.0.2.1", GATEWAY);
        found.extend(host.findings(seconds(10)));
    }
    assert_eq!(found, ["network.arp_conflict alternating"]);
    host.claims("192.0.2.1", THIEF);
    host.claims("192.0.2.1", GATEWAY);
    assert!(host.findings(seconds(600)).is_empty(), "the gateway is back, not another machine");
}

#[test]
fn a_gateway_that_is_another_machine_for_good_is_told_after_a_minute() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    host.pass(seconds(100));
    host.claims("192.0.2.1", THIEF);
    assert!(host.findings(seconds(50)).is_empty());
    assert_eq!(host.findings(seconds(20)), ["network.arp_conflict gateway_changed"]);
    assert!(host.findings(seconds(3600)).is_empty());
}

#[test]
fn a_gateway_that_comes_back_at_once_has_not_moved() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    host.claims("192.0.2.1", THIEF);
    host.claims("192.0.2.1", GATEWAY);
    assert!(host.findings(seconds(3600)).is_empty());
}

#[test]
fn routers_that_stand_in_for_each_other_are_no_conflict() {
    let mut host = Host::new();
    for shared in ["00:00:5e:00:01:0a", "00:00:0c:07:ac:01", "00:00:0c:9f:f0:01"] {
        host.claims("192.0.2.1", shared.parse().unwrap());
        host.pass(seconds(5));
    }
    assert!(host.findings(seconds(600)).is_empty());
}

#[test]
fn an_address_that_moves_with_its_lease_is_no_conflict_and_two_that_fight_are() {
    let mut host = Host::new();
    let lease = |host: &mut Host, client| {
        host.see(&frames::dhcp(
            GATEWAY,
            client,
            v4("192.0.2.1"),
            v4("192.0.2.50"),
            &[(53, &[5]), (54, &[192, 0, 2, 1])],
        ));
        host.claims("192.0.2.50", client);
    };
    for client in [5, 6, 5, 6, 5] {
        lease(&mut host, mac(client));
        assert!(host.findings(seconds(30)).is_empty());
    }
    host.pass(seconds(400));
    for client in [5, 6, 5, 6, 5] {
        host.claims("192.0.2.50", mac(client));
    }
    assert_eq!(host.findings(seconds(5)), ["network.arp_conflict alternating"]);
}

#[test]
fn whoever_keeps_claiming_our_address_is_told_and_whoever_hands_it_over_is_not() {
    let mut host = Host::new();
    host.claims(HOST, THIEF);
    assert!(host.findings(seconds(600)).is_empty(), "it had just moved away");
    host.claims(HOST, THIEF);
    host.pass(seconds(600));
    let mut found = Vec::new();
    for _ in 0..10 {
        host.claims(HOST, THIEF);
        found.extend(host.findings(seconds(5)));
    }
    assert_eq!(found, ["network.arp_conflict own_address"]);
}

#[test]
fn neighbours_of_ipv6_that_take_turns_are_told_like_those_of_ipv4() {
    let mut host = Host::new();
    let address = "2001:db8::7".parse().unwrap();
    for mac in [GATEWAY, THIEF, GATEWAY, THIEF] {
        host.see(&frames::advertisement(mac, address));
    }
    let events = host.pass(seconds(5));
    assert_eq!(events[0].text("network.protocol"), Some("nd"));
}

#[test]
fn a_second_server_of_dhcp_is_told_with_what_it_gives() {
    let mut host = Host::new();
    let offer = |host: &mut Host, from: Mac, server: [u8; 4]| {
        let options: [(u8, &[u8]); 3] = [(53, &[2]), (54, &server), (3, &server)];
        let frame = frames::dhcp(from, mac(5), server.into(), v4("192.0.2.50"), &options);
        host.see(&frame);
    };
    offer(&mut host, GATEWAY, [192, 0, 2, 1]);
    host.pass(seconds(10));
    for _ in 0..3 {
        offer(&mut host, GATEWAY, [192, 0, 2, 1]);
        offer(&mut host, THIEF, [192, 0, 2, 66]);
    }
    let events = host.pass(seconds(5));
    let found: Vec<&Event> =
        events.iter().filter(|it| it.kind == soc_event::kind::NETWORK_DHCP_CONFLICT).collect();
    let [event] = found.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.text("dhcp.server.ip"), Some("192.0.2.66"));
    assert_eq!(event.text("dhcp.server.mac"), Some("00:0c:29:66:66:66"));
    assert_eq!(event.text("dhcp.router"), Some("192.0.2.66"));
    assert_eq!(list(event, "dhcp.known"), ["192.0.2.1"]);
}

#[test]
fn a_server_that_answers_one_machine_only_is_known_by_what_that_one_asks_for() {
    let mut host = Host::new();
    let choice = |server: [u8; 4]| {
        let options: [(u8, &[u8]); 2] = [(53, &[3]), (54, &server)];
        frames::dhcp(mac(5), mac(5), v4("0.0.0.0"), v4("0.0.0.0"), &options)
    };
    host.see(&choice([192, 0, 2, 1]));
    host.see(&choice([192, 0, 2, 66]));
    assert_eq!(host.findings(seconds(5)), ["network.dhcp_conflict"]);
}

#[test]
fn servers_and_routers_that_the_operator_names_are_no_strangers() {
    let config = Config {
        dhcp_servers: vec![v4("192.0.2.1"), v4("192.0.2.2")],
        routers: vec!["fe80::2".parse().unwrap()],
        learn_s: 0,
        ..Config::default()
    };
    let mut host = Host::with(config, Memory::new());
    host.pass(seconds(10));
    for server in [[192, 0, 2, 1], [192, 0, 2, 2]] {
        let options: [(u8, &[u8]); 2] = [(53, &[2]), (54, &server)];
        host.see(&frames::dhcp(GATEWAY, mac(5), server.into(), v4("192.0.2.50"), &options));
    }
    let prefix = "2001:db8::".parse().unwrap();
    host.see(&frames::router(GATEWAY, "fe80::2".parse().unwrap(), 1800, prefix));
    assert!(host.findings(seconds(60)).is_empty());
}

#[test]
fn a_router_of_ipv6_is_a_stranger_once_the_others_are_known() {
    let mut host = Host::new();
    let prefix = "2001:db8::".parse().unwrap();
    let offer = |host: &mut Host, from, address: &str, lifetime| {
        host.see(&frames::router(from, address.parse().unwrap(), lifetime, prefix));
    };
    offer(&mut host, GATEWAY, "fe80::1", 1800);
    offer(&mut host, mac(2), "fe80::2", 1800);
    assert!(host.findings(seconds(3600)).is_empty(), "learning");
    offer(&mut host, GATEWAY, "fe80::1", 1800);
    offer(&mut host, THIEF, "fe80::66", 1800);
    offer(&mut host, THIEF, "fe80::66", 1800);
    let events = host.pass(seconds(5));
    let found: Vec<&Event> =
        events.iter().filter(|it| it.kind == soc_event::kind::NETWORK_ROUTER_CONFLICT).collect();
    let [event] = found.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.text("router.ip"), Some("fe80::66"));
    assert_eq!(list(event, "router.known"), ["fe80::1", "fe80::2"]);
    assert_eq!(list(event, "router.prefixes"), ["2001:db8::/64"]);
}

#[test]
fn what_was_known_survives_a_restart_and_what_changed_meanwhile_is_told() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    let options: [(u8, &[u8]); 2] = [(53, &[2]), (54, &[192, 0, 2, 1])];
    host.see(&frames::dhcp(GATEWAY, mac(5), v4("192.0.2.1"), v4("192.0.2.50"), &options));
    host.pass(seconds(3600));
    let position = memory::position(host.watcher.memory()).unwrap();
    let remembered = memory::read(Some(position.bytes));
    assert_eq!(remembered, host.watcher.memory());
    let mut host = Host::with(Config::default(), remembered);
    host.claims("192.0.2.1", THIEF);
    let options: [(u8, &[u8]); 2] = [(53, &[2]), (54, &[192, 0, 2, 66])];
    host.see(&frames::dhcp(THIEF, mac(5), v4("192.0.2.66"), v4("192.0.2.50"), &options));
    let found = host.findings(seconds(90));
    let expected = ["network.dhcp_conflict", "network.arp_conflict gateway_changed_unseen"];
    assert_eq!(found, expected);
    assert!(memory::read(Some(b"not ours".to_vec())).is_empty());
}

#[test]
fn another_network_is_learned_anew() {
    let mut host = Host::new();
    host.claims("192.0.2.1", GATEWAY);
    host.pass(seconds(10));
    host.unplug();
    host.plug("198.51.100.0/24");
    host.claims("192.0.2.1", THIEF);
    assert!(host.findings(seconds(600)).is_empty());
}

#[test]
fn findings_that_come_too_fast_are_counted_not_kept() {
    let mut host = Host::new();
    for number in 0..2000_u32 {
        let [.., c, d] = number.to_be_bytes();
        let address = format!("198.51.{c}.{d}");
        for mac in [mac(1), mac(2), mac(1), mac(2)] {
            host.claims(&address, mac);
        }
    }
    let found = host.findings(seconds(5));
    assert!(found.len() <= 65, "{}", found.len());
    assert!(found.contains(&"network.flood".to_owned()));
}

#[test]
fn a_position_never_outgrows_its_place() {
    let known = || memory::Known {
        networks: (0..9).map(|it| format!("192.0.{it}.0/24")).collect(),
        gateways: (0..9_u16)
            .map(|it| (Ipv4Addr::from(u32::from(it)).into(), OWN.to_string()))
            .collect(),
        dhcp: (0..9_u32).map(Ipv4Addr::from).collect(),
        routers: (0..9_u128).map(std::net::Ipv6Addr::from).collect(),
        is_settled: true,
    };
    let memory: Memory = (0..20).map(|it| (format!("interface{it}"), known())).collect();
    assert!(memory::position(memory).unwrap().bytes.len() <= 4096);
}
