//! Questions to the kernel over netlink, and its answers taken apart.
//!
//! Taking apart is total: what ends early is an error or is left out, never a panic.
//! Source: netlink(7), Linux `include/uapi/linux/netlink.h`.

use std::io;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send,
    socket_with, sockopt,
};

/// The kernel answers at once; this is for one that does not.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than the kernel puts into one datagram.
const BUFFER_BYTES: usize = 32 * 1024;
/// `nfgenmsg` that asks for all families: family, version, resource.
pub(super) const GET_ALL: [u8; 4] = [0; 4];
/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const ATTRIBUTE_TYPE_MASK: u16 = 0x3fff;

/// What the kernel says in one message.
pub(super) struct Message<'a> {
    /// Its type.
    pub kind: u16,
    /// What follows the header.
    pub body: &'a [u8],
}

/// A line to one part of the kernel.
#[derive(Debug)]
pub(super) struct Link(OwnedFd);

impl Link {
    /// Opens it.
    pub(super) fn open(protocol: Protocol) -> io::Result<Self> {
        let link = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(protocol),
        )?;
        sockopt::set_socket_timeout(&link, sockopt::Timeout::Recv, Some(PATIENCE))?;
        Ok(Self(link))
    }

    /// Opens it to hear what the kernel tells everybody, without ever waiting for it.
    pub(super) fn listen(protocol: Protocol, groups: u32, buffer: usize) -> io::Result<Self> {
        let link = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(protocol),
        )?;
        sockopt::set_socket_recv_buffer_size(&link, buffer)?;
        bind(&link, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self(link))
    }

    /// Asks for all there is of something.
    ///
    /// # Errors
    /// What the kernel says; `Interrupted` when it changed while being told.
    pub(super) fn dump(
        &self,
        kind: u16,
        body: &[u8],
        take: &mut dyn FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        send(&self.0, &request(kind, NLM_F_REQUEST | NLM_F_DUMP, body), SendFlags::empty())?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let (_, count) = recv(&self.0, buffer.as_mut_slice(), RecvFlags::empty())?;
            if messages(buffer.get(..count).unwrap_or_default(), take)? {
                return Ok(());
            }
        }
    }

    /// Asks for one thing, told in one message.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn ask(
        &self,
        kind: u16,
        body: &[u8],
        take: &mut dyn FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        send(&self.0, &request(kind, NLM_F_REQUEST, body), SendFlags::empty())?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let (_, count) = recv(&self.0, buffer.as_mut_slice(), RecvFlags::empty())?;
        messages(buffer.get(..count).unwrap_or_default(), take).map(|_| ())
    }

    /// Takes what was told meanwhile; how often the kernel had to leave something out.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn heard(
        &self,
        buffer: &mut [u8],
        take: &mut dyn FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<u64> {
        let mut lost = 0;
        loop {
            match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((_, count)) => {
                    messages(buffer.get(..count).unwrap_or_default(), take)?;
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(lost),
                Err(rustix::io::Errno::NOBUFS) => lost += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

// | bytes | what                                                       |
// |-------|------------------------------------------------------------|
// | 4     | length of all, in the order of the machine, as all numbers |
// | 2, 2  | type, flags                                                |
// | 4, 4  | sequence, port: 0                                          |
// | …     | body                                                       |
fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(body);
    bytes
}

/// The messages of one datagram; true when it was the last.
///
/// # Errors
/// A refusal of the kernel, a datagram that ends early, or what `take` says.
pub(super) fn messages(
    mut rest: &[u8],
    take: &mut dyn FnMut(Message<'_>) -> io::Result<()>,
) -> io::Result<bool> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an answer that ends early");
    if rest.is_empty() {
        return Err(damaged());
    }
    while !rest.is_empty() {
        let length = u32::from_ne_bytes(part(rest, 0).ok_or_else(damaged)?);
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let kind = u16::from_ne_bytes(part(rest, 4).ok_or_else(damaged)?);
        let flags = u16::from_ne_bytes(part(rest, 6).ok_or_else(damaged)?);
        let body = rest.get(HEADER_BYTES..length).ok_or_else(damaged)?;
        if flags & NLM_F_DUMP_INTR != 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match kind {
            NLMSG_DONE | NLMSG_ERROR => {
                let code = part(body, 0).map_or(0, i32::from_ne_bytes);
                let failed = || io::Error::from_raw_os_error(code.saturating_neg());
                return if code < 0 { Err(failed()) } else { Ok(true) };
            }
            _ => take(Message { kind, body })?,
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Some bytes at a place, where there are so many.
pub(super) fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// Attributes: type and value, up to the first that ends early.
///
/// | bytes | what                                       |
/// |-------|--------------------------------------------|
/// | 2, 2  | length of all but the padding, type        |
/// | …     | value, padded to a multiple of four        |
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(part(rest, 0)?));
        let kind = u16::from_ne_bytes(part(rest, 2)?) & ATTRIBUTE_TYPE_MASK;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The first attribute of a type.
pub(super) fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// An attribute as it is written.
pub(super) fn written(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(usize::from(length).next_multiple_of(4));
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_answers_are_refused_and_never_panic() {
        let whole = request(20, 0, &[1; 72]);
        let mut count = 0;
        let mut take = |_: Message<'_>| {
            count += 1;
            Ok(())
        };
        assert!(!messages(&whole, &mut take).unwrap());
        for length in 0..whole.len() {
            assert!(messages(&whole[..length], &mut take).is_err(), "{length}");
        }
        assert!(messages(&[0; 64], &mut take).is_err(), "a length of 0 would never end");
        assert_eq!(count, 1);
    }

    #[test]
    fn a_refusal_of_the_kernel_is_an_error() {
        let bytes = request(NLMSG_ERROR, 0, &(-2_i32).to_ne_bytes());
        let error = messages(&bytes, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn attributes_are_read_as_they_are_written_and_end_where_they_are_cut() {
        let bytes = [written(1, b"filter\0"), written(2, &7_u32.to_be_bytes())].concat();
        assert_eq!(attribute(&bytes, 1), Some(b"filter\0".as_slice()));
        assert_eq!(attribute(&bytes, 2), Some([0, 0, 0, 7].as_slice()));
        for length in 0..bytes.len() {
            assert!(attributes(&bytes[..length]).count() <= 1, "{length}");
        }
        assert_eq!(attributes(&[0; 64]).count(), 0, "a length of 0 would never end");
    }
}
