use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{Event, FieldValue, LogsourceRef};
use crate::ruleset::Ruleset;
use crate::source::Source;

/// A login: when, from where, as whom, and whether it worked.
#[derive(Clone, Debug)]
struct Login {
    second: i64,
    from: String,
    user: String,
    worked: bool,
    times: i64,
}

impl Event for Login {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        match name {
            "ip" | "address" => Some(FieldValue::Text((&self.from).into())),
            "user" => Some(FieldValue::Text((&self.user).into())),
            "worked" => Some(FieldValue::Boolean(self.worked)),
            "event.count" => Some(FieldValue::Integer(self.times)),
            _ => None,
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in ["ip", "address", "user", "worked", "event.count"] {
            visit(name, self.field(name).unwrap());
        }
    }

    fn texts(&self, _: &mut dyn FnMut(&str) -> bool) {}

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("p"), ..LogsourceRef::default() }
    }

    fn time_us(&self) -> i64 {
        self.second * 1_000_000
    }
}

fn login(second: i64, worked: bool) -> Login {
    Login { second, from: "a".into(), user: "u".into(), worked, times: 1 }
}

const BASE: &str = "
title: Failed
id: 00000000-0000-4000-8000-000000000001
name: failed
logsource: {product: p}
detection:
  s: {worked: false}
  condition: s
---
title: Worked
id: 00000000-0000-4000-8000-000000000002
name: worked
logsource: {product: p}
detection:
  s: {worked: true}
  condition: s
";

fn ruleset(correlations: &str) -> Ruleset {
    let text = format!("{BASE}\n---\n{correlations}");
    let (ruleset, problems) = Ruleset::load([Source { path: "c.yml", text: &text }]);
    assert!(problems.iter().all(|p| p.severity != crate::Severity::Error), "{problems:?}");
    ruleset
}

fn correlation(id: u8, body: &str) -> String {
    let head = "title: C\nid: 00000000-0000-4000-8000-0000000001";
    format!("{head}{id:02}\nname: c{id}\ncorrelation:\n  {}\n", body.replace('\n', "\n  "))
}

const BRUTE: &str =
    "type: event_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 300s\ncondition: {gte: 5}";
const CHAIN: &str = "type: temporal_ordered\nrules: [c1, worked]\ngroup-by: [ip]\ntimespan: 600s";

/// Feeds events of one host and gives all that fired.
fn feed(ruleset: &Ruleset, events: &[Login]) -> Vec<CorrelationMatch> {
    let mut correlator = Correlator::new(ruleset, CorrelationLimits::default());
    let numbered = events.iter().enumerate();
    numbered.flat_map(|(n, e)| feed_one(&mut correlator, ruleset, n, e)).collect()
}

fn feed_one(
    correlator: &mut Correlator,
    ruleset: &Ruleset,
    number: usize,
    event: &Login,
) -> Vec<CorrelationMatch> {
    correlator.feed("h", &format!("e{number}"), event, &ruleset.matching(event))
}

#[test]
fn a_window_holds_its_timespan_and_no_more() {
    let rules = ruleset(&correlation(1, BRUTE));
    let apart = |seconds: i64| -> usize {
        let events: Vec<_> = (0..5).map(|n| login(n * seconds, false)).collect();
        feed(&rules, &events).len()
    };
    assert_eq!((apart(75), apart(76)), (1, 0));
}

#[test]
fn a_match_tells_group_count_span_and_events() {
    let rules = ruleset(&correlation(1, BRUTE));
    let events: Vec<_> = (0..5).map(|n| login(n * 10, false)).collect();
    let fired = feed(&rules, &events);
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].group, [("ip".to_owned(), "a".to_owned())]);
    assert_eq!((fired[0].count, fired[0].first_us, fired[0].last_us), (5, 0, 40_000_000));
    assert_eq!(fired[0].events, ["e0", "e1", "e2", "e3", "e4"]);
}

#[test]
fn the_same_evidence_fires_once() {
    let rules = ruleset(&correlation(1, BRUTE));
    let count = |n: i64| feed(&rules, &(0..n).map(|n| login(n, false)).collect::<Vec<_>>()).len();
    assert_eq!([count(5), count(9), count(10), count(14)], [1, 1, 2, 2]);
    let mut events: Vec<_> = (0..5).map(|n| login(n * 10, false)).collect();
    events.extend((0..5).map(|n| login(n * 10 + 1, false)).filter(|e| e.second < 40));
    assert_eq!(feed(&rules, &events).len(), 1, "late events of a span that was told");
}

#[test]
fn groups_and_hosts_do_not_mix() {
    let rules = ruleset(&correlation(1, BRUTE));
    let events: Vec<_> = (0..8)
        .map(|n| Login { from: ["a", "b"][n as usize % 2].into(), ..login(n, false) })
        .collect();
    assert!(feed(&rules, &events).is_empty());
    let mut correlator = Correlator::new(&rules, CorrelationLimits::default());
    for n in 0..8 {
        let (host, event) = (["x", "y"][n as usize % 2], login(n, false));
        assert!(correlator.feed(host, &n.to_string(), &event, &rules.matching(&event)).is_empty());
    }
}

#[test]
fn an_event_that_stands_for_several_counts_as_several() {
    let rules = ruleset(&correlation(1, BRUTE));
    let fired = feed(&rules, &[login(0, false), Login { times: 4, ..login(1, false) }]);
    assert_eq!(fired[0].count, 5);
}

#[test]
fn the_same_event_twice_counts_once() {
    let rules = ruleset(&correlation(1, BRUTE));
    let mut correlator = Correlator::new(&rules, CorrelationLimits::default());
    let fired = (0..9).flat_map(|_| feed_one(&mut correlator, &rules, 0, &login(0, false)));
    assert_eq!(fired.count(), 0);
}

#[test]
fn value_count_counts_different_values() {
    let body = "type: value_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: user, gt: 2}";
    let rules = ruleset(&correlation(1, body));
    let as_users = |users: &[&str]| {
        let events = users.iter().enumerate();
        let event =
            |(n, user): (usize, &&str)| Login { user: (*user).into(), ..login(n as i64, false) };
        feed(&rules, &events.map(event).collect::<Vec<_>>())
    };
    assert!(as_users(&["a", "b", "a", "b", "a"]).is_empty());
    assert_eq!(as_users(&["a", "b", "a", "c"])[0].count, 3);
}

#[test]
fn temporal_wants_all_members_in_any_order_or_its_condition() {
    let body = "type: temporal\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s";
    let rules = ruleset(&correlation(1, body));
    assert_eq!(feed(&rules, &[login(5, true), login(9, false)]).len(), 1);
    assert!(feed(&rules, &[login(5, true), login(99, false)]).is_empty());
    assert!(feed(&rules, &[login(5, true), login(9, true)]).is_empty());
    let rules = ruleset(&correlation(1, &format!("{body}\ncondition: failed or worked")));
    assert_eq!(feed(&rules, &[login(5, true)]).len(), 1);
}

#[test]
fn temporal_ordered_wants_their_order() {
    let body = "type: temporal_ordered\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s";
    let rules = ruleset(&correlation(1, body));
    assert_eq!(feed(&rules, &[login(5, false), login(9, true)]).len(), 1);
    assert!(feed(&rules, &[login(5, true), login(9, false)]).is_empty());
    assert_eq!(feed(&rules, &[login(9, true), login(5, false)]).len(), 1, "arrived late");
    assert_eq!(feed(&rules, &[login(5, true), login(5, false)]).len(), 1, "same second");
    assert!(feed(&rules, &[login(5, false), login(66, true)]).is_empty());
    let twice = body.replace("[failed, worked]", "[failed, failed, worked]");
    let rules = ruleset(&correlation(1, &twice));
    assert!(feed(&rules, &[login(5, false), login(9, true)]).is_empty());
    assert_eq!(feed(&rules, &[login(5, false), login(6, false), login(9, true)]).len(), 1);
}

#[test]
fn a_success_after_brute_force_fires_exactly_once() {
    let rules = ruleset(&format!("{}---\n{}", correlation(2, CHAIN), correlation(1, BRUTE)));
    let chain = rules.rules().iter().position(|rule| rule.name.as_deref() == Some("c2")).unwrap();
    for failures in [4, 5, 7, 12, 40] {
        let mut events: Vec<_> = (0..failures).map(|n| login(n * 5, false)).collect();
        events.extend([login(failures * 5, true), login(failures * 5 + 1, true)]);
        let fired = feed(&rules, &events);
        let chained: Vec<_> = fired.iter().filter(|found| found.rule == chain).collect();
        assert_eq!(chained.len(), usize::from(failures >= 5), "{failures} failures");
        if let Some(found) = chained.first() {
            assert!(found.events.contains(&"e0".to_owned()));
            assert!(found.events.contains(&format!("e{failures}")));
            assert!(found.events.len() <= crate::limits::EVIDENCE_MAX);
        }
    }
}

#[test]
fn members_do_not_alert_unless_told_to() {
    let alerts = |correlation: &str| -> Vec<bool> {
        ruleset(correlation).rules().iter().map(|rule| rule.alerts).collect()
    };
    assert_eq!(alerts(&correlation(1, BRUTE)), [false, true, true]);
    assert_eq!(alerts(&format!("{}generate: true\n", correlation(1, BRUTE))), [true, true, true]);
    let chained =
        format!("{}soc: {{alerts: true}}\n---\n{}", correlation(1, BRUTE), correlation(2, CHAIN));
    assert_eq!(alerts(&chained), [false, false, true, true]);
}

#[test]
fn aliases_give_each_member_its_own_name_for_a_field() {
    let body = "type: temporal\nrules: [failed, worked]\ngroup-by: [who]\ntimespan: 60s\naliases:\n  who: {failed: user, worked: ip}";
    let rules = ruleset(&correlation(1, body));
    let worked = Login { from: "u".into(), ..login(3, true) };
    assert_eq!(feed(&rules, &[login(1, false), worked])[0].group[0].1, "u");
    assert!(feed(&rules, &[login(1, false), login(3, true)]).is_empty());
}

#[test]
fn state_is_bounded_and_a_flooding_host_evicts_its_own() {
    let rules = ruleset(&correlation(1, BRUTE));
    let limits = CorrelationLimits { groups_per_host: 3, groups_per_rule: 5, ..Default::default() };
    let mut correlator = Correlator::new(&rules, limits);
    let mut number = 0;
    let mut from = |correlator: &mut Correlator, host: &str, ip: String, second: i64| {
        number += 1;
        let event = Login { from: ip, ..login(second, false) };
        correlator.feed(host, &number.to_string(), &event, &rules.matching(&event)).len()
    };
    for second in 0..4 {
        from(&mut correlator, "quiet", "a".into(), second);
    }
    for n in 0..50 {
        from(&mut correlator, "loud", format!("ip{n}"), 5);
        from(&mut correlator, "loud too", format!("ip{n}"), 5);
    }
    assert!(correlator.evicted() > 90, "{}", correlator.evicted());
    assert_eq!(from(&mut correlator, "quiet", "a".into(), 9), 1);
    let rows: BTreeMap<_, _> = correlator.take_changes().into_iter().collect();
    assert!(rows.values().flatten().count() <= 5);
}

#[test]
fn a_group_keeps_no_more_events_than_it_may() {
    let body = BRUTE.replace("gte: 5", "gte: 50").replace("300s", "10s");
    let rules = ruleset(&correlation(1, &body));
    let limits = CorrelationLimits { events_per_group: 60, ..Default::default() };
    let mut correlator = Correlator::new(&rules, limits);
    for n in 0..200 {
        feed_one(&mut correlator, &rules, n, &login(n as i64 * 100, false));
    }
    assert_eq!(correlator.evicted(), 140);
}

#[test]
fn rows_of_a_changed_rule_are_dropped() {
    let rules = ruleset(&correlation(1, BRUTE));
    let mut correlator = Correlator::new(&rules, CorrelationLimits::default());
    feed_one(&mut correlator, &rules, 0, &login(0, false));
    let rows: Vec<_> =
        correlator.take_changes().into_iter().map(|(key, row)| (key, row.unwrap())).collect();
    let changed = ruleset(&correlation(1, &BRUTE.replace("gte: 5", "gte: 2")));
    let mut correlator = Correlator::new(&changed, CorrelationLimits::default());
    correlator.restore(rows.clone());
    assert!(feed_one(&mut correlator, &changed, 1, &login(1, false)).is_empty());
    assert!(correlator.take_changes().contains(&(rows[0].0.clone(), None)));
}

/// The number of windows a sorted list of seconds has, by the definition.
fn has_window(mut seconds: Vec<i64>) -> bool {
    seconds.sort_unstable();
    seconds.windows(5).any(|window| window[4] - window[0] <= 300)
}

fn logins() -> impl Strategy<Value = Vec<Login>> {
    let one = (0_i64..1500, 0_u8..2, any::<bool>(), 0_u8..3);
    let login = |(second, from, worked, user): (i64, u8, bool, u8)| Login {
        second,
        from: from.to_string(),
        user: user.to_string(),
        worked: worked && second % 3 == 0,
        times: 1,
    };
    prop::collection::vec(one.prop_map(login), 0..60)
}

proptest! {
    #[test]
    fn fires_if_and_only_if_some_window_is_full_in_any_order(events in logins()) {
        let rules = ruleset(&correlation(1, BRUTE));
        let fired = feed(&rules, &events);
        for from in ["0", "1"] {
            let seconds = events.iter().filter(|e| !e.worked && e.from == from).map(|e| e.second);
            let found = fired.iter().any(|found| found.group[0].1 == from);
            prop_assert_eq!(found, has_window(seconds.collect()));
        }
    }

    #[test]
    fn a_kill_and_restore_at_any_moment_changes_nothing(
        events in logins(),
        kills in prop::collection::vec(any::<bool>(), 60),
        small in any::<bool>(),
    ) {
        let distinct = "type: value_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: user, gte: 2}";
        let text = [correlation(1, BRUTE), correlation(2, CHAIN), correlation(3, distinct)];
        let rules = ruleset(&text.join("---\n"));
        let limits = if small {
            CorrelationLimits { groups_per_host: 1, groups_per_rule: 1, events_per_group: 5, lateness_us: 1 }
        } else {
            CorrelationLimits::default()
        };
        let mut steady = Correlator::new(&rules, limits);
        let mut killed = Correlator::new(&rules, limits);
        let mut rows: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (number, event) in events.iter().enumerate() {
            let expected = feed_one(&mut steady, &rules, number, event);
            prop_assert_eq!(feed_one(&mut killed, &rules, number, event), expected);
            for (key, row) in killed.take_changes() {
                match row {
                    Some(row) => rows.insert(key, row),
                    None => rows.remove(&key),
                };
            }
            if kills[number] {
                killed = Correlator::new(&rules, limits);
                killed.restore(rows.clone());
            }
        }
    }
}
