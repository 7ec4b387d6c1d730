mod antivirus;
mod changes;
mod enrolment;
mod judgement;
mod life;
mod neighbours;
mod open_ports;
mod ports;
mod silence;
mod views;

use serde_json::json;
use soc_archive::Agencies;
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

/// A product that says of itself that all is well.
fn protected(product: &str) -> Event {
    antivirus(product, "protected")
        .with("antivirus.reasons", Vec::<String>::new())
        .with("antivirus.signatures.age_days", 1.0)
}

const SILENCE: Duration = Duration::from_secs(85);
