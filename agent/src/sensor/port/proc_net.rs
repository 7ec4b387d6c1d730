use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use serde::Serialize;

use crate::sensor::sock_diag::{self, Diag, SOCKETS_MAX};
use crate::sensor::{Error, Root, read};

const TCP: [(&str, Transport); 2] = [("tcp", Transport::Tcp), ("tcp6", Transport::Tcp)];
const UDP: [(&str, Transport); 2] = [("udp", Transport::Udp), ("udp6", Transport::Udp)];
/// Bytes read at a time; the kernel gives at most a page of a table, in whole lines.
const CHUNK_BYTES: usize = 4096;
/// Longest line that is waited for.
const LINE_BYTES_MAX: usize = 1024;

/// The protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// The word of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Who can reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This machine only.
    Loopback,
    /// Whoever reaches one address.
    Lan,
    /// Whoever reaches any address.
    Any,
    /// It is in a network namespace of its own, as a container is: its network decides.
    Namespace,
}

impl Scope {
    /// The word of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Lan => "lan",
            Self::Any => "any",
            Self::Namespace => "namespace",
        }
    }

    /// The scope of a bound address.
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_unspecified() {
            Self::Any
        } else if address.is_loopback() {
            Self::Loopback
        } else {
            Self::Lan
        }
    }
}

/// A socket that waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) transport: Transport,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) uid: u32,
    /// 0 for sockets of the kernel.
    pub(super) inode: u64,
    /// Whether an IPv6 socket leaves IPv4 alone, where that is known.
    pub(super) is_v6_only: Option<bool>,
    /// The network namespace, where it is not this process's own.
    pub(super) namespace: Option<u64>,
}

impl Socket {
    fn listening(diag: &Diag) -> Self {
        Self {
            transport: Transport::Tcp,
            address: diag.local.ip(),
            port: diag.local.port(),
            uid: diag.uid,
            inode: diag.inode,
            is_v6_only: diag.is_v6_only,
            namespace: None,
        }
    }

    pub(super) fn scope(&self) -> Scope {
        if self.namespace.is_some() { Scope::Namespace } else { Scope::of(self.address) }
    }
}

/// All sockets that wait.
pub(super) fn read(root: &Root) -> Result<Vec<Socket>, Error> {
    // Only the running system can be asked.
    let asked = if *root == Root::default() { sock_diag::listening().ok() } else { None };
    let Some(asked) = asked else { return tables(root) };
    let mut sockets: Vec<Socket> = asked.iter().map(Socket::listening).collect();
    append(root, "/proc/net", &UDP, &mut sockets)?;
    sockets.sort_by_key(|socket| (socket.port, socket.address));
    Ok(sockets)
}

/// The same, read from files alone. A host without IPv6 has no tables of it; without any table
/// there is an error, never "no ports".
pub(super) fn tables(root: &Root) -> Result<Vec<Socket>, Error> {
    let mut sockets = Vec::new();
    let folder = "/proc/net";
    let count =
        append(root, folder, &TCP, &mut sockets)? + append(root, folder, &UDP, &mut sockets)?;
    if count == 0 {
        return Err(Error::Unavailable("there are no tables in /proc/net".to_owned()));
    }
    sockets.sort_by_key(|socket| (socket.port, socket.address));
    Ok(sockets)
}

/// Sockets of another network namespace, as a process in it sees them.
pub(super) fn of_process(root: &Root, pid: u32, namespace: u64) -> Result<Vec<Socket>, Error> {
    let mut sockets = Vec::new();
    let folder = format!("/proc/{pid}/net");
    append(root, &folder, &TCP, &mut sockets)?;
    append(root, &folder, &UDP, &mut sockets)?;
    sockets.iter_mut().for_each(|socket| socket.namespace = Some(namespace));
    sockets.sort_by_key(|socket| (socket.port, socket.address));
    Ok(sockets)
}

/// Appends the sockets of some tables; how many of the tables there are.
fn append(
    root: &Root,
    folder: &str,
    names: &[(&str, Transport)],
    sockets: &mut Vec<Socket>,
) -> Result<usize, Error> {
    let mut tables = 0;
    for (name, transport) in names {
        let path = format!("{folder}/{name}");
        let outcome =
            File::open(root.path(&path)).and_then(|file| table(file, *transport, sockets));
        match outcome {
            Ok(()) => tables += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { what: path, source }),
        }
    }
    Ok(tables)
}

/// Reads one table. The kernel lists listening TCP sockets before all others, and makes lines only
/// as they are read: the first piece without a listening one ends it, however many clients follow.
/// Source: Linux `net/ipv4/tcp_ipv4.c`, `tcp_get_idx`.
fn table(mut file: impl Read, transport: Transport, sockets: &mut Vec<Socket>) -> io::Result<()> {
    let mut chunk = [0; CHUNK_BYTES];
    let mut rest: Vec<u8> = Vec::new();
    let (mut is_first, mut kept) = (true, 0);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            kept += take(&rest, transport, sockets);
            return if kept > SOCKETS_MAX {
                Err(io::Error::other("too many sockets"))
            } else {
                Ok(())
            };
        }
        rest.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let found = take(rest.get(..whole).unwrap_or_default(), transport, sockets);
        rest.drain(..whole);
        kept += found;
        let is_over = transport == Transport::Tcp && found == 0 && whole > 0 && !is_first;
        if is_over || kept > SOCKETS_MAX {
            return Ok(());
        }
        if rest.len() > LINE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
        }
        is_first = false;
    }
}

fn take(lines: &[u8], transport: Transport, sockets: &mut Vec<Socket>) -> usize {
    let before = sockets.len();
    let text = String::from_utf8_lossy(lines);
    sockets.extend(text.lines().filter_map(|line| parse(line, transport)));
    sockets.len() - before
}

/// `0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 UID 0 INODE …`. Source: proc_net_tcp(5).
pub(super) fn parse(line: &str, transport: Transport) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace();
    let (address, port) = endpoint(words.nth(1)?)?;
    let (remote, _) = endpoint(words.next()?)?;
    let state = words.next()?;
    let waits = match transport {
        Transport::Tcp => state == "0A",
        Transport::Udp => state == "07" && remote.is_unspecified() && port != 0,
    };
    if !waits {
        return None;
    }
    let uid = words.nth(3)?.parse().ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    let (is_v6_only, namespace) = (None, None);
    Some(Socket { transport, address, port, uid, inode, is_v6_only, namespace })
}

/// An address as words of 32 bits in the order of the machine, and a port.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |text: &str| Some(u32::from_str_radix(text, 16).ok()?.to_ne_bytes());
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        32 => {
            let mut bytes = [0; 16];
            for (place, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(address.get(place * 8..place * 8 + 8)?)?);
            }
            let address = Ipv6Addr::from(bytes);
            address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
        }
        _ => return None,
    };
    Some((address, port))
}

/// From which numbers the kernel gives ports to clients. Source: ip(7).
pub(in crate::sensor) fn ephemeral_range(root: &Root) -> RangeInclusive<u16> {
    let text = read::text(&root.path("/proc/sys/net/ipv4/ip_local_port_range"));
    let parse = |text: &str| {
        let mut words = text.split_ascii_whitespace().map(str::parse);
        Some(words.next()?.ok()?..=words.next()?.ok()?)
    };
    text.ok().as_deref().and_then(parse).unwrap_or(32_768..=60_999)
}
