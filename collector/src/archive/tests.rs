mod faults;
mod keeping;

use std::collections::{BTreeMap, BTreeSet};

use soc_archive::{Agencies, Row};
use soc_event::{Envelope, Event, EventId, Kind, Logsource, RunId, Timestamp};

use super::*;
use crate::clock::SetClock;
use crate::fleet;
use crate::journal::Batch;
use crate::live::Bus;

const NOW: &str = "2026-11-22T10:00:00Z";
/// Codes of agencies in the order of their numbers, from 1; the second is below the first.
const AGENCIES: [&str; 2] = ["TOP", "TOP.below"];

/// An archive with its journal, in a folder of its own.
struct Scene {
    archive: Archive,
    journal: Journal,
    store: Store,
    fleet: Fleet,
    clock: SetClock,
    config: Config,
    folder: tempfile::TempDir,
    /// The last sequence of each agent.
    sequences: BTreeMap<AgentId, u64>,
}

/// An agent: 1 and 2 are of the agencies of these numbers, others are of none.
fn agent(number: u8) -> AgentId {
    AgentId::from_random([number; 16])
}

fn all() -> Scope {
    let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    Scope { agencies: Agencies::All, from, to }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
        insert_agents(&store).await;
        let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
        let journal =
            Journal::open(&folder.path().join("journal.redb"), &config, &registry).unwrap();
        let clock = SetClock::at(time(NOW));
        let fleet = Fleet::new(
            store.clone(),
            journal.clone(),
            Bus::default(),
            clock.clock(),
            fleet::Config::default(),
            &registry,
        );
        let fleet = fleet.await.unwrap();
        let config = Config {
            check_every: Duration::ZERO,
            disk_free_bytes_min: 0,
            rows_max: 100,
            ..Config::default()
        };
        let archive = open(&folder, config, &store, &journal, &fleet, &clock).await;
        let sequences = BTreeMap::new();
        Self { archive, journal, store, fleet, clock, config, folder, sequences }
    }

    /// As after a crash: everything that was only in memory is gone.
    async fn reopen(&mut self) {
        let Self { folder, config, store, journal, fleet, clock, .. } = self;
        self.archive = open(folder, *config, store, journal, fleet, clock).await;
    }

    /// So many events of an agent, received then.
    async fn put(&mut self, number: u8, count: u64, received: &str) {
        let agent = agent(number);
        let last = self.sequences.entry(agent).or_default();
        let event = |sequence: u64| {
            let text = format!("line {sequence} of {number}");
            Event::new(time(received), Kind::from_name("log"), Logsource::default())
                .with("message", text)
                .with("number", i64::try_from(sequence).unwrap())
        };
        let events: Vec<Event> = (*last + 1..=*last + count).map(event).collect();
        let envelope = Envelope {
            version: 1,
            agent,
            epoch: Epoch(7),
            lane: Lane::Log,
            first: Sequence(*last + 1),
            count: 0,
            run: RunId(1),
            fingerprint: String::new(),
            sent: time(received),
            clock_offset_us: None,
            configuration: 0,
        };
        *last += count;
        let batch = Batch::encode(envelope, &events, time(received)).unwrap();
        self.journal.append(batch).await.unwrap();
    }

    /// All rows of the journal, by their position.
    fn oracle(&self) -> BTreeMap<u64, Row> {
        let mut rows = Rows::new(&self.fleet);
        let mut next = Position::FIRST;
        let mut all = BTreeMap::new();
        while next < *self.journal.end().borrow() {
            let stretch = self.journal.read(next, 1000).unwrap();
            for entry in stretch.entries {
                let Placed { row, .. } = rows.of(entry);
                all.insert(row.position, row);
            }
            next = stretch.next;
        }
        all
    }

    /// All rows of the archive's files, by their position; each there once.
    async fn archived(&self) -> BTreeMap<u64, Row> {
        let snapshot = self.archive.snapshot(&all()).await.unwrap();
        let mut rows = BTreeMap::new();
        for file in &snapshot.files {
            let bytes = self.archive.folder().get(&file.path).unwrap();
            soc_archive::verify(&bytes, &file.facts.sha256).unwrap();
            let before = rows.len() as u64;
            for row in soc_archive::unpack(bytes).unwrap() {
                let row = row.unwrap();
                assert_eq!(row.agency.as_ref(), file.agency_code);
                let position = row.position;
                assert!(rows.insert(position, row).is_none(), "{position} is there twice");
            }
            assert_eq!(rows.len() as u64 - before, file.facts.rows);
        }
        rows
    }

    /// Files on disk, and what the manifest lists: the same when nothing is left over.
    async fn assert_nothing_is_left_over(&self) {
        let snapshot = self.archive.snapshot(&all()).await.unwrap();
        let listed: BTreeSet<String> =
            snapshot.files.into_iter().flat_map(|file| [file.path, file.words]).collect();
        let there = self.archive.folder().list().unwrap();
        let there: BTreeSet<String> =
            there.into_iter().filter(|path| path.starts_with("events/")).collect();
        assert_eq!(there, listed);
    }

    async fn troubles(&self) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for agency in self.archive.agencies().await.unwrap() {
            troubles.extend(self.archive.verify(agency, Depth::Files).await.unwrap());
        }
        troubles
    }

    async fn merge_all(&self) {
        while self.archive.merge_some().await.unwrap() {}
    }

    /// Events that the archive has told the journal, of one kind.
    async fn told(&self, kind: Kind) -> Vec<Event> {
        self.archive.tell().await.unwrap();
        let entries = self.journal.read(Position::FIRST, 100_000).unwrap().entries;
        let own = entries.into_iter().map(|entry| entry.event);
        own.filter(|event| event.kind == kind).collect()
    }
}

async fn open(
    folder: &tempfile::TempDir,
    config: Config,
    store: &Store,
    journal: &Journal,
    fleet: &Fleet,
    clock: &SetClock,
) -> Archive {
    let registry = prometheus::Registry::new();
    let root = folder.path().join("archive");
    let (store, journal, fleet) = (store.clone(), journal.clone(), fleet.clone());
    Archive::open(root, config, store, journal, fleet, clock.clock(), &registry).await.unwrap()
}

async fn insert_agents(store: &Store) {
    for (id, code) in (1_i64..).zip(AGENCIES) {
        sqlx::query("INSERT INTO agency (id, code, name, parent) VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(code)
            .bind(code)
            .bind((id > 1).then_some(1_i64))
            .execute(store.pool())
            .await
            .unwrap();
        let insert = sqlx::query(
            "INSERT INTO agent (id, agency, hostname, fingerprint, os, version, key_hash,
                enrolled_at, certificate_expires_at) VALUES (?, ?, ?, '', '', '', x'', 0, 0)",
        );
        let number = u8::try_from(id).unwrap();
        insert
            .bind(agent(number).to_string())
            .bind(id)
            .bind(format!("host-{id}"))
            .execute(store.pool())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn every_event_is_in_one_file_of_its_agency_and_day_and_the_rest_is_the_tail() {
    let mut scene = Scene::new().await;
    for number in 1..4 {
        scene.put(number, 5, "2026-11-21T23:59:59Z").await;
        scene.put(number, 5, "2026-11-22T00:00:01Z").await;
    }
    scene.archive.catch_up().await.unwrap();
    scene.put(1, 3, NOW).await;
    let snapshot = scene.archive.snapshot(&all()).await.unwrap();
    assert_eq!(snapshot.archived, Position(31));
    let places: Vec<(i64, &str)> =
        snapshot.files.iter().map(|file| (file.agency, file.agency_code.as_str())).collect();
    assert_eq!(
        places,
        [(0, ""), (0, ""), (1, "TOP"), (1, "TOP"), (2, "TOP.below"), (2, "TOP.below")]
    );
    assert!(snapshot.files[0].path.starts_with("events/agency=@none/date=2026-11-21/"));
    let mut expected = scene.oracle();
    let tail = expected.split_off(&31);
    assert_eq!(tail.len(), 3);
    assert_eq!(scene.archived().await, expected);
    assert_eq!(expected[&1].host.as_ref(), "host-1");
    scene.assert_nothing_is_left_over().await;
    assert_eq!(scene.troubles().await, []);
}

#[tokio::test]
async fn marks_say_what_agents_may_forget_also_after_a_restart() {
    let mut scene = Scene::new().await;
    scene.put(1, 5, NOW).await;
    let mark = |scene: &Scene| scene.archive.archived(agent(1), Epoch(7), Lane::Log);
    assert_eq!(mark(&scene), Sequence(0));
    scene.archive.catch_up().await.unwrap();
    scene.put(1, 2, NOW).await;
    assert_eq!(mark(&scene), Sequence(5));
    scene.reopen().await;
    assert_eq!(mark(&scene), Sequence(5));
    assert_eq!(scene.archive.archived(agent(1), Epoch(8), Lane::Log), Sequence(0));
}

#[tokio::test]
async fn a_snapshot_is_of_its_agencies_and_its_time() {
    let mut scene = Scene::new().await;
    scene.put(1, 5, "2026-11-20T10:00:00Z").await;
    scene.put(2, 5, "2026-11-21T10:00:00Z").await;
    scene.archive.catch_up().await.unwrap();
    let ask = async |agencies: Agencies, from: &str, to: &str| {
        let scope = Scope { agencies, from: time(from), to: time(to) };
        let files = scene.archive.snapshot(&scope).await.unwrap().files;
        files.iter().map(|file| file.agency).collect::<Vec<_>>()
    };
    let (early, late) = ("2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z");
    assert_eq!(ask(Agencies::All, early, late).await, [1, 2]);
    assert_eq!(ask(Agencies::All, early, early).await, [1]);
    assert_eq!(ask(Agencies::Of([2].into()), early, late).await, [2]);
    assert_eq!(ask(Agencies::Of([].into()), early, late).await, [0_i64; 0]);
}

#[tokio::test]
async fn small_files_become_one_and_readers_keep_what_they_read() {
    let mut scene = Scene::new().await;
    for _ in 0..9 {
        scene.put(1, 5, "2026-11-21T10:00:00Z").await;
        scene.archive.catch_up().await.unwrap();
    }
    let before = scene.archive.snapshot(&all()).await.unwrap();
    assert_eq!(before.files.len(), 9);
    scene.merge_all().await;
    let after = scene.archive.snapshot(&all()).await.unwrap();
    assert_eq!(after.files.len(), 1, "the day is over");
    scene.archive.delete_ended().await.unwrap();
    scene.archive.sweep().await.unwrap();
    for file in &before.files {
        scene.archive.folder().get(&file.path).unwrap();
    }
    drop(before);
    scene.archive.delete_ended().await.unwrap();
    scene.assert_nothing_is_left_over().await;
    assert_eq!(scene.archived().await, scene.oracle());
    assert_eq!(scene.troubles().await, []);
    assert!(!scene.archive.merge_some().await.unwrap(), "it settles");
}

#[tokio::test]
async fn an_event_that_cannot_be_told_to_the_archive_waits_for_no_restart() {
    let mut scene = Scene::new().await;
    scene.put(1, 250, NOW).await;
    scene.archive.catch_up().await.unwrap();
    assert_eq!(scene.archive.snapshot(&all()).await.unwrap().archived, Position(251));
    assert_eq!(next_position(&scene.store).await.unwrap(), Position(251));
    assert_eq!(scene.archived().await, scene.oracle());
}

#[tokio::test]
async fn a_journal_that_was_lost_goes_on_behind_what_is_archived() {
    let mut scene = Scene::new().await;
    scene.put(1, 5, NOW).await;
    scene.archive.catch_up().await.unwrap();
    let least = next_position(&scene.store).await.unwrap();
    let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
    let file = scene.folder.path().join("another.redb");
    let registry = prometheus::Registry::new();
    scene.journal = Journal::open_from(&file, &config, &registry, least).unwrap();
    scene.put(1, 2, NOW).await;
    let entries = scene.journal.read(Position::FIRST, 10).unwrap().entries;
    let positions: Vec<u64> = entries.iter().map(|entry| entry.position.0).collect();
    assert_eq!(positions, [6, 7]);
    scene.reopen().await;
    scene.archive.catch_up().await.unwrap();
    assert_eq!(scene.archived().await.into_keys().collect::<Vec<_>>(), (1..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_are_what_the_fleet_knows_of_the_machine_an_event_is_about() {
    let mut scene = Scene::new().await;
    let silent =
        Event::own(time(NOW), soc_event::kind::AGENT_SILENT).with("agent.id", agent(2).to_string());
    scene.journal.append_own(vec![silent]).await.unwrap();
    scene.put(9, 1, NOW).await;
    let entries = scene.journal.read(Position::FIRST, 10).unwrap().entries;
    let placed: Vec<Placed> = entries.into_iter().map(|entry| row(entry, &scene.fleet)).collect();
    assert_eq!((placed[0].agency, placed[0].row.host.as_ref()), (2, "host-2"));
    let stranger = agent(9).to_string();
    assert_eq!((placed[1].agency, placed[1].row.host.as_ref()), (0, stranger.as_str()));
    let id: EventId = placed[1].row.id;
    assert_eq!(id.agent, agent(9));
}
