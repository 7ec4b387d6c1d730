//! Sockets, asked of the kernel directly.
//!
//! For a table of `/proc/net` the kernel walks through its whole hash of connections, empty or not;
//! asked this way it looks only at the states wanted. It can also tell of each socket that ends, so
//! that connections shorter than the time between two looks are counted. Source: sock_diag(7),
//! Linux `include/uapi/linux/{inet_diag,sock_diag}.h`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::{AddressFamily, netlink};

use super::netlink::{Link, Message, attribute, part};
use super::port::Transport;

/// Most sockets that are taken of one answer.
pub(super) const SOCKETS_MAX: usize = 16_384;
/// State of a connected socket.
pub(super) const ESTABLISHED: u8 = 1;
/// State of one that is connecting.
pub(super) const SYN_SENT: u8 = 2;
const LISTEN: u8 = 10;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
/// Bytes of `inet_diag_msg`; attributes follow.
const DIAG_BYTES: usize = 72;
const SKV6ONLY: u16 = 11;
/// Bytes the kernel may keep for us of sockets that ended.
const ENDED_BYTES: usize = 256 * 1024;

/// A socket as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Diag {
    pub state: u8,
    /// The own end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The kernel's name of the socket, never given again.
    pub cookie: u64,
    pub uid: u32,
    /// 0 where no process holds it any more.
    pub inode: u64,
    /// Whether it leaves IPv4 alone, where the kernel says so.
    pub is_v6_only: Option<bool>,
}

/// All listening TCP sockets of both families.
///
/// # Errors
/// Where the kernel does not answer such questions.
pub(super) fn listening() -> io::Result<Vec<Diag>> {
    all(Transport::Tcp, 1 << LISTEN)
}

/// All connected sockets of both families, and those that are connecting.
///
/// # Errors
/// As [`listening`].
pub(super) fn connected(transport: Transport) -> io::Result<Vec<Diag>> {
    all(transport, (1 << ESTABLISHED) | (1 << SYN_SENT))
}

fn all(transport: Transport, states: u32) -> io::Result<Vec<Diag>> {
    let mut found = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let Ok(family) = u8::try_from(family.as_raw()) else { continue };
        let link = Link::open(netlink::SOCK_DIAG)?;
        link.dump(SOCK_DIAG_BY_FAMILY, &question(family, transport, states), &mut |message| {
            take(&message, &mut found)
        })?;
    }
    Ok(found)
}

fn take(message: &Message<'_>, found: &mut Vec<Diag>) -> io::Result<()> {
    if message.kind == SOCK_DIAG_BY_FAMILY {
        found.extend(diag(message.body));
    }
    if found.len() > SOCKETS_MAX {
        return Err(io::Error::other("too many sockets"));
    }
    Ok(())
}

// | bytes | what                                      |
// |-------|-------------------------------------------|
// | 1, 1  | address family, protocol                  |
// | 2     | extensions: none                          |
// | 4     | states wanted, as bits                    |
// | 48    | one socket: none                          |
fn question(family: u8, transport: Transport, states: u32) -> [u8; 56] {
    let protocol = match transport {
        Transport::Tcp => IPPROTO_TCP,
        Transport::Udp => IPPROTO_UDP,
    };
    let mut bytes = [0; 56];
    let head = [family, protocol, 0, 0].into_iter().chain(states.to_ne_bytes());
    bytes.iter_mut().zip(head).for_each(|(to, from)| *to = from);
    bytes
}

// | bytes | what                                  |
// |-------|---------------------------------------|
// | 1, 1  | address family, state                 |
// | 2     | timer, retransmissions                |
// | 2, 2  | own port, other port; of the network  |
// | 16    | own address, IPv4 in the first 4      |
// | 16    | other address                         |
// | 4, 8  | interface, cookie                     |
// | 12    | expiry, queues                        |
// | 4, 4  | user, inode                           |
// | …     | attributes                            |
fn diag(body: &[u8]) -> Option<Diag> {
    let [family, state] = part(body, 0)?;
    let is_v4 = u16::from(family) == AddressFamily::INET.as_raw();
    let address = |at| -> Option<IpAddr> {
        if is_v4 {
            return Some(IpAddr::V4(Ipv4Addr::from(part::<4>(body, at)?)));
        }
        let address = Ipv6Addr::from(part::<16>(body, at)?);
        Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
    };
    let port = |at| part(body, at).map(u16::from_be_bytes);
    let only = body.get(DIAG_BYTES..).and_then(|rest| attribute(rest, SKV6ONLY));
    Some(Diag {
        state,
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
        cookie: u64::from_ne_bytes(part(body, 44)?),
        uid: u32::from_ne_bytes(part(body, 64)?),
        inode: u32::from_ne_bytes(part(body, 68)?).into(),
        is_v6_only: only.and_then(|value| value.first()).map(|only| *only != 0),
    })
}

/// Hears of sockets that end.
#[derive(Debug)]
pub(super) struct Ended(Link);

impl Ended {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the kernel does not tell, or not us.
    pub(super) fn listen(transport: Transport) -> io::Result<Self> {
        // SKNLGRP_INET_TCP_DESTROY is 1, UDP 2; of IPv6 3 and 4. A group is a bit.
        let groups = match transport {
            Transport::Tcp => 0b0101,
            Transport::Udp => 0b1010,
        };
        Link::listen(netlink::SOCK_DIAG, groups, ENDED_BYTES).map(Self)
    }

    /// What ended since the last call; how often the kernel could not keep all.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn take(&self, found: &mut dyn FnMut(Diag)) -> io::Result<u64> {
        let mut buffer = vec![0; 8 * 1024];
        self.0.heard(&mut buffer, &mut |message| {
            if message.kind == SOCK_DIAG_BY_FAMILY
                && let Some(diag) = diag(message.body)
            {
                found(diag);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_listeners_connections_and_their_ends() {
        let ended = Ended::listen(Transport::Tcp);
        let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
        let here = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(here).unwrap();
        let own = client.local_addr().unwrap();
        let Ok(listening) = listening() else {
            return println!("skipped: this kernel answers no questions about sockets");
        };
        let found = listening.iter().find(|one| one.local == here).unwrap();
        assert_eq!((found.state, found.remote.port()), (LISTEN, 0));
        assert!(found.is_v6_only.is_some());
        let connected = connected(Transport::Tcp).unwrap();
        let found = connected.iter().find(|one| one.local == own).unwrap();
        assert_eq!((found.state, found.remote), (ESTABLISHED, here));
        assert_ne!(found.inode, 0);
        drop((client, listener));
        let Ok(ended) = ended else {
            return println!("skipped: ends are not told without CAP_NET_ADMIN");
        };
        // The kernel tells of them a little later.
        let mut seen = Vec::new();
        while seen.is_empty() {
            ended.take(&mut |diag| seen.push(diag.cookie)).unwrap();
        }
    }

    #[test]
    fn descriptions_cut_anywhere_are_left_out() {
        let whole = [2_u8; DIAG_BYTES];
        assert!(diag(&whole).is_some());
        assert!((0..DIAG_BYTES).all(|length| diag(&whole[..length]).is_none()));
    }
}
