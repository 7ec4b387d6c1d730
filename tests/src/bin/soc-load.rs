//! The load generator: many agents in one process, each with its own identity and connection.
//!
//! `soc-load AGENTS SECONDS LINES-PER-SECOND [HUNTS]`: starts a collector of its own
//! (`SOC_COLLECTOR_PROGRAM`), enrols so many agents, lets each send a heartbeat every fifteen
//! seconds and its share of log lines, and prints what was acknowledged, how long that took, and
//! what the collector used. With HUNTS, so many heavy hunts are asked at a time in every other ten
//! seconds, and waits are told apart. Everything stays on loopback and ends by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use soc_event::{Event, Lane, Logsource, kind};
use soc_tests::Stage;
use soc_tests::load::{self, Failure, Sender, Sent, now};
use tokio::sync::Mutex;

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

/// Sends one batch and notes how it went.
async fn send(
    sender: &mut Sender,
    lane: Lane,
    events: &[Event],
    seen: &Seen,
) -> Result<(), Failure> {
    let began = Instant::now();
    if let Sent::Refused(_) = sender.send(lane, events).await? {
        seen.refused.fetch_add(1, Relaxed);
        return Ok(());
    }
    seen.acknowledged.fetch_add(events.len() as u64, Relaxed);
    let hunting = seen.hunting.load(Relaxed);
    seen.waits.lock().await.push((hunting, began.elapsed()));
    Ok(())
}

/// One agent's life until `end`.
async fn live(
    mut sender: Sender,
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
            send(&mut sender, Lane::State, &[heartbeat()], &seen).await?;
        }
        for part in lines.chunks(512) {
            send(&mut sender, Lane::Log, part, &seen).await?;
        }
    }
    Ok(())
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
    let stage = Arc::new(stage);
    let began = Instant::now();
    let senders = load::enrolled(&stage, agents).await?;
    println!("{agents} agents enrolled and connected in {:.1} s", began.elapsed().as_secs_f64());
    let seen = Arc::new(Seen::default());
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    let each = lines / agents as f64;
    let lives: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::spawn(live(sender, each, end, seen.clone())))
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
