mod changes;
mod corpus;
mod data;
mod equality;
mod jobs;

use soc_event::{
    AgentId, Envelope, Epoch, Event, Lane, Logsource, RunId, Sequence, Timestamp, kind,
};
use tokio::sync::watch;

use super::*;
use crate::alert::Alerts;
use crate::archive;
use crate::clock::SetClock;
use crate::fleet;
use crate::journal::{self, Batch, Position};
use crate::rulebook::Book;

pub(super) const NOW: i64 = 1_800_000_000_000_000;
pub(super) const MINUTE: i64 = 60_000_000;
pub(super) const RULES: &str = r"
title: Failed login
id: 11111111-1111-4111-8111-111111111111
name: failed
logsource: {product: linux, service: sshd}
detection:
  selection: {event.outcome: failure}
  condition: selection
level: low
soc:
  group_by: [source.ip, user.name]
---
title: Brute force
id: 22222222-2222-4222-8222-222222222222
correlation:
  type: event_count
  rules: [failed]
  group-by: [source.ip]
  timespan: 5m
  condition: {gte: 3}
  generate: true
level: high
---
title: Only a few
id: 33333333-3333-4333-8333-333333333333
correlation:
  type: value_count
  rules: [failed]
  group-by: [source.ip]
  timespan: 10m
  condition: {lt: 3, field: user.name}
  generate: true
level: medium
soc:
  group_by: [kind, user.name]
---
title: A word anywhere
id: 44444444-4444-4444-8444-444444444444
logsource: {product: linux}
detection:
  keywords: ['marker']
  condition: keywords
level: low
soc:
  group_by: [agency.code, host.hostname]
---
title: Of a machine that says who it is
id: 55555555-5555-4555-8555-555555555555
logsource: {product: windows}
detection:
  selection: {Ports|contains: '44', Odd: true, event.kind: log}
  condition: selection
level: low
soc:
  group_by: [Ports, Size, Odd, Nothing]
";

/// A collector without doors.
pub(super) struct Fixture {
    pub rooms: Rooms,
    pub room: Backtests,
    pub turn: watch::Sender<Arc<Book>>,
    sequences: std::collections::BTreeMap<u8, u64>,
    pub clock: SetClock,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub async fn new(rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
        let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
        let file = folder.path().join("journal.redb");
        let journal = Journal::open(&file, &config, &registry).unwrap();
        let (bus, set) = (Bus::default(), SetClock::at(Timestamp::from_micros(NOW)));
        let clock = set.clock();
        let fleet = Fleet::new(
            store.clone(),
            journal.clone(),
            bus.clone(),
            clock.clone(),
            fleet::Config::default(),
            &registry,
        );
        let fleet = fleet.await.unwrap();
        let alerts = Alerts::new(store.clone(), clock.clone(), bus.clone(), &registry).unwrap();
        let (turn, rulebook) = Rulebook::turning(rules);
        let detect = Detect::new(
            journal.clone(),
            store.clone(),
            alerts,
            fleet.clone(),
            rulebook.clone(),
            bus.clone(),
            &registry,
        );
        let archive = Archive::open(
            folder.path().join("archive"),
            archive::Config::default(),
            store.clone(),
            journal.clone(),
            fleet.clone(),
            clock.clone(),
            &registry,
        );
        let rooms = Rooms {
            store,
            journal,
            archive: archive.await.unwrap(),
            fleet,
            rulebook,
            detect: detect.unwrap(),
            bus,
            clock,
            folder: folder.path().join("look-back"),
        };
        let room = Backtests::new(rooms.clone(), Config::default(), &registry).unwrap();
        let sequences = std::collections::BTreeMap::new();
        Self { rooms, room, turn, sequences, clock: set, _folder: folder }
    }

    /// Some events of one agent, as one batch.
    pub async fn append(&mut self, agent: u8, events: &[Event]) {
        let first = self.sequences.entry(agent).or_insert(1);
        let envelope = Envelope {
            version: soc_event::wire::VERSION,
            agent: AgentId::from_bytes([agent; 16]),
            epoch: Epoch(1),
            lane: Lane::Log,
            first: Sequence(*first),
            count: 0,
            run: RunId(1),
            fingerprint: String::new(),
            sent: Timestamp::from_micros(NOW),
            clock_offset_us: None,
            configuration: 0,
        };
        *first += events.len() as u64;
        let batch = Batch::encode(envelope, events, self.rooms.clock.now()).unwrap();
        self.rooms.journal.append(batch).await.unwrap();
    }

    /// Live detection sees everything there is.
    pub async fn detect(&self) {
        let (stop, shutdown) = watch::channel(false);
        let running = tokio::spawn(self.rooms.detect.clone().run(shutdown));
        let end: Position = *self.rooms.journal.end().borrow();
        let mut progress = self.rooms.detect.progress();
        progress.wait_for(|position| *position >= end).await.unwrap();
        stop.send_replace(true);
        running.await.unwrap();
    }

    /// Everything that waits looks back.
    pub async fn look_back(&self) {
        let (stop, shutdown) = watch::channel(false);
        let mut notices = self.rooms.bus.listen();
        let running = tokio::spawn(self.room.clone().run(shutdown));
        loop {
            let views = self.room.list().await.unwrap();
            if !views.is_empty() && views.iter().all(|view| view.state.is_over()) {
                break;
            }
            let _ = notices.recv().await;
        }
        stop.send_replace(true);
        running.await.unwrap();
    }

    pub fn caller(&self) -> Caller {
        Caller { who: "admin".into(), address: "local".into() }
    }

    /// All of time.
    pub fn always(&self) -> (Timestamp, Timestamp) {
        (Timestamp::from_micros(0), Timestamp::from_micros(NOW * 2))
    }
}

pub(super) fn login(at: i64, source: u8, user: &str, outcome: &str) -> Event {
    Event::new(Timestamp::from_micros(at), kind::LOG, Logsource::service("linux", "sshd"))
        .with("event.outcome", outcome)
        .with("source.ip", format!("192.0.2.{source}"))
        .with("user.name", user)
}
