use serde_json::json;
use soc_event::{Envelope, Epoch, Event, Kind, Lane, RunId, Sequence, Timestamp, Value, kind};
use tokio::sync::watch;

use super::*;
use crate::clock::SetClock;
use crate::journal::{Batch, Entry, Position};
use crate::live::Notice;

/// A collector without a door: what agents say is put into the journal.
struct World {
    folder: tempfile::TempDir,
    clock: SetClock,
    journal: Journal,
    fleet: Fleet,
    bus: Bus,
    sequence: u64,
}

const CONFIG: journal::Config = journal::Config {
    retention: Duration::from_secs(86_400),
    bytes_max: 1 << 30,
    cache_bytes: 1 << 20,
    disk_free_bytes_min: 0,
};

fn begin() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

async fn open(folder: &std::path::Path, clock: &SetClock) -> (Journal, Fleet, Bus) {
    let registry = prometheus::Registry::new();
    let store = Store::open(&folder.join("state.sqlite")).await.unwrap();
    let journal = Journal::open(&folder.join("journal"), &CONFIG, &registry).unwrap();
    let bus = Bus::default();
    let fleet = Fleet::new(
        store,
        journal.clone(),
        bus.clone(),
        clock.clock(),
        Config::default(),
        &registry,
    );
    (journal.clone(), fleet.await.unwrap(), bus)
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at(begin());
        let (journal, fleet, bus) = open(folder.path(), &clock).await;
        fleet.ensure_agency("LOCAL", "Sở Thông tin").await.unwrap();
        Self { folder, clock, journal, fleet, bus, sequence: 0 }
    }

    /// As after `kill -9`: nothing is flushed, everything is opened again.
    async fn restart(self) -> Self {
        let Self { folder, clock, journal, fleet, bus, sequence } = self;
        fleet.0.store.close().await;
        drop((journal, fleet, bus));
        let (journal, fleet, bus) = open(folder.path(), &clock).await;
        Self { folder, clock, journal, fleet, bus, sequence }
    }

    async fn enrol(&self, hostname: &str) -> AgentId {
        let token = self.fleet.create_token("LOCAL", 1, None, "test").await.unwrap();
        self.enrol_with(&token, hostname).await.unwrap()
    }

    async fn enrol_with(&self, token: &str, key: &str) -> Result<AgentId, Error> {
        let application = Application {
            token: token.to_owned(),
            hostname: key.to_owned(),
            fingerprint: "home".into(),
            os: "Debian".into(),
            version: "0.1.0".into(),
            key_hash: crate::fleet::token::hash(key),
        };
        let signed = |_| Ok(crate::pki::Signed { certificate: String::new(), expires: begin() });
        self.fleet.enrol(&application, signed).await.map(|enrolled| enrolled.agent)
    }

    async fn says(&mut self, agent: AgentId, events: &[Event]) {
        let envelope = Envelope {
            version: 1,
            agent,
            epoch: Epoch(1),
            lane: Lane::State,
            first: Sequence(self.sequence + 1),
            count: 0,
            run: RunId(1),
            fingerprint: "home".into(),
            sent: begin(),
            clock_offset_us: None,
            configuration: 0,
        };
        self.sequence += events.len() as u64;
        let batch = Batch::encode(envelope, events, self.clock.clock().now()).unwrap();
        self.journal.append(batch).await.unwrap();
    }

    /// Projects all there is.
    async fn project(&self) {
        let end = *self.journal.end().borrow();
        let mut position = self.fleet.checkpoint().await.unwrap();
        while position < end {
            position = self.fleet.step(position).await.unwrap();
        }
    }

    async fn state(&self, agent: AgentId) -> State {
        self.machine(agent).await.row.state
    }

    async fn machine(&self, agent: AgentId) -> Machine {
        self.project().await;
        self.fleet.machine(agent).await.unwrap().unwrap()
    }

    async fn ports(&self, agent: AgentId, history: bool) -> Vec<(i64, bool)> {
        self.project().await;
        let ports = self.fleet.ports(agent, history).await.unwrap().items;
        ports.iter().map(|port| (port.port, port.closed_at.is_some())).collect()
    }

    /// Both clocks go on.
    async fn wait(&self, time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
        self.clock.advance_micros(time.as_micros() as i64);
    }

    async fn tell_silences(&self) -> usize {
        self.project().await;
        let end = *self.journal.end().borrow();
        self.fleet.tell_silences(end, end).await.unwrap()
    }

    fn silences(&self) -> Vec<Entry> {
        let recent = self.journal.recent(AgentId::COLLECTOR, None, 1000, Some("agent.silent"));
        recent.unwrap()
    }
}

fn own(seconds: i64, kind: Kind) -> Event {
    Event::own(begin().plus_micros(seconds * 1_000_000), kind)
}

fn heartbeat(seconds: i64) -> Event {
    own(seconds, kind::HOST_HEARTBEAT)
        .with("host.cpu.usage", 0.25)
        .with("host.memory.used.bytes", 25_u64)
        .with("host.memory.total.bytes", 100_u64)
        .with("host.disk.used.pct", 0.5)
}

fn stopped(seconds: i64, reason: &str) -> Event {
    own(seconds, kind::AGENT_STOPPED).with("agent.stop.reason", reason)
}

fn port(kind: Kind, number: u64) -> Event {
    own(0, kind)
        .with("network.transport", "tcp")
        .with("port.scope", "any")
        .with("server.ip", "0.0.0.0")
        .with("server.port", number)
        .with("process.name", "sshd")
        .with("process.executable", "/usr/sbin/sshd")
}

fn in_snapshot(event: Event, taken: &str, count: u64) -> Event {
    event.with("port.snapshot", taken).with("port.snapshot.count", count)
}

fn antivirus(product: &str, state: &str) -> Event {
    own(0, kind::ANTIVIRUS_STATUS)
        .with("antivirus.product", product)
        .with("antivirus.state", state)
        .with("antivirus.reasons", vec!["signatures_outdated"])
        .with("antivirus.signatures.age_days", 20.0)
}

const SILENCE: Duration = Duration::from_secs(85);

#[tokio::test]
async fn a_token_lets_in_as_many_as_it_says() {
    let world = World::new().await;
    let token = world.fleet.create_token("LOCAL", 2, None, "test").await.unwrap();
    let first = world.enrol_with(&token, "a").await.unwrap();
    assert_eq!(world.enrol_with(&token, "a").await.unwrap(), first, "the answer was lost");
    assert_ne!(world.enrol_with(&token, "b").await.unwrap(), first);
    assert!(matches!(world.enrol_with(&token, "c").await, Err(Error::Token)));
    assert!(matches!(world.enrol_with("soc-00", "c").await, Err(Error::Token)));
    assert_eq!(world.enrol_with(&token, "a").await.unwrap(), first, "also when it is used up");
}

#[tokio::test]
async fn an_expired_token_lets_nobody_in() {
    let world = World::new().await;
    let soon = begin().plus_micros(1);
    let token = world.fleet.create_token("LOCAL", 1, Some(soon), "test").await.unwrap();
    world.clock.advance_micros(1);
    assert!(matches!(world.enrol_with(&token, "a").await, Err(Error::Token)));
    assert!(matches!(
        world.fleet.create_token("NONE", 1, None, "test").await,
        Err(Error::NoSuchAgency(_))
    ));
}

#[tokio::test]
async fn a_failed_signature_does_not_use_the_token() {
    let world = World::new().await;
    let token = world.fleet.create_token("LOCAL", 1, None, "test").await.unwrap();
    let application = Application {
        token: token.clone(),
        hostname: "a".into(),
        fingerprint: String::new(),
        os: String::new(),
        version: String::new(),
        key_hash: [0; 32],
    };
    let fail = |_| Err(crate::pki::Error::NotAnAgent("test"));
    assert!(matches!(world.fleet.enrol(&application, fail).await, Err(Error::Pki(_))));
    assert!(world.enrol_with(&token, "a").await.is_ok());
}

#[tokio::test]
async fn a_grant_asked_for_again_replaces_the_one_before() {
    let world = World::new().await;
    let agent = world.enrol("a").await;
    let lost = world.fleet.grant(agent, RunId(7)).await.unwrap();
    let grant = world.fleet.grant(agent, RunId(7)).await.unwrap();
    assert!(matches!(world.enrol_with(&lost, "b").await, Err(Error::Token)));
    let clone = world.enrol_with(&grant, "b").await.unwrap();
    assert_eq!(world.fleet.who(clone), world.fleet.who(clone));
    assert_eq!(world.fleet.who(clone).unwrap().agency_code, "LOCAL");
    let again = world.fleet.grant(agent, RunId(7)).await.unwrap();
    assert!(world.enrol_with(&again, "c").await.is_ok(), "used, but its answer was lost");
}

#[tokio::test]
async fn the_latest_heartbeat_and_inventory_are_shown() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    assert_eq!(world.state(agent).await, State::Never);
    let inventory = own(0, kind::HOST_INVENTORY)
        .with("host.hostname", "pc-01")
        .with("host.os.name", "Debian GNU/Linux")
        .with("host.os.version", "12")
        .with("host.ip", vec!["192.0.2.5", "2001:db8::5"])
        .with("agent.version", "0.2.0");
    let offset = heartbeat(3600).with("host.clock.offset_us", 3_600_000_000_i64);
    world.says(agent, &[inventory, offset, heartbeat(-15)]).await;
    let machine = world.machine(agent).await;
    assert_eq!(machine.row.hostname, "pc-01");
    assert_eq!(machine.row.os, "Debian GNU/Linux 12");
    assert_eq!(machine.row.ip, ["192.0.2.5", "2001:db8::5"]);
    assert_eq!(machine.row.agent_version, "0.2.0");
    assert_eq!((machine.row.cpu, machine.row.memory_used), (Some(0.25), Some(0.25)));
    assert_eq!(machine.row.clock_offset_us, Some(3_600_000_000), "the last that was known");
    assert_eq!(machine.inventory.unwrap()["host.hostname"], json!("pc-01"));
    assert_eq!(machine.heartbeat.unwrap()["time"], json!("2026-11-22T09:59:45.000000Z"));
    assert_eq!(world.fleet.who(agent).unwrap().hostname, "pc-01");
    let points = world.fleet.heartbeats(agent, begin().plus_micros(-60_000_000), begin());
    let at: Vec<Timestamp> = points.await.unwrap().items.iter().map(|point| point.at).collect();
    assert_eq!(at, [begin().plus_micros(-15_000_000), begin()], "by the collector's clock");
}

#[tokio::test]
async fn many_heartbeats_are_averaged_to_a_chart() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let beats: Vec<Event> = (0..1500).map(|step| heartbeat(step - 1500)).collect();
    world.says(agent, &beats).await;
    world.project().await;
    let from = begin().plus_micros(-1_500_000_000);
    let points = world.fleet.heartbeats(agent, from, begin()).await.unwrap().items;
    assert!(points.len() <= 500 && points.len() >= 450, "{}", points.len());
    assert_eq!(points[0].cpu, Some(0.25));
}

#[tokio::test]
async fn events_projected_twice_change_nothing() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[heartbeat(0), port(kind::PORT_OPENED, 22)]).await;
    let before = world.machine(agent).await;
    let ports = world.ports(agent, true).await;
    assert_eq!(world.fleet.step(Position::FIRST).await.unwrap(), Position(3));
    assert_eq!(world.machine(agent).await, before);
    assert_eq!(world.ports(agent, true).await, ports);
}

#[tokio::test]
async fn a_complete_snapshot_closes_what_is_not_in_it() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let other = world.enrol("b").await;
    world.says(other, &[port(kind::PORT_OPENED, 22)]).await;
    let (open, listen) = (kind::PORT_OPENED, kind::PORT_LISTENING);
    world.says(agent, &[port(open.clone(), 22), port(open.clone(), 23)]).await;
    // The second event of the snapshot has not come yet.
    world.says(agent, &[in_snapshot(port(listen.clone(), 22), "S1", 2)]).await;
    assert_eq!(world.ports(agent, false).await, [(22, false), (23, false)]);
    // Opened after the snapshot was taken: not in it, and yet open.
    world.says(agent, &[port(open, 99), in_snapshot(port(listen, 80), "S1", 2)]).await;
    assert_eq!(world.ports(agent, false).await, [(22, false), (80, false), (99, false)]);
    assert_eq!(world.ports(agent, true).await.last(), Some(&(23, true)));
    assert_eq!(world.ports(other, false).await, [(22, false)]);
    // Nothing is open any more.
    world.says(agent, &[in_snapshot(own(60, kind::PORT_LISTENING), "S2", 0)]).await;
    assert_eq!(world.ports(agent, false).await, []);
}

#[tokio::test]
async fn a_snapshot_that_lost_an_event_closes_nothing() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[port(kind::PORT_OPENED, 23)]).await;
    let listen = kind::PORT_LISTENING;
    world.says(agent, &[in_snapshot(port(listen.clone(), 22), "S1", 3)]).await;
    world.says(agent, &[in_snapshot(port(listen, 80), "S2", 2)]).await;
    assert_eq!(world.ports(agent, false).await.len(), 3);
}

#[tokio::test]
async fn a_port_that_closes_and_opens_again_has_a_history() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let (open, close) = (kind::PORT_OPENED, kind::PORT_CLOSED);
    world.says(agent, &[port(open.clone(), 22), port(open.clone(), 22)]).await;
    assert_eq!(world.ports(agent, true).await, [(22, false)]);
    world.says(agent, &[port(close.clone(), 22), port(close, 22), port(open, 22)]).await;
    assert_eq!(world.ports(agent, true).await, [(22, false), (22, true)]);
    let row = world.machine(agent).await.row;
    assert_eq!((row.open_ports, row.open_ports_lan), (1, 1));
}

#[tokio::test]
async fn a_machine_keeps_so_many_ports_and_open_ones_first() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let other = world.enrol("b").await;
    let (open, close) = (kind::PORT_OPENED, kind::PORT_CLOSED);
    world.says(other, &[port(open.clone(), 1)]).await;
    let events: Vec<Event> = (1..=5).map(|number| port(open.clone(), number)).collect();
    world.says(agent, &events).await;
    world.says(agent, &[port(close.clone(), 4), port(close, 5)]).await;
    world.project().await;
    world.fleet.prune_ports(4).await.unwrap();
    let expected = [(1, false), (2, false), (3, false), (5, true)];
    assert_eq!(world.ports(agent, true).await, expected);
    assert_eq!(world.ports(other, true).await.len(), 1);
}

#[tokio::test]
async fn the_best_product_decides_and_unknown_is_never_healthy() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let check = async |world: &mut World, said: Event, expected: &str, product: Option<&str>| {
        world.says(agent, &[said]).await;
        let antivirus = world.machine(agent).await.row.antivirus;
        assert_eq!(antivirus.state.as_str(), expected);
        assert_eq!(antivirus.product.as_deref(), product);
    };
    assert_eq!(world.machine(agent).await.row.antivirus.state, AntivirusState::Unknown);
    check(&mut world, antivirus("none", "missing"), "missing", None).await;
    check(&mut world, antivirus("A", "off"), "off", Some("A")).await;
    check(&mut world, antivirus("B", "perfect!"), "unknown", Some("B")).await;
    check(&mut world, antivirus("A", "weak"), "weak", Some("A")).await;
    check(&mut world, antivirus("B", "protected"), "protected", Some("B")).await;
    let antivirus_now = world.machine(agent).await.row.antivirus;
    assert_eq!(antivirus_now.reasons, ["signatures_outdated"]);
    assert_eq!(antivirus_now.signatures_age_days, Some(20.0));
    let overview = world.fleet.overview(Scope::All).await.unwrap();
    assert_eq!((overview.antivirus.protected, overview.signatures_outdated), (1, 1));
    assert_eq!(overview.antivirus.coverage, Some(1.0));
    check(&mut world, antivirus("none", "missing"), "missing", None).await;
    assert_eq!(world.machine(agent).await.antivirus_products.len(), 1);
}

#[tokio::test]
async fn a_product_that_is_no_longer_told_of_is_forgotten() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[antivirus("A", "protected"), antivirus("B", "weak")]).await;
    world.clock.advance_micros(27 * 3_600 * 1_000_000);
    world.says(agent, &[antivirus("B", "weak")]).await;
    assert_eq!(world.machine(agent).await.row.antivirus.state, AntivirusState::Weak);
}

#[tokio::test]
async fn an_agent_unheard_is_silent_once_until_it_is_heard_again() {
    let mut world = World::new().await;
    let agent = world.enrol("pc-01").await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    world.fleet.heard(agent);
    world.wait(SILENCE - Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 0);
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 1);
    assert_eq!(world.tell_silences().await, 0, "before it is projected");
    assert_eq!(world.state(agent).await, State::Silent);
    world.wait(SILENCE).await;
    assert_eq!(world.tell_silences().await, 0, "still the same silence");
    let told = world.silences();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event.text("agent.id"), Some(agent.to_string().as_str()));
    assert_eq!(told[0].event.text("host.hostname"), Some("pc-01"));
    assert_eq!(told[0].event.text("agency.name"), Some("Sở Thông tin"));
    assert_eq!(told[0].event.fields["agent.silent_s"], Value::from(85_i64));
    // A second silence is another one.
    world.fleet.heard(agent);
    world.says(agent, &[heartbeat(300)]).await;
    assert_eq!(world.state(agent).await, State::Online);
    world.wait(SILENCE).await;
    assert_eq!(world.tell_silences().await, 1);
}

#[tokio::test]
async fn after_a_restart_nobody_is_silent_before_time_and_no_silence_is_told_twice() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let gone = world.enrol("b").await;
    world.says(gone, &[heartbeat(0)]).await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    world.wait(SILENCE).await;
    world.fleet.heard(agent);
    assert_eq!(world.tell_silences().await, 1);
    // Killed before the projection has met agent.silent.
    let world = world.restart().await;
    world.wait(SILENCE - Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 0, "too early");
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 1, "the other one, unheard since the restart");
    assert_eq!(world.silences().len(), 2);
    assert_eq!(world.state(gone).await, State::Silent);
    let world = world.restart().await;
    world.wait(SILENCE * 2).await;
    assert_eq!(world.tell_silences().await, 0);
}

#[tokio::test]
async fn nobody_is_judged_while_the_projection_is_behind() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    world.says(agent, &[stopped(1, "stop")]).await;
    world.wait(SILENCE).await;
    let end = *world.journal.end().borrow();
    assert_eq!(world.fleet.tell_silences(Position(2), end).await.unwrap(), 0);
    assert_eq!(world.tell_silences().await, 0, "it had said goodbye");
    assert_eq!(world.state(agent).await, State::Stopped);
}

#[tokio::test]
async fn a_goodbye_is_told_from_silence_and_only_a_sign_of_life_ends_it() {
    let log = |seconds: i64| {
        Event::new(begin().plus_micros(seconds * 1_000_000), kind::LOG, Default::default())
    };
    let check = async |events: &[Event], expected: State| {
        let mut world = World::new().await;
        let agent = world.enrol("a").await;
        world.says(agent, events).await;
        assert_eq!(world.state(agent).await, expected, "{events:?}");
        // The same, each in a batch of its own.
        let other = world.enrol("b").await;
        for event in events {
            world.says(other, std::slice::from_ref(event)).await;
            world.project().await;
        }
        assert_eq!(world.state(other).await, expected, "{events:?}");
    };
    check(&[heartbeat(0), stopped(10, "stop")], State::Stopped).await;
    check(&[heartbeat(0), stopped(10, "shutdown")], State::Stopped).await;
    check(&[heartbeat(0), stopped(10, "sleep")], State::Asleep).await;
    check(&[stopped(10, "stop"), heartbeat(9), log(20)], State::Stopped).await;
    check(&[stopped(10, "sleep"), heartbeat(11)], State::Online).await;
    // The clock was reset by the reboot.
    check(&[stopped(10, "shutdown"), own(-900_000_000, kind::AGENT_STARTED)], State::Online).await;
    check(
        &[own(0, kind::AGENT_STARTED), stopped(10, "stop"), own(20, kind::AGENT_STARTED)],
        State::Online,
    )
    .await;
}

#[tokio::test]
async fn a_removed_agent_may_not_speak_and_is_not_counted() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    assert_eq!(world.fleet.standing(agent), Standing::Good);
    assert!(world.fleet.revoke(agent).await.unwrap());
    assert_eq!(world.fleet.standing(agent), Standing::Removed);
    world.wait(SILENCE).await;
    assert_eq!(world.tell_silences().await, 0);
    assert_eq!(world.fleet.overview(Scope::All).await.unwrap().machines.total, 0);
    let world = world.restart().await;
    assert_eq!(world.fleet.standing(agent), Standing::Removed);
    assert_eq!(world.fleet.standing(AgentId::from_random([9; 16])), Standing::Removed);
}

#[tokio::test]
async fn machines_are_found_by_text_agency_state_and_antivirus() {
    let mut world = World::new().await;
    world.fleet.add_agency("UNIT", "Phòng", Some("LOCAL")).await.unwrap();
    let unit = world.fleet.agency("UNIT").await.unwrap();
    let top = world.enrol("alpha_1").await;
    let token = world.fleet.create_token("UNIT", 5, None, "test").await.unwrap();
    let below = world.enrol_with(&token, "beta").await.unwrap();
    world.enrol_with(&token, "alphaX1").await.unwrap();
    world.says(top, &[heartbeat(0), antivirus("A", "weak")]).await;
    world.says(below, &[stopped(0, "sleep")]).await;
    world.project().await;
    let find = async |filter: MachineFilter| -> Vec<String> {
        let page = PageRequest::default();
        let page = world.fleet.machines(&filter, MachineSort::Hostname, &page);
        page.await.unwrap().items.into_iter().map(|row| row.hostname).collect()
    };
    let base = MachineFilter::default;
    let q = |q: &str| MachineFilter { q: Some(q.into()), ..base() };
    let agency = |code: &str| MachineFilter { agency: Some(code.into()), ..base() };
    assert_eq!(find(base()).await, ["alpha_1", "alphaX1", "beta"]);
    assert_eq!(find(q("ALPHA")).await, ["alpha_1", "alphaX1"]);
    assert_eq!(find(q("a_1")).await, ["alpha_1"], "the sign is a sign, not a pattern");
    assert_eq!(find(q("'; DROP TABLE agent; --")).await, [""; 0]);
    assert_eq!(find(agency("LOCAL")).await.len(), 3, "with those below");
    assert_eq!(find(agency("UNIT")).await, ["alphaX1", "beta"]);
    let states = vec![State::Asleep, State::Online];
    assert_eq!(find(MachineFilter { states, ..base() }).await, ["alpha_1", "beta"]);
    let antivirus = vec![AntivirusState::Weak];
    assert_eq!(find(MachineFilter { antivirus, ..base() }).await, ["alpha_1"]);
    let scope = Scope::Agencies(vec![unit.id]);
    assert_eq!(find(MachineFilter { scope: scope.clone(), ..base() }).await, ["alphaX1", "beta"]);
    assert_eq!(world.fleet.overview(scope).await.unwrap().machines.total, 2);
    let none = MachineFilter { scope: Scope::Agencies(Vec::new()), ..base() };
    assert_eq!(find(none).await, [""; 0], "no agency, no machine");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    let token = world.fleet.create_token("LOCAL", 5, None, "test").await.unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        world.enrol_with(&token, name).await.unwrap();
    }
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 2, cursor };
        let filter = MachineFilter::default();
        let page = world.fleet.machines(&filter, MachineSort::Hostname, &page).await.unwrap();
        assert_eq!(page.total, 5);
        names.extend(page.items.into_iter().map(|row| row.hostname));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_table_of_agencies_is_imported_whole_or_not_at_all() {
    let world = World::new().await;
    let bad = world.fleet.import_agencies("code,name,parent\nA,Sở A,\nB,b,NONE\n").await;
    let error = bad.unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
    assert_eq!(world.fleet.agencies().await.unwrap().len(), 1);
    let csv = "code,name,parent\nC,\"Xã, C\",A\nA,Sở A,LOCAL\nLOCAL,Tỉnh,\n";
    assert_eq!(world.fleet.import_agencies(csv).await.unwrap(), 3);
    let views = world.fleet.agencies().await.unwrap();
    let found: Vec<(&str, &str)> =
        views.iter().map(|view| (&*view.agency.code, &*view.agency.name)).collect();
    assert_eq!(found, [("A", "Sở A"), ("C", "Xã, C"), ("LOCAL", "Tỉnh")]);
    assert_eq!(views[1].agency.parent, Some(views[0].agency.id));
    assert!(matches!(world.fleet.add_agency("A", "x", None).await, Err(Error::Refused(_))));
    assert!(matches!(world.fleet.add_agency("a b", "x", None).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn browsers_are_told_after_the_commit_once_per_machine() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let mut notices = world.bus.listen();
    world.says(agent, &[heartbeat(0), heartbeat(1), port(kind::PORT_OPENED, 22)]).await;
    world.project().await;
    let id = agent.to_string();
    assert!(matches!(notices.try_recv(), Ok(Notice::Machine { id: told, .. }) if told == id));
    assert!(notices.try_recv().is_err());
}

#[tokio::test]
async fn an_accusation_is_told_once_also_when_the_collector_is_killed_in_between() {
    let world = World::new().await;
    let agent = world.enrol("a").await;
    let row = RunRow {
        run: RunId(7),
        fingerprint: "copy".into(),
        first_connection: 1,
        state: RunState::Accused,
    };
    world.fleet.set_runs(agent, std::slice::from_ref(&row)).await.unwrap();
    // Killed before it was told.
    let world = world.restart().await;
    assert_eq!(world.fleet.runs(agent).await.unwrap()[0].state, RunState::Clone);
    // Killed after it was told, before that was noted.
    world.fleet.set_runs(agent, &[row]).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.fleet.runs(agent).await.unwrap()[0].state, RunState::Clone);
    let told = world.journal.recent(AgentId::COLLECTOR, None, 9, Some("agent.cloned")).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event.text("agent.fingerprint.other"), Some("copy"));
}

#[tokio::test]
async fn the_running_fleet_projects_what_arrives_and_stops_when_told() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(world.fleet.clone().run(shutdown));
    let mut notices = world.bus.listen();
    world.says(agent, &[heartbeat(0)]).await;
    assert!(matches!(notices.recv().await, Ok(Notice::Machine { .. })));
    assert_eq!(world.fleet.machine(agent).await.unwrap().unwrap().row.state, State::Online);
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn events_of_strangers_and_hostile_text_break_nothing() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(AgentId::from_random([9; 16]), &[heartbeat(0)]).await;
    let evil = "\u{202e}<script>\u{0}'\"; DROP TABLE agent;\u{1b}[2J";
    let events = [
        own(0, kind::HOST_INVENTORY).with("host.hostname", evil).with("host.ip", 7_u64),
        antivirus(evil, evil),
        port(kind::PORT_OPENED, 22).with("process.name", evil).with("port.scope", evil),
        own(0, kind::PORT_OPENED),
        own(0, kind::PORT_LISTENING).with("port.snapshot", 3_u64),
        own(0, kind::HOST_HEARTBEAT).with("host.cpu.usage", "much"),
        own(0, kind::AGENT_STOPPED).with("agent.stop.reason", Value::Null),
    ];
    world.says(agent, &events).await;
    let machine = world.machine(agent).await;
    assert_eq!(machine.row.hostname, evil);
    assert_eq!(machine.row.ip, ["7"]);
    assert_eq!(machine.row.antivirus.product.as_deref(), Some(evil));
    world.fleet.count().await.unwrap();
}
