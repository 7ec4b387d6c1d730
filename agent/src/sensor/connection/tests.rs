use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use soc_event::{Event, Timestamp, Value};

use super::known::{Known, Meeting};
use super::watcher::{Look, Watcher};
use super::*;
use crate::sensor::port::Transport;
use crate::sensor::sock_diag::Diag;
use crate::sensor::{Outlet, Position, Positions, Root, SystemClock};

/// Positions as a spool keeps them.
#[derive(Default)]
struct Stored(Mutex<BTreeMap<String, Vec<u8>>>);

impl Stored {
    fn keep(&self, positions: Vec<Position>) {
        for position in positions {
            assert!(position.bytes.len() <= 4096, "{}", position.source);
            self.0.lock().unwrap().insert(position.source, position.bytes);
        }
    }
}

impl Positions for Stored {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(source).cloned()
    }
}

fn watcher(config: Config) -> Watcher {
    let (_sender, stop) = tokio::sync::watch::channel(false);
    let context = Context {
        root: Root::new("/nowhere"),
        clock: Arc::new(SystemClock),
        positions: Arc::new(Stored::default()),
        outlet: Outlet::channel().0,
        stop,
    };
    Watcher::new(config, &context)
}

fn socket(cookie: u64, local: &str, remote: &str) -> (Transport, Diag) {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let (local, remote) = (address(local), address(remote));
    let diag = Diag { state: 1, local, remote, cookie, uid: 0, inode: 0, is_v6_only: None };
    (Transport::Tcp, diag)
}

fn shown(events: &[Event]) -> Vec<String> {
    let text = |event: &Event, name: &str| {
        event.fields.get(name).map(Value::to_string).unwrap_or_default()
    };
    let line = |event: &Event| {
        let place = text(event, "destination.ip") + &text(event, "destination.network");
        let (port, count) = (text(event, "destination.port"), text(event, "connection.count"));
        format!("{place} {port} x{count}{}", text(event, "connection.first_seen"))
    };
    events.iter().map(line).collect()
}

fn finished(watcher: &mut Watcher) -> Vec<String> {
    shown(&watcher.finish(Timestamp::default()))
}

#[test]
fn a_connection_is_counted_once_however_often_it_is_seen_and_how_short_it_is() {
    let mut watcher = watcher(Config::default());
    let long = socket(1, "192.0.2.1:40000", "198.51.100.7:443");
    let short = socket(2, "192.0.2.1:40001", "198.51.100.7:443");
    let look = Look { connected: vec![long], ended: vec![short], ..Look::default() };
    watcher.take(&look, Timestamp::default());
    let look = Look { connected: vec![long], ..Look::default() };
    watcher.take(&look, Timestamp::default());
    watcher.take(&Look { ended: vec![long], ..Look::default() }, Timestamp::default());
    assert_eq!(finished(&mut watcher), ["198.51.100.7 443 x2"]);
    assert!(finished(&mut watcher).is_empty());
}

#[test]
fn what_others_began_and_what_stays_here_is_not_outbound() {
    let mut watcher = watcher(Config::default());
    let look = Look {
        connected: vec![
            socket(1, "192.0.2.1:22", "198.51.100.7:50000"),
            socket(2, "127.0.0.1:40000", "127.0.0.1:5432"),
            socket(3, "192.0.2.1:40000", "192.0.2.1:5432"),
        ],
        ended: vec![socket(4, "192.0.2.1:8080", "0.0.0.0:0")],
        listening: vec![("0.0.0.0".parse().unwrap(), 22)],
        ..Look::default()
    };
    watcher.take(&look, Timestamp::default());
    assert!(finished(&mut watcher).is_empty());
}

#[test]
fn a_thousand_short_connections_are_a_few_events() {
    let mut watcher = watcher(Config::default());
    let one = |number: u64| {
        socket(number, "192.0.2.1:40000", &format!("198.51.{}.{}:443", number / 250, number % 250))
    };
    let look = Look { ended: (0..1000).map(one).collect(), ..Look::default() };
    assert!(watcher.take(&look, Timestamp::default()).is_empty(), "it learns");
    let told = finished(&mut watcher);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().all(|line| line.contains("/24 443 x250")), "{told:?}");
}

#[test]
fn after_learning_a_new_destination_is_told_once_at_once() {
    let mut watcher = watcher(Config { learning_days: 0, ..Config::default() });
    let look = |cookie, remote: &str| Look {
        connected: vec![socket(cookie, "192.0.2.1:40000", remote)],
        ..Look::default()
    };
    let mut told =
        |cookie, remote: &str| shown(&watcher.take(&look(cookie, remote), Timestamp::default()));
    assert_eq!(told(1, "198.51.100.7:443"), ["198.51.100.7 443 x0true"]);
    assert!(told(2, "198.51.100.8:443").is_empty(), "the same network");
    assert_eq!(told(3, "198.51.100.8:22"), ["198.51.100.8 22 x0true"]);
}

#[test]
fn programs_that_go_everywhere_are_told_once_and_then_left_alone() {
    let stored = Stored::default();
    let mut known = Known::read(&stored, 0, 3);
    let met = |known: &mut Known, to: u32| known.meet("/usr/bin/browser", &to.to_string());
    assert!((0..3).all(|to| met(&mut known, to) == Meeting::New));
    assert_eq!(met(&mut known, 3), Meeting::Wide);
    stored.keep(known.changes());
    let mut known = Known::read(&stored, 0, 3);
    assert!((0..99).all(|to| met(&mut known, to) == Meeting::Known));
}

#[test]
fn what_was_learned_survives_restarts_and_wrong_clocks() {
    let stored = Stored::default();
    let mut known = Known::read(&stored, 3, 64);
    assert_eq!(known.meet("/usr/sbin/sshd", "a"), Meeting::Learned);
    // Years ahead and back again is two days at the most.
    for day in [20_000, 30_000, 30_000, 20_000] {
        known.day(day);
        stored.keep(known.changes());
    }
    let mut known = Known::read(&stored, 3, 64);
    assert!(!known.is_learning());
    assert_eq!(known.meet("/usr/sbin/sshd", "a"), Meeting::Known);
    assert_eq!(known.meet("/usr/sbin/sshd", "b"), Meeting::New);
    assert!(known.changes().len() == 1, "only what has changed is written");
}

#[test]
fn programs_beyond_the_limit_push_out_those_not_seen_for_longest() {
    let mut known = Known::read(&Stored::default(), 0, 64);
    for program in 0..70 {
        known.meet(&program.to_string(), "a");
    }
    assert_eq!(known.forgotten, 6);
    assert_eq!(known.meet("69", "a"), Meeting::Known);
}

#[test]
fn settings_out_of_range_are_told() {
    assert!(Config::default().mistakes().is_empty());
    let config = Config { poll_ms: 1, window_s: 0, ..Config::default() };
    assert_eq!(config.mistakes().len(), 2);
}
