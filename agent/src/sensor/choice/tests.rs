use std::collections::BTreeMap;

use soc_event::kind;
use soc_formats::text::{Moment, Profile, line};

use super::*;
use crate::sensor::Position;

/// Positions as a spool would keep them.
#[derive(Default)]
struct Kept(BTreeMap<String, Vec<u8>>);

impl Positions for Kept {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        self.0.get(source).cloned()
    }
}

impl Kept {
    fn keep(&mut self, positions: &[Position]) {
        self.0.extend(positions.iter().map(|one| (one.source.clone(), one.bytes.clone())));
    }
}

fn at(minutes: i64) -> Timestamp {
    let begin: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    begin.plus_micros(minutes * 60_000_000)
}

fn parse(path: &str, text: &str) -> Event {
    let zone = jiff::tz::TimeZone::UTC;
    line(text, &Profile::of_path(path), Moment::live(at(0), &zone))
}

fn filters(text: &str) -> Vec<Filter> {
    let config: crate::sensor::logfile::Config = toml::from_str(text).unwrap();
    assert_eq!(config.mistakes(), Vec::<String>::new());
    config.filters
}

#[test]
fn the_first_filter_that_matches_decides() {
    let filters = filters(
        "[[filters]]\naction = \"keep\"\ncontains = \"root\"\n\
         [[filters]]\nprogram = \"dhc*\"\n\
         [[filters]]\nsource = \"/var/log/nginx/*\"\ncontains = \"/health\"\n\
         [[filters]]\nsource = \"/var/log/syslog\"\nseverity_from = 6\n",
    );
    let counts = Arc::new(Counts::default());
    let mut choice =
        Choice::new("logfile", (filters, Mode::All), &Kept::default(), Arc::clone(&counts));
    let mut check = |path: &str, text: &str, is_sent: bool| {
        let chosen = choice.of(path, parse(path, text), at(0));
        assert_eq!(chosen.is_some(), is_sent, "{path}: {text}");
    };
    let (syslog, access) = ("/var/log/syslog", "/var/log/nginx/site/access.log");
    check(syslog, "Nov 22 09:00:00 srv dhclient: bound", false);
    check(syslog, "Nov 22 09:00:00 srv dhclient: root", true);
    check(syslog, "<30>Nov 22 09:00:00 srv systemd[1]: Started x", false);
    check(syslog, "<28>Nov 22 09:00:00 srv systemd[1]: failed x", true);
    check(syslog, "Nov 22 09:00:00 srv systemd[1]: no severity", true);
    let request = |path: &str| {
        format!("192.0.2.7 - - [22/Nov/2026:09:00:00 +0000] \"GET {path} HTTP/1.1\" 200 1")
    };
    check(access, &request("/health"), false);
    check(access, &request("/"), true);
    assert_eq!(counts.all()[syslog].filtered, 2);
    assert_eq!(counts.all()[access].read, 2);
}

#[test]
fn filters_that_would_drop_everything_are_mistakes() {
    let check = |text: &str| {
        let config: crate::sensor::logfile::Config = toml::from_str(text).unwrap();
        assert_eq!(config.mistakes().len(), 1, "{text}");
    };
    check("[[filters]]\naction = \"drop\"\n");
    check("[[filters]]\nseverity_from = 8\n");
    check(&"[[filters]]\nprogram = \"x\"\n".repeat(FILTERS_MAX + 1));
    assert!(toml::from_str::<crate::sensor::logfile::Config>("[[filters]]\nx = 1\n").is_err());
}

#[test]
fn what_is_left_out_is_told_once_an_hour_also_over_a_crash() {
    let mut kept = Kept::default();
    let told = |delivery: &Delivery| -> Vec<String> {
        let event = |it: &Observation| {
            assert_eq!(it.event.kind, kind::LOG_FILTERED);
            let name = it.event.text("log.filter.name").unwrap_or_default();
            format!("{name} {}", it.event.fields["log.filter.count"])
        };
        delivery.observations.iter().map(event).collect()
    };
    let start = |kept: &Kept| {
        let chosen = (filters("[[filters]]\nprogram = \"a\"\n"), Mode::All);
        Choice::new("logfile", chosen, kept, Arc::default())
    };
    let mut choice = start(&kept);
    let mut drop = |choice: &mut Choice, minutes: i64| {
        let event = parse("/var/log/syslog", "Nov 22 09:00:00 srv a: x");
        assert_eq!(choice.of("/var/log/syslog", event, at(minutes)), None);
        let mut delivery = Delivery::default();
        choice.conclude(&mut delivery, at(minutes));
        kept.keep(&delivery.positions);
        told(&delivery)
    };
    for minutes in 0..59 {
        assert_eq!(drop(&mut choice, minutes), Vec::<String>::new());
    }
    // The agent is killed; its positions are as last committed.
    let kept_now = Kept(BTreeMap::clone(&kept.0));
    let mut choice = start(&kept_now);
    let mut delivery = Delivery::default();
    choice.conclude(&mut delivery, at(61));
    assert_eq!(told(&delivery), ["filter 1: program=a 59"]);
    assert!(delivery.positions[0].bytes.len() < 100);
    let mut delivery = Delivery::default();
    choice.conclude(&mut delivery, at(200));
    assert_eq!(delivery, Delivery::default(), "nothing is told twice");
}

#[test]
fn the_longest_names_of_all_filters_fit_a_position() {
    let mut tally = Tally::load("logfile", &Kept::default());
    for place in 0..100 {
        let filter = Filter { contains: Some("đ".repeat(500)), ..Filter::default() };
        tally.count(&filter.name(place), "x", at(0));
    }
    let mut delivery = Delivery::default();
    tally.conclude(&mut delivery, at(0));
    assert!(delivery.positions[0].bytes.len() <= 4096);
}

#[test]
fn findings_are_sent_and_the_rest_stays() {
    let chosen = (Vec::new(), Mode::Findings);
    let mut choice = Choice::new("logfile", chosen, &Kept::default(), Arc::default());
    let mut check = |path: &str, text: &str, stays: bool| {
        let observation = choice.of(path, parse(path, text), at(0)).unwrap();
        assert_eq!(observation.stays, stays, "{text}");
    };
    let auth = "/var/log/auth.log";
    check(
        auth,
        "Nov 22 09:00:00 s sshd[1]: Failed password for root from 192.0.2.7 port 5 ssh2",
        false,
    );
    check(auth, "Nov 22 09:00:00 s sshd[1]: Connection closed by 192.0.2.7 port 5", true);
    check(auth, "Nov 22 09:00:00 s useradd[1]: new user: name=bob, UID=1001, GID=1001", false);
    check("/var/log/syslog", "<27>Nov 22 09:00:00 s app[1]: disk error", false);
    check("/var/log/syslog", "<30>Nov 22 09:00:00 s app[1]: all is well", true);
    check("/var/log/nginx/error.log", "2026/11/22 09:00:00 [error] 7#7: x", false);
    check("/var/log/nginx/error.log", "2026/11/22 09:00:00 [notice] 7#7: x", true);
    let request = |what: &str, status: u16| {
        format!("192.0.2.7 - - [22/Nov/2026:09:00:00 +0000] \"GET {what} HTTP/1.1\" {status} 1")
    };
    let access = "/var/log/nginx/access.log";
    check(access, &request("/", 200), true);
    check(access, &request("/nothing", 404), true);
    check(access, &request("/", 502), false);
    check(access, &request("/?f=..%2f..%2fetc/passwd", 200), false);
    let record =
        |key: &str| format!("type=SYSCALL msg=audit(1795341600.000:1): exe=\"/x\" key={key}");
    check("/var/log/audit/audit.log", &record("\"watch\""), false);
    check("/var/log/audit/audit.log", &record("(null)"), true);
}
