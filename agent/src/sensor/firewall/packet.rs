//! A packet as far as it is known: the first of a connection, or the answer to it.

use std::net::IpAddr;

use super::rules::Layer;

/// A byte, where it is known.
pub(super) type Byte = Option<u8>;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// State of a connection as rules see it. Source: `include/uapi/linux/netfilter/nf_conntrack_common.h`.
pub(super) const STATE_ESTABLISHED: u32 = 2;
pub(super) const STATE_NEW: u32 = 8;
pub(super) const STATE_UNTRACKED: u32 = 64;
const TCP_SYN: u8 = 0x02;
const TCP_SYN_ACK: u8 = 0x12;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// `eth0`
    pub name: String,
    /// The kernel's number of it.
    pub index: u32,
}

/// Who asks, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// From where; nothing when it may be anybody.
    pub source: Option<IpAddr>,
    /// By which interface.
    pub interface: Interface,
    /// Whom.
    pub destination: IpAddr,
    /// Which port.
    pub port: u16,
    /// TCP, otherwise UDP.
    pub is_tcp: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub is_v4: bool,
    pub is_tcp: bool,
    pub is_reply: bool,
    pub interface: Interface,
    pub network: Vec<Byte>,
    pub transport: Vec<Byte>,
    pub state: Option<u32>,
    pub mark: Option<u32>,
    pub connection_mark: Option<u32>,
}

impl Packet {
    /// What the other side sends first.
    pub(super) fn request(question: &Question) -> Self {
        Self::new(question, false)
    }

    /// What this machine answers.
    pub(super) fn reply(question: &Question) -> Self {
        Self::new(question, true)
    }

    fn new(question: &Question, is_reply: bool) -> Self {
        let is_v4 = question.destination.is_ipv4();
        let (here, there) =
            (bytes(Some(question.destination), is_v4), bytes(question.source, is_v4));
        let (from, to) = if is_reply { (here, there) } else { (there, here) };
        let protocol = if question.is_tcp { TCP } else { UDP };
        let port = question.port.to_be_bytes().map(Some).to_vec();
        let any = vec![None, None];
        let (source_port, target_port) = if is_reply { (port, any) } else { (any, port) };
        let flags = if is_reply { TCP_SYN_ACK } else { TCP_SYN };
        Self {
            is_v4,
            is_tcp: question.is_tcp,
            is_reply,
            interface: question.interface.clone(),
            network: network(is_v4, protocol, &from, &to),
            transport: transport(question.is_tcp, flags, &source_port, &target_port),
            state: Some(if is_reply { STATE_ESTABLISHED } else { STATE_NEW }),
            mark: Some(0),
            connection_mark: Some(0),
        }
    }

    /// The number of its protocol.
    pub(super) fn protocol(&self) -> u8 {
        if self.is_tcp { TCP } else { UDP }
    }

    /// Bytes of it; nothing where it is shorter.
    pub(super) fn bytes(&self, base: Layer, offset: usize, length: usize) -> Option<Vec<Byte>> {
        let header = match base {
            Layer::Network => &self.network,
            Layer::Transport => &self.transport,
            Layer::Link | Layer::Other => return None,
        };
        header.get(offset..offset.checked_add(length)?).map(<[Byte]>::to_vec)
    }

    /// Bytes of it are others from now on.
    pub(super) fn forget(&mut self, base: Layer, offset: usize, length: usize) {
        let header = match base {
            Layer::Network => &mut self.network,
            Layer::Transport => &mut self.transport,
            Layer::Link | Layer::Other => return,
        };
        header.iter_mut().skip(offset).take(length).for_each(|byte| *byte = None);
    }

    /// The port of the other side is never known; that of this side is.
    pub(super) fn ports(&self) -> (Option<u16>, Option<u16>) {
        let at = |place: usize| {
            let high = self.transport.get(place).copied().flatten()?;
            let low = self.transport.get(place + 1).copied().flatten()?;
            Some(u16::from_be_bytes([high, low]))
        };
        (at(0), at(2))
    }
}

fn bytes(address: Option<IpAddr>, is_v4: bool) -> Vec<Byte> {
    match address {
        Some(IpAddr::V4(address)) => address.octets().map(Some).to_vec(),
        Some(IpAddr::V6(address)) => address.octets().map(Some).to_vec(),
        None => vec![None; if is_v4 { 4 } else { 16 }],
    }
}

/// Source: RFC 791 section 3.1, RFC 8200 section 3.
fn network(is_v4: bool, protocol: u8, from: &[Byte], to: &[Byte]) -> Vec<Byte> {
    let mut header = if is_v4 {
        let mut header = vec![None; 12];
        header.iter_mut().take(1).for_each(|byte| *byte = Some(0x45));
        header.iter_mut().skip(9).take(1).for_each(|byte| *byte = Some(protocol));
        header
    } else {
        let mut header = vec![None; 8];
        header.iter_mut().skip(6).take(1).for_each(|byte| *byte = Some(protocol));
        header
    };
    header.extend_from_slice(from);
    header.extend_from_slice(to);
    header
}

/// Source: RFC 9293 section 3.1, RFC 768.
fn transport(is_tcp: bool, flags: u8, from: &[Byte], to: &[Byte]) -> Vec<Byte> {
    let mut header = [from, to].concat();
    header.resize(if is_tcp { 20 } else { 8 }, None);
    if is_tcp {
        header.iter_mut().skip(13).take(1).for_each(|byte| *byte = Some(flags));
    }
    header
}
