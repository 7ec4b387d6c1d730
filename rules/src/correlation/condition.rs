use rsigma_parser::ConditionOperator;

use super::arithmetic::{Amount, UNIT};
use super::chain::Chain;
use crate::detection::Expression;

/// When a correlation fires.
#[derive(Debug)]
pub(crate) enum Condition {
    EventCount(Bounds),
    ValueCount(Bounds),
    ValueSum(Bounds),
    ValueAverage(Bounds),
    /// With the rank, from 0 to 100; the median is 50.
    ValuePercentile(u32, Bounds),
    /// Over the members that matched.
    Temporal(Expression),
    /// One of these.
    Ordered(Vec<Chain>),
}

/// What a number must be; all of it.
#[derive(Clone, Debug)]
pub(crate) struct Bounds(pub Vec<(ConditionOperator, i64)>);

impl Condition {
    /// Whether more events can make it false: then it is judged at the end of a window.
    pub fn waits(&self) -> bool {
        match self {
            Self::EventCount(bounds) | Self::ValueCount(bounds) | Self::ValueSum(bounds) => {
                !bounds.only_grow()
            }
            Self::ValueAverage(_) | Self::ValuePercentile(..) => true,
            Self::Temporal(expression) => negates(expression),
            Self::Ordered(chains) => chains.iter().any(|chain| chain.without != 0),
        }
    }

    /// Whether it calculates with numbers, so that every one of them matters.
    pub fn calculates(&self) -> bool {
        matches!(self, Self::ValueSum(_) | Self::ValueAverage(_) | Self::ValuePercentile(..))
    }

    /// How many events it takes at most to make it true, or to know that it stays false.
    pub fn needed(&self, members: usize) -> usize {
        match self {
            Self::EventCount(bounds) => bounds.highest().saturating_add(1),
            // Two of each value: see `Group::thin`.
            Self::ValueCount(bounds) => bounds.highest().saturating_add(1).saturating_mul(3),
            Self::ValueSum(_) | Self::ValueAverage(_) | Self::ValuePercentile(..) => AMOUNTS_MAX,
            Self::Temporal(_) | Self::Ordered(_) => members.saturating_mul(3),
        }
    }
}

/// Numbers of one window that are calculated with; older ones are given up and counted.
const AMOUNTS_MAX: usize = 7_500;

fn negates(expression: &Expression) -> bool {
    match expression {
        Expression::Not(_) => true,
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(negates),
        Expression::Selection(_) | Expression::AtLeast(..) => false,
    }
}

impl Bounds {
    /// Whether a number that has reached them cannot leave them by growing.
    pub fn only_grow(&self) -> bool {
        let grows = |(how, _): &(ConditionOperator, i64)| {
            matches!(how, ConditionOperator::Gt | ConditionOperator::Gte)
        };
        self.0.iter().all(grows)
    }

    pub fn hold_count(&self, count: u64) -> bool {
        self.hold(Amount::from(count), 1)
    }

    /// Whether `amount / unit` lies within.
    pub fn hold(&self, amount: Amount, unit: Amount) -> bool {
        self.0.iter().all(|(how, number)| {
            let order = amount.cmp(&Amount::from(*number).saturating_mul(unit));
            match how {
                ConditionOperator::Lt => order.is_lt(),
                ConditionOperator::Lte => order.is_le(),
                ConditionOperator::Gt => order.is_gt(),
                ConditionOperator::Gte => order.is_ge(),
                ConditionOperator::Eq => order.is_eq(),
                ConditionOperator::Neq => order.is_ne(),
            }
        })
    }

    /// The same for a number in millionths, divided by `parts`.
    pub fn hold_amount(&self, amount: Amount, parts: Amount) -> bool {
        self.hold(amount, UNIT.saturating_mul(parts))
    }

    pub fn highest(&self) -> usize {
        let highest = self.0.iter().map(|(_, number)| *number).max().unwrap_or(0);
        usize::try_from(highest).unwrap_or(0)
    }
}
