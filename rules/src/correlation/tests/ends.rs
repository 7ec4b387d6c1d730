//! Windows that are judged when they have ended.

use super::*;

fn counts(condition: &str) -> Ruleset {
    let body = "type: event_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: ";
    ruleset(&correlation(1, &format!("{body}{condition}")))
}

/// Feeds failed logins at these seconds; what fired by then, and with the end.
fn judged(rules: &Ruleset, seconds: &[i64]) -> (usize, usize) {
    let mut correlator = Correlator::new(rules, CorrelationLimits::default());
    let event = |(n, second): (usize, &i64)| {
        feed_one(&mut correlator, rules, n, &login(*second, false)).len()
    };
    let before: usize = seconds.iter().enumerate().map(event).sum();
    (before, before + correlator.finish().len())
}

#[test]
fn a_window_is_judged_once_and_when_it_has_ended() {
    let few = counts("{lt: 3}");
    assert_eq!(judged(&few, &[0, 10]), (0, 1));
    assert_eq!(judged(&few, &[0, 10, 20]), (0, 0));
    assert_eq!(judged(&few, &[0, 10, 60 + 300]), (0, 2), "not late enough to end it");
    assert_eq!(judged(&few, &[0, 10, 61 + 300]), (1, 2));
    assert_eq!(judged(&few, &[0, 10, 20, 30, 70, 1000]), (1, 2));
}

#[test]
fn every_comparison_means_what_it_says() {
    let burst = |count: i64| (0..count).collect::<Vec<_>>();
    let fires = |condition: &str| -> Vec<i64> {
        let rules = counts(condition);
        (1..7).filter(|count| judged(&rules, &burst(*count)).1 > 0).collect()
    };
    assert_eq!(fires("{lt: 3}"), [1, 2]);
    assert_eq!(fires("{lte: 3}"), [1, 2, 3]);
    assert_eq!(fires("{eq: 3}"), [3]);
    assert_eq!(fires("{neq: 3}"), [1, 2, 4, 5, 6]);
    assert_eq!(fires("{gt: 2, lte: 4}"), [3, 4]);
    assert_eq!(fires("{gte: 3}"), [3, 4, 5, 6]);
    assert_eq!(fires("{gte: 0}"), [1, 2, 3, 4, 5, 6]);
    assert!(fires("{lt: 1}").is_empty());
}

#[test]
fn events_that_come_in_another_order_are_judged_together() {
    let three = counts("{eq: 3}");
    assert_eq!(judged(&three, &[50, 0, 25]).1, 1);
    assert_eq!(judged(&three, &[50, 0, 25, 10]).1, 0);
    assert_eq!(judged(&three, &[0, 50, 300, 25]).1, 1, "behind a newer event, but not late");
    assert_eq!(judged(&three, &[0, 10, 20, 1000, 30]).0, 1, "late: the window is judged already");
}

#[test]
fn only_a_host_that_is_part_of_a_window_ends_it() {
    let rules = counts("{eq: 1}");
    let mut correlator = Correlator::new(&rules, CorrelationLimits::default());
    let mut say = |host: &str, second: i64, matches: &[usize]| {
        correlator.feed(at(host), &format!("{host}{second}"), &login(second, false), matches).len()
    };
    assert_eq!(say("x", 0, &[0]), 0);
    assert_eq!(say("y", 5_000, &[]), 0);
    assert_eq!(say("x", 100, &[]), 0);
    assert_eq!(say("x", 5_000, &[]), 1);
}

#[test]
fn averages_and_percentiles_are_those_of_the_whole_window() {
    let body = |kind: &str, condition: &str| {
        let text = "rules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: size, ";
        ruleset(&correlation(1, &format!("type: {kind}\n{text}{condition}}}")))
    };
    let value = |rules: &Ruleset, sizes: &[i64]| {
        let mut correlator = Correlator::new(rules, CorrelationLimits::default());
        for (n, size) in sizes.iter().enumerate() {
            let event = Login { size: *size, ..login(n as i64 / 4, false) };
            assert!(feed_one(&mut correlator, rules, n, &event).is_empty());
        }
        correlator.finish().first().and_then(|found| found.value)
    };
    let average = body("value_avg", "gte: 10");
    assert_eq!(value(&average, &[30, 0, 1]), Some(31.0 / 3.0));
    assert_eq!(value(&average, &[29, 0, 0]), None);
    let median = body("value_median", "lt: 3");
    assert_eq!(value(&median, &[1, 2, 3, 900]), Some(2.5));
    assert_eq!(value(&median, &[1, 3, 900]), None);
    let most = body("value_percentile", "percentile: 90, gt: 90");
    assert_eq!(value(&most, &(0..=100).rev().collect::<Vec<_>>()), None);
    assert_eq!(value(&most, &(1..=101).collect::<Vec<_>>()), Some(91.0));
    let negative = body("value_sum", "lt: -5");
    assert_eq!(value(&negative, &[-4, -2]), Some(-6.0));
    assert_eq!(value(&negative, &[-4, -2, 1]), None);
}

#[test]
fn not_is_known_when_the_window_has_ended() {
    for kind in ["temporal", "temporal_ordered"] {
        let body = format!(
            "type: {kind}\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s\ncondition: failed and not worked"
        );
        let rules = ruleset(&correlation(1, &body));
        let fired = |events: &[Login]| {
            let mut correlator = Correlator::new(&rules, CorrelationLimits::default());
            for (n, event) in events.iter().enumerate() {
                assert!(feed_one(&mut correlator, &rules, n, event).is_empty());
            }
            correlator.finish().len()
        };
        assert_eq!(fired(&[login(0, false), login(5, false)]), 1);
        assert_eq!(fired(&[login(0, false), login(5, true)]), 0);
        assert_eq!(fired(&[login(5, true), login(0, false)]), 0);
        assert_eq!(fired(&[login(0, false), login(61, true)]), 1);
        assert_eq!(fired(&[login(0, true)]), 0);
    }
}

#[test]
fn a_window_that_ended_feeds_the_correlations_above() {
    let few =
        "type: event_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {lte: 2}";
    let above = "type: event_count\nrules: [c1]\ngroup-by: [ip]\ntimespan: 1d\ncondition: {gte: 3}";
    let rules = ruleset(&format!("{}---\n{}", correlation(1, few), correlation(2, above)));
    let events: Vec<_> = (0..5).map(|n| login(n * 1_000, false)).collect();
    let fired = feed(&rules, &events);
    assert_eq!(fired.iter().filter(|found| found.rule == 3).count(), 1);
}
