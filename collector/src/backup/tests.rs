use std::path::PathBuf;

use soc_event::{AgentId, Envelope, Epoch, Event, Lane, RunId, Sequence, kind, wire};

use super::*;
use crate::journal::{self, Batch, Journal, Position};
use crate::store::Store;

struct World {
    folder: tempfile::TempDir,
    source: Source,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        for name in ["data/pki", "data/rules/own"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(data.join("pki/ca.pem"), "a key").unwrap();
        std::fs::write(data.join("rules/own/a.yml"), "title: a").unwrap();
        std::fs::write(data.join("lock"), "1").unwrap();
        let source = open(&data).await;
        Self { folder, source }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn events(&self, first: u64, count: u64) {
        let event =
            |n: u64| Event::own("2026-11-22T10:00:00Z".parse().unwrap(), kind::LOG).with("n", n);
        let events: Vec<Event> = (first..first + count).map(event).collect();
        let envelope = Envelope {
            version: wire::VERSION,
            agent: AgentId::from_random([7; 16]),
            epoch: Epoch(3),
            lane: Lane::Log,
            first: Sequence(first),
            count: 0,
            run: RunId(1),
            fingerprint: String::new(),
            sent: events[0].time,
            clock_offset_us: None,
            configuration: 0,
        };
        let batch = Batch::encode(envelope, &events, events[0].time).unwrap();
        self.source.journal.append(batch).await.unwrap();
    }

    async fn backup(&self) -> Result<Made, Error> {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        make(&self.source, &self.path("backup"), now).await
    }

    fn restore(&self, name: &str) -> Result<Restored, Error> {
        restore(&self.path("backup"), &self.path(name), &mut |_, _| {})
    }
}

async fn open(data: &std::path::Path) -> Source {
    let store = Store::open(&data.join("state.sqlite")).await.unwrap();
    let registry = prometheus::Registry::new();
    let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
    let journal = Journal::open(&data.join("journal.redb"), &config, &registry).unwrap();
    Source { data: data.to_owned(), store, journal }
}

fn numbers(journal: &Journal) -> Vec<i64> {
    let stretch = journal.read(Position::FIRST, 100_000).unwrap();
    stretch.entries.iter().map(|entry| entry.event.fields["n"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_what_was_there_and_goes_on() {
    let world = World::new().await;
    world.events(1, 500).await;
    sqlx::query("INSERT INTO agency (code, name) VALUES ('X', 'x')")
        .execute(world.source.store.pool())
        .await
        .unwrap();
    let first = world.backup().await.unwrap();
    world.events(501, 300).await;
    let second = world.backup().await.unwrap();
    assert_eq!(second.journal_end, 801);
    assert!(second.new_bytes < second.bytes, "{first:?} {second:?}");
    world.events(801, 50).await;
    let restored = world.restore("new").unwrap();
    assert_eq!(restored.journal_end, 801);
    let source = open(&world.path("new")).await;
    assert_eq!(numbers(&source.journal), (1..=800).collect::<Vec<_>>());
    assert_eq!(std::fs::read(world.path("new/pki/ca.pem")).unwrap(), b"a key");
    assert_eq!(std::fs::read(world.path("new/rules/own/a.yml")).unwrap(), b"title: a");
    assert!(!world.path("new/lock").exists());
    let code: String = sqlx::query_scalar("SELECT code FROM agency WHERE name = 'x'")
        .fetch_one(source.store.pool())
        .await
        .unwrap();
    assert_eq!(code, "X");
    // What was sent before the backup is a repeat; what came after it is new.
    let again = World { folder: world.folder, source };
    again.events(701, 150).await;
    assert_eq!(numbers(&again.source.journal), (1..=850).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_are_named_and_nothing_is_restored() {
    let world = World::new().await;
    world.events(1, 200).await;
    world.backup().await.unwrap();
    let (manifest, _) = Manifest::newest(&world.path("backup")).unwrap();
    for part in manifest.unwrap().parts {
        let path = world.path("backup/parts").join(&part.sha256);
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 4;
        for damaged in [flipped, whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&path, damaged).unwrap();
            let error = world.restore("new").unwrap_err().to_string();
            assert!(error.contains(&part.said()), "{error}");
            assert!(!world.path("new").exists());
        }
        std::fs::write(&path, whole).unwrap();
    }
    world.restore("new").unwrap();
    let manifests = std::fs::read_dir(world.path("backup")).unwrap().flatten();
    for path in manifests.map(|entry| entry.path()).filter(|path| path.extension().is_some()) {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    assert!(matches!(world.restore("other"), Err(Error::Damaged(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_is_done_where_it_would_do_harm() {
    let world = World::new().await;
    world.events(1, 2).await;
    let inside = make(&world.source, &world.path("data/backup"), Default::default()).await;
    assert!(matches!(inside, Err(Error::Refused(_))));
    std::fs::create_dir(world.path("mine")).unwrap();
    std::fs::write(world.path("mine/letter"), "dear").unwrap();
    let foreign = make(&world.source, &world.path("mine"), Default::default()).await;
    assert!(matches!(foreign, Err(Error::Refused(_))));
    world.backup().await.unwrap();
    assert!(matches!(world.restore("mine"), Err(Error::Refused(_))));
    assert!(matches!(world.restore("data"), Err(Error::Refused(_))));
    assert!(world.path("mine/letter").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_begun_anew_is_copied_anew_and_old_parts_go() {
    let world = World::new().await;
    world.events(1, 100).await;
    world.backup().await.unwrap();
    let World { folder, source } = world;
    let data = source.data.clone();
    drop(source);
    std::fs::remove_file(data.join("journal.redb")).unwrap();
    let world = World { folder, source: open(&data).await };
    world.events(1, 150).await;
    std::fs::write(world.path("backup/parts/0000.new"), "left by a kill").unwrap();
    world.backup().await.unwrap();
    world.restore("new").unwrap();
    let restored = open(&world.path("new")).await;
    assert_eq!(numbers(&restored.journal), (1..=150).collect::<Vec<_>>());
    let (manifest, _) = Manifest::newest(&world.path("backup")).unwrap();
    let parts = std::fs::read_dir(world.path("backup/parts")).unwrap().count();
    let named: std::collections::BTreeSet<String> =
        manifest.unwrap().parts.into_iter().map(|part| part.sha256).collect();
    assert_eq!(parts, named.len());
}
