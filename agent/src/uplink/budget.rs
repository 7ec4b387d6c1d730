//! What was sent today, and whether logs may go now. Pure but for the time zone of the system.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use soc_event::Timestamp;

use super::Config;

/// A day of this machine and what was sent in it. Kept across restarts in the status file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// `2026-11-22`, by the zone of this machine.
    pub day: String,
    /// Bytes of batches, compressed.
    pub bytes: u64,
    /// Minute of the day it is now.
    #[serde(skip)]
    minute: u16,
}

impl Today {
    /// This moment; a new day begins with nothing sent. A clock that goes back begins one, too.
    pub fn at(self, now: Timestamp) -> Self {
        let zoned = jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or_default();
        let zoned = zoned.to_zoned(TimeZone::system());
        let (hour, minute) = (zoned.hour().unsigned_abs(), zoned.minute().unsigned_abs());
        let (day, minute) = (zoned.date().to_string(), u16::from(hour) * 60 + u16::from(minute));
        let bytes = if day == self.day { self.bytes } else { 0 };
        Self { day, bytes, minute }
    }

    /// Why logs do not go now and for how long at least; none when they may.
    pub fn wait_of_logs(&self, config: &Config) -> Option<(LogsWait, Duration)> {
        let minutes = |minutes: u16| Duration::from_secs(u64::from(minutes) * 60);
        let closed = config.logs_between.and_then(|hours| hours.minutes_until(self.minute));
        if let Some(until) = closed {
            return Some((LogsWait::Hours, minutes(until)));
        }
        let is_spent = config.bytes_per_day.is_some_and(|most| self.bytes >= most.get());
        is_spent.then(|| (LogsWait::Budget, minutes((24 * 60_u16).saturating_sub(self.minute))))
    }
}

/// What logs wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogsWait {
    /// Their hours.
    Hours,
    /// The next day: this one's budget is spent.
    Budget,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today(minute: u16, bytes: u64) -> Today {
        Today { day: "2026-11-22".into(), bytes, minute }
    }

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn logs_wait_for_their_hours_and_for_the_next_day() {
        let both = config("bytes_per_day = \"1 KiB\"\nlogs_between = \"18:00-06:00\"\n");
        let hour = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(today(600, 0).wait_of_logs(&both), Some((LogsWait::Hours, hour(8))));
        assert_eq!(today(1200, 1023).wait_of_logs(&both), None);
        assert_eq!(today(1200, 1024).wait_of_logs(&both), Some((LogsWait::Budget, hour(4))));
        assert_eq!(today(600, u64::MAX).wait_of_logs(&config("")), None, "no budget, no wait");
    }

    #[test]
    fn a_new_day_begins_with_nothing_sent() {
        let noon = Timestamp::from_micros(1_795_000_000_000_000);
        let spent = Today { bytes: 7, ..Today::default().at(noon) };
        assert_eq!(spent.clone().at(noon).bytes, 7);
        assert_eq!(spent.clone().at(noon.plus_micros(86_400_000_000)).bytes, 0);
        assert_eq!(spent.at(noon.plus_micros(-86_400_000_000)).bytes, 0);
    }
}
