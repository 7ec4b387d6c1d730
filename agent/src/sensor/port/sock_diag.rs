//! Listening TCP sockets, asked of the kernel directly.
//!
//! For a table of `/proc/net` the kernel walks through its whole hash of connections, empty or not;
//! asked this way it looks only at what listens. Source: sock_diag(7), Linux
//! `include/uapi/linux/{netlink,inet_diag,sock_diag}.h`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};

use super::proc_net::{SOCKETS_MAX, Socket, Transport};

/// The kernel answers at once; this is for one that does not.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than the kernel puts into one message.
const BUFFER_BYTES: usize = 32 * 1024;
const HEADER_BYTES: usize = 16;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// NLM_F_REQUEST and NLM_F_DUMP.
const FLAGS: u16 = 0x301;
const IPPROTO_TCP: u8 = 6;
const TCP_LISTEN: u32 = 10;

/// All listening TCP sockets of both families.
///
/// # Errors
/// Where the kernel does not answer such questions.
pub(super) fn listening() -> io::Result<Vec<Socket>> {
    let link = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    sockopt::set_socket_timeout(&link, sockopt::Timeout::Recv, Some(PATIENCE))?;
    let mut found = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let Ok(family) = u8::try_from(family.as_raw()) else { continue };
        send(&link, &request(family), SendFlags::empty())?;
        answers(&link, &mut found)?;
    }
    Ok(found)
}

// | bytes | what                                                       |
// |-------|------------------------------------------------------------|
// | 4     | length of all, in the order of the machine, as all numbers |
// | 2, 2  | type, flags                                                |
// | 4, 4  | sequence, port: 0                                          |
// | 1, 1  | address family, protocol                                   |
// | 2     | extensions: none                                           |
// | 4     | states wanted, as bits                                     |
// | 48    | one socket: none                                           |
fn request(family: u8) -> [u8; 72] {
    let mut bytes = [0; 72];
    let parts: [(usize, &[u8]); 5] = [
        (0, &72_u32.to_ne_bytes()),
        (4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes()),
        (6, &FLAGS.to_ne_bytes()),
        (16, &[family, IPPROTO_TCP]),
        (20, &(1_u32 << TCP_LISTEN).to_ne_bytes()),
    ];
    for (at, part) in parts {
        if let Some(place) = bytes.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    }
    bytes
}

fn answers(link: &OwnedFd, found: &mut Vec<Socket>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (_, count) = recv(link, buffer.as_mut_slice(), RecvFlags::empty())?;
        let is_last = messages(buffer.get(..count).unwrap_or_default(), found)?;
        if found.len() > SOCKETS_MAX {
            return Err(io::Error::other("too many sockets"));
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The messages of one datagram; true when it was the last.
fn messages(mut rest: &[u8], found: &mut Vec<Socket>) -> io::Result<bool> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an answer that ends early");
    if rest.is_empty() {
        return Err(damaged());
    }
    while !rest.is_empty() {
        let length = u32::from_ne_bytes(part(rest, 0).ok_or_else(damaged)?) as usize;
        let kind = u16::from_ne_bytes(part(rest, 4).ok_or_else(damaged)?);
        let body = rest.get(HEADER_BYTES..length).ok_or_else(damaged)?;
        match kind {
            NLMSG_DONE | NLMSG_ERROR => {
                let code = part(body, 0).map_or(0, i32::from_ne_bytes);
                let failed = || io::Error::from_raw_os_error(code.saturating_neg());
                return if code < 0 { Err(failed()) } else { Ok(true) };
            }
            SOCK_DIAG_BY_FAMILY => found.extend(socket(body)),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

// | bytes | what                                       |
// |-------|--------------------------------------------|
// | 1, 1  | address family, state                      |
// | 2     | timer, retransmissions                     |
// | 2, 2  | own port, other port; of the network       |
// | 16    | own address, IPv4 in the first 4           |
// | 40    | other address, interface, cookie, queues … |
// | 4, 4  | user, inode                                |
fn socket(body: &[u8]) -> Option<Socket> {
    let [family, state] = part(body, 0)?;
    (u32::from(state) == TCP_LISTEN).then_some(())?;
    let port = u16::from_be_bytes(part(body, 4)?);
    let address = if u16::from(family) == AddressFamily::INET.as_raw() {
        IpAddr::V4(Ipv4Addr::from(part::<4>(body, 8)?))
    } else {
        let address = Ipv6Addr::from(part::<16>(body, 8)?);
        address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
    };
    let uid = u32::from_ne_bytes(part(body, 64)?);
    let inode = u32::from_ne_bytes(part(body, 68)?).into();
    Some(Socket { transport: Transport::Tcp, address, port, uid, inode })
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

#[cfg(test)]
mod tests {
    use super::super::proc_net;
    use super::*;
    use crate::sensor::Root;

    #[test]
    fn the_kernel_names_the_sockets_its_tables_name() {
        let addresses = ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"];
        let open = addresses.map(std::net::TcpListener::bind);
        let ports: Vec<u16> =
            open.iter().flatten().map(|socket| socket.local_addr().unwrap().port()).collect();
        let Ok(found) = listening() else { return };
        let ours = |sockets: Vec<Socket>| {
            let mut ours: Vec<String> = sockets
                .into_iter()
                .filter(|socket| socket.transport == Transport::Tcp)
                .filter(|socket| ports.contains(&socket.port))
                .map(|socket| format!("{socket:?}"))
                .collect();
            ours.sort();
            ours
        };
        let asked = ours(found);
        assert_eq!(asked.len(), ports.len());
        assert_eq!(asked, ours(proc_net::tables(&Root::default()).unwrap()));
    }

    #[test]
    fn damaged_answers_are_refused_and_never_panic() {
        let mut whole = request(2).to_vec();
        whole.resize(88, 0);
        whole[..4].copy_from_slice(&88_u32.to_ne_bytes());
        whole[17] = 10;
        let mut found = Vec::new();
        assert!(!messages(&whole, &mut found).unwrap());
        assert_eq!(found.len(), 1);
        for length in 0..whole.len() {
            assert!(messages(&whole[..length], &mut Vec::new()).is_err(), "{length}");
        }
        let zeros = [0; 64];
        assert!(messages(&zeros, &mut Vec::new()).is_err(), "a length of 0 would never end");
    }

    #[test]
    fn a_refusal_of_the_kernel_is_an_error() {
        let mut bytes = [0; 20];
        bytes[0] = 20;
        bytes[4] = 2;
        bytes[16..].copy_from_slice(&(-2_i32).to_ne_bytes());
        let error = messages(&bytes, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
