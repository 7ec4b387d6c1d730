//! The load generator: many agents in one process, each with its own identity and connection.
//!
//! `soc-load AGENTS SECONDS LINES-PER-SECOND [HUNTS]`: starts a collector of its own
//! (`SOC_COLLECTOR_PROGRAM`), enrols so many agents, lets each send a heartbeat every fifteen
//! seconds and its share of log lines, and prints what was acknowledged, how long that took, and
//! what the collector used. With HUNTS, so many heavy hunts are asked at a time in every other ten
//! seconds, and waits are told apart. Everything stays on loopback and ends by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use soc_agent::clock::JudgedClock;
use soc_agent::enrol::{Enrolment, Identity, enrol};
use soc_agent::link::Link;
use soc_event::wire::{encode_batch, encode_event};
use soc_event::{Ack, Envelope, Epoch, Event, Lane, Logsource, RunId, Sequence, Timestamp, kind};
use soc_tests::Stage;
use tokio::sync::{Mutex, Semaphore};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const HEARTBEAT: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_secs(1);
/// How long hunts are asked, and then are not.
const STRETCH: Duration = Duration::from_secs(10);
/// Reads every event, looks into every text, groups and sorts.
const HEAVY: &str = "SELECT raw, count(*) AS n, min(time) FROM events \
                     WHERE contains_i('closed') GROUP BY raw ORDER BY n DESC LIMIT 100";

/// What all agents together have seen.
#[derive(Default)]
struct Seen {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    /// Whether hunts were asked at the time, and how long the acknowledgement took.
    waits: Mutex<Vec<(bool, Duration)>>,
    hunting: AtomicBool,
    hunts: AtomicU64,
}

struct Sender {
    identity: Identity,
    link: Link,
    epoch: Epoch,
    run: RunId,
    next: [u64; 3],
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

fn heartbeat() -> Event {
    Event::own(now(), kind::HOST_HEARTBEAT)
        .with("host.cpu.usage", 0.07)
        .with("host.memory.used.bytes", 1_700_000_000_u64)
        .with("host.memory.total.bytes", 4_000_000_000_u64)
        .with("host.disk.path", "/")
        .with("host.disk.used.pct", 0.61)
        .with("host.clock.offset_us", 1500_i64)
}

fn log_line(number: u64) -> Event {
    let raw = format!(
        "2026-11-22T10:16:42+00:00 srv sshd[{}]: Connection closed by 198.51.100.{} port {}",
        number % 5000,
        number % 250,
        30_000 + number % 9000
    );
    let mut event = Event::new(now(), kind::LOG, Logsource::service("linux", "sshd"))
        .with("process.name", "sshd")
        .with("message", raw.split_once("]: ").map_or("", |(_, message)| message));
    event.raw = Some(raw);
    event
}

impl Sender {
    /// Sends one batch and waits for its acknowledgement.
    async fn send(&mut self, lane: Lane, events: &[Event], seen: &Seen) -> Result<(), Failure> {
        let lines: Vec<String> = events.iter().map(encode_event).collect();
        let next = &mut self.next[usize::from(lane.index())];
        let envelope = Envelope {
            version: soc_event::wire::VERSION,
            agent: self.identity.agent(),
            epoch: self.epoch,
            lane,
            first: Sequence(*next),
            count: u32::try_from(lines.len())?,
            run: self.run,
            fingerprint: self.identity.agent().to_string(),
            sent: now(),
            clock_offset_us: Some(0),
            configuration: 0,
        };
        let bytes = encode_batch(&envelope, lines.iter().map(String::as_str));
        let body = zstd::encode_all(bytes.as_slice(), 1)?;
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "zstd")];
        let began = Instant::now();
        let answer = self.link.post("/v1/events", &headers, body.into()).await?;
        if answer.status != 200 {
            seen.refused.fetch_add(1, Relaxed);
            return Ok(());
        }
        let ack: Ack = serde_json::from_slice(&answer.body)?;
        *next = ack.durable.0 + 1;
        seen.acknowledged.fetch_add(lines.len() as u64, Relaxed);
        let hunting = seen.hunting.load(Relaxed);
        seen.waits.lock().await.push((hunting, began.elapsed()));
        Ok(())
    }

    /// One agent's life until `end`.
    async fn live(
        mut self,
        lines_per_second: f64,
        end: Instant,
        seen: Arc<Seen>,
    ) -> Result<(), Failure> {
        // Agents do not beat in step.
        tokio::time::sleep(TICK.mul_f64(rand::random::<f64>())).await;
        let mut beat_at = Instant::now() + HEARTBEAT.mul_f64(rand::random::<f64>());
        let (mut due, mut written) = (0.0, 0_u64);
        let mut tick = tokio::time::interval(TICK);
        while Instant::now() < end {
            tick.tick().await;
            due += lines_per_second;
            let lines: Vec<Event> = (written..due as u64).map(log_line).collect();
            written += lines.len() as u64;
            if Instant::now() >= beat_at {
                beat_at += HEARTBEAT;
                self.send(Lane::State, &[heartbeat()], &seen).await?;
            }
            for part in lines.chunks(512) {
                self.send(Lane::Log, part, &seen).await?;
            }
        }
        Ok(())
    }
}

async fn enrolled(
    stage: &Stage,
    number: usize,
    token: &Arc<(String, String)>,
) -> Result<Sender, Failure> {
    let folder: PathBuf = stage.path(&format!("agent-{number}"));
    let hostname = format!("pc-{number:05}");
    let enrolment = Enrolment {
        collector: stage.agents_address().parse()?,
        token: token.0.clone(),
        ca_pin: token.1.parse()?,
        fingerprint: hostname.clone(),
        hostname,
        os: "load generator".into(),
        proxy: None,
    };
    let clock = Arc::new(JudgedClock::of_this_machine());
    let identity = enrol(&enrolment, &folder, &clock).await?;
    let link = Link::connect(&identity.peer(), None, Some(identity.client()), clock).await?;
    let (epoch, run) = (Epoch::from_random(rand::random()), RunId::from_random(rand::random()));
    Ok(Sender { identity, link, epoch, run, next: [1; 3] })
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let numbers: Vec<f64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (agents, seconds, lines, hunts) = match numbers[..] {
        [agents, seconds, lines] => (agents, seconds, lines, 0.0),
        [agents, seconds, lines, hunts] => (agents, seconds, lines, hunts),
        _ => return Err("usage: soc-load AGENTS SECONDS LINES-PER-SECOND [HUNTS]".into()),
    };
    let agents = agents as usize;
    let mut stage = Stage::new()?;
    stage.start_collector().await?;
    let token = Arc::new(stage.token(agents)?);
    let (stage, at_once) = (Arc::new(stage), Arc::new(Semaphore::new(32)));
    let began = Instant::now();
    let enrolling: Vec<_> = (0..agents)
        .map(|number| {
            let (stage, token, at_once) = (stage.clone(), token.clone(), at_once.clone());
            tokio::spawn(async move {
                let _turn = at_once.acquire().await?;
                enrolled(&stage, number, &token).await
            })
        })
        .collect();
    let mut senders = Vec::new();
    for sender in enrolling {
        senders.push(sender.await??);
    }
    println!("{agents} agents enrolled and connected in {:.1} s", began.elapsed().as_secs_f64());
    let seen = Arc::new(Seen::default());
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    let each = lines / agents as f64;
    let lives: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::spawn(sender.live(each, end, seen.clone())))
        .collect();
    let hunters = hunt(&stage, hunts as usize, end, &seen);
    for life in lives {
        life.await??;
    }
    for hunter in hunters {
        let _ = hunter.join();
    }
    report(&seen, began.elapsed(), hunts > 0.0).await;
    Ok(())
}

/// Asks heavy hunts until `end`, on threads that mostly wait for the program.
fn hunt(
    stage: &Arc<Stage>,
    hunts: usize,
    end: Instant,
    seen: &Arc<Seen>,
) -> Vec<std::thread::JoinHandle<()>> {
    let mut threads = Vec::new();
    if hunts > 0 {
        let seen = seen.clone();
        threads.push(std::thread::spawn(move || {
            while Instant::now() < end {
                std::thread::sleep(STRETCH);
                seen.hunting.fetch_xor(true, Relaxed);
            }
        }));
    }
    for _ in 0..hunts {
        let (data, seen) = (stage.path("collector"), seen.clone());
        threads.push(std::thread::spawn(move || {
            while Instant::now() < end {
                if !seen.hunting.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(50));
                    continue;
                }
                let mut asked = std::process::Command::new(soc_tests::built("soc-collector"));
                asked.args(["hunt", HEAVY, "--format", "json", "--data"]).arg(&data);
                if asked.output().is_ok_and(|done| done.status.success()) {
                    seen.hunts.fetch_add(1, Relaxed);
                }
            }
        }));
    }
    threads
}

async fn report(seen: &Seen, time: Duration, has_hunts: bool) {
    let all = seen.waits.lock().await;
    for hunting in if has_hunts { vec![false, true] } else { Vec::new() } {
        let some = all.iter().filter(|(when, _)| *when == hunting);
        let mut waits: Vec<Duration> = some.map(|(_, wait)| *wait).collect();
        waits.sort();
        let place = ((waits.len() as f64 * 0.99) as usize).min(waits.len().saturating_sub(1));
        let p99 = waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1000.0);
        let what = if hunting { "with hunts" } else { "without hunts" };
        println!("{what}: {} batches, p99 {p99:.0} ms", waits.len());
    }
    if has_hunts {
        println!("{} hunts answered", seen.hunts.load(Relaxed));
    }
    let mut waits: Vec<Duration> = all.iter().map(|(_, wait)| *wait).collect();
    waits.sort();
    let at = |share: f64| {
        let place = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
        waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1000.0)
    };
    let acknowledged = seen.acknowledged.load(Relaxed);
    println!(
        "{acknowledged} events acknowledged, {:.0}/s, {} batches refused; \
         wait for the acknowledgement: median {:.0} ms, p99 {:.0} ms",
        acknowledged as f64 / time.as_secs_f64(),
        seen.refused.load(Relaxed),
        at(0.5),
        at(0.99)
    );
}
