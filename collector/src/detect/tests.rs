mod held;
mod line;
mod own;
mod reload;
mod threads;

use std::time::Duration;

use proptest::prelude::*;
use soc_event::{
    AgentId, Envelope, Epoch, Event, Lane, Logsource, RunId, Sequence, Timestamp, kind,
};

use super::*;
use crate::clock::{Clock, SetClock};
use crate::fleet;
use crate::journal::{self, Batch};
use crate::live::{Bus, Notice};

const NOW: i64 = 1_800_000_000_000_000;
const RULES: &str = r"
title: Failed login
id: 11111111-1111-4111-8111-111111111111
name: failed
logsource: {product: linux, service: sshd}
detection:
  selection: {event.outcome: failure}
  condition: selection
level: low
soc:
  group_by: [source.ip]
---
title: Brute force
id: 22222222-2222-4222-8222-222222222222
correlation:
  type: event_count
  rules: [failed]
  group-by: [source.ip]
  timespan: 1m
  condition: {gte: 3}
  generate: true
level: high
";

struct Fixture {
    detect: Detect,
    bus: Bus,
    sequence: u64,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
        let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
        let journal =
            Journal::open(&folder.path().join("journal.redb"), &config, &registry).unwrap();
        let (bus, clock) = (Bus::default(), clock());
        let fleet = Fleet::new(
            store.clone(),
            journal.clone(),
            bus.clone(),
            clock.clone(),
            fleet::Config::default(),
            &registry,
        );
        let fleet = fleet.await.unwrap();
        let alerts = Alerts::new(store.clone(), clock, bus.clone(), &registry).unwrap();
        let rulebook = Rulebook::of("test.yml", RULES);
        let detect = Detect::new(journal, store, alerts, fleet, rulebook, bus.clone(), &registry);
        let detect = detect.unwrap();
        Self { detect, bus, sequence: 1, _folder: folder }
    }

    async fn append(&mut self, events: &[Event]) {
        let envelope = Envelope {
            version: soc_event::wire::VERSION,
            agent: AgentId::from_bytes([7; 16]),
            epoch: Epoch(1),
            lane: Lane::Log,
            first: Sequence(self.sequence),
            count: 0,
            run: RunId(1),
            fingerprint: String::new(),
            sent: Timestamp::from_micros(NOW),
            clock_offset_us: None,
            configuration: 0,
        };
        let batch = Batch::encode(envelope, events, Timestamp::from_micros(NOW)).unwrap();
        self.detect.journal.append(batch).await.unwrap();
        self.sequence += events.len() as u64;
    }

    /// Everything about alerts that must not depend on when the process was killed.
    async fn alerts(&self) -> Vec<(String, i64, String, i64, Option<String>, i64)> {
        sqlx::query_as(
            "SELECT id, number, fingerprint, count, correlation,
                 (SELECT total(position) FROM alert_event WHERE alert = alert.id)
                     + (starts_at + 2 * last_at) % 1000000007
             FROM alert ORDER BY number",
        )
        .fetch_all(self.detect.store.pool())
        .await
        .map(|rows: Vec<(String, i64, String, i64, Option<String>, f64)>| {
            let whole = |sum: f64| sum as i64;
            rows.into_iter().map(|(a, b, c, d, e, sum)| (a, b, c, d, e, whole(sum))).collect()
        })
        .unwrap()
    }
}

fn clock() -> Clock {
    SetClock::at(Timestamp::from_micros(NOW)).clock()
}

fn login(second: i64, source: u8, outcome: &str) -> Event {
    let time = Timestamp::from_micros(NOW - 3_600_000_000 + second * 1_000_000);
    Event::new(time, kind::LOG, Logsource::service("linux", "sshd"))
        .with("event.outcome", outcome)
        .with("source.ip", format!("192.0.2.{source}"))
}

/// Evaluates the whole journal in batches of the given sizes; where it says so, the process dies
/// after evaluating and before committing.
async fn evaluate(detect: &Detect, mut plan: impl Iterator<Item = (usize, bool)>) {
    let mut reader = detect.begin().await.unwrap();
    while reader.next < *detect.journal.end().borrow() {
        let (size, dies) = plan.next().unwrap_or((100, false));
        let (engine, digest) = detect.digest(reader.engine, reader.next, size).await.unwrap();
        let digest = digest.unwrap();
        if dies {
            reader = detect.begin().await.unwrap();
            continue;
        }
        let next = digest.next;
        detect.commit(&digest, next).await.unwrap();
        reader = super::run::Reader { engine, next, saved: next, untold: false };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn killed_at_any_moment_the_alerts_are_the_same(
        events in prop::collection::vec((0_i64..300, 0_u8..4, any::<bool>()), 1..60),
        plan in prop::collection::vec((1_usize..9, any::<bool>()), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let outcome = |failed: bool| if failed { "failure" } else { "success" };
            let events: Vec<Event> =
                events.iter().map(|(at, ip, bad)| login(*at, *ip, outcome(*bad))).collect();
            let (mut straight, mut killed) = (Fixture::new().await, Fixture::new().await);
            straight.append(&events).await;
            killed.append(&events).await;
            evaluate(&straight.detect, std::iter::empty()).await;
            evaluate(&killed.detect, plan.into_iter()).await;
            prop_assert_eq!(straight.alerts().await, killed.alerts().await);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_event_becomes_an_alert_while_it_runs_and_stopping_saves_the_place() {
    let mut fixture = Fixture::new().await;
    let (stop, shutdown) = watch::channel(false);
    let mut notices = fixture.bus.listen();
    let running = tokio::spawn(fixture.detect.clone().run(shutdown));
    let failures: Vec<Event> = (0..3).map(|at| login(at, 9, "failure")).collect();
    fixture.append(&failures).await;
    let told = tokio::time::timeout(Duration::from_secs(20), notices.recv()).await;
    assert!(matches!(told.unwrap().unwrap(), Notice::Alert { .. }));
    fixture.append(&[login(4, 9, "success")]).await;
    let mut progress = fixture.detect.progress();
    progress.wait_for(|position| *position == Position(5)).await.unwrap();
    stop.send_replace(true);
    running.await.unwrap();
    assert_eq!(fixture.detect.checkpoint().await.unwrap(), Position(5));
    let titles: Vec<i64> = fixture.alerts().await.iter().map(|alert| alert.3).collect();
    assert_eq!(titles, [3, 1], "three failures counted on one alert, one brute force");
}

#[tokio::test]
async fn an_agent_cannot_claim_to_be_another_machine() {
    let mut fixture = Fixture::new().await;
    let other = AgentId::from_bytes([9; 16]).to_string();
    fixture.append(&[login(0, 1, "failure").with("agent.id", other)]).await;
    evaluate(&fixture.detect, std::iter::empty()).await;
    let agent: String = sqlx::query_scalar("SELECT agent FROM alert")
        .fetch_one(fixture.detect.store.pool())
        .await
        .unwrap();
    assert_eq!(agent, AgentId::from_bytes([7; 16]).to_string());
}

#[tokio::test]
async fn a_journal_begun_anew_is_evaluated_from_its_first_event() {
    let mut fixture = Fixture::new().await;
    fixture.append(&[login(0, 1, "failure"), login(1, 1, "failure")]).await;
    evaluate(&fixture.detect, std::iter::empty()).await;
    let pool = fixture.detect.store.pool();
    // As if this were the state beside a longer journal that somebody has deleted since.
    sqlx::query("UPDATE checkpoint SET position = 5000").execute(pool).await.unwrap();
    let reader = fixture.detect.begin().await.unwrap();
    assert_eq!((reader.next, reader.saved), (Position(1), Position(1)));
    assert_eq!(fixture.detect.checkpoint().await.unwrap(), Position(1));
    // The third failure of a minute would be a brute force, were the first two still known.
    let windows = fixture.detect.windows().await.unwrap();
    assert_eq!(windows, []);
    let positions: i64 =
        sqlx::query_scalar("SELECT count(*) FROM alert_event").fetch_one(pool).await.unwrap();
    assert_eq!(positions, 0, "they would name other events");
}

#[tokio::test]
async fn windows_of_rules_that_are_gone_end_in_the_database_too() {
    let mut fixture = Fixture::new().await;
    fixture.append(&[login(0, 1, "failure")]).await;
    evaluate(&fixture.detect, std::iter::empty()).await;
    // Beside the windows there is the clock of each machine, which belongs to no rule.
    let windows = async |detect: &Detect| {
        let rows = detect.windows().await.unwrap();
        rows.iter().filter(|(key, _)| !key.starts_with("host/")).count()
    };
    assert_eq!(windows(&fixture.detect).await, 1);
    fixture.detect.rulebook = Rulebook::of("other.yml", &RULES.replace("gte: 3", "gte: 4"));
    fixture.append(&[login(1, 2, "success")]).await;
    evaluate(&fixture.detect, std::iter::empty()).await;
    assert_eq!(windows(&fixture.detect).await, 0);
}
