//! Sizes as people write them in settings. Knows no settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes above zero: `4096` or `"256 MiB"` (B, KiB, MiB, GiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(u64);

impl Bytes {
    /// So many KiB.
    pub const fn kibi(count: u64) -> Self {
        Self(count * 1024)
    }

    /// So many MiB.
    pub const fn mebi(count: u64) -> Self {
        Self::kibi(count * 1024)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number, as long as memory is.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<u64> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim() {
            "" | "B" => 1,
            "KiB" => 1024,
            "MiB" => 1024 * 1024,
            "GiB" => 1024 * 1024 * 1024,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit)
    }
}

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).filter(|bytes| *bytes > 0).map(Self).ok_or(WANTED)
    }
}

/// `256 MiB`, as it would be written.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % (1 << 30) == 0 => write!(f, "{} GiB", bytes >> 30),
            bytes if bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes % (1 << 10) == 0 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} B"),
        }
    }
}

/// What may be left empty: an empty text is none.
///
/// # Errors
/// What the type says about a text that is not empty.
pub fn none_if_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    match text.is_empty() {
        true => Ok(None),
        false => text.parse().map(Some).map_err(de::Error::custom),
    }
}

const WANTED: &str = "a size above zero is wanted, like 4096 or \"256 MiB\"";

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl Visitor {
    fn checked<E: de::Error>(bytes: Option<u64>) -> Result<Bytes, E> {
        let wrong = || E::custom(WANTED);
        bytes.filter(|bytes| *bytes > 0).map(Bytes).ok_or_else(wrong)
    }
}

impl de::Visitor<'_> for Visitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size like 4096 or \"256 MiB\"")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Bytes, E> {
        Self::checked(u64::try_from(value).ok())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Bytes, E> {
        Self::checked(Some(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Bytes, E> {
        Self::checked(Bytes::parse(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let check = |text: &str, expected| assert_eq!(Bytes::parse(text), expected, "{text}");
        check("4096", Some(4096));
        check(" 256 MiB ", Some(256 << 20));
        check("2GiB", Some(2 << 30));
        check("64 KB", None);
        check("MiB", None);
        check("-1", None);
        check("99999999999999999999 GiB", None);
    }
}
