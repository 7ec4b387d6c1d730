//! Conditions of `temporal_ordered`: which members must follow each other, and which must be absent.

use crate::detection::Expression;

/// One way to make a condition true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Bits of the members that follow each other, in the order of `rules`.
    pub links: u64,
    /// Bits of the members that must not match.
    pub without: u64,
}

impl Chain {
    /// The positions of its members in order.
    pub fn positions(&self) -> impl Iterator<Item = usize> {
        let links = self.links;
        (0..64).filter(move |position| links >> position & 1 == 1)
    }
}

/// Ways of one condition; more is refused.
pub(super) const CHAINS_MAX: usize = 256;

/// All ways to make the expression true; `None` when there are too many.
pub(super) fn chains(expression: &Expression) -> Option<Vec<Chain>> {
    ways(expression, true)
}

fn ways(expression: &Expression, wanted: bool) -> Option<Vec<Chain>> {
    match (expression, wanted) {
        (Expression::Not(part), _) => ways(part, !wanted),
        (Expression::Selection(position), _) => Some(vec![literal(*position, wanted)?]),
        (Expression::And(parts), true) | (Expression::Or(parts), false) => {
            let all = parts.iter().map(|part| ways(part, wanted)).collect::<Option<Vec<_>>>()?;
            all.iter().try_fold(vec![Chain::default()], |sofar, part| both(&sofar, part))
        }
        (Expression::And(parts), false) | (Expression::Or(parts), true) => {
            let all = parts.iter().map(|part| ways(part, wanted)).collect::<Option<Vec<_>>>()?;
            few(all.concat())
        }
        (Expression::AtLeast(count, positions), true) => some(*count, positions, true),
        (Expression::AtLeast(count, positions), false) => {
            some((positions.len() + 1).saturating_sub(*count), positions, false)
        }
    }
}

fn literal(position: usize, wanted: bool) -> Option<Chain> {
    let bit = 1_u64.checked_shl(u32::try_from(position).ok()?)?;
    Some(if wanted { Chain { links: bit, without: 0 } } else { Chain { links: 0, without: bit } })
}

/// At least `count` of the positions as wanted.
fn some(count: usize, positions: &[usize], wanted: bool) -> Option<Vec<Chain>> {
    let mut sofar = vec![(0_usize, Chain::default())];
    for (number, position) in positions.iter().enumerate() {
        let one = literal(*position, wanted)?;
        let left = positions.len() - number - 1;
        let mut next = Vec::new();
        for (taken, chain) in sofar {
            if taken < count {
                let links = chain.links | one.links;
                let without = chain.without | one.without;
                next.push((taken + 1, Chain { links, without }));
            }
            if taken + left >= count {
                next.push((taken, chain));
            }
        }
        if next.len() > CHAINS_MAX {
            return None;
        }
        sofar = next;
    }
    Some(sofar.into_iter().filter(|(taken, _)| *taken == count).map(|(_, chain)| chain).collect())
}

fn both(left: &[Chain], right: &[Chain]) -> Option<Vec<Chain>> {
    let pairs = left.iter().flat_map(|l| right.iter().map(move |r| (l, r)));
    let joined = pairs
        .map(|(l, r)| Chain { links: l.links | r.links, without: l.without | r.without })
        .filter(|chain| chain.links & chain.without == 0);
    few(joined.take(CHAINS_MAX * CHAINS_MAX).collect())
}

/// Without ways that ask for all that another asks for and more.
fn few(mut ways: Vec<Chain>) -> Option<Vec<Chain>> {
    ways.sort_by_key(|chain| (chain.links.count_ones() + chain.without.count_ones(), chain.links));
    let mut kept: Vec<Chain> = Vec::new();
    for way in ways {
        let less =
            |known: &Chain| known.links & !way.links == 0 && known.without & !way.without == 0;
        if !kept.iter().any(less) {
            kept.push(way);
        }
        if kept.len() > CHAINS_MAX {
            return None;
        }
    }
    Some(kept)
}
