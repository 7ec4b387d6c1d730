//! The one form of time that every event is written in, there and back without detours. Whatever
//! else RFC 3339 allows is left to the library of calendars.
//!
//! Days and civil dates: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2021:
//! years begin in March, so that the leap day is their last, and are counted in eras of 400.

const DAY_MICROS: i64 = 86_400_000_000;
/// Days of an era of 400 years.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// `2026-11-22T10:16:42.123456Z`; for moments in the years 1 to 9999.
pub(crate) fn write(micros: i64) -> [u8; 27] {
    let (days, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let (year, month, day) = civil(days);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let parts = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, seconds / 3600),
        (14, 2, seconds / 60 % 60),
        (17, 2, seconds % 60),
        (20, 6, fraction),
    ];
    for (at, digits, value) in parts {
        let mut left = value;
        for place in text.iter_mut().skip(at).take(digits).rev() {
            *place = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
        }
    }
    text
}

/// Reads exactly what [`write`] writes; nothing for all else, valid or not.
pub(super) fn read(text: &[u8]) -> Option<i64> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if marks.iter().any(|(at, mark)| text.get(*at) != Some(mark)) {
        return None;
    }
    let number = |at: usize, digits: usize| -> Option<i64> {
        text.get(at..at + digits)?.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    // A second of 60 is left to the library, as are dates that are none.
    if year == 0 || hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
        return None;
    }
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY_MICROS + (hour * 3600 + minute * 60 + second) * 1_000_000 + number(20, 6)?)
}

/// Year, month and day of a day since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970 of a year from 1 on, a month and a day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
        - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_date_is_left_to_the_library() {
        for text in [
            "2026-02-29T00:00:00.000000Z",
            "2026-13-01T00:00:00.000000Z",
            "2026-00-01T00:00:00.000000Z",
            "2026-11-31T00:00:00.000000Z",
            "2026-11-22T24:00:00.000000Z",
            "2026-11-22T23:59:60.000000Z",
            "0000-11-22T10:16:42.000000Z",
            "2026-11-22t10:16:42.000000Z",
            "2026-11-22T10:16:42.00000Z",
            "2026-11-22T10:16:42.00000+Z",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn moments_are_written_and_read_as_the_library_does(
            micros in crate::Timestamp::MIN..=crate::Timestamp::MAX,
        ) {
            let text = write(micros);
            let text = str::from_utf8(&text).unwrap();
            let library = jiff::Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(text, format!("{library:.6}"));
            prop_assert_eq!(read(text.as_bytes()), Some(micros));
        }

        #[test]
        fn whatever_is_read_the_library_reads_the_same(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{6}Z") {
            if let Some(micros) = read(text.as_bytes()) {
                let library: jiff::Timestamp = text.parse().unwrap();
                prop_assert_eq!(library.as_microsecond(), micros);
            }
        }
    }
}
