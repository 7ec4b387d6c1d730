use std::fmt;

/// A hardware address of Ethernet. Source: IEEE 802, section 8.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether this can be one machine's: neither nobody's nor a group's.
    pub fn is_one_machine(self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 0 && self.0 != [0; 6]
    }

    /// Whether somebody made it up: telephones that hide themselves, virtual machines, containers.
    pub fn is_private(self) -> bool {
        let [first, ..] = self.0;
        first & 2 != 0
    }

    /// Whether it belongs to a group of routers that stand in for each other: that it takes over an
    /// address is what it is for. Source: RFC 9568 section 7.3 (VRRP, also CARP); RFC 2281 section
    /// 5.5 (HSRP) and Cisco's documents on HSRP version 2 and GLBP.
    pub fn is_shared_by_routers(self) -> bool {
        matches!(
            self.0,
            [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _]
                | [0x00, 0x00, 0x0c, 0x07, 0xac, _]
                | [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _]
                | [0x00, 0x05, 0x73, 0xa0, _, _]
                | [0x00, 0x07, 0xb4, _, _, _]
        )
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = NotAMac;

    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(NotAMac)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| NotAMac)?;
        }
        parts.next().map_or(Ok(Self(bytes)), |_| Err(NotAMac))
    }
}

/// The text is no `00:11:22:aa:bb:cc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hardware address")]
pub struct NotAMac;
