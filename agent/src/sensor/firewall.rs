//! Whether the firewall of this host lets others reach a port, read from nftables.
//!
//! Asks the kernel for its rules (it never changes them and starts no program) and sends a packet
//! through them in thought: the first packet of a connection in, the answer out. What a packet
//! would carry is known only in part, and so is what some expressions do; then both ways are gone,
//! and the answer is "unknown". It is "yes" only when somebody surely gets through and "no" only
//! when surely nobody does. Addresses, networks and interfaces that rules tell apart are asked for
//! one by one.
//!
//! Rules of `iptables-nft` are rules of nftables. Those of the old `iptables` cannot be read without
//! calls this program does not make: where there are any, the answer is "unknown". What other parts
//! of the kernel do (BPF, traffic control, routing, `IPAddressDeny=` of systemd) is not seen.

mod decode;
mod machine;
mod packet;
mod rules;
mod sources;
mod xtables;

use std::io;
use std::net::IpAddr;
use std::ops::Range;

use rustix::net::netlink;
use serde::Serialize;
use soc_event::Event;

use super::netlink::{GET_ALL, Link, Message};
use super::{Root, read};
use machine::{Fates, Outcome, pass};
use packet::Packet;
pub(super) use packet::{Interface, Question};
use rules::{ChainName, Rules};
use sources::Sources;

/// How often a reading is begun again because the rules changed meanwhile.
const ATTEMPTS_MAX: usize = 3;
/// Packets sent in thought for one port.
const QUESTIONS_MAX: usize = 4096;

const SUBSYSTEM: u16 = 10 << 8;
const GET_TABLE: u16 = SUBSYSTEM | 1;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const GET_SET: u16 = SUBSYSTEM | 10;
const GET_SET_ELEMENTS: u16 = SUBSYSTEM | 13;
const GET_GENERATION: u16 = SUBSYSTEM | 16;

/// Whether somebody else can reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reachable {
    /// Somebody surely can.
    Yes,
    /// Surely nobody can.
    No,
    /// Not known.
    Unknown,
}

impl Reachable {
    /// The word of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a port can be reached, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The answer.
    pub reachable: Reachable,
    /// `nftables`, `no rules`, `address` (loopback), or why it is not known.
    pub source: String,
    /// The rule or policy that decided: `inet filter input handle 7`.
    pub rule: Option<String>,
    /// From where: `any`, or networks, where rules tell them apart with `via` an interface.
    pub from: Vec<String>,
}

impl Reach {
    /// An answer that needs no rules.
    pub(super) fn plain(reachable: Reachable, source: &str) -> Self {
        let from = if reachable == Reachable::Yes { vec!["any".to_owned()] } else { Vec::new() };
        Self { reachable, source: source.to_owned(), rule: None, from }
    }

    /// The fields of an event that say so.
    pub(super) fn describe(&self, event: Event) -> Event {
        let mut event = event
            .with("port.reachable", self.reachable.as_str())
            .with("port.reachable.source", self.source.as_str());
        if let Some(rule) = &self.rule {
            event = event.with("port.reachable.rule", rule.as_str());
        }
        if !self.from.is_empty() {
            event = event.with("port.reachable.from", self.from.clone());
        }
        event
    }
}

/// Where packets come in, and whom they may be for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// Without loopback.
    pub interfaces: Vec<Interface>,
    /// Without loopback.
    pub addresses: Vec<IpAddr>,
}

impl Host {
    /// As it is now.
    pub(super) fn read() -> Self {
        let mut host = Self::default();
        for one in pnet_datalink::interfaces().into_iter().filter(|one| !one.is_loopback()) {
            host.addresses.extend(one.ips.iter().map(|network| network.ip()));
            host.interfaces.push(Interface { name: one.name, index: one.index });
        }
        host
    }
}

/// A firewall as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Firewall {
    rules: Rules,
    /// Why nothing may be concluded.
    blind: Option<String>,
    /// Changes with every change of the rules.
    generation: Option<u32>,
    host: Host,
}

impl Firewall {
    /// Reads it. What cannot be read makes answers unknown, not wrong.
    pub(super) fn read(root: &Root) -> Self {
        if *root != Root::default() {
            return Self { blind: Some("not this machine".to_owned()), ..Self::default() };
        }
        let host = Host::read();
        match read_rules() {
            Ok((rules, generation)) => Self { blind: blind(root, &rules), rules, generation, host },
            Err(error) => {
                Self { blind: Some(format!("nftables: {error}")), host, ..Self::default() }
            }
        }
    }

    /// Whether it has changed since it was read; cheap.
    pub(super) fn has_changed(&self, root: &Root) -> bool {
        if *root != Root::default() {
            return false;
        }
        let now = Link::open(netlink::NETFILTER).and_then(|link| generation(&link)).ok().flatten();
        now != self.generation || Host::read() != self.host
    }

    /// Why nothing can be said about it, where that is so.
    pub(super) fn blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    /// Whether others can reach a port.
    pub(super) fn reach(&self, port: &Wanted) -> Reach {
        if port.address.is_loopback() {
            return Reach::plain(Reachable::No, "address");
        }
        if let Some(reason) = &self.blind {
            return Reach::plain(Reachable::Unknown, reason);
        }
        if self.rules.chains.values().all(|chain| chain.base.is_none()) {
            return Reach::plain(Reachable::Yes, "no rules");
        }
        let mut sum = Sum::default();
        for is_v4 in [true, false] {
            self.family(port, is_v4, &mut sum);
        }
        sum.reach()
    }

    /// What happens to one connection.
    pub(super) fn answer(&self, question: &Question) -> (Reachable, Option<String>) {
        let Outcome { fates, rule, packet } = pass(&self.rules, Packet::request(question));
        if fates != Fates::ACCEPT {
            let is_no = fates == Fates::DROP;
            return (if is_no { Reachable::No } else { Reachable::Unknown }, rule);
        }
        let mut answer = Packet::reply(question);
        answer.connection_mark = packet.connection_mark;
        if packet.state != Some(packet::STATE_NEW) {
            answer.state = None;
        }
        let back = pass(&self.rules, answer);
        match back.fates {
            Fates::ACCEPT => (Reachable::Yes, rule.or(back.rule)),
            // Without an answer there is no connection; a datagram has arrived.
            Fates::DROP if question.is_tcp => (Reachable::No, back.rule),
            Fates::DROP => (Reachable::Yes, rule),
            _ => (Reachable::Unknown, back.rule),
        }
    }

    fn family(&self, port: &Wanted, is_v4: bool, sum: &mut Sum) {
        let destinations = self.destinations(port, is_v4);
        let sources = Sources::of(&self.rules, is_v4);
        let by_interface = self.rules.ask_for_interfaces();
        let most = if by_interface { self.host.interfaces.len() } else { 1 };
        let interfaces: Vec<&Interface> = self.host.interfaces.iter().take(most).collect();
        let ways = destinations.len() * interfaces.len();
        sum.is_cut |= sources.is_cut || ways * sources.stretches.len() > QUESTIONS_MAX;
        // Told of an IPv6 socket, whether it takes IPv4 too may not be known.
        let is_sure = !(is_v4 && port.address.is_ipv6() && port.is_v6_only.is_none());
        let stretches = sources.stretches.iter().take(QUESTIONS_MAX / ways.max(1));
        for (interface, destination) in interfaces.iter().flat_map(|interface| {
            destinations.iter().map(move |destination| (*interface, *destination))
        }) {
            let mut open: Vec<Range<u128>> = Vec::new();
            for stretch in stretches.clone() {
                let source = Some(sources.address(stretch));
                let (is_tcp, interface) = (port.is_tcp, interface.clone());
                let question = Question { source, interface, destination, port: port.port, is_tcp };
                let (answer, rule) = self.answer(&question);
                let is_known = is_sure || answer == Reachable::No;
                let answer = if is_known { answer } else { Reachable::Unknown };
                sum.add(answer, rule);
                if answer == Reachable::Yes {
                    open.push(stretch.clone());
                }
            }
            let via = by_interface.then(|| format!(" via {}", interface.name));
            let to = (destinations.len() > 1).then(|| format!(" to {destination}"));
            let way = [to, via].into_iter().flatten().collect::<String>();
            sum.open(if open.is_empty() { Vec::new() } else { sources.named(&open) }, way, is_v4);
        }
        sum.ways.push((is_v4, ways));
    }

    /// Addresses that may be asked: of those the rules do not tell apart, one.
    fn destinations(&self, port: &Wanted, is_v4: bool) -> Vec<IpAddr> {
        let takes_v4 = port.address.is_ipv6() && port.is_v6_only != Some(true);
        if !port.address.is_unspecified() {
            let is_it = port.address.is_ipv4() == is_v4;
            return if is_it { vec![port.address] } else { Vec::new() };
        }
        if port.address.is_ipv4() != is_v4 && !(is_v4 && takes_v4) {
            return Vec::new();
        }
        let own = self.host.addresses.iter().copied().filter(|one| one.is_ipv4() == is_v4);
        let most = if sources::ask_for_destination(&self.rules, is_v4) { usize::MAX } else { 1 };
        own.take(most).collect()
    }
}

/// A port to ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub address: IpAddr,
    pub port: u16,
    pub is_tcp: bool,
    /// Whether an IPv6 socket leaves IPv4 alone.
    pub is_v6_only: Option<bool>,
}

/// All answers about one port.
#[derive(Debug, Default)]
struct Sum {
    yes: Option<Option<String>>,
    no: Option<Option<String>>,
    unknown: Option<Option<String>>,
    is_cut: bool,
    /// How many ways of getting here were asked for in each family: true is IPv4.
    ways: Vec<(bool, usize)>,
    from: Vec<From>,
}

/// Who gets through, on which of the ways.
#[derive(Debug)]
struct From {
    name: String,
    way: String,
    is_v4: bool,
}

impl Sum {
    fn add(&mut self, answer: Reachable, rule: Option<String>) {
        let place = match answer {
            Reachable::Yes => &mut self.yes,
            Reachable::No => &mut self.no,
            Reachable::Unknown => &mut self.unknown,
        };
        place.get_or_insert(rule);
    }

    fn open(&mut self, names: Vec<String>, way: String, is_v4: bool) {
        let from = names.into_iter().map(|name| From { name, way: way.clone(), is_v4 });
        self.from.extend(from);
    }

    fn reach(mut self) -> Reach {
        let (reachable, rule) = if let Some(rule) = self.yes.take() {
            (Reachable::Yes, rule)
        } else if self.is_cut || self.unknown.is_some() {
            (Reachable::Unknown, self.unknown.take().flatten())
        } else {
            (Reachable::No, self.no.take().flatten())
        };
        Reach { reachable, source: "nftables".to_owned(), rule, from: self.named() }
    }

    /// What holds on all ways is said without them, and what holds for everybody in one word.
    fn named(&self) -> Vec<String> {
        let mut names = Vec::new();
        for one in &self.from {
            let ways = self.ways.iter().find(|(is_v4, _)| *is_v4 == one.is_v4);
            let holds = self.from.iter().filter(|other| other.name == one.name).count();
            let is_everywhere = ways.is_some_and(|(_, ways)| holds == *ways);
            let way = if is_everywhere { "" } else { one.way.as_str() };
            let text = format!("{}{way}", one.name);
            if !names.contains(&text) {
                names.push(text);
            }
        }
        let asked = self.ways.iter().filter(|(_, ways)| *ways > 0);
        let mut all = asked.map(|(is_v4, _)| sources::everybody(*is_v4));
        let is_any = !names.is_empty() && all.all(|all| names.iter().any(|name| name == all));
        if is_any { vec!["any".to_owned()] } else { names }
    }
}

/// Why nothing may be concluded from these rules.
fn blind(root: &Root, rules: &Rules) -> Option<String> {
    if rules.is_cut {
        return Some("nftables: too many rules".to_owned());
    }
    if rules.has_bridge() {
        return Some("nftables: rules of a bridge".to_owned());
    }
    for names in ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"] {
        match read::text(&root.path(names)) {
            Ok(text) if text.trim().is_empty() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) => return Some("iptables-legacy".to_owned()),
            Err(error) => return Some(format!("iptables-legacy: {error}")),
        }
    }
    None
}

/// All rules of this network namespace, as they were at one moment.
fn read_rules() -> io::Result<(Rules, Option<u32>)> {
    let mut outcome = Err(io::ErrorKind::Interrupted.into());
    for _ in 0..ATTEMPTS_MAX {
        outcome = read_once();
        match &outcome {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    outcome
}

fn read_once() -> io::Result<(Rules, Option<u32>)> {
    let link = Link::open(netlink::NETFILTER)?;
    let before = match generation(&link) {
        // A kernel without nftables has no rules of it.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => {
            return Ok((Rules::default(), None));
        }
        found => found?,
    };
    let mut rules = Rules::default();
    dump(GET_TABLE, &GET_ALL, &mut |body| rules.table(body))?;
    dump(GET_CHAIN, &GET_ALL, &mut |body| rules.chain(body))?;
    dump(GET_RULE, &GET_ALL, &mut |body| rules.rule(body))?;
    dump(GET_SET, &GET_ALL, &mut |body| rules.set(body))?;
    let names: Vec<ChainName> = rules.sets.keys().cloned().collect();
    for name in names {
        let question = elements_of(&name);
        dump(GET_SET_ELEMENTS, &question, &mut |body| rules.elements(&name, body))?;
    }
    if generation(&Link::open(netlink::NETFILTER)?)? != before {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok((rules, before))
}

fn dump(kind: u16, question: &[u8], take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let link = Link::open(netlink::NETFILTER)?;
    link.dump(kind, question, &mut |message: Message<'_>| {
        take(message.body);
        Ok(())
    })
}

/// Family, version and resource, then table and set.
fn elements_of((family, table, set): &ChainName) -> Vec<u8> {
    let text =
        |kind: u16, text: &str| super::netlink::written(kind, &[text.as_bytes(), &[0]].concat());
    [vec![*family, 0, 0, 0], text(1, table), text(2, set)].concat()
}

fn generation(link: &Link) -> io::Result<Option<u32>> {
    let mut found = None;
    link.ask(GET_GENERATION, &GET_ALL, &mut |message: Message<'_>| {
        let rest = message.body.get(GET_ALL.len()..).unwrap_or_default();
        let number = super::netlink::attribute(rest, 1).and_then(|id| id.first_chunk::<4>());
        found = number.copied().map(u32::from_be_bytes);
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests;
