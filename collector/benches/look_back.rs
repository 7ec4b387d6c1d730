//! How fast rules look back over the archive, and what that costs those who bring new events:
//! `EVENTS=20000000 cargo bench -p soc-collector --bench look_back`.
//!
//! Events are logins, web requests, a firewall's lines and processes that begin on Windows, of 64
//! machines, some 400 bytes each. Rules are one alone, the packs as shipped and, where
//! `../shared/data` is beside the repository, those of SigmaHQ.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use prometheus::Registry;
use soc_collector::access::Caller;
use soc_collector::alert::Alerts;
use soc_collector::archive::{self, Archive};
use soc_collector::backtest::{self, Ask, Backtest, Backtests, DraftFile};
use soc_collector::clock::Clock;
use soc_collector::detect::Detect;
use soc_collector::fleet::{self, Fleet};
use soc_collector::journal::{self, Batch, Journal};
use soc_collector::live::Bus;
use soc_collector::rulebook;
use soc_collector::store::Store;
use soc_event::{
    AgentId, Envelope, Epoch, Event, Lane, Logsource, RunId, Sequence, Timestamp, kind,
};
use tokio::sync::watch;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const AGENTS: u64 = 64;
const BATCH: u64 = 2048;
/// Appended one after the other while latency is measured.
const BATCHES_MEASURED: u64 = 400;
const RULE: &str = "title: Logins of a name that is guessed
id: 9a3b2a52-6f0d-4a52-9df2-0a3c8f1b7d11
logsource: {product: linux, service: sshd}
detection:
  selection:
    event.outcome: failure
    user.name|startswith: ora
  condition: selection
level: low
";
const CORRELATION: &str = "
---
title: Guessed from one address
id: 9a3b2a52-6f0d-4a52-9df2-0a3c8f1b7d12
correlation:
  type: event_count
  rules: [9a3b2a52-6f0d-4a52-9df2-0a3c8f1b7d11]
  group-by: [source.ip]
  timespan: 10m
  condition: {gte: 20}
level: high
";

struct Bench {
    rooms: backtest::Rooms,
    room: Backtests,
    sequences: Vec<u64>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let events = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok());
    let events: u64 = events.unwrap_or(1_000_000);
    let folder = tempfile::tempdir()?;
    let rules = sigma_rules(folder.path())?;
    let mut bench = Bench::open(folder.path(), rules).await?;
    let began = Instant::now();
    bench.fill(events).await?;
    report("events put into the archive a second", rate(events, began.elapsed()));
    let size: i64 = sqlx::query_scalar("SELECT sum(bytes) FROM archive_file WHERE state = 'live'")
        .fetch_one(bench.rooms.store.pool())
        .await?;
    report("  bytes an event", size as f64 / events as f64);
    let draft =
        |text: &str| Ask::Draft(vec![DraftFile { path: "bench.yml".into(), text: text.into() }]);
    bench.look("one rule", draft(RULE)).await?;
    bench.look("one rule and a correlation", draft(&format!("{RULE}{CORRELATION}"))).await?;
    bench.look_with_all("all packs, one pass", |path| path.starts_with("packs/")).await?;
    bench.look_with_all("SigmaHQ's, one pass", |path| !path.starts_with("packs/")).await?;
    bench.beside_ingest(draft(RULE)).await
}

/// SigmaHQ's rules, unpacked.
fn sigma_rules(folder: &Path) -> Outcome<Option<PathBuf>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let archive = data.join("sigma-rules.tar.zst");
    let to = folder.join("sigma");
    std::fs::create_dir(&to)?;
    let mut tar = Command::new("tar");
    let tar = tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(&to);
    if !archive.exists() || !tar.status()?.success() {
        println!("skipped: {} is absent or cannot be unpacked", archive.display());
        return Ok(None);
    }
    Ok(Some(to.join("rules")))
}

impl Bench {
    async fn open(folder: &Path, rules: Option<PathBuf>) -> Outcome<Self> {
        let (bus, clock, registry) = (Bus::default(), Clock::system(), Registry::new());
        let store = Store::open(&folder.join("state.sqlite")).await?;
        let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
        let journal = Journal::open(&folder.join("journal.redb"), &config, &registry)?;
        let fleet = Fleet::new(
            store.clone(),
            journal.clone(),
            bus.clone(),
            clock.clone(),
            fleet::Config::default(),
            &registry,
        );
        let fleet = fleet.await?;
        let alerts = Alerts::new(store.clone(), clock.clone(), bus.clone(), &registry)?;
        let config = rulebook::Config::of(rules.into_iter().collect());
        let (rulebook, _) = rulebook::open(config, bus.clone(), &registry)?;
        let detect = Detect::new(
            journal.clone(),
            store.clone(),
            alerts,
            fleet.clone(),
            rulebook.clone(),
            bus.clone(),
            &registry,
        )?;
        let archive = Archive::open(
            folder.join("archive"),
            archive::Config::default(),
            store.clone(),
            journal.clone(),
            fleet.clone(),
            clock.clone(),
            &registry,
        );
        let archive = archive.await?;
        let folder = folder.join("look-back");
        let rooms = backtest::Rooms {
            store,
            journal,
            archive,
            fleet,
            rulebook,
            detect,
            bus,
            clock,
            folder,
        };
        let room = Backtests::new(rooms.clone(), backtest::Config::default(), &registry)?;
        Ok(Self { rooms, room, sequences: vec![0; usize::try_from(AGENTS)?] })
    }

    async fn fill(&mut self, events: u64) -> Outcome<()> {
        for number in 0..events.div_ceil(BATCH) {
            self.append(number % AGENTS, BATCH.min(events - number * BATCH)).await?;
            if number % 128 == 127 {
                self.rooms.archive.catch_up().await?;
            }
        }
        Ok(self.rooms.archive.catch_up().await?)
    }

    async fn append(&mut self, agent: u64, events: u64) -> Outcome<()> {
        let place = self.sequences.get_mut(usize::try_from(agent)?).ok_or("no such agent")?;
        let first = *place + 1;
        *place += events;
        let now = self.rooms.clock.now();
        let lines: Vec<Event> = (first..first + events).map(|n| event(agent, n, now)).collect();
        let batch = Batch::encode(envelope(agent, first), &lines, now)?;
        self.rooms.journal.append(batch).await?;
        Ok(())
    }

    async fn look(&self, what: &str, ask: Ask) -> Outcome<()> {
        let caller = Caller { who: "bench".into(), address: "local".into() };
        let now = self.rooms.clock.now();
        let always = (Timestamp::from_micros(0), now.plus_micros(86_400_000_000));
        let ids = self.room.ask(ask, always, &caller).await?;
        let (stop, shutdown) = watch::channel(false);
        let mut notices = self.rooms.bus.listen();
        let running = tokio::spawn(self.room.clone().run(shutdown));
        let views = loop {
            let views = self.room.list().await?;
            let own: Vec<Backtest> =
                views.into_iter().filter(|view| ids.contains(&view.id)).collect();
            if own.iter().all(|view| view.ended_at.is_some()) {
                break own;
            }
            let _ = notices.recv().await;
        };
        stop.send_replace(true);
        running.await?;
        let Some(first) = views.first() else { return Ok(()) };
        let micros = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_micros);
        let took = micros(first.ended_at) - micros(first.began_at);
        let took = Duration::from_micros(took.unsigned_abs());
        report(&format!("{what}: events a second"), rate(first.events_total, took));
        let matches: u64 = views.iter().map(|view| view.matches).sum();
        report("  matches", matches as f64);
        Ok(())
    }

    /// The rules in force whose paths are wanted, as a draft that takes their place.
    async fn look_with_all(&self, what: &str, wanted: fn(&str) -> bool) -> Outcome<()> {
        let book = self.rooms.rulebook.current();
        let rules = book.ruleset.rules().iter().filter(|rule| wanted(&rule.path)).take(400);
        let text = |rule: &soc_rules::Rule| DraftFile {
            path: format!("{}-{}", rule.path, rule.line),
            text: rule.source.to_string(),
        };
        let files: Vec<DraftFile> = rules.map(text).collect();
        if files.is_empty() {
            return Ok(());
        }
        self.look(&format!("{what} ({} rules)", files.len()), Ask::Draft(files)).await
    }

    /// How long an append takes, alone and beside rules that look back.
    async fn beside_ingest(&mut self, ask: Ask) -> Outcome<()> {
        self.latency("append, p99 ms, alone").await?;
        let caller = Caller { who: "bench".into(), address: "local".into() };
        let always = (Timestamp::from_micros(0), self.rooms.clock.now());
        let (stop, shutdown) = watch::channel(false);
        let running = tokio::spawn(self.room.clone().run(shutdown));
        for _ in 0..8 {
            self.room.ask(ask.clone(), always, &caller).await?;
        }
        self.latency("append, p99 ms, beside rules that look back").await?;
        stop.send_replace(true);
        running.await?;
        Ok(())
    }

    async fn latency(&mut self, what: &str) -> Outcome<()> {
        let mut took = Vec::new();
        for number in 0..BATCHES_MEASURED {
            let began = Instant::now();
            self.append(number % AGENTS, 64).await?;
            took.push(began.elapsed());
        }
        took.sort();
        let p99 = took.get(took.len() * 99 / 100).map_or(0.0, Duration::as_secs_f64);
        report(what, p99 * 1000.0);
        Ok(())
    }
}

fn rate(events: u64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64().max(0.001)
}

fn report(what: &str, figure: f64) {
    println!("{what:<52} {figure:>14.1}");
}

fn envelope(agent: u64, first: u64) -> Envelope {
    Envelope {
        version: soc_event::wire::VERSION,
        agent: AgentId::from_random([u8::try_from(agent).unwrap_or(0); 16]),
        epoch: Epoch(1),
        lane: Lane::Log,
        first: Sequence(first),
        count: 0,
        run: RunId(1),
        fingerprint: String::new(),
        sent: Clock::system().now(),
        clock_offset_us: None,
        configuration: 0,
    }
}

/// What machines like these say.
fn event(agent: u64, number: u64, now: Timestamp) -> Event {
    const USERS: [&str; 8] =
        ["root", "admin", "oracle", "test", "ubuntu", "an.nguyen", "git", "www"];
    let mixed = (number ^ (agent << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29;
    let pick = |of: &[&'static str], by: u64| -> &'static str {
        usize::try_from(by).ok().and_then(|by| of.get(by % of.len())).copied().unwrap_or("")
    };
    let (user, whole) = (pick(&USERS, mixed), |n: u64| i64::try_from(n).unwrap_or_default());
    let (ip, port) =
        (format!("198.51.{}.{}", mixed / 64 % 100, mixed % 250), 1024 + mixed % 60_000);
    let time = now.plus_micros(whole(number % 1000) - 1000);
    let linux = |service: &str| Event::new(time, kind::LOG, Logsource::service("linux", service));
    let mut event = match mixed % 4 {
        0 => linux("sshd")
            .with("event.action", "ssh_login")
            .with("event.outcome", if mixed.is_multiple_of(52) { "success" } else { "failure" })
            .with("user.name", user)
            .with("source.ip", ip.as_str())
            .with("source.port", whole(port))
            .with("process.name", "sshd")
            .with("process.pid", whole(400 + mixed % 30_000))
            .with("message", format!("Failed password for {user} from {ip} port {port} ssh2")),
        1 => Event::new(
            time,
            kind::LOG,
            Logsource { category: Some("webserver".into()), ..Logsource::default() },
        )
        .with("c-ip", ip.as_str())
        .with("cs-method", pick(&["GET", "GET", "GET", "POST"], mixed / 7))
        .with("cs-uri-stem", format!("/dich-vu/ho-so/{}", mixed % 20_000))
        .with("sc-status", whole(200 + mixed / 8 % 3 * 100))
        .with("sc-bytes", whole(mixed % 90_000))
        .with("cs-user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"),
        2 => Event::new(
            time,
            kind::LOG,
            Logsource { category: Some("firewall".into()), ..Logsource::default() },
        )
        .with("src_ip", ip.as_str())
        .with("dst_ip", format!("10.20.{}.{}", mixed / 3 % 40, mixed / 11 % 250))
        .with("dst_port", whole(port))
        .with("action", pick(&["accept", "deny", "accept", "accept"], mixed / 5)),
        _ => Event::new(
            time,
            kind::LOG,
            Logsource {
                product: Some("windows".into()),
                category: Some("process_creation".into()),
                service: None,
            },
        )
        .with("EventID", 1_i64)
        .with(
            "Image",
            format!(
                "C:\\Windows\\System32\\{}.exe",
                pick(&["svchost", "cmd", "conhost", "rundll32"], mixed / 9)
            ),
        )
        .with(
            "CommandLine",
            format!(
                "C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s {} {mixed:x}",
                pick(&USERS, mixed / 3)
            ),
        )
        .with("ParentImage", "C:\\Windows\\System32\\services.exe")
        .with("User", format!("AGENCY\\{user}"))
        .with("ProcessId", whole(mixed % 60_000))
        .with(
            "Hashes",
            format!("SHA256={:064x}", u128::from(mixed) * 0x9e37_79b9_7f4a_7c15_f39c_c060),
        ),
    };
    let text: Vec<String> =
        event.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    event.raw = Some(text.join(" "));
    event.with("host.name", format!("host-{agent:02}"))
}
