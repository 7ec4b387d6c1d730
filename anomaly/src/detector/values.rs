//! Values of a line that may be seen for the first time.

use std::net::IpAddr;

use super::Line;
use crate::anomaly::Field;
use crate::limits::NAME_BYTES_MAX;
use crate::template::text::cut;

/// The values of a line that may be new, the one that says most first.
pub(super) fn of(line: &Line<'_>) -> Vec<(Field, String)> {
    let mut values = Vec::new();
    let network = line.address.map(network);
    if let (Some(user), Some(network)) = (line.user, &network) {
        let user = cut(user, NAME_BYTES_MAX);
        values.push((Field::AdministratorNetwork, format!("{user}@{network}")));
    }
    if let Some(user) = line.user {
        values.push((Field::User, cut(user, NAME_BYTES_MAX).to_owned()));
    }
    values.extend(network.map(|network| (Field::Network, network)));
    if let Some((parent, child)) = line.pair {
        let (parent, child) = (cut(parent, NAME_BYTES_MAX), cut(child, NAME_BYTES_MAX));
        values.push((Field::Pair, format!("{parent}>{child}")));
    }
    if let Some(program) = line.program {
        values.push((Field::Program, cut(program, NAME_BYTES_MAX).to_owned()));
    }
    values
}

/// `192.0.2.0/24`, `2001:db8:1::/48`.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            let network = std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
            format!("{network}/48")
        }
    }
}
