//! What nftables holds, as far as it matters to who reaches a port.

use std::collections::{BTreeMap, BTreeSet};

/// Families of netfilter. Source: Linux `include/uapi/linux/netfilter.h`.
pub(super) mod family {
    pub(in super::super) const INET: u8 = 1;
    pub(in super::super) const IPV4: u8 = 2;
    pub(in super::super) const NETDEV: u8 = 5;
    pub(in super::super) const BRIDGE: u8 = 7;
    pub(in super::super) const IPV6: u8 = 10;
}

/// All tables of one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub chains: BTreeMap<ChainName, Chain>,
    pub sets: BTreeMap<ChainName, Set>,
    /// Tables that are switched off.
    pub dormant: BTreeSet<(u8, String)>,
    /// Something could not be read whole: nothing may be concluded.
    pub is_cut: bool,
}

/// Family, table, name.
pub(super) type ChainName = (u8, String, String);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub base: Option<Base>,
    pub rules: Vec<Rule>,
}

/// Where the kernel enters a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub hook: u32,
    pub priority: i32,
    pub accepts: bool,
    pub is_nat: bool,
    /// For hooks of devices.
    pub devices: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub handle: u64,
    pub comment: Option<String>,
    pub expressions: Vec<Expression>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    /// Goes on with the next rule.
    Continue,
    Return,
    Jump(String),
    Goto(String),
    /// Where the packet ends is not known.
    Elsewhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A part of a rule. Registers are numbered as the kernel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Has nothing to do with where the packet goes.
    Nothing,
    Verdict(Verdict),
    Immediate {
        to: u32,
        data: Vec<u8>,
    },
    Compare {
        register: u32,
        operator: Operator,
        data: Vec<u8>,
    },
    Bitwise {
        from: u32,
        to: u32,
        mask: Vec<u8>,
        xor: Vec<u8>,
    },
    Byteorder {
        from: u32,
        to: u32,
        length: usize,
        size: usize,
    },
    Range {
        register: u32,
        is_negated: bool,
        low: Vec<u8>,
        high: Vec<u8>,
    },
    Lookup {
        set: String,
        register: u32,
        to: Option<u32>,
        is_negated: bool,
    },
    Payload {
        base: Layer,
        offset: usize,
        length: usize,
        to: u32,
    },
    /// Changes the packet.
    Rewrite {
        base: Layer,
        offset: usize,
        length: usize,
    },
    Meta {
        key: u32,
        to: u32,
    },
    /// Sets a mark of the packet (`is_connection`: of the connection) from a register.
    Mark {
        from: u32,
        is_connection: bool,
    },
    Connection {
        key: u32,
        to: u32,
    },
    /// Which kind of address the destination is.
    DestinationType {
        to: u32,
    },
    Untracked,
    /// Of iptables.
    Match {
        name: String,
        revision: u32,
        info: Vec<u8>,
    },
    /// Loads what is not known here.
    Load {
        to: u32,
    },
    /// True of some packets (limits, meters).
    Perhaps,
    /// Not understood.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Link,
    Network,
    Transport,
    Other,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub is_interval: bool,
    /// Filled by packets or by time: what is in it now says nothing about the next moment.
    pub is_dynamic: bool,
    pub key_bytes: usize,
    /// Lengths of the parts of a concatenated key.
    pub parts: Vec<usize>,
    pub elements: Vec<Element>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub key: Vec<u8>,
    pub key_end: Option<Vec<u8>>,
    pub data: Option<Data>,
    pub is_interval_end: bool,
    pub is_catchall: bool,
    /// Has a limit or the like of its own.
    pub is_perhaps: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Value(Vec<u8>),
    Verdict(Verdict),
}

/// What a set says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Yes(Option<&'a Data>),
    No,
    Unknown,
}

impl Set {
    /// Looks a key up.
    pub(super) fn find(&self, key: &[u8]) -> Found<'_> {
        if self.is_dynamic {
            return Found::Unknown;
        }
        let hit = if self.is_interval && !self.elements.iter().any(|one| one.key_end.is_some()) {
            // Ends are the first key that is not in it any more.
            let below = self.elements.iter().filter(|one| !one.is_catchall);
            let below = below.filter(|one| one.key.as_slice() <= key);
            let nearest = below.max_by_key(|one| (one.key.as_slice(), !one.is_interval_end));
            nearest.filter(|one| !one.is_interval_end)
        } else {
            self.elements.iter().find(|one| !one.is_catchall && self.holds(one, key))
        };
        let hit = hit.or_else(|| self.elements.iter().find(|one| one.is_catchall));
        match hit {
            Some(one) if one.is_perhaps => Found::Unknown,
            Some(one) => Found::Yes(one.data.as_ref()),
            None => Found::No,
        }
    }

    fn holds(&self, one: &Element, key: &[u8]) -> bool {
        let Some(end) = &one.key_end else { return one.key == key };
        let whole = [self.key_bytes];
        let parts = if self.parts.is_empty() { &whole[..] } else { &self.parts[..] };
        let mut at = 0;
        parts.iter().all(|length| {
            let of = |bytes: &[u8]| bytes.get(at..at + length).map(<[u8]>::to_vec);
            let inside = match (of(&one.key), of(end), of(key)) {
                (Some(low), Some(high), Some(value)) => low <= value && value <= high,
                _ => false,
            };
            at += length.next_multiple_of(4);
            inside
        })
    }
}
