//! Hours of the day as people write them.

use std::fmt;
use std::str::FromStr;

/// From one time of the day to another, over midnight where the second is the earlier:
/// `18:00-06:00`. The first minute is in it, the last is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Minute of the day.
    from: u16,
    /// Minute of the day.
    to: u16,
}

const DAY_MINUTES: u16 = 24 * 60;

impl Hours {
    /// Minutes until it begins; none while it lasts.
    pub fn minutes_until(self, minute: u16) -> Option<u16> {
        let since = (minute + DAY_MINUTES - self.from) % DAY_MINUTES;
        let lasts = (self.to + DAY_MINUTES - self.from) % DAY_MINUTES;
        (since >= lasts).then(|| DAY_MINUTES - since)
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not hours of a day, like 18:00-06:00");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let hours = Self {
            from: minute(from.trim()).ok_or_else(wrong)?,
            to: minute(to.trim()).ok_or_else(wrong)?,
        };
        if hours.from == hours.to { Err(wrong()) } else { Ok(hours) }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| is_number && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_over_midnight_are_those_of_the_night() {
        let check = |hours: &str, at: &str, expected: Option<u16>| {
            let hours: Hours = hours.parse().unwrap();
            assert_eq!(hours.minutes_until(minute(at).unwrap()), expected, "{hours} at {at}");
        };
        check("18:00-06:00", "18:00", None);
        check("18:00-06:00", "05:59", None);
        check("18:00-06:00", "06:00", Some(12 * 60));
        check("18:00-06:00", "17:59", Some(1));
        check("09:30-10:00", "09:29", Some(1));
        check("09:30-10:00", "10:00", Some(23 * 60 + 30));
    }

    #[test]
    fn what_is_no_time_of_a_day_is_refused() {
        for text in
            ["", "18-06", "18:00", "24:00-06:00", "18:60-06:00", "18:00-18:00", "+1:00-2:00"]
        {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }
}
