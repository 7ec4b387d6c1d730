//! Times as logs and tables of many makers write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use soc_event::Timestamp;

use crate::text;

/// A moment that a text says: RFC 3339; a date and a time without zone, which then is `zone`; day
/// and month by slashes (day first, but month first where the clock says AM or PM, as only
/// Americans write); seconds, milliseconds, microseconds or nanoseconds since 1970, told by their
/// size. Only those that hold a whole moment are one.
pub fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return since_1970(text);
    }
    text::time(text, zone).or_else(|| by_words(text, zone))
}

/// A number of seconds, perhaps with a fraction, or of smaller parts. From 2001 until 5138 no two of
/// them can be confused.
pub fn since_1970(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let micros = match number {
        ..100_000_000 => return None,
        100_000_000..100_000_000_000 => {
            let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
            number.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)?
        }
        100_000_000_000..100_000_000_000_000 => number.checked_mul(1000)?,
        100_000_000_000_000..100_000_000_000_000_000 => number,
        100_000_000_000_000_000.. => number / 1000,
    };
    Some(Timestamp::from_micros(micros))
}

/// `22/11/2026 10:16:42`, `11/22/2026 10:16:42 AM`, `2026/11/22 10:16:42`, dots for slashes.
fn by_words(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let mut words = text.split([' ', ',', 'T']).filter(|word| !word.is_empty());
    let (date, clock, half) = (words.next()?, words.next()?, words.next());
    if words.next().is_some() {
        return None;
    }
    let half = half.map(str::to_ascii_uppercase);
    let is_american = match half.as_deref() {
        None => false,
        Some("AM" | "PM") => true,
        Some(_) => return None,
    };
    let date = date_of(date, is_american)?;
    let time = time_of(clock, half.as_deref())?;
    let zoned = DateTime::from_parts(date, time).to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
}

fn date_of(text: &str, is_american: bool) -> Option<Date> {
    let mut parts = text.split(['/', '.', '-']);
    let [a, b, c] = [parts.next()?, parts.next()?, parts.next()?];
    let number = |text: &str| text.parse::<i16>().ok();
    let small = |text: &str| text.parse::<i8>().ok();
    match (a.len(), c.len(), is_american) {
        (4, ..) => Date::new(number(a)?, small(b)?, small(c)?).ok(),
        (_, 4, true) => Date::new(number(c)?, small(a)?, small(b)?).ok(),
        (_, 4, false) => Date::new(number(c)?, small(b)?, small(a)?).ok(),
        _ => None,
    }
}

fn time_of(text: &str, half: Option<&str>) -> Option<Time> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let second: i8 = parts.next().map_or(Some(0), |text| text.parse().ok())?;
    let hour = match half {
        Some("AM") if hour == 12 => 0,
        Some("PM") if hour < 12 => hour.checked_add(12)?,
        _ => hour,
    };
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Time::new(hour, minute, second, digits.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_moment_is_the_same_moment() {
        let zone = TimeZone::fixed(jiff::tz::offset(7));
        for text in [
            "2026-11-22T03:16:42.5Z",
            "2026-11-22T10:16:42.500+07:00",
            "2026-11-22 10:16:42.5",
            "2026-11-22 10:16:42,500",
            "2026/11/22 10:16:42.5",
            "22/11/2026 10:16:42.5",
            "22.11.2026, 10:16:42.5",
            "11/22/2026 10:16:42.5 AM",
            "1795317402.5",
            "1795317402500",
            "1795317402500000",
            "1795317402500000000",
        ] {
            let time = moment(text, &zone).map(|time| time.to_string());
            assert_eq!(time.as_deref(), Some("2026-11-22T03:16:42.500000Z"), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in ["", "12", "4624", "2026-11-22", "10:16:42", "31/02/2026 10:00", "a b c", "☃"]
        {
            assert_eq!(moment(text, &TimeZone::UTC), None, "{text}");
        }
        let midnight = moment("1/2/2026 12:00:00 AM", &TimeZone::UTC).map(|time| time.to_string());
        assert_eq!(midnight.as_deref(), Some("2026-01-02T00:00:00.000000Z"));
    }
}
