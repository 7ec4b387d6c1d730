//! How many machines lack what.

use std::collections::BTreeMap;

/// Reasons that are counted under their own names; others, which only an agent made up, together.
const REASONS: [&str; 13] = [
    "engine_stopped",
    "switched_off",
    "state_unknown",
    "passive_mode",
    "realtime_off",
    "realtime_unknown",
    "signatures_outdated",
    "signatures_unknown",
    "updater_failing",
    "tamper_protection_off",
    "licence_ended",
    "not_heard",
    OTHER,
];
const OTHER: &str = "other";

/// Machines by reason, most first. A machine with two reasons counts for both.
pub(in crate::fleet) fn by_reason(
    found: impl IntoIterator<Item = (String, i64)>,
) -> Vec<(&'static str, i64)> {
    let mut counts: BTreeMap<&'static str, i64> = BTreeMap::new();
    for (reason, count) in found {
        let known = REASONS.into_iter().find(|known| *known == reason).unwrap_or(OTHER);
        *counts.entry(known).or_default() += count;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_an_agent_made_up_are_counted_together() {
        let found = [("realtime_off", 2), ("x\"} 1", 3), ("y", 4), ("passive_mode", 9)];
        let found = found.map(|(reason, count)| (reason.to_owned(), count));
        assert_eq!(by_reason(found), [("passive_mode", 9), (OTHER, 7), ("realtime_off", 2)]);
    }
}
