use std::net::Ipv4Addr;

use super::bytes::{array, byte, host_name, ipv4, mac};
use super::mac::Mac;

/// Options of one message that are looked at.
const OPTIONS_MAX: usize = 128;
/// Bytes before the options. Source: RFC 2131, section 2; RFC 2132, section 2 for the cookie.
const OPTIONS_AT: usize = 240;

/// A message between a client and a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp {
    /// What kind.
    pub kind: Kind,
    /// Whom it is about.
    pub client: Mac,
    /// What the client calls itself.
    pub name: Option<String>,
    /// The address the client has, wishes or is given.
    pub address: Option<Ipv4Addr>,
    /// The server that speaks or is spoken to.
    pub server: Option<Ipv4Addr>,
    /// The way out that the server gives.
    pub router: Option<Ipv4Addr>,
    /// The name server that the server gives.
    pub dns: Option<Ipv4Addr>,
}

/// Kinds of messages. Source: RFC 2132, section 9.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who gives addresses?
    Discover,
    /// A server: take this one.
    Offer,
    /// A client: I take it, or I keep mine.
    Request,
    /// A server: it is yours.
    Ack,
    /// A server: it is not.
    Nak,
    /// A client gives its address back, finds it taken, or asks for something else.
    Other,
}

impl Kind {
    /// Whether a server speaks.
    pub fn is_of_server(self) -> bool {
        matches!(self, Self::Offer | Self::Ack | Self::Nak)
    }

    /// The word in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Offer => "offer",
            Self::Request => "request",
            Self::Ack => "ack",
            Self::Nak => "nak",
            Self::Other => "other",
        }
    }
}

/// Reads a message (what follows the header of UDP).
///
/// | bytes | what |
/// |---|---|
/// | 0, 1, 2 | 1 client or 2 server, hardware 1, its length 6 |
/// | 12–15 | the client's address, when it has one |
/// | 16–19 | the address given to it |
/// | 28–33 | the client's hardware address |
/// | 236–239 | cookie |
/// | 240– | options: number, length, value |
///
/// Source: RFC 2131, section 2; RFC 2132.
pub fn read(bytes: &[u8]) -> Option<Dhcp> {
    let (says, hardware) = (byte(bytes, 0)?, array::<2>(bytes, 1)?);
    if array::<4>(bytes, OPTIONS_AT - 4)? != [99, 130, 83, 99] || hardware != [1, 6] {
        return None;
    }
    let mut options = Options::default();
    options.read(bytes.get(OPTIONS_AT..)?);
    let kind = options.kind?;
    // Who claims to be the other side is believed nothing.
    if kind.is_of_server() != (says == 2) {
        return None;
    }
    let real = |address: Option<Ipv4Addr>| address.filter(|it| !it.is_unspecified());
    let given = real(ipv4(bytes, 16)).or(options.wish).or(real(ipv4(bytes, 12)));
    Some(Dhcp {
        kind,
        client: mac(bytes, 28)?,
        name: options.name,
        address: given.filter(|it| super::arp::is_of_one_machine(*it)),
        server: real(options.server),
        router: options.router,
        dns: options.dns,
    })
}

#[derive(Default)]
struct Options {
    kind: Option<Kind>,
    name: Option<String>,
    wish: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    router: Option<Ipv4Addr>,
    dns: Option<Ipv4Addr>,
}

impl Options {
    fn read(&mut self, mut rest: &[u8]) {
        for _ in 0..OPTIONS_MAX {
            match byte(rest, 0) {
                None | Some(255) => return,
                Some(0) => rest = rest.get(1..).unwrap_or_default(),
                Some(number) => {
                    let Some(end) = byte(rest, 1).map(|length| usize::from(length) + 2) else {
                        return;
                    };
                    let Some(value) = rest.get(2..end) else { return };
                    self.take(number, value);
                    rest = rest.get(end..).unwrap_or_default();
                }
            }
        }
    }

    /// Of an option that comes twice the first stands.
    fn take(&mut self, number: u8, value: &[u8]) {
        let first = || ipv4(value, 0);
        match number {
            3 => self.router = self.router.or_else(first),
            6 => self.dns = self.dns.or_else(first),
            12 => self.name = self.name.take().or_else(|| host_name(value)),
            50 => self.wish = self.wish.or_else(first),
            53 => self.kind = self.kind.or_else(|| byte(value, 0).map(kind)),
            54 => self.server = self.server.or_else(first),
            _ => {}
        }
    }
}

fn kind(number: u8) -> Kind {
    match number {
        1 => Kind::Discover,
        2 => Kind::Offer,
        3 => Kind::Request,
        5 => Kind::Ack,
        6 => Kind::Nak,
        _ => Kind::Other,
    }
}
