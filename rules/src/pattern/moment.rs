use super::{Held, Number};

/// A part of a date, for the modifiers `minute` … `year`. In UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Day,
    /// ISO 8601 week.
    Week,
    Month,
    Year,
}

/// The part of the moment a value names: RFC 3339 text, or seconds, milliseconds or microseconds
/// since 1970 (told apart by size).
pub(crate) fn part_of(value: &Held<'_>, part: Part) -> Option<i64> {
    let seconds = match seconds_of(value.text) {
        Some(seconds) => seconds,
        None => match value.number()? {
            Number::Integer(n) if n.unsigned_abs() < 100_000_000_000 => n,
            Number::Integer(n) if n.unsigned_abs() < 100_000_000_000_000 => n.div_euclid(1000),
            Number::Integer(n) => n.div_euclid(1_000_000),
            Number::Float(_) => return None,
        },
    };
    Some(of_seconds(seconds, part))
}

fn of_seconds(seconds: i64, part: Part) -> i64 {
    let days = seconds.div_euclid(86_400);
    let (year, month, day) = date(days);
    match part {
        Part::Minute => seconds.div_euclid(60).rem_euclid(60),
        Part::Hour => seconds.div_euclid(3600).rem_euclid(24),
        Part::Day => day,
        Part::Week => week(days),
        Part::Month => month,
        Part::Year => year,
    }
}

/// Seconds since 1970 of `2026-11-22T10:16:42.5+07:00`; without an offset, UTC.
pub(crate) fn seconds_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let mut numbers = day.splitn(3, '-').map(digits);
    let (year, month, date) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, offset) = split_offset(clock)?;
    let clock = clock.split_once(['.', ',']).map_or(clock, |(whole, _)| whole);
    let mut numbers = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) =
        (numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&date);
    (valid && hour < 24 && minute < 60 && second < 61)
        .then(|| days(year, month, date) * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Clock and offset in seconds.
fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (clock, offset) = clock.split_at(at);
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let seconds = digits(hours)? * 3600 + digits(minutes)? * 60;
    Some((clock, if offset.starts_with('-') { -seconds } else { seconds }))
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Year, month and day of a day since 1970. Source: Howard Hinnant, "chrono-compatible low-level
/// date algorithms", `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970 of a date; the inverse of [`date`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// ISO 8601: the week belongs to the year that holds its Thursday.
fn week(day: i64) -> i64 {
    let weekday = (day + 3).rem_euclid(7);
    let thursday = day - weekday + 3;
    let (year, _, _) = date(thursday);
    (thursday - days(year, 1, 1)) / 7 + 1
}
