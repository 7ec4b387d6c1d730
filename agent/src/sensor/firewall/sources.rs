//! Which addresses the rules tell apart: between two neighbouring ones all are treated alike, so
//! one of each stretch is asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::rules::{Expression, Layer, Rules};

/// Stretches that are asked for.
const STRETCHES_MAX: usize = 256;
/// Networks that are told one by one.
const NETWORKS_MAX: usize = 8;

/// Stretches of addresses; the end is not in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources {
    pub is_v4: bool,
    pub stretches: Vec<Range<u128>>,
    /// The rules tell more apart than are asked for.
    pub is_cut: bool,
}

/// Where the addresses are: of an answer, the other side's is the second.
fn place(is_v4: bool) -> Range<usize> {
    if is_v4 { 12..20 } else { 8..40 }
}

impl Sources {
    /// Those that the rules tell apart.
    pub(super) fn of(rules: &Rules, is_v4: bool) -> Self {
        let mut borders = excluded(is_v4).iter().flat_map(|r| [r.start, r.end]).collect();
        let place = place(is_v4);
        for (name, chain) in &rules.chains {
            for rule in chain.rules.iter().filter(|rule| reads(&rule.expressions, &place)) {
                let table = (name.0, name.1.as_str());
                collect(rules, table, &rule.expressions, is_v4, &mut borders);
            }
        }
        borders.push(0);
        borders.sort_unstable();
        borders.dedup();
        let end = end(is_v4);
        borders.retain(|border| *border < end);
        let ends = borders.iter().copied().skip(1).chain([end]);
        let all = borders.iter().copied().zip(ends).map(|(low, high)| low..high);
        let is_possible = |one: &Range<u128>| {
            !excluded(is_v4).iter().any(|not| not.start <= one.start && one.end <= not.end)
        };
        let mut stretches: Vec<_> = all.filter(is_possible).collect();
        let is_cut = stretches.len() > STRETCHES_MAX;
        stretches.truncate(STRETCHES_MAX);
        Self { is_v4, stretches, is_cut }
    }

    /// One of a stretch.
    pub(super) fn address(&self, stretch: &Range<u128>) -> IpAddr {
        address(stretch.start, self.is_v4)
    }

    /// Some of them as networks: `192.0.2.0/24`; of very many only that there are some.
    pub(super) fn named(&self, chosen: &[Range<u128>]) -> Vec<String> {
        if chosen.len() == self.stretches.len() && !self.is_cut {
            return vec![everybody(self.is_v4).to_owned()];
        }
        let mut joined: Vec<Range<u128>> = Vec::new();
        for one in chosen {
            match joined.last_mut() {
                Some(last) if last.end == one.start => last.end = one.end,
                _ => joined.push(one.clone()),
            }
        }
        let mut names = Vec::new();
        for one in joined {
            networks(one, self.is_v4, &mut names);
        }
        if names.len() > NETWORKS_MAX { vec!["some".to_owned()] } else { names }
    }
}

/// Whether rules may ask for the address of this machine.
pub(super) fn ask_for_destination(rules: &Rules, is_v4: bool) -> bool {
    let place = place(is_v4);
    rules.chains.values().any(|chain| {
        chain.rules.iter().any(|rule| {
            let in_match =
                rule.expressions.iter().any(|one| matches!(one, Expression::Match { .. }));
            in_match || reads(&rule.expressions, &place)
        })
    })
}

/// All addresses of a family.
pub(super) fn everybody(is_v4: bool) -> &'static str {
    if is_v4 { "0.0.0.0/0" } else { "::/0" }
}

fn end(is_v4: bool) -> u128 {
    if is_v4 { 1 << 32 } else { u128::MAX }
}

/// Nobody else can be there: this machine, groups. Source: RFC 6890.
fn excluded(is_v4: bool) -> &'static [Range<u128>] {
    const V4: &[Range<u128>] = &[0..1 << 24, 127 << 24..128 << 24, 224 << 24..1 << 32];
    const V6: &[Range<u128>] = &[0..1 << 120, 0xff << 120..u128::MAX];
    if is_v4 { V4 } else { V6 }
}

fn reads(expressions: &[Expression], place: &Range<usize>) -> bool {
    expressions.iter().any(|expression| match expression {
        Expression::Payload { base: Layer::Network, offset, length, .. } => {
            *offset < place.end && offset.saturating_add(*length) > place.start
        }
        _ => false,
    })
}

/// Whatever a rule about the source compares with is taken for an address: a border too many only
/// costs a question.
fn collect(
    rules: &Rules,
    table: (u8, &str),
    expressions: &[Expression],
    is_v4: bool,
    borders: &mut Vec<u128>,
) {
    let masks: Vec<&[u8]> = expressions
        .iter()
        .filter_map(|one| match one {
            Expression::Bitwise { mask, .. } => Some(mask.as_slice()),
            _ => None,
        })
        .collect();
    let mut constant = |bytes: &[u8]| {
        for (low, high) in windows(bytes, is_v4) {
            borders.extend([low, high.saturating_add(1)]);
            for (mask, _) in masks.iter().flat_map(|mask| windows(mask, is_v4)) {
                let rest = !mask & (end(is_v4) - 1);
                borders.extend([low & mask, (low | rest).saturating_add(1)]);
            }
        }
    };
    for expression in expressions {
        match expression {
            Expression::Compare { data, .. } => constant(data),
            Expression::Range { low, high, .. } => {
                constant(low);
                constant(high);
            }
            Expression::Lookup { set, .. } => {
                let name = (table.0, table.1.to_owned(), set.clone());
                for element in rules.sets.get(&name).iter().flat_map(|set| &set.elements) {
                    constant(&element.key);
                    element.key_end.iter().for_each(|key| constant(key));
                }
            }
            _ => {}
        }
    }
}

/// The addresses that bytes may be: the first and the last that begin so, at each word.
fn windows(bytes: &[u8], is_v4: bool) -> Vec<(u128, u128)> {
    let size = if is_v4 { 4 } else { 16 };
    let one = |part: &[u8]| {
        let filled = |with: u8| {
            part.iter()
                .copied()
                .chain(std::iter::repeat(with))
                .take(size)
                .fold(0, |sum, byte| (sum << 8) | u128::from(byte))
        };
        (filled(0), filled(0xff))
    };
    if bytes.len() < size {
        return vec![one(bytes)];
    }
    (0..=bytes.len() - size).step_by(4).filter_map(|at| bytes.get(at..at + size)).map(one).collect()
}

fn address(number: u128, is_v4: bool) -> IpAddr {
    if is_v4 {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from(number))
    }
}

/// The networks a stretch is made of.
fn networks(stretch: Range<u128>, is_v4: bool, names: &mut Vec<String>) {
    let bits = if is_v4 { 32 } else { 128 };
    let (mut low, end) = (stretch.start, stretch.end);
    while low < end && names.len() <= NETWORKS_MAX {
        let mut free = low.trailing_zeros().min(bits);
        while free > 0 && (free >= 128 || low.saturating_add(1 << free) > end) {
            free -= 1;
        }
        names.push(format!("{}/{}", address(low, is_v4), bits - free));
        low = low.saturating_add(1 << free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_named_as_networks() {
        let check = |stretch: Range<u128>, expected: &[&str]| {
            let mut names = Vec::new();
            networks(stretch, true, &mut names);
            assert_eq!(names, expected);
        };
        check(10 << 24..11 << 24, &["10.0.0.0/8"]);
        check((10 << 24) + 1..(10 << 24) + 4, &["10.0.0.1/32", "10.0.0.2/31"]);
        check(0..1 << 32, &["0.0.0.0/0"]);
    }

    #[test]
    fn without_rules_everybody_is_asked_for() {
        for is_v4 in [true, false] {
            let sources = Sources::of(&Rules::default(), is_v4);
            assert_eq!(sources.named(&sources.stretches), [everybody(is_v4)]);
            assert!(!sources.stretches.iter().any(|one| sources.address(one).is_loopback()));
        }
    }
}
