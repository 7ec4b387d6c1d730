use std::net::IpAddr;

/// A network in CIDR notation. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    bits: u128,
    prefix: u32,
    is_v4: bool,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        let (bits, is_v4) = bits(address);
        (prefix <= width).then_some(Self { bits, prefix, is_v4 })
    }

    /// Whether the text is an address of this network.
    pub fn contains(&self, text: &str) -> bool {
        let Ok(address) = text.trim().parse::<IpAddr>() else { return false };
        let (bits, is_v4) = bits(address.to_canonical());
        let width = if self.is_v4 { 32 } else { 128 };
        let outside = width - self.prefix;
        is_v4 == self.is_v4 && (bits ^ self.bits).checked_shr(outside).unwrap_or(0) == 0
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), true),
        IpAddr::V6(address) => (address.into(), false),
    }
}
