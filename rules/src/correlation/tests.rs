mod bounds;
mod ends;
mod order;

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
    size: i64,
}

impl Event for Login {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        match name {
            "ip" | "address" => Some(FieldValue::Text((&self.from).into())),
            "user" => Some(FieldValue::Text((&self.user).into())),
            "worked" => Some(FieldValue::Boolean(self.worked)),
            "size" => Some(FieldValue::Integer(self.size)),
            "event.count" => Some(FieldValue::Integer(self.times)),
            _ => None,
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in ["ip", "address", "user", "worked", "size", "event.count"] {
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
    Login { second, from: "a".into(), user: "u".into(), worked, times: 1, size: 0 }
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

fn at(host: &str) -> Origin<'_> {
    Origin { scope: "agency", host }
}

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
    correlator.feed(at("h"), &format!("e{number}"), event, &ruleset.matching(event))
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

/// Feeds failed logins, each of a scope and host, and counts what fired.
fn feed_from(rules: &Ruleset, origins: &[(&str, &str)]) -> usize {
    let mut correlator = Correlator::new(rules, CorrelationLimits::default());
    let one = |(n, (scope, host)): (usize, &(&str, &str))| {
        let (from, event) = (Origin { scope, host }, login(n as i64, false));
        correlator.feed(from, &n.to_string(), &event, &rules.matching(&event)).len()
    };
    origins.iter().enumerate().map(one).sum()
}

#[test]
fn groups_do_not_mix() {
    let rules = ruleset(&correlation(1, BRUTE));
    let events: Vec<_> = (0..8)
        .map(|n| Login { from: ["a", "b"][n as usize % 2].into(), ..login(n, false) })
        .collect();
    assert!(feed(&rules, &events).is_empty());
}

#[test]
fn hosts_of_one_agency_are_looked_at_together_unless_the_rule_says_otherwise() {
    let two = [("a", "x"), ("a", "y"), ("a", "x"), ("a", "y"), ("a", "x"), ("a", "y")];
    let rules = ruleset(&correlation(1, BRUTE));
    assert_eq!(feed_from(&rules, &two), 1);
    assert_eq!(feed_from(&rules, &two.map(|(_, host)| (host, "same name"))), 0);
    let rules = ruleset(&format!("{}soc: {{scope: host}}\n", correlation(1, BRUTE)));
    assert_eq!(feed_from(&rules, &two), 0);
    assert_eq!(feed_from(&rules, &[("a", "x"); 5]), 1);
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
    let dropped: Vec<_> =
        rows.into_iter().map(|(key, _)| key).filter(|key| !key.starts_with("host/")).collect();
    assert_eq!(dropped.len(), 1);
    assert!(correlator.take_changes().contains(&(dropped[0].clone(), None)));
}

#[test]
fn a_changed_filter_of_a_member_forgets_its_state() {
    let filter = |value: &str| {
        format!(
            "{}---\ntitle: F\nid: 00000000-0000-4000-8000-000000000009\nfilter:\n  rules: [failed]\n  s: {{user: {value}}}\n  condition: not s\n",
            correlation(1, BRUTE)
        )
    };
    let print = |text: &str| ruleset(text).correlations()[0].fingerprint.clone();
    assert_ne!(print(&filter("a")), print(&filter("b")));
    assert_ne!(print(&filter("a")), print(&correlation(1, BRUTE)));
    assert_eq!(print(&filter("a")), print(&filter("a")));
}

#[test]
fn a_correlation_may_group_by_a_field_its_member_does_not_group_by() {
    let above = "type: temporal_ordered\nrules: [c1, worked]\ngroup-by: [user]\ntimespan: 600s";
    let rules = ruleset(&format!("{}---\n{}", correlation(1, BRUTE), correlation(2, above)));
    let by = |user: &str, n: i64, worked: bool| Login { user: user.into(), ..login(n, worked) };
    let mut events: Vec<_> = (0..5).map(|n| by("root", n, false)).collect();
    events.push(by("guest", 9, true));
    assert_eq!(feed(&rules, &events).len(), 1);
    events.push(by("root", 10, true));
    let fired = feed(&rules, &events);
    assert_eq!(fired.len(), 2);
    assert_eq!(fired[1].group, [("user".to_owned(), "root".to_owned())]);
    assert_eq!(fired[1].events, ["e0", "e1", "e2", "e3", "e4", "e6"]);
}

#[test]
fn a_sum_adds_numbers_and_texts_that_spell_them() {
    let body = "type: value_sum\nrules: [failed]\ngroup-by: [ip]\ntimespan: 60s\ncondition: {field: size, gte: 100}";
    let rules = ruleset(&correlation(1, body));
    let sized = |n: i64, size: i64| Login { size, ..login(n, false) };
    assert!(feed(&rules, &[sized(0, 50), sized(1, 49)]).is_empty());
    let fired = feed(&rules, &[sized(0, 50), sized(1, 49), sized(2, 1)]);
    assert_eq!((fired[0].count, fired[0].value), (3, Some(100.0)));
    let names = body.replace("size", "user");
    let rules = ruleset(&correlation(1, &names));
    let named = |n: i64, user: &str| Login { user: user.into(), ..login(n, false) };
    assert_eq!(feed(&rules, &[named(0, "99.5"), named(1, "many"), named(2, "0.5")]).len(), 1);
    assert!(feed(&rules, &[named(0, "99.5"), named(1, "many"), named(2, "0.4")]).is_empty());
}

#[test]
fn temporal_may_count_rules_or_name_some_of_them() {
    let body =
        "type: temporal\nrules: [failed, worked]\ngroup-by: [ip]\ntimespan: 60s\ncondition: ";
    let fired = |condition: &str, events: &[Login]| {
        feed(&ruleset(&correlation(1, &format!("{body}{condition}"))), events).len()
    };
    let one = [login(1, false)];
    let two = [login(1, false), login(2, true)];
    assert_eq!(
        (fired("{gte: 1}", &one), fired("{gte: 2}", &one), fired("{gte: 2}", &two)),
        (1, 0, 1)
    );
    assert_eq!((fired("1 of f*", &one), fired("all of them", &one)), (1, 0));
    assert_eq!(fired("all of them", &two), 1);
}

#[test]
fn an_ordered_condition_wants_what_makes_it_true_in_order() {
    let rules =
        "type: temporal_ordered\nrules: [failed, worked, c1]\ngroup-by: [ip]\ntimespan: 60s\n";
    let odd =
        "type: event_count\nrules: [failed]\ngroup-by: [ip]\ntimespan: 1s\ncondition: {gte: 2}";
    let fired = |condition: &str, events: &[Login]| {
        let body = format!("{rules}condition: {condition}");
        let rules = ruleset(&format!("{}---\n{}", correlation(1, odd), correlation(2, &body)));
        feed(&rules, events).iter().filter(|found| found.rule == 3).count()
    };
    let up = [login(1, false), login(9, true)];
    let down = [login(1, true), login(9, false)];
    assert_eq!((fired("failed and worked", &up), fired("failed and worked", &down)), (1, 0));
    assert_eq!((fired("failed or c1", &down), fired("{gte: 2}", &down)), (1, 0));
    assert_eq!(fired("{gte: 2}", &up), 1);
}

#[test]
fn a_late_event_says_so_and_one_in_the_future_does_not_make_others_late_forever() {
    let rules = ruleset(&correlation(1, BRUTE));
    let late = |seconds: &[i64]| {
        let events: Vec<_> = seconds.iter().map(|second| login(*second, false)).collect();
        feed(&rules, &events).last().map(|found| found.late)
    };
    assert_eq!(late(&[0, 1, 2, 3, 4]), Some(false));
    assert_eq!(late(&[0, 1, 2, 3, 290, 4]), Some(false));
    assert_eq!(late(&[1000, 0, 1, 2, 3, 4]), Some(true));
    let mut clock = super::host::Clock::default();
    clock.see(i64::MAX);
    (0..1_000).for_each(|n| clock.see(n));
    assert!(!clock.is_late(0, 1));
}
