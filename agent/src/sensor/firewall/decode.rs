//! From the kernel's messages to rules. Source: Linux
//! `include/uapi/linux/netfilter/nf_tables.h`, where the numbers of attributes are.

use super::rules::{
    Base, Chain, ChainName, Data, Element, Expression, Layer, Operator, Rule, Rules, Set, Verdict,
};
use crate::sensor::netlink::{attribute, attributes, part};

/// An expression or element in a list.
const LIST_ELEMENT: u16 = 1;
const TABLE_DORMANT: u32 = 1;
const SET_INTERVAL: u32 = 4;
const SET_TIMEOUT: u32 = 0x10;
const SET_EVAL: u32 = 0x20;
const ELEMENT_INTERVAL_END: u32 = 1;
const ELEMENT_CATCHALL: u32 = 2;
/// Elements of all sets together: what a set of addresses of a country has.
const ELEMENTS_MAX: usize = 65_536;
/// Rules of all chains together.
const RULES_MAX: usize = 16_384;
/// Bytes of `nfgenmsg`: family, version, resource.
const GENERIC_BYTES: usize = 4;

impl Rules {
    /// Takes in a table: only whether it is switched off matters.
    pub(super) fn table(&mut self, body: &[u8]) {
        let Some((family, rest)) = head(body) else { return self.is_cut = true };
        if let (Some(name), Some(flags)) = (text(rest, 1), number(rest, 2))
            && flags & TABLE_DORMANT != 0
        {
            self.dormant.insert((family, name));
        }
    }

    /// Takes in a chain.
    pub(super) fn chain(&mut self, body: &[u8]) {
        let named = head(body)
            .and_then(|(family, rest)| Some(((family, text(rest, 1)?, text(rest, 3)?), rest)));
        let Some((name, rest)) = named else { return self.is_cut = true };
        let base = attribute(rest, 4).map(|hook| Base {
            hook: number(hook, 1).unwrap_or(u32::MAX),
            priority: number(hook, 2).unwrap_or_default().cast_signed(),
            accepts: number(rest, 5).is_none_or(|policy| policy == 1),
            is_nat: text(rest, 7).as_deref() == Some("nat"),
            devices: devices(hook),
        });
        self.chains.entry(name).or_default().base = base;
    }

    /// Takes in a rule.
    pub(super) fn rule(&mut self, body: &[u8]) {
        let named = head(body)
            .and_then(|(family, rest)| Some(((family, text(rest, 1)?, text(rest, 2)?), rest)));
        let Some((name, rest)) = named else { return self.is_cut = true };
        if self.chains.values().map(|chain| chain.rules.len()).sum::<usize>() >= RULES_MAX {
            return self.is_cut = true;
        }
        let handle = attribute(rest, 3).and_then(|bytes| part(bytes, 0)).map(u64::from_be_bytes);
        let list = attribute(rest, 4).unwrap_or_default();
        let chain: &mut Chain = self.chains.entry(name).or_default();
        chain.rules.push(Rule {
            handle: handle.unwrap_or_default(),
            comment: attribute(rest, 7).and_then(comment),
            expressions: elements(list).map(expression).collect(),
        });
    }

    /// Takes in a set without its elements.
    pub(super) fn set(&mut self, body: &[u8]) {
        let named = head(body)
            .and_then(|(family, rest)| Some(((family, text(rest, 1)?, text(rest, 2)?), rest)));
        let Some((name, rest)) = named else { return self.is_cut = true };
        let flags = number(rest, 3).unwrap_or_default();
        let concat = attribute(rest, 9).and_then(|description| attribute(description, 2));
        let parts = concat.map(|list| elements(list).filter_map(|one| number(one, 1)));
        self.sets.insert(
            name,
            Set {
                is_interval: flags & SET_INTERVAL != 0,
                is_dynamic: flags & (SET_EVAL | SET_TIMEOUT) != 0,
                key_bytes: length(number(rest, 5)),
                parts: parts.into_iter().flatten().map(|bytes| length(Some(bytes))).collect(),
                elements: Vec::new(),
            },
        );
    }

    /// Takes in elements of a set.
    pub(super) fn elements(&mut self, name: &ChainName, body: &[u8]) {
        let Some((_, rest)) = head(body) else { return self.is_cut = true };
        let count: usize = self.sets.values().map(|set| set.elements.len()).sum();
        let Some(set) = self.sets.get_mut(name) else { return self.is_cut = true };
        let list = attribute(rest, 3).unwrap_or_default();
        for (taken, one) in elements(list).enumerate() {
            if count + taken >= ELEMENTS_MAX {
                return self.is_cut = true;
            }
            set.elements.push(element(one));
        }
    }
}

fn head(body: &[u8]) -> Option<(u8, &[u8])> {
    Some((*body.first()?, body.get(GENERIC_BYTES..)?))
}

fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes(list).filter(|(kind, _)| *kind == LIST_ELEMENT).map(|(_, value)| value)
}

/// Text of the kernel ends with a zero.
fn text(bytes: &[u8], kind: u16) -> Option<String> {
    let value = attribute(bytes, kind)?;
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(value).into_owned())
}

fn number(bytes: &[u8], kind: u16) -> Option<u32> {
    attribute(bytes, kind).and_then(|value| part(value, 0)).map(u32::from_be_bytes)
}

fn length(number: Option<u32>) -> usize {
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}

fn devices(hook: &[u8]) -> Vec<String> {
    let several = attribute(hook, 4).unwrap_or_default();
    let plain = |bytes: &[u8]| {
        let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    };
    attribute(hook, 3)
        .into_iter()
        .chain(attributes(several).map(|(_, name)| name))
        .map(plain)
        .collect()
}

/// The comment among what programs keep beside a rule: type, length, value; 0 is the comment.
/// Source: libnftnl `include/libnftnl/udata.h`.
fn comment(mut rest: &[u8]) -> Option<String> {
    loop {
        let [kind, length] = part(rest, 0)?;
        let value = rest.get(2..2 + usize::from(length))?;
        if kind == 0 {
            let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        rest = rest.get(2 + usize::from(length)..)?;
    }
}

fn data(bytes: &[u8]) -> Option<Data> {
    if let Some(value) = attribute(bytes, 1) {
        return Some(Data::Value(value.to_vec()));
    }
    let verdict = attribute(bytes, 2)?;
    let chain = || text(verdict, 2).unwrap_or_default();
    Some(Data::Verdict(match number(verdict, 1)?.cast_signed() {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        -1 => Verdict::Continue,
        -3 => Verdict::Jump(chain()),
        -4 => Verdict::Goto(chain()),
        -5 => Verdict::Return,
        _ => Verdict::Elsewhere,
    }))
}

fn value(bytes: &[u8], kind: u16) -> Option<Vec<u8>> {
    match data(attribute(bytes, kind)?)? {
        Data::Value(value) => Some(value),
        Data::Verdict(_) => None,
    }
}

fn element(bytes: &[u8]) -> Element {
    let flags = number(bytes, 3).unwrap_or_default();
    // Counters are the only statements that change nothing.
    let statement = attribute(bytes, 7).into_iter();
    let statements = statement.chain(attribute(bytes, 11).into_iter().flat_map(elements));
    let is_perhaps =
        statements.map(|one| text(one, 1)).any(|name| name.as_deref() != Some("counter"));
    Element {
        key: value(bytes, 1).unwrap_or_default(),
        key_end: value(bytes, 10),
        data: attribute(bytes, 2).and_then(data),
        is_interval_end: flags & ELEMENT_INTERVAL_END != 0,
        is_catchall: flags & ELEMENT_CATCHALL != 0,
        is_perhaps,
    }
}

fn expression(bytes: &[u8]) -> Expression {
    let name = text(bytes, 1).unwrap_or_default();
    let inside = attribute(bytes, 2).unwrap_or_default();
    match name.as_str() {
        "counter" | "log" | "last" | "flow_offload" | "dup" => Some(Expression::Nothing),
        "reject" => Some(Expression::Verdict(Verdict::Drop)),
        "masq" => Some(Expression::Verdict(Verdict::Accept)),
        "nat" | "redir" | "tproxy" | "queue" | "synproxy" | "fwd" => {
            Some(Expression::Verdict(Verdict::Elsewhere))
        }
        "notrack" => Some(Expression::Untracked),
        "limit" | "quota" | "connlimit" | "dynset" => Some(Expression::Perhaps),
        "objref" => Some(object(inside)),
        "immediate" => immediate(inside),
        "cmp" => compare(inside),
        "bitwise" => bitwise(inside),
        "byteorder" => byteorder(inside),
        "range" => range(inside),
        "lookup" => lookup(inside),
        "payload" => payload(inside),
        "meta" => meta(inside),
        "ct" => connection(inside),
        "fib" => fib(inside),
        "exthdr" | "socket" | "osf" | "numgen" | "hash" | "rt" | "tunnel" | "xfrm" => {
            number(inside, 1).map(|to| Expression::Load { to })
        }
        "match" => compat(inside),
        "target" => Some(target(&text(inside, 1).unwrap_or_default())),
        _ => None,
    }
    .unwrap_or(Expression::Unknown)
}

/// Named counters, helpers of connections, timeouts and marks decide nothing.
fn object(inside: &[u8]) -> Expression {
    match number(inside, 1) {
        Some(1 | 3 | 7 | 8 | 9) => Expression::Nothing,
        Some(10) => Expression::Verdict(Verdict::Elsewhere),
        _ => Expression::Perhaps,
    }
}

fn immediate(inside: &[u8]) -> Option<Expression> {
    let to = number(inside, 1)?;
    Some(match data(attribute(inside, 2)?)? {
        Data::Verdict(verdict) => Expression::Verdict(verdict),
        Data::Value(data) => Expression::Immediate { to, data },
    })
}

fn compare(inside: &[u8]) -> Option<Expression> {
    let operator = match number(inside, 2)? {
        0 => Operator::Equal,
        1 => Operator::NotEqual,
        2 => Operator::Less,
        3 => Operator::LessOrEqual,
        4 => Operator::Greater,
        5 => Operator::GreaterOrEqual,
        _ => return None,
    };
    let (register, data) = (number(inside, 1)?, value(inside, 3)?);
    Some(Expression::Compare { register, operator, data })
}

fn bitwise(inside: &[u8]) -> Option<Expression> {
    let (from, to) = (number(inside, 1)?, number(inside, 2)?);
    // Shifts and the like are rare: what they give is not known.
    if number(inside, 6).unwrap_or_default() != 0 {
        return Some(Expression::Load { to });
    }
    let (mask, xor) = (value(inside, 4)?, value(inside, 5)?);
    Some(Expression::Bitwise { from, to, mask, xor })
}

fn byteorder(inside: &[u8]) -> Option<Expression> {
    let (from, to) = (number(inside, 1)?, number(inside, 2)?);
    let (length, size) = (length(number(inside, 4)), length(number(inside, 5)));
    Some(Expression::Byteorder { from, to, length, size })
}

fn range(inside: &[u8]) -> Option<Expression> {
    let (register, is_negated) = (number(inside, 1)?, number(inside, 2)? == 1);
    let (low, high) = (value(inside, 3)?, value(inside, 4)?);
    Some(Expression::Range { register, is_negated, low, high })
}

fn lookup(inside: &[u8]) -> Option<Expression> {
    let (set, register) = (text(inside, 1)?, number(inside, 2)?);
    let is_negated = number(inside, 5).unwrap_or_default() & 1 != 0;
    Some(Expression::Lookup { set, register, to: number(inside, 3), is_negated })
}

fn payload(inside: &[u8]) -> Option<Expression> {
    let base = match number(inside, 2)? {
        0 => Layer::Link,
        1 => Layer::Network,
        2 => Layer::Transport,
        _ => Layer::Other,
    };
    let (offset, length) = (length(Some(number(inside, 3)?)), length(Some(number(inside, 4)?)));
    Some(match number(inside, 1) {
        Some(to) => Expression::Payload { base, offset, length, to },
        None => Expression::Rewrite { base, offset, length },
    })
}

fn meta(inside: &[u8]) -> Option<Expression> {
    const MARK: u32 = 3;
    let key = number(inside, 2)?;
    Some(match (number(inside, 1), number(inside, 3)) {
        (Some(to), _) => Expression::Meta { key, to },
        (None, Some(from)) if key == MARK => Expression::Mark { from, is_connection: false },
        // Priority, tracing, the kind of packet: nothing reads them but `meta` again.
        (None, Some(_)) => Expression::Nothing,
        (None, None) => return None,
    })
}

fn connection(inside: &[u8]) -> Option<Expression> {
    const MARK: u32 = 3;
    let key = number(inside, 2)?;
    Some(match (number(inside, 1), number(inside, 4)) {
        (Some(to), _) => Expression::Connection { key, to },
        (None, Some(from)) if key == MARK => Expression::Mark { from, is_connection: true },
        (None, Some(_)) => Expression::Nothing,
        (None, None) => return None,
    })
}

fn fib(inside: &[u8]) -> Option<Expression> {
    const ADDRESS_TYPE: u32 = 3;
    const DESTINATION: u32 = 2;
    let to = number(inside, 1)?;
    let is_type = number(inside, 2)? == ADDRESS_TYPE && number(inside, 3)? == DESTINATION;
    Some(if is_type { Expression::DestinationType { to } } else { Expression::Load { to } })
}

fn compat(inside: &[u8]) -> Option<Expression> {
    let info = attribute(inside, 3).unwrap_or_default().to_vec();
    let revision = number(inside, 2).unwrap_or_default();
    Some(Expression::Match { name: text(inside, 1)?, revision, info })
}

/// Targets of iptables.
fn target(name: &str) -> Expression {
    match name {
        "LOG" | "NFLOG" | "TCPMSS" | "AUDIT" | "CHECKSUM" | "CLASSIFY" | "DSCP" | "TOS" | "TTL"
        | "TRACE" => Expression::Nothing,
        "REJECT" => Expression::Verdict(Verdict::Drop),
        "MASQUERADE" | "SNAT" => Expression::Verdict(Verdict::Accept),
        "DNAT" | "REDIRECT" | "TPROXY" | "NETMAP" | "SYNPROXY" | "NFQUEUE" => {
            Expression::Verdict(Verdict::Elsewhere)
        }
        // MARK, CONNMARK, CT and others change what later rules look at.
        _ => Expression::Unknown,
    }
}
