//! What one value of a rule is compared with: compiled once at load, tried against one value of an
//! event. Each kind is a file; [`Test`] is their sum.

mod base64;
mod cidr;
mod fold;
mod glob;
mod held;
mod moment;
mod number;
mod regex;
mod token;

use std::ops::Range;

pub(crate) use base64::{Encoding, encode, wide};
pub(crate) use cidr::Network;
pub(crate) use fold::{fold, unfold};
pub(crate) use glob::{Glob, Within};
#[cfg(test)]
pub(crate) use held::with_held;
pub(crate) use held::{Held, Kind};
pub(crate) use moment::{Part, micros_of, part_of, seconds_of};
pub(crate) use number::{Comparison, Number};
pub(crate) use regex::Regex;
pub(crate) use token::{Token, dashes, expand_dashes, tokens};

/// A comparison with one value.
#[derive(Debug)]
pub(crate) enum Test {
    Glob(Glob),
    Regex(Box<Regex>),
    Network(Network),
    Boolean(bool),
    Number(Comparison, Number),
    Moment(Part, Comparison, Number),
}

/// The part of the value that made a test true, in bytes of the value as it stands in the event;
/// `None` where the value matched as a whole, not as text.
pub(crate) type Found = Option<Range<usize>>;

impl Test {
    /// Whether it is true of a value; counts the work down from `left`, in steps of about a
    /// nanosecond. When nothing is left it is not.
    pub fn holds(&self, value: &Held<'_>, left: &mut u64) -> bool {
        let (holds, steps) = match self {
            Self::Glob(_) => (None, 4 + value.text.len() as u64 / 8),
            Self::Regex(regex) => {
                let (holds, steps) = regex.is_in(value.text, *left);
                (Some(holds), 16 + steps)
            }
            Self::Network(_) | Self::Boolean(_) | Self::Number(..) | Self::Moment(..) => (None, 16),
        };
        *left = left.saturating_sub(steps);
        *left > 0 && holds.unwrap_or_else(|| self.find(value).is_some())
    }

    /// Tries one value. `Some` when it matches.
    pub fn find(&self, value: &Held<'_>) -> Option<Found> {
        match self {
            Self::Glob(glob) => {
                let text = value.text_for(glob);
                let range = glob.find(text)?;
                Some(Some(if glob.cased { range } else { unfold(value.text, text, range) }))
            }
            Self::Regex(regex) => regex.find(value.text).map(Some),
            Self::Network(network) => network.contains(value.text).then_some(None),
            Self::Boolean(expected) => (value.boolean()? == *expected).then_some(None),
            Self::Number(how, number) => how.holds(value.number()?, *number).then_some(None),
            Self::Moment(part, how, number) => {
                let found = Number::Integer(part_of(value, *part)?);
                how.holds(found, *number).then_some(None)
            }
        }
    }
}

#[cfg(test)]
mod tests;
