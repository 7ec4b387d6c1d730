use jiff::civil::Date;
use jiff::tz::TimeZone;
use soc_event::Timestamp;

use super::Error;

/// The day of a moment.
pub(super) fn of(at: Timestamp, zone: &TimeZone) -> Result<Date, Error> {
    Ok(jiff::Timestamp::from_microsecond(at.as_micros())?.to_zoned(zone.clone()).date())
}

/// Its first moment.
pub(super) fn begin(day: Date, zone: &TimeZone) -> Result<Timestamp, Error> {
    let begin = day.to_zoned(zone.clone())?.timestamp();
    Ok(Timestamp::from_micros(begin.as_microsecond()))
}

/// So many days later, or earlier when negative.
pub(super) fn after(day: Date, days: i32) -> Result<Date, Error> {
    Ok(day.checked_add(jiff::Span::new().try_days(days)?)?)
}
