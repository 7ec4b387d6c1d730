//! Numbers that are added up: whole millionths, so that the order of adding does not matter and a
//! sum is the same after a restart.

use crate::event::FieldValue;
use crate::pattern::Number;

/// A number in millionths.
pub(super) type Amount = i128;

pub(super) const UNIT: Amount = 1_000_000;
/// Larger numbers count as this: a hundred thousand of them can be added up and multiplied by a
/// hundred.
const AMOUNT_MAX: Amount = 1_000_000_000_000_000_000_000_000_000_000;

/// The number a value is or spells.
pub(super) fn amount(value: &FieldValue<'_>) -> Option<Amount> {
    let number = match value {
        FieldValue::Integer(n) => Number::Integer(*n),
        FieldValue::Float(n) => Number::Float(*n),
        FieldValue::Text(text) => Number::parse(text)?,
        FieldValue::Null | FieldValue::Boolean(_) | FieldValue::List(_) => return None,
    };
    of_number(number)
}

/// The same for a text.
pub(super) fn amount_of_text(text: &str) -> Option<Amount> {
    of_number(Number::parse(text)?)
}

#[allow(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn of_number(number: Number) -> Option<Amount> {
    match number {
        Number::Integer(n) => Some(Amount::from(n) * UNIT),
        Number::Float(n) if n.is_finite() => {
            Some(((n * 1e6).round() as Amount).clamp(-AMOUNT_MAX, AMOUNT_MAX))
        }
        Number::Float(_) => None,
    }
}

/// For people.
#[allow(clippy::cast_precision_loss, reason = "shown, not calculated with")]
pub(super) fn shown(amount: Amount, parts: Amount) -> f64 {
    amount as f64 / (UNIT as f64 * parts.max(1) as f64)
}

/// The value at a rank from 0 to 100 of sorted numbers, in hundredths of the unit: between two values
/// in proportion.
pub(super) fn percentile(sorted: &[Amount], rank: u32) -> Option<Amount> {
    let gaps = sorted.len().checked_sub(1)?;
    let place = gaps.saturating_mul(usize::try_from(rank).ok()?);
    let low = *sorted.get(place / 100)?;
    let high = sorted.get(place / 100 + 1).copied().unwrap_or(low);
    let share = Amount::try_from(place % 100).ok()?;
    Some(low.saturating_mul(100).saturating_add(high.saturating_sub(low).saturating_mul(share)))
}
