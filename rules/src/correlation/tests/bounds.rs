use std::collections::BTreeMap;

use super::*;

/// A failed login of somebody at a host from an address.
fn attempt(
    correlator: &mut Correlator,
    rules: &Ruleset,
    from: Origin<'_>,
    number: usize,
    event: &Login,
) -> usize {
    let matches = rules.matching(event);
    correlator.feed(from, &number.to_string(), event, &matches).len()
}

fn small(bytes: u64) -> CorrelationLimits {
    CorrelationLimits { bytes_per_rule: bytes, ..Default::default() }
}

#[test]
fn a_flooding_host_evicts_its_own_groups() {
    let rules = ruleset(&correlation(1, BRUTE));
    let mut correlator = Correlator::new(&rules, small(4_000));
    let mut number = 0;
    let mut from = |correlator: &mut Correlator, host: &str, ip: String, second: i64| {
        number += 1;
        let event = Login { from: ip, ..login(second, false) };
        attempt(correlator, &rules, at(host), number, &event)
    };
    for second in 0..4 {
        from(&mut correlator, "quiet", "a".into(), second);
    }
    for n in 0..500 {
        from(&mut correlator, "loud", format!("ip{n}"), 5);
        from(&mut correlator, "loud too", format!("op{n}"), 5);
        assert!(correlator.bytes() <= 4_000, "{}", correlator.bytes());
    }
    assert!(correlator.evicted() > 900, "{}", correlator.evicted());
    assert_eq!(from(&mut correlator, "quiet", "a".into(), 9), 1);
    let rows: Vec<_> = correlator.take_changes();
    let groups = rows.iter().filter(|(key, row)| !key.starts_with("host/") && row.is_some());
    assert!(groups.count() <= 30);
}

#[test]
fn what_has_begun_to_show_outlives_a_flood_of_beginnings() {
    let rules = ruleset(&correlation(1, BRUTE));
    let mut correlator = Correlator::new(&rules, small(20_000));
    let mut fired = 0;
    for n in 0..20_000 {
        let event = Login { from: format!("ip{n}"), ..login(n / 80, false) };
        fired += attempt(&mut correlator, &rules, at("h"), n as usize, &event);
        // Twice at first, then one in a thousand of the flood.
        if n == 10 || n % 5_000 == 20 {
            let slow = Login { from: "slow".into(), ..login(n / 80, false) };
            fired += attempt(&mut correlator, &rules, at("h"), 100_000 + n as usize, &slow);
        }
    }
    assert_eq!(fired, 1);
}

#[test]
fn a_flood_in_one_agency_leaves_others_and_its_other_rules_alone() {
    let users = "type: value_count\nrules: [failed]\ngroup-by: [user]\ntimespan: 600s\ncondition: {field: ip, gte: 10}";
    let slow = "type: event_count\nrules: [worked]\ngroup-by: [user]\ntimespan: 6000s\ncondition: {gte: 3}";
    let text = [correlation(1, BRUTE), correlation(2, users), correlation(3, slow)];
    let rules = ruleset(&text.join("---\n"));
    let limits = CorrelationLimits {
        bytes_per_rule: 300_000,
        bytes_per_scope: 400_000,
        bytes: 600_000,
        ..Default::default()
    };
    let mut correlator = Correlator::new(&rules, limits);
    let (mut quiet, mut own) = (0, 0);
    for n in 0..50_000_i64 {
        let flood = Login { from: format!("ip{n}"), user: format!("u{n}"), ..login(n / 50, false) };
        let from = Origin { scope: "loud", host: "h" };
        attempt(&mut correlator, &rules, from, n as usize, &flood);
        assert!(correlator.bytes() <= 600_000);
        if n % 2_000 == 0 {
            let number = 1_000_000 + n as usize;
            let other = Origin { scope: "quiet", host: "h" };
            quiet += attempt(&mut correlator, &rules, other, number, &login(n / 50, false));
            own += attempt(&mut correlator, &rules, from, number, &login(n / 50, true));
        }
    }
    // 25 attempts 40 s apart: every fifth fires within 300 s.
    assert_eq!(quiet, 25 / 5);
    assert_eq!(own, 25 / 3);
    let evictions = correlator.take_evictions();
    assert!(!evictions.is_empty());
    assert!(evictions.iter().all(|eviction| eviction.scope == "loud" && eviction.rule != 4));
    assert_eq!(evictions.iter().map(|eviction| eviction.count).sum::<u64>(), correlator.evicted());
    assert!(correlator.take_evictions().is_empty());
}

#[test]
fn a_flood_of_many_keys_stays_within_the_default_limits() {
    let rules = ruleset(&correlation(1, BRUTE));
    let failed = rules.rules().iter().position(|rule| rule.name.as_deref() == Some("failed"));
    let matches = [failed.unwrap()];
    let mut correlator = Correlator::new(&rules, CorrelationLimits::default());
    let mut planted = 0;
    for n in 0..200_000_i64 {
        let event = Login { from: n.to_string(), ..login(n / 1_000, false) };
        correlator.feed(at("h"), &n.to_string(), &event, &matches);
        if n % 40_000 == 0 {
            let other = Origin { scope: "other", host: "h" };
            let slow = login(n / 1_000, false);
            planted += correlator.feed(other, &format!("p{n}"), &slow, &matches).len();
        }
    }
    assert!(correlator.bytes() <= 16 * 1024 * 1024 + 1_000);
    assert!(correlator.evicted() > 50_000, "{}", correlator.evicted());
    assert_eq!(planted, 1);
}

#[test]
fn a_group_keeps_no_more_events_than_it_may() {
    let body = BRUTE.replace("gte: 5", "gte: 50").replace("300s", "10s");
    let rules = ruleset(&correlation(1, &body));
    let limits = CorrelationLimits { events_per_group: 80, ..Default::default() };
    let mut correlator = Correlator::new(&rules, limits);
    for n in 0..200 {
        feed_one(&mut correlator, &rules, n, &login(n as i64 * 100, false));
    }
    assert!((120..=140).contains(&correlator.evicted()), "{}", correlator.evicted());
}

#[test]
fn repetitions_do_not_hide_what_is_counted() {
    let distinct = "type: value_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: user, gte: 4}";
    let both = "type: temporal\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s";
    let ordered =
        "type: temporal_ordered\nrules: [worked, failed]\ngroup-by: [user]\ntimespan: 60s";
    let text = [correlation(1, distinct), correlation(2, both), correlation(3, ordered)];
    let rules = ruleset(&text.join("---\n"));
    let limits = CorrelationLimits { events_per_group: 1, ..Default::default() };
    let mut correlator = Correlator::new(&rules, limits);
    let mut fired = Vec::new();
    for n in 0..5_000 {
        let user = if n % 1_500 == 7 { format!("u{n}") } else { "same".into() };
        let event = Login { user, second: n / 100, ..login(0, false) };
        fired.extend(feed_one(&mut correlator, &rules, n as usize, &event));
    }
    fired.extend(feed_one(&mut correlator, &rules, 9_000, &login(50, true)));
    let of = |rule: usize| fired.iter().filter(|found| found.rule == rule).count();
    assert_eq!((of(2), of(3), of(4)), (1, 1, 0));
}

#[test]
fn hosts_that_are_no_longer_heard_of_are_forgotten() {
    let rules = ruleset(&correlation(1, BRUTE));
    let limits = CorrelationLimits { hosts_per_scope: 10, ..Default::default() };
    let mut correlator = Correlator::new(&rules, limits);
    let mut rows = BTreeMap::new();
    for n in 0..100 {
        correlator.feed(at(&format!("h{n}")), "e", &login(n, true), &[]);
        for (key, row) in correlator.take_changes() {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
    }
    assert!(rows.len() <= 10, "{}", rows.len());
}
