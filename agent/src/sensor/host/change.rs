//! Whether a heartbeat says something that the last one did not. Pure, but for the moment it is
//! given.

use std::time::Duration;

use soc_event::{Event, Value};
use tokio::time::Instant;

/// Shares that have to move so far before they are news.
const SHARES: [(&str, f64); 3] =
    [("host.cpu.usage", 0.25), ("host.disk.used.pct", 0.01), ("agent.cpu.usage", 0.05)];
/// Numbers that have to move by such a part of what they were.
const PARTS: [(&str, f64); 3] =
    [("host.memory.used.bytes", 0.10), ("agent.memory.bytes", 0.25), ("host.load.1", 1.0)];
/// A load below this is none.
const LOAD_LEAST: f64 = 1.0;
/// What is news as soon as it is another.
const WORDS: [&str; 6] = [
    "agent.sensors",
    "agent.spool.dropped",
    "agent.uplink.connections",
    "host.boot_time",
    "host.disk.path",
    "host.memory.total.bytes",
];
/// Clocks drift; this much is news, in microseconds.
const OFFSET_US: f64 = 1_000_000.0;
/// Figures that move are sent at most so often, and where they never stand still each time after
/// twice as long, until they are part of what is sent anyhow.
const FIGURES_EVERY: Duration = Duration::from_secs(60);
/// A backlog is news when it appears, and when it is gone.
const BACKLOG: f64 = 100.0;

/// What was sent last.
pub(super) struct News {
    every: Duration,
    sent: Option<(Event, Instant)>,
    /// How long figures that move have to wait now.
    patience: Duration,
}

impl News {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, sent: None, patience: FIGURES_EVERY }
    }

    pub(super) fn is_worth_sending(&mut self, event: &Event, now: Instant) -> bool {
        let Some((before, at)) = &self.sent else {
            self.sent = Some((event.clone(), now));
            return true;
        };
        let age = now.saturating_duration_since(*at);
        // The first look has no shares yet: the second one is waited for.
        let is_whole =
            before.fields.get("host.cpu.usage").is_some_and(|share| *share != Value::Null);
        let have_moved = have_moved(before, event);
        let figures_too = have_moved && (age >= self.patience || !is_whole);
        let is_due = age >= self.every;
        let worth = is_due || is_news(before, event) || figures_too;
        if is_due && !have_moved {
            self.patience = FIGURES_EVERY;
        } else if figures_too && is_whole {
            self.patience = (self.patience * 2).min(self.every);
        }
        if worth {
            self.sent = Some((event.clone(), now));
        }
        worth
    }
}

/// What is to be known at once.
fn is_news(before: &Event, now: &Event) -> bool {
    let number = |event: &Event| event.fields.get("agent.spool.events").and_then(Value::as_f64);
    let has_backlog = |event: &Event| number(event).is_some_and(|waiting| waiting >= BACKLOG);
    WORDS.iter().any(|name| before.fields.get(*name) != now.fields.get(*name))
        || has_backlog(before) != has_backlog(now)
}

fn have_moved(before: &Event, now: &Event) -> bool {
    let number = |event: &Event, name: &str| event.fields.get(name).and_then(Value::as_f64);
    let both = |name: &str| (number(before, name), number(now, name));
    let moved = |name: &str, by: &dyn Fn(f64) -> f64| match both(name) {
        (Some(before), Some(now)) => (now - before).abs() >= by(before),
        (before, now) => before.is_some() != now.is_some(),
    };
    let part = |name: &str, part: f64| {
        let least = if name == "host.load.1" { LOAD_LEAST } else { 0.0 };
        moved(name, &|before| before.abs().max(least) * part)
    };
    SHARES.iter().any(|(name, by)| moved(name, &|_| *by))
        || PARTS.iter().any(|(name, by)| part(name, *by))
        || moved("host.clock.offset_us", &|_| OFFSET_US)
}

#[cfg(test)]
mod tests {
    use soc_event::{Timestamp, kind};

    use super::*;

    fn beat(cpu: f64, memory: i64, disk: f64, sensors: &str) -> Event {
        Event::own(Timestamp::default(), kind::HOST_HEARTBEAT)
            .with("host.cpu.usage", cpu)
            .with("host.memory.used.bytes", memory)
            .with("host.disk.used.pct", disk)
            .with("agent.sensors", sensors)
            .with("agent.spool.events", 3_i64)
    }

    #[tokio::test]
    async fn figures_that_never_stand_still_are_sent_ever_more_rarely() {
        let mut news = News::new(Duration::from_secs(600));
        let began = Instant::now();
        let mut look = |seconds: u64| {
            let cpu = 0.1 + 0.4 * (seconds / 15 % 3) as f64;
            let at = began + Duration::from_secs(seconds);
            news.is_worth_sending(&beat(cpu, 1_000_000_000, 0.5, "host"), at)
        };
        let sent: Vec<u64> = (0..200).map(|look| look * 15).filter(|at| look(*at)).collect();
        assert_eq!(sent, [0, 60, 180, 420, 900, 1500, 2100, 2700]);
    }

    #[tokio::test]
    async fn a_quiet_machine_says_the_same_only_every_five_minutes() {
        let mut news = News::new(Duration::from_secs(300));
        let began = Instant::now();
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let sent = (0..=40_u64).filter(|look| {
            let wobble = 0.01 * (look % 3) as f64;
            let memory = 1_000_000_000 + 1_000_000 * (look % 5) as i64;
            news.is_worth_sending(&beat(wobble, memory, 0.5, "host"), at(look * 15))
        });
        assert_eq!(sent.collect::<Vec<_>>(), [0, 20, 40]);
    }

    #[test]
    fn what_an_operator_would_look_at_is_news() {
        let quiet = beat(0.02, 1000, 0.5, "host");
        let differs = |other: &Event| is_news(&quiet, other) || have_moved(&quiet, other);
        assert!(!differs(&beat(0.20, 1050, 0.505, "host")));
        for other in [
            beat(0.30, 1000, 0.5, "host"),
            beat(0.02, 1100, 0.5, "host"),
            beat(0.02, 1000, 0.51, "host"),
            beat(0.02, 1000, 0.5, "host,port"),
            beat(0.02, 1000, 0.5, "host").with("agent.spool.events", 500_i64),
            beat(0.02, 1000, 0.5, "host").with("host.clock.offset_us", 5_i64),
        ] {
            assert!(differs(&other), "{other:?}");
        }
    }
}
