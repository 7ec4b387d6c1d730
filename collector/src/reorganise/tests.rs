mod province;
mod sequences;

use std::collections::BTreeMap;

use soc_event::{AgentId, Envelope, Epoch, Event, Lane, RunId, Sequence, Timestamp, kind};

use super::*;
use crate::clock::SetClock;
use crate::config;
use crate::fleet::{Application, Part, Target};
use crate::journal::Batch;
use crate::serve::Kept;

/// A collector without doors.
struct World {
    kept: Kept,
    reorganiser: Reorganiser,
    clock: SetClock,
    sequence: u64,
    folder: tempfile::TempDir,
}

fn caller() -> Caller {
    Caller { who: "an".into(), address: "192.0.2.1".into() }
}

fn begin() -> Timestamp {
    "2025-06-30T03:00:00Z".parse().unwrap()
}

async fn open(folder: &std::path::Path, clock: &SetClock) -> (Kept, Reorganiser) {
    let mut config = config::load(&folder.join("data"), None).unwrap();
    config.journal.disk_free_bytes_min = 0;
    config.archive.disk_free_bytes_min = 0;
    let kept = Kept::open(&config, clock.clock()).await.unwrap();
    let reorganiser = kept.control(&config, 7443).agencies;
    (kept, reorganiser)
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at(begin());
        let (kept, reorganiser) = open(folder.path(), &clock).await;
        Self { kept, reorganiser, clock, sequence: 0, folder }
    }

    /// As after `kill -9`.
    async fn restart(self) -> Self {
        let Self { kept, reorganiser, clock, sequence, folder } = self;
        kept.store.close().await;
        drop((kept, reorganiser));
        let (kept, reorganiser) = open(folder.path(), &clock).await;
        Self { kept, reorganiser, clock, sequence, folder }
    }

    async fn tree(&self, agencies: &[(&str, &str)]) {
        for (code, parent) in agencies {
            let parent = Some(*parent).filter(|parent| !parent.is_empty());
            self.kept.fleet.add_agency(code, &format!("Tên {code}"), parent).await.unwrap();
        }
    }

    async fn perform(&self, change: Change) -> Result<Outcome, Error> {
        let decision = "NQ 1685/2025".to_owned();
        let (reason, versions) = (String::new(), BTreeMap::new());
        let order = Order { change, day: None, decision, reason, versions };
        self.reorganiser.perform(&order, &Agencies::All, &caller()).await
    }

    async fn enrol(&self, agency: &str, name: &str) -> AgentId {
        let token = self.kept.fleet.create_token(agency, 1, None, "test").await.unwrap();
        self.enrol_with(&token, name).await
    }

    async fn enrol_with(&self, token: &str, name: &str) -> AgentId {
        let application = Application {
            token: token.to_owned(),
            hostname: name.to_owned(),
            fingerprint: "home".into(),
            os: "Debian".into(),
            version: "0.1.0".into(),
            key_hash: sha2::Sha256::digest(name.as_bytes()).into(),
        };
        let signed = |_| Ok(crate::pki::Signed { certificate: String::new(), expires: begin() });
        self.kept.fleet.enrol(&application, signed).await.unwrap().agent
    }

    async fn says(&mut self, agent: AgentId, event: Event) {
        self.sequence += 1;
        let envelope = Envelope {
            version: 1,
            agent,
            epoch: Epoch(1),
            lane: Lane::State,
            first: Sequence(self.sequence),
            count: 0,
            run: RunId(1),
            fingerprint: "home".into(),
            sent: self.clock.clock().now(),
            clock_offset_us: None,
            configuration: 0,
        };
        let batch = Batch::encode(envelope, &[event], self.clock.clock().now()).unwrap();
        self.kept.journal.append(batch).await.unwrap();
    }

    async fn says_something(&mut self, agent: AgentId) {
        let now = self.clock.clock().now();
        self.says(agent, Event::own(now, kind::HOST_HEARTBEAT)).await;
    }

    /// Codes of the agencies whose files the archive has, each with how many events.
    async fn archived(&self) -> Vec<(String, i64)> {
        self.kept.archive.catch_up().await.unwrap();
        let view = self.kept.archive.view().await.unwrap();
        let rows = view.agencies.into_iter().map(|one| (one.code, one.rows));
        rows.filter(|(_, rows)| *rows > 0).collect()
    }

    async fn id(&self, code: &str) -> i64 {
        self.kept.fleet.agency(code).await.unwrap().id
    }

    async fn code_of(&self, agent: AgentId) -> String {
        self.kept.fleet.who(agent).unwrap().agency_code
    }

    /// Codes of the agencies that somebody bound to this one may see, as they were called last.
    async fn seen_from(&self, code: &str) -> Vec<String> {
        let seen = self.kept.fleet.visible(&[self.id(code).await]).await.unwrap();
        let all = self.kept.fleet.agencies(&Agencies::All).await.unwrap();
        let mut codes: Vec<String> = all
            .into_iter()
            .filter(|view| seen.contains(&view.agency.id))
            .map(|view| view.agency.code)
            .collect();
        codes.sort();
        codes
    }

    /// Code and code of the agency above, as on a day.
    async fn at(&self, day: &str) -> Vec<(String, String)> {
        let all = self.kept.fleet.agencies_at(day, &Agencies::All).await.unwrap();
        let codes: BTreeMap<i64, String> =
            all.iter().map(|one| (one.id, one.code.clone())).collect();
        let above = |one: &crate::fleet::AgencyThen| {
            one.parent.map_or(String::new(), |id| codes[&id].clone())
        };
        all.iter().map(|one| (one.code.clone(), above(one))).collect()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.kept.store.pool()).await.unwrap()
    }
}

fn merge(agencies: &[&str], into: &str, name: Option<&str>) -> Change {
    Change::Merge {
        agencies: agencies.iter().map(|code| (*code).to_owned()).collect(),
        into: Target { code: into.into(), name: name.map(str::to_owned), parent: None },
    }
}

fn dissolve(agency: &str) -> Change {
    Change::Dissolve { agency: agency.into(), successor: None }
}

#[tokio::test]
async fn events_are_of_the_agency_the_machine_had_at_their_place_in_the_journal() {
    let mut world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("B", "T")]).await;
    let agent = world.enrol("A", "pc").await;
    world.says_something(agent).await;
    let wanted = MoveMachines {
        machines: vec![agent.to_string()],
        agency: "B".into(),
        reason: "handed over".into(),
    };
    assert_eq!(
        world.reorganiser.move_machines(&wanted, &Agencies::All, &caller()).await.unwrap(),
        1
    );
    world.says_something(agent).await;
    world.says_something(agent).await;
    // Nothing of it was read before; and after a restart all of it is read again.
    let mut world = world.restart().await;
    assert_eq!(world.archived().await, [("A".to_owned(), 1), ("B".to_owned(), 2)]);
    assert_eq!(world.code_of(agent).await, "B");
    let change = Change::Rename { agency: "B".into(), code: "B2".into(), name: "Mới".into() };
    world.perform(change).await.unwrap();
    world.says_something(agent).await;
    let end = *world.kept.journal.end().borrow();
    let code = |back: u64| {
        let at = crate::journal::Position(end.0 - back);
        world.kept.fleet.who_at(agent, at).who.unwrap().agency_code
    };
    assert_eq!([code(4), code(3), code(2), code(1)], ["A", "B", "B", "B2"]);
    let deed: String =
        sqlx::query_scalar("SELECT detail FROM audit WHERE action = 'machine moved'")
            .fetch_one(world.kept.store.pool())
            .await
            .unwrap();
    assert_eq!(deed, "A → B: handed over");
}

#[tokio::test]
async fn what_was_settled_for_an_agency_that_ends_holds_on_for_its_machines_and_no_others() {
    let world = World::new().await;
    world.tree(&[("T", ""), ("D", "T"), ("A", "D"), ("B", "D")]).await;
    let (of_a, of_b) = (world.enrol("A", "a").await, world.enrol("B", "b").await);
    let token = world.kept.fleet.create_token("A", 2, None, "test").await.unwrap();
    let say = async |code: &str, text: &str| {
        let scope = configuration::Scope::Agency(world.id(code).await);
        let change = configuration::Change {
            text: text.into(),
            why: "a test".into(),
            ..configuration::Change::default()
        };
        world.kept.configurations.set(&scope, &change, &caller()).await.unwrap();
    };
    say("D", "[host]\nheartbeat_s = 60\n").await;
    say("A", "[anomaly]\nnormal = [\"0011223344556677\"]\n").await;
    let archive = &world.kept.archive;
    archive.set_retention("D", 4, 24, "servers", &caller()).await.unwrap();
    let said = |agent| {
        let layers = world.kept.configurations.of(agent).layers;
        layers.into_iter().map(|layer| layer.text).collect::<Vec<_>>().join("")
    };
    let outcome = world.perform(merge(&["A"], "C", Some("Xã mới"))).await.unwrap();
    assert_eq!((outcome.machines, outcome.tokens), (1, 2), "{outcome:?}");
    world.perform(dissolve("D")).await.unwrap();
    assert!(said(of_a).contains("heartbeat_s") && said(of_a).contains("0011223344556677"));
    assert!(said(of_b).contains("heartbeat_s") && !said(of_b).contains("0011223344556677"));
    let later = world.enrol_with(&token, "later").await;
    assert_eq!(world.code_of(later).await, "C");
    assert!(said(later).contains("heartbeat_s") && !said(later).contains("00112233"));
    for one in world.kept.archive.view().await.unwrap().agencies {
        let is_at_least = ["A", "B", "C", "D"].contains(&one.code.as_str());
        assert!(!is_at_least || (one.level, one.months) >= (4, 24), "{one:?}");
    }
    let world = world.restart().await;
    assert_eq!(world.kept.fleet.formerly(of_a), [world.id("A").await]);
    let texts = world.kept.configurations.of(of_a).layers.len();
    assert_eq!(texts, 2, "A's own, and C's with what D had said");
}

#[tokio::test]
async fn a_preview_says_what_will_be_and_changes_nothing() {
    let world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("B", "A")]).await;
    world.enrol("A", "a").await;
    let order = Order {
        change: dissolve("A"),
        day: None,
        decision: "1/QĐ".into(),
        reason: String::new(),
        versions: BTreeMap::new(),
    };
    let before = world.at("2025-06-30").await;
    let preview = world.reorganiser.preview(&order, &Agencies::All, &caller()).await.unwrap();
    assert_eq!(world.at("2025-06-30").await, before);
    assert_eq!(world.count("SELECT COUNT(*) FROM agency_change").await, 0);
    assert_eq!(
        world.reorganiser.perform(&order, &Agencies::All, &caller()).await.unwrap(),
        preview
    );
    let rows: Vec<(&str, &str)> =
        preview.agencies.iter().map(|row| (row.what.as_str(), row.code.as_str())).collect();
    assert_eq!(rows, [("ended", "A"), ("moved", "B")]);
    assert_eq!(
        world.count("SELECT COUNT(*) FROM audit WHERE action = 'agency dissolved'").await,
        1
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_nothing_behind() {
    let world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("B", "A")]).await;
    world.perform(merge(&["B"], "N", Some("Mới"))).await.unwrap();
    let changes = world.count("SELECT COUNT(*) FROM agency_change").await;
    let seen = |code: &str, version| Order {
        change: Change::Rename { agency: code.into(), code: code.into(), name: "x".into() },
        day: None,
        decision: "1".into(),
        reason: String::new(),
        versions: BTreeMap::from([(code.to_owned(), version)]),
    };
    let stale = world.reorganiser.perform(&seen("A", 7), &Agencies::All, &caller()).await;
    assert!(matches!(stale, Err(Error::Fleet(fleet::Error::Changed(_)))), "{stale:?}");
    let early = Order { day: Some("2025-07-01".into()), ..seen("A", 1) };
    let (none, long) = (Order { decision: " ".into(), ..seen("A", 1) }, "x".repeat(501));
    let long = Order { decision: long, ..seen("A", 1) };
    for order in [early, none, long, Order { day: Some("30/6".into()), ..seen("A", 1) }] {
        assert!(
            world.reorganiser.perform(&order, &Agencies::All, &caller()).await.is_err(),
            "{order:?}"
        );
    }
    let into_itself = Change::Move { agency: "T".into(), parent: Some("A".into()) };
    let two = |code: &str| Part {
        into: Target { code: code.into(), name: None, parent: None },
        machines: vec!["no machine".into()],
        agencies: Vec::new(),
    };
    for change in [
        into_itself,
        dissolve("T"),
        dissolve("B"),
        dissolve("NONE"),
        merge(&["A"], "A", None),
        merge(&["A"], "T", Some("taken")),
        Change::Rename { agency: "A".into(), code: "B".into(), name: "x".into() },
        Change::Split { agency: "A".into(), parts: vec![two("T")] },
        Change::Split { agency: "A".into(), parts: vec![two("T"), two("N")] },
        Change::Add { code: "B".into(), name: "again".into(), parent: None },
        Change::Add { code: "Z".into(), name: "below the past".into(), parent: Some("B".into()) },
    ] {
        assert!(world.perform(change.clone()).await.is_err(), "{change:?}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM agency_change").await, changes);
    assert!(world.kept.fleet.create_token("B", 1, None, "x").await.is_err());
    assert!(world.kept.fleet.imported_machine("B", "old").await.is_err());
}

#[tokio::test]
async fn a_split_gives_each_part_what_it_was_given_and_both_see_the_past() {
    let world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("A1", "A"), ("A2", "A")]).await;
    let (one, two) = (world.enrol("A", "one").await, world.enrol("A", "two").await);
    let part = |code: &str, name: Option<&str>, machines: Vec<String>, agencies: &[&str]| Part {
        into: Target { code: code.into(), name: name.map(str::to_owned), parent: None },
        machines,
        agencies: agencies.iter().map(|code| (*code).to_owned()).collect(),
    };
    let parts = vec![
        part("P", Some("P"), Vec::new(), &[]),
        part("Q", Some("Q"), vec![two.to_string()], &["A2"]),
    ];
    world.perform(Change::Split { agency: "A".into(), parts }).await.unwrap();
    assert_eq!([world.code_of(one).await, world.code_of(two).await], ["P", "Q"]);
    assert_eq!(world.seen_from("P").await, ["A", "A1", "P"]);
    assert_eq!(world.seen_from("Q").await, ["A", "A2", "Q"]);
    let past = world.kept.fleet.agency_past(world.id("A").await, &Agencies::All).await.unwrap();
    let successors: Vec<&str> = past.successors.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(successors, ["P", "Q"]);
    assert_eq!(past.changes[0].kind, "split");
}

#[tokio::test]
async fn the_level_of_a_system_keeps_events_also_after_its_host_has_gone() {
    let world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("B", "T")]).await;
    let agent = world.enrol("A", "a").await;
    let draft = crate::fleet::SystemDraft {
        code: "HT1".into(),
        name: "Cổng".into(),
        level: 5,
        owner: "T".into(),
        operator: "T".into(),
        ..crate::fleet::SystemDraft::default()
    };
    let fleet = &world.kept.fleet;
    let id = fleet.write_system(None, &draft, &Agencies::All, &caller()).await.unwrap();
    fleet.set_system_hosts((id, 1), &[agent.to_string()], &Agencies::All, &caller()).await.unwrap();
    let kept = async || {
        let agencies = world.kept.archive.view().await.unwrap().agencies;
        let of = |code: &str| agencies.iter().find(|one| one.code == code).unwrap().months;
        [of("A"), of("B")]
    };
    let otherwise = kept().await[1];
    assert_eq!(kept().await[0], 12);
    assert_eq!(fleet.machine(agent).await.unwrap().unwrap().row.importance, 5);
    let wanted = MoveMachines {
        machines: vec![agent.to_string()],
        agency: "B".into(),
        reason: "moved".into(),
    };
    assert!(otherwise < 12);
    world.reorganiser.move_machines(&wanted, &Agencies::All, &caller()).await.unwrap();
    assert_eq!(kept().await, [12, 12]);
    assert!(world.kept.archive.set_retention("B", 3, 6, "x", &caller()).await.is_err());
}

#[tokio::test]
async fn imported_logs_of_a_machine_stay_one_machine_through_a_merge() {
    let world = World::new().await;
    world.tree(&[("T", ""), ("A", "T")]).await;
    let machine = world.kept.fleet.imported_machine("A", "PC-07").await.unwrap();
    world.perform(merge(&["A"], "C", Some("C"))).await.unwrap();
    assert_eq!(world.kept.fleet.imported_machine("C", "pc-07").await.unwrap(), machine);
    let other = world.kept.fleet.imported_machine("C", "pc-08").await.unwrap();
    assert_ne!(other, machine);
}

#[tokio::test]
async fn targets_are_figures_of_a_subtree() {
    let mut world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("B", "T")]).await;
    let agent = world.enrol("A", "a").await;
    let draft = |code: &str, owner: &str, approval| crate::fleet::SystemDraft {
        code: code.into(),
        name: code.into(),
        level: 2,
        owner: owner.into(),
        operator: owner.into(),
        approval,
        ..crate::fleet::SystemDraft::default()
    };
    let fleet = world.kept.fleet.clone();
    use crate::fleet::SystemApproval::{Approved, Sent};
    let id = fleet
        .write_system(None, &draft("HT1", "A", Approved), &Agencies::All, &caller())
        .await
        .unwrap();
    fleet.write_system(None, &draft("HT2", "B", Sent), &Agencies::All, &caller()).await.unwrap();
    fleet.set_system_hosts((id, 1), &[agent.to_string()], &Agencies::All, &caller()).await.unwrap();
    world.says_something(agent).await;
    fleet.heard(agent);
    fleet.save_heard().await.unwrap();
    let of = async |code: &str| {
        let targets = fleet
            .targets(&Agencies::Of(fleet.visible(&[world.id(code).await]).await.unwrap()))
            .await
            .unwrap();
        (targets.machines, targets.monitored, targets.approved, targets.antivirus_coverage)
    };
    assert_eq!(of("T").await, (1, Some(0.5), Some(0.5), Some(0.0)));
    assert_eq!(of("A").await, (1, Some(1.0), Some(1.0), Some(0.0)));
    assert_eq!(of("B").await, (0, Some(0.0), Some(0.0), None));
}

use sha2::Digest as _;
