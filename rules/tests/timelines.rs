//! Ten correlations of every type against timelines written by hand: `timelines/*.yml`.
//!
//! A timeline is its events in the order they arrive, `->`, and how often the correlation fires,
//! counting windows that end with the timeline; `late` when every match says so. An event is the
//! name of the rule it matches and its second, then what it has: `:x` a field `v`, `:x,y` also `w`, `.g` the
//! field `g` (else `g`), `@h` the host (else `h`), `*3` occurrences, `#e` its id (else its place in the timeline;
//! `#a30` is the id of the first event `a30`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use soc_rules::{
    CorrelationLimits, Correlator, Event, FieldValue, LogsourceRef, Origin, Ruleset, Source,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Correlations named x1, x2, … that it rests on.
    #[serde(default)]
    below: Vec<yaml_serde::Value>,
    correlation: yaml_serde::Value,
    timelines: Vec<String>,
}

#[derive(Debug, Default)]
struct Given {
    second: i64,
    id: String,
    host: String,
    fields: BTreeMap<String, String>,
    times: i64,
}

impl Event for Given {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        if name == "event.count" {
            return Some(FieldValue::Integer(self.times));
        }
        self.fields.get(name).map(|text| FieldValue::Text(text.into()))
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        visit("event.count", FieldValue::Integer(self.times));
        for (name, text) in &self.fields {
            visit(name, FieldValue::Text(text.into()));
        }
    }

    fn texts(&self, _: &mut dyn FnMut(&str) -> bool) {}

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("p"), ..LogsourceRef::default() }
    }

    fn time_us(&self) -> i64 {
        1_700_000_000_000_000 + self.second * 1_000_000
    }
}

fn given(text: &str, place: usize, known: &mut HashMap<String, String>) -> Given {
    let (name, rest) = text.split_at(1);
    let end = rest.find([':', '.', '@', '*', '#']).unwrap_or(rest.len());
    let (second, mut rest) = rest.split_at(end);
    let mut event = Given { second: second.parse().unwrap(), times: 1, ..Given::default() };
    let plain = format!("{name}{second}");
    event.id = format!("{place}");
    event.host = "h".to_owned();
    event.fields.insert("kind".to_owned(), name.to_owned());
    event.fields.insert("g".to_owned(), "g".to_owned());
    while let Some(sign) = rest.chars().next() {
        rest = &rest[1..];
        // A number has a dot of its own: after ':' only a letter begins the next part.
        let dot =
            |at: usize| sign != ':' || rest[at + 1..].starts_with(|c: char| c.is_alphabetic());
        let ends =
            |(at, c): (usize, char)| ("@*#".contains(c) || c == '.' && dot(at)).then_some(at);
        let (value, after) =
            rest.split_at(rest.char_indices().find_map(ends).unwrap_or(rest.len()));
        rest = after;
        match sign {
            ':' => {
                let (v, w) = value.split_once(',').map_or((value, None), |(v, w)| (v, Some(w)));
                event.fields.insert("v".to_owned(), v.to_owned());
                event.fields.extend(w.map(|w| ("w".to_owned(), w.to_owned())));
            }
            '.' => drop(event.fields.insert("g".to_owned(), value.to_owned())),
            '@' => value.clone_into(&mut event.host),
            '*' => event.times = value.parse().unwrap(),
            '#' => event.id = known.get(value).cloned().unwrap_or_else(|| value.to_owned()),
            other => panic!("{other} in {text}"),
        }
    }
    known.entry(plain).or_insert_with(|| event.id.clone());
    event
}

fn ruleset(case: &Case) -> Ruleset {
    let mut text = String::new();
    let id = |number: usize| format!("00000000-0000-4000-8000-{number:012}");
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        text += &format!(
            "title: {name}\nid: {}\nname: {name}\nlogsource: {{product: p}}\ndetection: {{s: {{kind: {name}}}, condition: s}}\n---\n",
            id(number)
        );
    }
    let all = case.below.iter().chain([&case.correlation]).enumerate();
    for (number, correlation) in all {
        let body = yaml_serde::to_string(correlation).unwrap().replace('\n', "\n  ");
        let name = number + 1;
        text += &format!(
            "title: x{name}\nid: {}\nname: x{name}\ncorrelation:\n  {}\n---\n",
            id(number + 3),
            body.trim_end()
        );
    }
    let (rules, problems) = Ruleset::load([Source { path: "t.yml", text: &text }]);
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    rules
}

/// How often the last correlation fired, and whether each time late.
fn run(rules: &Ruleset, timeline: &str, crash: bool) -> (usize, bool) {
    let top = rules.rules().len() - 1;
    let limits = CorrelationLimits::default();
    let mut correlator = Correlator::new(rules, limits);
    let (mut rows, mut known) = (BTreeMap::new(), HashMap::new());
    let mut fired = Vec::new();
    for (place, text) in timeline.split_whitespace().enumerate() {
        let event = given(text, place, &mut known);
        let from = Origin { scope: "agency", host: &event.host };
        fired.extend(correlator.feed(from, &event.id, &event, &rules.matching(&event)));
        if crash {
            for (key, row) in correlator.take_changes() {
                match row {
                    Some(row) => rows.insert(key, row),
                    None => rows.remove(&key),
                };
            }
            correlator = Correlator::new(rules, limits);
            correlator.restore(rows.clone());
        }
    }
    fired.extend(correlator.finish());
    fired.retain(|found| found.rule == top);
    (fired.len(), !fired.is_empty() && fired.iter().all(|found| found.late))
}

fn check(text: &str) {
    let cases: Vec<Case> = yaml_serde::from_str(text).unwrap();
    assert_eq!(cases.len(), 10);
    for case in &cases {
        let rules = ruleset(case);
        for line in &case.timelines {
            let (timeline, expected) = line.split_once("->").unwrap();
            let (count, late) = expected.trim().split_once(' ').unwrap_or((expected.trim(), ""));
            let expected = (count.parse().unwrap(), late == "late");
            assert_eq!(run(&rules, timeline, false), expected, "{line}\n{:?}", case.correlation);
            assert_eq!(run(&rules, timeline, true), expected, "restored: {line}");
        }
    }
}

macro_rules! timelines {
    ($($name:ident: $file:literal,)*) => {$(
        #[test]
        fn $name() {
            check(include_str!($file));
        }
    )*};
}

timelines! {
    event_count_fires_as_written: "timelines/event_count.yml",
    value_count_fires_as_written: "timelines/value_count.yml",
    value_sum_fires_as_written: "timelines/value_sum.yml",
    value_avg_fires_as_written: "timelines/value_avg.yml",
    value_percentile_fires_as_written: "timelines/value_percentile.yml",
    temporal_fires_as_written: "timelines/temporal.yml",
    temporal_ordered_fires_as_written: "timelines/temporal_ordered.yml",
    chained_correlations_fire_as_written: "timelines/chained.yml",
}
