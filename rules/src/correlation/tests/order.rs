//! Whatever the order, whenever the process is killed: the same fires.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::correlation::entry::{Entry, Value};
use crate::correlation::group::{Added, Group};
use crate::correlation::window::{Trail, around};

/// A correlation of every kind.
const BODIES: [&str; 14] = [
    BRUTE,
    CHAIN,
    "type: value_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: user, gte: 2}",
    "type: value_sum\nrules: [failed]\ngroup-by: [ip]\ntimespan: 200s\ncondition: {field: size, gte: 9}",
    "type: temporal\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s",
    "type: temporal_ordered\nrules: [failed, failed, worked]\ngroup-by: [user]\ntimespan: 90s",
    "type: temporal_ordered\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 90s\ncondition: worked or failed and worked",
    "type: event_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {lt: 3}",
    "type: value_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: [user, size], eq: 2}",
    "type: value_avg\nrules: [failed, worked]\ngroup-by: [user]\ntimespan: 60s\ncondition: {field: size, gt: 2}",
    "type: value_percentile\nrules: [failed]\ngroup-by: [ip]\ntimespan: 90s\ncondition: {field: size, gt: 3, percentile: 75}",
    "type: value_median\nrules: [failed]\ngroup-by: []\ntimespan: 90s\ncondition: {field: size, neq: 3}",
    "type: temporal\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s\ncondition: worked and not failed",
    "type: event_count\nrules: [c1, c8]\ngroup-by: [user]\ntimespan: 900s\ncondition: {gte: 2}",
];

static EVERY_KIND: LazyLock<Ruleset> = LazyLock::new(|| {
    let texts = BODIES.iter().enumerate();
    let mut texts: Vec<String> = texts.map(|(n, body)| correlation(n as u8 + 1, body)).collect();
    texts[2].push_str("soc: {scope: host}\n");
    ruleset(&texts.join("---\n"))
});

static BRUTE_ALONE: LazyLock<Ruleset> = LazyLock::new(|| ruleset(&correlation(1, BRUTE)));

/// The number of windows a sorted list of seconds has, by the definition.
fn has_window(mut seconds: Vec<i64>) -> bool {
    seconds.sort_unstable();
    seconds.windows(5).any(|window| window[4] - window[0] <= 300)
}

fn logins() -> impl Strategy<Value = Vec<Login>> {
    let one = (0_i64..1500, 0_u8..2, any::<bool>(), 0_u8..3, -3_i64..9);
    let login = |(second, from, worked, user, size): (i64, u8, bool, u8, i64)| Login {
        second,
        from: from.to_string(),
        user: user.to_string(),
        worked: worked && second % 3 == 0,
        times: 1,
        size,
    };
    prop::collection::vec(one.prop_map(login), 0..60)
}

fn limits() -> impl Strategy<Value = CorrelationLimits> {
    let small = (2_u64..20, any::<bool>()).prop_map(|(groups, tiny)| CorrelationLimits {
        bytes_per_rule: groups * 300,
        bytes_per_scope: groups * 900,
        bytes: groups * 1_200,
        events_per_group: if tiny { 1 } else { 8 },
        hosts_per_scope: 2,
        lateness_us: 1,
        late_us: 20_000_000,
    });
    prop_oneof![Just(CorrelationLimits::default()), small]
}

fn of(second: i64, id: u64, members: u64, value: i128) -> Entry {
    Entry {
        time_us: second,
        id: id.to_string().into(),
        members,
        weight: 1,
        value: Value::from(value),
        arrived: id,
        late: false,
        more: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn fires_if_and_only_if_some_window_is_full_in_any_order(events in logins()) {
        let fired = feed(&BRUTE_ALONE, &events);
        for from in ["0", "1"] {
            let seconds = events.iter().filter(|e| !e.worked && e.from == from).map(|e| e.second);
            let found = fired.iter().any(|found| found.group[0].1 == from);
            prop_assert_eq!(found, has_window(seconds.collect()));
        }
    }

    /// The window that is kept up to date says what looking through all entries says.
    #[test]
    fn following_equals_looking_through(
        entries in prop::collection::vec((0_i64..40, 1_u64..4, 0_i128..9), 1..50),
        max in 3_usize..30,
    ) {
        let rules = &*EVERY_KIND;
        for correlation in rules.correlations().iter().filter(|correlation| !correlation.waits()) {
            let mut clock = 0;
            let mut group = Group::default();
            let mut trail = Trail::of(correlation, &VecDeque::new());
            for (id, (pause, members, value)) in entries.iter().enumerate() {
                clock += pause * 1_000_000;
                let added = group.add(of(clock, id as u64, *members, *value));
                if added == Added::Known {
                    continue;
                }
                prop_assert_eq!(added, Added::Last);
                let plain = around(correlation, &group.entries, group.entries.len() - 1);
                let found = trail.follow(correlation, &group.entries);
                prop_assert_eq!(&found, &plain);
                if let Some(range) = found {
                    group.use_up(range, (0, -1));
                    trail = Trail::of(correlation, &group.entries);
                } else if group.entries.len() > max {
                    group.shrink(correlation, max);
                    trail = Trail::of(correlation, &group.entries);
                }
            }
        }
    }

    #[test]
    fn a_kill_and_restore_at_any_moment_changes_nothing(
        events in logins(),
        kills in prop::collection::vec(any::<bool>(), 60),
        limits in limits(),
    ) {
        let rules = &*EVERY_KIND;
        let mut steady = Correlator::new(rules, limits);
        let mut killed = Correlator::new(rules, limits);
        let mut rows: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (number, event) in events.iter().enumerate() {
            let from = Origin {
                scope: ["a", "b"][number % 2],
                host: ["x", "y", "z"][number % 3],
            };
            let (id, matches) = (number.to_string(), rules.matching(event));
            let expected = steady.feed(from, &id, event, &matches);
            prop_assert_eq!(killed.feed(from, &id, event, &matches), expected);
            prop_assert_eq!(killed.bytes(), steady.bytes());
            prop_assert!(limits.bytes > 100_000 || steady.bytes() <= limits.bytes);
            for (key, row) in killed.take_changes() {
                match row {
                    Some(row) => rows.insert(key, row),
                    None => rows.remove(&key),
                };
            }
            if kills[number] {
                killed = Correlator::new(rules, limits);
                killed.restore(rows.clone());
                prop_assert!(killed.take_changes().is_empty());
            }
        }
        prop_assert_eq!(killed.evicted() <= steady.evicted(), true);
        prop_assert_eq!(killed.finish(), steady.finish());
    }

    #[test]
    fn damaged_rows_are_dropped(row in prop::collection::vec(any::<u8>(), 0..60), cut in 0_usize..60) {
        let rules = &*EVERY_KIND;
        let mut correlator = Correlator::new(rules, CorrelationLimits::default());
        feed_one(&mut correlator, rules, 0, &login(0, false));
        let rows: Vec<_> = correlator.take_changes();
        for (key, bytes) in rows {
            let bytes = bytes.unwrap();
            for bad in [row.clone(), bytes[..cut.min(bytes.len().saturating_sub(1))].to_vec()] {
                let mut again = Correlator::new(rules, CorrelationLimits::default());
                again.restore([(key.clone(), bad)]);
                feed_one(&mut again, rules, 0, &login(0, false));
                again.finish();
            }
        }
    }
}
