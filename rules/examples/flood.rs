//! Ten million failed logins, each from an address of its own, sent by one machine; slow attacks on
//! other machines, on other agencies, and such as other rules look for, hidden among them. Prints what
//! it cost and whether they were found.
//!
//! `cargo run --release -p soc-rules --example flood [KEYS]`

use std::error::Error;
use std::time::{Duration, Instant};

use soc_rules::{
    CorrelationLimits, Correlator, Event, FieldValue, LogsourceRef, Origin, Ruleset, Source,
};

const RULES: &str = "
title: Failed
id: 00000000-0000-4000-8000-000000000001
name: failed
logsource: {product: p}
detection: {s: {worked: false}, condition: s}
---
title: Five from one address
id: 00000000-0000-4000-8000-000000000002
name: guessing
correlation: {type: event_count, rules: [failed], group-by: [ip], timespan: 5m, condition: {gte: 5}}
---
title: One account from ten addresses
id: 00000000-0000-4000-8000-000000000003
correlation: {type: value_count, rules: [failed], group-by: [user], timespan: 10m, condition: {field: ip, gte: 10}}
---
title: Guessing twice
id: 00000000-0000-4000-8000-000000000004
correlation: {type: event_count, rules: [guessing], group-by: [ip], timespan: 1h, condition: {gte: 2}}
";
/// How long the flood lasts, in event time.
const SECONDS: u64 = 1_000;
/// The collector writes state down as often.
const BATCH: u64 = 1_000;
/// Agencies with a slow attack each.
const AGENCIES: u64 = 50;
/// Seconds between two attempts of a slow attack; ten attempts.
const PAUSE_S: u64 = 50;

struct Login {
    second: u64,
    ip: String,
    user: String,
}

impl Event for Login {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        match name {
            "ip" => Some(FieldValue::Text((&self.ip).into())),
            "user" => Some(FieldValue::Text((&self.user).into())),
            "worked" => Some(FieldValue::Boolean(false)),
            _ => None,
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in ["ip", "user", "worked"] {
            if let Some(value) = self.field(name) {
                visit(name, value);
            }
        }
    }

    fn texts(&self, _: &mut dyn FnMut(&str) -> bool) {}

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("p"), ..LogsourceRef::default() }
    }

    fn time_us(&self) -> i64 {
        i64::try_from(self.second).unwrap_or(i64::MAX).saturating_mul(1_000_000)
    }
}

/// A correlator, what it was fed, and what fired.
struct Run {
    correlator: Correlator,
    number: u64,
    found: Vec<(String, usize)>,
    rows: u64,
    took: Duration,
}

impl Run {
    fn feed(&mut self, scope: &str, host: &str, event: &Login) {
        self.number += 1;
        let (from, id) = (Origin { scope, host }, self.number.to_string());
        let began = Instant::now();
        let fired = self.correlator.feed(from, &id, event, &[0]);
        if self.number.is_multiple_of(BATCH) {
            self.rows += u64::try_from(self.correlator.take_changes().len()).unwrap_or(0);
        }
        self.took += began.elapsed();
        self.found.extend(fired.into_iter().map(|found| (scope.to_owned(), found.rule)));
    }

    fn count(&self, is_meant: impl Fn(&(String, usize)) -> bool) -> usize {
        self.found.iter().filter(|found| is_meant(found)).count()
    }

    /// One attempt of each slow attack.
    fn plant(&mut self, second: u64) {
        let attempt = |ip: String, user: &str| Login { second, ip, user: user.into() };
        for agency in 0..AGENCIES {
            let user = format!("user{second}");
            self.feed(&format!("quiet{agency}"), "pc", &attempt("192.0.2.1".into(), &user));
        }
        let user = format!("user{second}");
        self.feed("flooded", "other machine", &attempt("192.0.2.2".into(), &user));
        self.feed("flooded", "other machine", &attempt(format!("198.51.100.{second}"), "root"));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let keys: u64 = std::env::args().nth(1).map_or(Ok(10_000_000), |keys| keys.parse())?;
    let (rules, problems) = Ruleset::load([Source { path: "flood.yml", text: RULES }]);
    if !problems.is_empty() {
        return Err(format!("{problems:?}").into());
    }
    let limits = CorrelationLimits::default();
    let correlator = Correlator::new(&rules, limits);
    let mut run = Run { correlator, number: 0, found: Vec::new(), rows: 0, took: Duration::ZERO };
    let per_second = (keys / SECONDS).max(1);
    let before = peak_kib();
    let mut most = 0;
    for key in 0..keys {
        let second = key / per_second;
        if key % (per_second * PAUSE_S) == 0 && second / PAUSE_S < 10 {
            run.plant(second);
        }
        // Addresses of version 6, users of their own: every key of every rule is new.
        let ip = format!("2001:db8:{:x}:{:x}::{key:x}", key >> 32, key >> 16 & 0xffff);
        run.feed("flooded", "flooded machine", &Login { second, ip, user: format!("u{key}") });
        most = most.max(run.correlator.bytes());
    }
    let seconds = run.took.as_secs_f64();
    println!("keys            {keys}, each of two rules");
    println!("events/s        {:.0}", run.number as f64 / seconds);
    println!("held at most    {:.1} MB by own count", most as f64 / 1e6);
    println!(
        "resident peak   {} MB (VmHWM; {} MB before the flood)",
        peak_kib() / 1024,
        before / 1024
    );
    println!("rows written    {}", run.rows);
    println!("evicted         {}", run.correlator.evicted());
    let elsewhere = run.count(|(scope, rule)| scope != "flooded" && *rule == 1);
    println!("other agencies  {elsewhere} of {} slow attacks found", AGENCIES * 2);
    let chained = run.count(|(scope, rule)| scope != "flooded" && *rule == 3);
    println!("  a level above {chained} of {AGENCIES}");
    let same = run.count(|(scope, rule)| scope == "flooded" && *rule == 1);
    println!("same agency     {same} of 2 found by the flooded rule on another machine");
    let other = run.count(|(scope, rule)| scope == "flooded" && *rule == 2);
    println!("                {other} of 1 found by another flooded rule");
    Ok(())
}

/// The most memory the process has had, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
