use soc_event::{Envelope, Epoch, Event, Lane, RunId, Sequence, Timestamp, kind, wire};

use super::*;
use crate::clock::SetClock;
use crate::fleet::Application;
use crate::journal::{self, Batch, Journal};
use crate::live::Bus;

struct World {
    _folder: tempfile::TempDir,
    store: Store,
    journal: Journal,
    fleet: Fleet,
    configurations: Configurations,
    caller: Caller,
}

impl World {
    /// A fleet of two agencies, BELOW below ABOVE.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at("2026-11-22T10:00:00Z".parse().unwrap());
        let registry = prometheus::Registry::new();
        let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
        let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
        let journal = Journal::open(&folder.path().join("journal"), &config, &registry).unwrap();
        let (bus, of_fleet) = (Bus::default(), fleet::Config::default());
        let fleet =
            Fleet::new(store.clone(), journal.clone(), bus, clock.clock(), of_fleet, &registry);
        let fleet = fleet.await.unwrap();
        fleet.add_agency("ABOVE", "Above", None).await.unwrap();
        fleet.add_agency("BELOW", "Below", Some("ABOVE")).await.unwrap();
        let configurations =
            Configurations::new(store.clone(), fleet.clone(), clock.clock()).await.unwrap();
        let caller = Caller { who: "an".into(), address: "192.0.2.1".into() };
        Self { _folder: folder, store, journal, fleet, configurations, caller }
    }

    async fn machine(&self, agency: &str, name: &str) -> AgentId {
        let pki_folder = tempfile::tempdir().unwrap();
        let pki = crate::pki::Pki::open(&pki_folder.path().join("pki"), &[]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
        let csr = csr.pem().unwrap();
        let application = Application {
            token: self.fleet.create_token(agency, 1, None, "test").await.unwrap(),
            hostname: name.into(),
            fingerprint: name.into(),
            os: String::new(),
            version: String::new(),
            key_hash: crate::pki::request_key_hash(&csr).unwrap(),
        };
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let sign = |agent| pki.sign(&csr, agent, Duration::from_secs(86_400), now);
        self.fleet.enrol(&application, sign).await.unwrap().agent
    }

    async fn say(&self, scope: &Scope, text: &str) -> Result<i64, Error> {
        let change = Change { text: text.into(), why: "a test".into(), ..Change::default() };
        self.configurations.set(scope, &change, &self.caller).await
    }

    async fn agency(&self, code: &str) -> Scope {
        Scope::Agency(self.fleet.agency(code).await.unwrap().id)
    }

    /// The agent says what became of the configuration it was given.
    async fn outcome(&self, agent: AgentId, number: u64, outcome: &str, reason: Option<&str>) {
        let given = self.configurations.of(agent);
        let event = Event::own(Timestamp::default(), kind::AGENT_CONFIGURATION)
            .with("configuration.version", given.version)
            .with("configuration.label", given.label)
            .with("configuration.outcome", outcome)
            .with("configuration.reason", reason);
        let envelope = Envelope {
            version: 1,
            agent,
            epoch: Epoch(1),
            lane: Lane::Alert,
            first: Sequence(number),
            count: 1,
            run: RunId(1),
            fingerprint: "one".into(),
            sent: Timestamp::default(),
            clock_offset_us: None,
            configuration: 0,
        };
        let line = wire::encode_event(&event);
        let bytes = wire::encode_batch(&envelope, std::iter::once(line.as_str()));
        self.journal.append(Batch::decode(&bytes, Timestamp::default()).unwrap()).await.unwrap();
        let from = self.fleet.checkpoint().await.unwrap();
        self.fleet.step(from).await.unwrap();
    }
}

#[tokio::test]
async fn wider_scopes_come_first_and_only_those_a_machine_stands_in() {
    let world = World::new().await;
    let (above, below) = (world.agency("ABOVE").await, world.agency("BELOW").await);
    let one = world.machine("BELOW", "pc-01").await;
    let other = world.machine("ABOVE", "pc-02").await;
    assert_eq!(
        (world.configurations.version(one), world.configurations.of(one)),
        Default::default()
    );
    world.say(&below, "[port]\npoll_ms = 2000\n").await.unwrap();
    world.say(&Scope::Fleet, "[port]\npoll_ms = 3000\n").await.unwrap();
    world.say(&Scope::Machine(one), "[host]\nheartbeat_s = 60\n").await.unwrap();
    world.say(&above, "[port]\ngrace_s = 7\n").await.unwrap();
    let given = world.configurations.of(one);
    let scopes: Vec<&str> = given.layers.iter().map(|layer| layer.scope.as_str()).collect();
    assert_eq!(scopes, ["fleet", "agency ABOVE", "agency BELOW", "machine"]);
    assert_eq!(given.label, "2+4+1+3");
    assert_eq!(given.version, world.configurations.version(one));
    assert_eq!(world.configurations.of(other).label, "2+4");
    assert_ne!(given.version, world.configurations.version(other));
}

#[tokio::test]
async fn every_version_is_kept_with_who_and_why_and_can_be_had_back() {
    let world = World::new().await;
    let first = world.say(&Scope::Fleet, "[port]\npoll_ms = 2000\n").await.unwrap();
    let second = world.say(&Scope::Fleet, "").await.unwrap();
    let agent = world.machine("ABOVE", "pc-01").await;
    assert_eq!(world.configurations.version(agent), 0, "nothing is said any more");
    let restored = world.configurations.restore(&Scope::Fleet, first, "back", &world.caller).await;
    let view = world.configurations.view(&Scope::Fleet).await.unwrap();
    let versions: Vec<i64> = view.versions.iter().map(|version| version.version).collect();
    assert_eq!(versions, [restored.unwrap(), second, first]);
    let newest = &view.versions[0];
    assert_eq!((newest.who.as_str(), newest.why.as_str()), ("an", "back"));
    assert_eq!((newest.restores, newest.text.as_str()), (Some(first), "[port]\npoll_ms = 2000\n"));
    let below = world.agency("BELOW").await;
    let other = world.configurations.restore(&below, first, "back", &world.caller).await;
    assert!(matches!(other, Err(Error::Unknown(_))), "another scope's version");
    let deeds: Vec<String> = sqlx::query_scalar("SELECT action FROM audit ORDER BY number")
        .fetch_all(world.store.pool())
        .await
        .unwrap();
    assert_eq!(deeds.iter().filter(|deed| *deed == "configuration changed").count(), 2);
    assert_eq!(deeds.iter().filter(|deed| *deed == "configuration restored").count(), 1);
}

#[tokio::test]
async fn nobodys_change_is_overwritten_unseen_and_nothing_wrong_is_kept() {
    let world = World::new().await;
    world.say(&Scope::Fleet, "[port]\n").await.unwrap();
    let change = |text: &str, why: &str, after| Change {
        text: text.into(),
        why: why.into(),
        after,
        restores: None,
    };
    let set = async |change: Change| {
        world.configurations.set(&Scope::Fleet, &change, &world.caller).await
    };
    assert!(matches!(set(change("", "x", Some(0))).await, Err(Error::Changed(1))));
    assert!(matches!(set(change("[port", "x", None)).await, Err(Error::Wrong(_))));
    assert!(matches!(set(change("[spool]", "x", None)).await, Err(Error::Wrong(_))));
    assert!(matches!(set(change("", " ", None)).await, Err(Error::Why)));
    assert_eq!(set(change("", "x", Some(1))).await.unwrap(), 2);
}

#[tokio::test]
async fn what_became_of_it_is_shown_machine_by_machine() {
    let world = World::new().await;
    let below = world.agency("BELOW").await;
    let machines = [world.machine("BELOW", "pc-01").await, world.machine("BELOW", "pc-02").await];
    world.machine("ABOVE", "pc-03").await;
    world.say(&below, "[port]\npoll_ms = 2000\n").await.unwrap();
    let standing = async |scope: &Scope| world.configurations.view(scope).await.unwrap().machines;
    assert_eq!((standing(&below).await.total, standing(&below).await.waiting), (2, 2));
    let fleet = standing(&Scope::Fleet).await;
    assert_eq!((fleet.total, fleet.waiting, fleet.none), (3, 2, 1));
    world.outcome(machines[0], 1, "applied", None).await;
    world.outcome(machines[1], 1, "refused", Some("no such sensor")).await;
    let view = world.configurations.view(&below).await.unwrap();
    assert_eq!((view.machines.applied, view.machines.refused), (1, 1));
    assert_eq!(view.troubles[0].hostname, "pc-02");
    assert_eq!(view.troubles[0].reason.as_deref(), Some("no such sensor"));
    // Another version is another matter.
    world.say(&below, "[port]\npoll_ms = 2500\n").await.unwrap();
    assert_eq!(standing(&below).await.waiting, 2);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let world = World::new().await;
    let nobody = Scope::Machine(AgentId::from_random([9; 16]));
    for scope in [Scope::Agency(99), nobody] {
        assert!(matches!(world.configurations.view(&scope).await, Err(Error::Unknown(_))));
    }
}

/// As when an operator calls an anomaly normal; whether the row is right is the room `alert`'s.
async fn call_normal(world: &World, anomaly: &str, machine: &str, agency: i64) {
    let mut connection = world.store.pool().acquire().await.unwrap();
    sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut *connection).await.unwrap();
    sqlx::query(
        "INSERT INTO anomaly_normal (anomaly, agent, agency, alert, what, who, at)
         VALUES (?, ?, ?, 'a', '{}', 'an', 1)",
    )
    .bind(anomaly)
    .bind(machine)
    .bind(agency)
    .execute(&mut *connection)
    .await
    .unwrap();
    drop(connection);
    world.configurations.reload().await.unwrap();
}

#[tokio::test]
async fn what_is_called_normal_goes_to_its_machine_or_agency_with_what_the_texts_say() {
    let world = World::new().await;
    let (here, other) = (world.machine("BELOW", "a").await, world.machine("BELOW", "b").await);
    let above = world.fleet.agency("ABOVE").await.unwrap().id;
    let normal_of = |agent| -> Vec<String> {
        let given = world.configurations.of(agent);
        assert_eq!(given.version, world.configurations.version(agent));
        let list = |layer: &soc_event::Layer| {
            let table: toml::Table = layer.text.parse().unwrap();
            let ids = table["anomaly"]["normal"].as_array().unwrap().clone();
            ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        given.layers.last().map(list).unwrap_or_default()
    };
    assert!(normal_of(here).is_empty());
    call_normal(&world, "00112233445566aa", &here.to_string(), above).await;
    assert_eq!(normal_of(here), ["00112233445566aa"]);
    assert_eq!(world.configurations.version(other), 0);
    call_normal(&world, "00112233445566bb", "", above).await;
    assert_eq!(normal_of(here), ["00112233445566aa", "00112233445566bb"]);
    assert_eq!(normal_of(other), ["00112233445566bb"]);
    world.say(&Scope::Fleet, "[anomaly]\nnormal = [\"ffffffffffffffff\"]\n").await.unwrap();
    assert_eq!(normal_of(other), ["00112233445566bb", "ffffffffffffffff"]);
}
