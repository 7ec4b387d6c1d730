use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod rfc3339;

pub(crate) use rfc3339::write;

/// A moment in UTC, in microseconds since 1970-01-01; written as RFC 3339 with six digits:
/// `2026-11-22T10:16:42.123456Z`.
///
/// An agent's clock is a claim: keep it beside the time of reception, never instead of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Earliest: 0001-01-01T00:00:00Z, in microseconds.
    pub(crate) const MIN: i64 = -62_135_596_800_000_000;
    /// Latest: 9999-12-31T00:00:00Z, in microseconds.
    pub(crate) const MAX: i64 = 253_402_214_400_000_000;

    /// From microseconds since 1970; outside of the years 1 to 9999 the nearest moment inside.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN, Self::MAX))
    }

    /// Microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// From a system clock's reading.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        let micros = match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |value| -value)
            }
        };
        Self::from_micros(micros)
    }

    /// This moment moved by so many microseconds, within the years 1 to 9999.
    pub fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = rfc3339::write(self.0);
        f.write_str(str::from_utf8(&written).unwrap_or_default())
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(micros) = rfc3339::read(text.as_bytes()) {
            return Ok(Self::from_micros(micros));
        }
        let moment: jiff::Timestamp =
            text.parse().map_err(|error| format!("not an RFC 3339 time: {error}"))?;
        Ok(Self::from_micros(moment.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
