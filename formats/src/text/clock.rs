use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use soc_event::Timestamp;

use super::header::month_number;

/// A time without zone, in the zone given: `2026-11-22 16:48:38.525`, `2026-11-22T16:48:38`, also
/// with a comma before the fraction.
pub(super) fn local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    // The parser would take a date alone; a log's time has both.
    (text.len() >= 19 && text.len() <= 35).then_some(())?;
    let local: DateTime = match text.contains(',') {
        true => text.replacen(',', ".", 1).parse().ok()?,
        false => text.parse().ok()?,
    };
    in_zone(local, zone)
}

/// A time that may name its zone: `2026-11-22T16:48:38.525Z`, `…+0700`, else as [`local`].
pub(super) fn any(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    text.parse().ok().or_else(|| offset(text)).or_else(|| local(text, zone))
}

/// `2026-11-22T16:48:38+0700`: no colon in the offset, as dnf writes it.
fn offset(text: &str) -> Option<Timestamp> {
    let (front, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let sign = front.as_bytes().get(front.len().checked_sub(3)?)?;
    matches!(sign, b'+' | b'-').then_some(())?;
    format!("{front}:{minutes}").parse().ok()
}

/// `Sun Nov 22 16:49:21.103513 2026`. Source: asctime(3), and Apache's `%{u}t`.
pub(super) fn asctime(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let (_, month, day) = (words.next()?, words.next()?, words.next()?);
    let (time, year) = (words.next()?, words.next()?);
    let (month, day): (i8, u8) = (month_number(month)?, day.parse().ok()?);
    local(&format!("{year}-{month:02}-{day:02} {time}"), zone)
}

/// Whether a line begins with a time as logs write it, perhaps behind a bracket.
pub(crate) fn begins(line: &str) -> bool {
    let bytes = line.strip_prefix('[').unwrap_or(line).as_bytes();
    let Some(head) = bytes.get(..19) else { return false };
    let shaped = |shape: &[u8]| {
        head.iter().zip(shape).all(|(byte, wanted)| match wanted {
            b'#' => byte.is_ascii_digit(),
            b'-' => matches!(byte, b'-' | b'/' | b'.'),
            // MariaDB pads the hour with a blank.
            b'_' => byte.is_ascii_digit() || *byte == b' ',
            b'T' => matches!(byte, b'T' | b' '),
            wanted => byte == wanted,
        })
    };
    shaped(b"####-##-##T_#:##:##") || shaped(b"##-##-####T##:##:##")
}

fn in_zone(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = local.to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
}
