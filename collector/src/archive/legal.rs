//! What the law asks at least, as the profile beside this file says.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Levels of information systems.
pub(super) const LEVELS: std::ops::RangeInclusive<i64> = 1..=5;

/// A profile: whose rule it is, and what it asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    name: String,
    clause: String,
    date: String,
    status: String,
    months: BTreeMap<String, i64>,
}

static PROFILE: LazyLock<Option<Profile>> =
    LazyLock::new(|| toml::from_str(include_str!("legal.toml")).ok());

/// Months that logs of a system of this level are kept at least. Of a level that the profile does
/// not name the most that it asks of any.
pub(super) fn months(level: i64) -> i64 {
    let Some(profile) = PROFILE.as_ref() else { return 12 };
    let most = || profile.months.values().copied().max().unwrap_or(12);
    profile.months.get(&level.to_string()).copied().unwrap_or_else(most)
}

/// `TCVN 14423:2026, log storage by level (2026; status: to verify)`
pub(super) fn clause() -> String {
    PROFILE.as_ref().map_or_else(String::new, |Profile { name, clause, date, status, .. }| {
        format!("{name}, {clause} ({date}; status: {status})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_can_be_read_and_asks_more_of_higher_levels() {
        assert!(PROFILE.is_some());
        let months: Vec<i64> = LEVELS.map(months).collect();
        assert_eq!(months, [0, 1, 3, 6, 12]);
        assert_eq!(super::months(9), 12);
        assert!(clause().contains("to verify"));
    }
}
