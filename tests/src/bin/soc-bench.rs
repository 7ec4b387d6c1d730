//! What the agent costs: five logs at a hundred lines a second each, all sensors on, delivering to
//! a collector; beside Debian's prometheus-node-exporter under a scrape every second.
//!
//! Prints resident memory (largest seen) and CPU (share of one core) of both, in one run; before
//! that, what the agent costs while nothing happens (`IDLE_SECONDS`, 660 unless said: a full
//! heartbeat and its signs of life), and what both phases cost the line: bytes counted by a proxy
//! between agent and collector, TLS included, headers of TCP and IP not.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use soc_tests::program::installed;
use soc_tests::stage::free_port;
use soc_tests::{Api, Program, Stage, until};

const LOGS: usize = 5;
const LINES_PER_SECOND: u64 = 100;
const WARM_UP: Duration = Duration::from_secs(15);

/// What a process has used: CPU time in clock ticks, resident memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    ticks: u64,
    resident: u64,
}

fn used(pid: u32) -> Option<Used> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(Used { ticks, resident: kib * 1024 })
}

/// Appends lines as an ssh server and its neighbours write them, at an even pace.
fn write_logs(logs: Vec<PathBuf>, until: Instant) {
    let mut files: Vec<File> =
        logs.iter().filter_map(|path| File::options().append(true).open(path).ok()).collect();
    let (began, mut written) = (Instant::now(), 0_u64);
    while Instant::now() < until {
        let due = began.elapsed().as_millis() as u64 * LINES_PER_SECOND / 1000;
        for number in written..due {
            let now = soc_event_time();
            for file in &mut files {
                let line = format!(
                    "{now} srv sshd[{}]: Failed password for invalid user u{} from 198.51.100.{} \
                     port {} ssh2\n",
                    1000 + number % 500,
                    number % 97,
                    number % 250,
                    30_000 + number % 20_000
                );
                let _ = file.write_all(line.as_bytes());
            }
        }
        written = due;
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Events the agent has given a number, in all lanes, as its status file says.
fn events(stage: &Stage) -> u64 {
    let status = std::fs::read_to_string(stage.path("agent/status.json")).unwrap_or_default();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
    let lanes = status["spool"]["lanes"].as_array().cloned().unwrap_or_default();
    lanes.iter().filter_map(|lane| lane["last"].as_u64()).sum()
}

fn soc_event_time() -> String {
    soc_event::Timestamp::from_system(std::time::SystemTime::now())
        .to_string()
        .replace('Z', "+00:00")
}

/// Largest memory and share of a core of each process over `time`.
async fn observe(pids: &[u32], time: Duration) -> Vec<(u64, f64)> {
    let before: Vec<Used> = pids.iter().map(|pid| used(*pid).unwrap_or_default()).collect();
    let began = Instant::now();
    let mut peaks = vec![0_u64; pids.len()];
    while began.elapsed() < time {
        for (peak, pid) in peaks.iter_mut().zip(pids) {
            *peak = (*peak).max(used(*pid).unwrap_or_default().resident);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let seconds = began.elapsed().as_secs_f64();
    let share = |(pid, before): (&u32, &Used)| {
        let ticks = used(*pid).unwrap_or_default().ticks.saturating_sub(before.ticks);
        ticks as f64 / ticks_per_second / seconds
    };
    peaks.into_iter().zip(pids.iter().zip(&before).map(share)).collect()
}

async fn start_peer(folder: &Path) -> Option<(Program, Api)> {
    let program = installed("prometheus-node-exporter")?;
    let port = free_port().ok()?;
    let listen = [format!("--web.listen-address=127.0.0.1:{port}")];
    let peer = Program::start(program, listen, &[], &folder.join("peer.log")).ok()?;
    let api = Api::new(format!("127.0.0.1:{port}"));
    until("the peer answers", Duration::from_secs(20), || async {
        api.text("/metrics").await.ok()
    })
    .await;
    Some((peer, api))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let mut stage = Stage::new()?;
    let idle = std::env::var("IDLE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(660);
    let (proxy, counts) = soc_tests::proxy::start().await?;
    let mut config = format!("[journald]\nenabled = \"auto\"\n[uplink]\nproxy = \"{proxy}\"\n");
    let mut logs = Vec::new();
    for number in 0..LOGS {
        let path = stage.write(&format!("logs/log{number}.log"), "")?;
        config += &format!("[[logfile.files]]\npath = \"{}\"\n", path.display());
        logs.push(path);
    }
    stage.write("agent.toml", &config)?;
    stage.start_collector().await?;
    stage.enrol_agent_with(&[("SOC_AGENT_PROXY", &proxy)])?;
    stage.start_agent()?;
    let agent = stage.agent.as_ref().map_or(0, Program::pid);
    tokio::time::sleep(WARM_UP * 2).await;
    let before = (counts.total(), events(&stage));
    let quiet = observe(&[agent], Duration::from_secs(idle)).await[0];
    let (line, told) = (counts.total() - before.0, events(&stage) - before.1);
    println!("idle, {idle} s: all sensors, nothing happens");
    println!(
        "  resident {:.1} MiB (8 promised), CPU {:.3} % of a core (0.1)",
        quiet.0 as f64 / f64::from(1 << 20),
        quiet.1 * 100.0
    );
    println!(
        "  line: {line} bytes, {told} events, {:.0} kB a day (300 promised; what others do on this \
         machine is told, too)",
        line as f64 / idle as f64 * 86.4
    );
    let before = (counts.total(), events(&stage));
    let (peer, peer_api) =
        start_peer(&stage.path("")).await.ok_or("prometheus-node-exporter is not installed")?;
    let end = Instant::now() + WARM_UP + time + Duration::from_secs(1);
    let writer = std::thread::spawn(move || write_logs(logs, end));
    let scraper = tokio::spawn(async move {
        while Instant::now() < end {
            let _ = peer_api.text("/metrics").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    tokio::time::sleep(WARM_UP).await;
    let figures = observe(&[agent, peer.pid()], time).await;
    let _ = (writer.join(), scraper.await);
    let [ours, theirs] = [figures[0], figures[1]];
    // What is still on its way belongs to it.
    tokio::time::sleep(WARM_UP + Duration::from_secs(5)).await;
    let (line, sent) = (counts.total() - before.0, events(&stage) - before.1);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("{LOGS} logs at {LINES_PER_SECOND} lines/s each, all sensors, {seconds} s");
    println!("line: {sent} events, {:.1} bytes an event", line as f64 / sent.max(1) as f64);
    println!("{:<28} {:>12} {:>12}", "", "resident MiB", "CPU % of core");
    println!("{:<28} {:>12.1} {:>12.2}", "soc-agent", mib(ours.0), ours.1 * 100.0);
    println!(
        "{:<28} {:>12.1} {:>12.2}",
        "prometheus-node-exporter",
        mib(theirs.0),
        theirs.1 * 100.0
    );
    println!(
        "ratio ours / theirs          {:>12.2} {:>12.2}",
        ours.0 as f64 / theirs.0 as f64,
        ours.1 / theirs.1
    );
    Ok(())
}
