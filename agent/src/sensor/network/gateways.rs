//! Ways out of the network, as the kernel's routes say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sensor::{Root, read};

/// Routes of one table that are looked at.
const ROUTES_MAX: usize = 4096;

/// Gateways by interface; none where the tables cannot be read.
pub(super) fn look(root: &Root) -> BTreeMap<String, BTreeSet<IpAddr>> {
    let text = |path: &str| read::text(&root.path(path)).unwrap_or_default();
    let mut gateways = BTreeMap::<String, BTreeSet<IpAddr>>::new();
    let (v4, v6) = (text("/proc/net/route"), text("/proc/net/ipv6_route"));
    let v4 = v4.lines().skip(1).take(ROUTES_MAX).filter_map(route_v4);
    let v6 = v6.lines().take(ROUTES_MAX).filter_map(route_v6);
    for (interface, gateway) in v4.chain(v6) {
        gateways.entry(interface).or_default().insert(gateway);
    }
    gateways
}

/// `eth0 00000000 0101A8C0 0003 …`: interface, destination, gateway; numbers in the order of this
/// machine's bytes. Source: Linux, net/ipv4/fib_trie.c, `fib_route_seq_show`.
fn route_v4(line: &str) -> Option<(String, IpAddr)> {
    let mut columns = line.split_ascii_whitespace();
    let (interface, to, gateway) = (columns.next()?, columns.next()?, columns.next()?);
    let number = u32::from_str_radix(gateway, 16).ok()?;
    if number == 0 || u32::from_str_radix(to, 16).ok()? != 0 {
        return None;
    }
    Some((interface.to_owned(), Ipv4Addr::from(number.to_ne_bytes()).into()))
}

/// Destination, its length, source, its length, gateway, four numbers, interface.
/// Source: Linux, net/ipv6/route.c, `rt6_info_route`.
fn route_v6(line: &str) -> Option<(String, IpAddr)> {
    let columns: Vec<&str> = line.split_ascii_whitespace().take(16).collect();
    let [to, "00", _, _, gateway, .., interface] = columns.as_slice() else { return None };
    let gateway = u128::from_str_radix(gateway, 16).ok()?;
    if gateway == 0 || u128::from_str_radix(to, 16).ok()? != 0 {
        return None;
    }
    Some(((*interface).to_owned(), Ipv6Addr::from(gateway).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ways_out_are_gateways() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/net")).unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join("proc/net").join(name), text).unwrap();
        };
        let number = |text: &str| u32::from_ne_bytes(text.parse::<Ipv4Addr>().unwrap().octets());
        let (gateway, inner) = (number("192.0.2.1"), number("192.0.2.9"));
        write(
            "route",
            &format!(
                "Iface\tDestination\tGateway\nens3\t00000000\t{gateway:08X}\t0003\n\
                 ens3\t0002000A\t{inner:08X}\t0003\nens3\t000200C0\t00000000\t0001\nbroken\n"
            ),
        );
        let zero = "0".repeat(32);
        write(
            "ipv6_route",
            &format!(
                "{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 1 0 00450003 ens3\n\
                 {zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo\n"
            ),
        );
        let found = look(&Root::new(folder.path()));
        let expected: BTreeSet<IpAddr> =
            ["192.0.2.1", "fe80::1"].map(|text| text.parse().unwrap()).into();
        assert_eq!(found, BTreeMap::from([("ens3".to_owned(), expected)]));
        assert!(look(&Root::new("/nowhere")).is_empty());
    }
}
