use std::net::IpAddr;

/// A network of addresses, as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: u128,
    bits: u32,
    is_v4: bool,
}

impl Network {
    /// From text, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address
            .trim()
            .parse()
            .map_err(|_| format!("'{text}' is no network: write it as 10.0.0.0/8"))?;
        let (base, is_v4) = number(address);
        let most = if is_v4 { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .trim()
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or_else(|| format!("'{text}' is no network: /{bits} is not 0 to {most}"))?,
        };
        Ok(Self { base, bits, is_v4 })
    }

    /// Whether this text is an address in the network.
    pub fn holds(&self, text: &str) -> bool {
        let Ok(address) = text.trim().parse::<IpAddr>() else { return false };
        let (address, is_v4) = number(address);
        let width = if self.is_v4 { 32 } else { 128 };
        let unlike = address ^ self.base;
        is_v4 == self.is_v4 && unlike.checked_shr(width - self.bits).unwrap_or(0) == 0
    }
}

fn number(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_their_networks() {
        let check = |network: &str, address: &str, expected: bool| {
            let parsed = Network::parse(network).expect(network);
            assert_eq!(parsed.holds(address), expected, "{network} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "nonsense", false);
        assert!(Network::parse("10.0.0.0/33").is_err());
        assert!(Network::parse("300.0.0.0/8").is_err());
    }
}
