//! How fast the journal takes batches, how fast rules are evaluated, and what both add to the way
//! from a line to its alert: `cargo bench -p soc-collector`.
//!
//! Lines are those of a host that is being guessed at, and processes that begin on Windows; the rules
//! are the packs as shipped and, where `../shared/data` is beside the repository, those of SigmaHQ.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use prometheus::Registry;
use soc_collector::alert::Alerts;
use soc_collector::clock::Clock;
use soc_collector::detect::Detect;
use soc_collector::fleet::{self, Fleet};
use soc_collector::journal::{self, Batch, Journal, Position};
use soc_collector::live::Bus;
use soc_collector::rulebook;
use soc_collector::store::Store;
use soc_event::{AgentId, Envelope, Epoch, Event, Lane, Logsource, RunId, Sequence, kind};
use tokio::sync::watch;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const AGENTS: u64 = 16;
const BATCH: u64 = 512;
const BATCHES_OF_AGENT: u64 = 20;
/// Events a second, and for how long, when delay is measured.
const RATE: u64 = 50;
const SECONDS: u64 = 20;

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let registry = Registry::new();
    let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
    let journal = Journal::open(&folder.path().join("journal.redb"), &config, &registry)?;
    append(&journal, line).await?;
    let detect = detect(folder.path(), &journal, Vec::new(), &registry).await?;
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(detect.clone().run(shutdown));
    catch_up("detect, packs: events a second", &detect, &journal).await?;
    delay(&detect, &journal).await?;
    stop.send_replace(true);
    running.await?;
    let Some(rules) = sigma_rules(folder.path())? else { return Ok(()) };
    evaluate("detect, SigmaHQ, sshd", &journal, &rules).await?;
    let registry = Registry::new();
    let journal = Journal::open(&folder.path().join("windows.redb"), &config, &registry)?;
    append(&journal, process).await?;
    evaluate("detect, SigmaHQ, Windows", &journal, &rules).await?;
    Ok(())
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

/// The whole journal, by one thread and by all.
async fn evaluate(what: &str, journal: &Journal, rules: &Path) -> Outcome<()> {
    let cores = std::thread::available_parallelism()?.get();
    for threads in [1, cores] {
        let (folder, registry) = (tempfile::tempdir()?, Registry::new());
        let detect = detect(folder.path(), journal, vec![rules.to_owned()], &registry).await?;
        let detect = detect.with_threads(threads);
        let (stop, shutdown) = watch::channel(false);
        let running = tokio::spawn(detect.clone().run(shutdown));
        // Compiling the rules is not counted.
        detect.progress().wait_for(|position| *position > Position(1)).await?;
        catch_up(&format!("{what}, {threads} threads"), &detect, journal).await?;
        stop.send_replace(true);
        running.await?;
    }
    Ok(())
}

async fn append(journal: &Journal, line: fn(u64, u64) -> Event) -> Outcome<()> {
    let clock = Clock::system();
    let (mut wire, mut events) = (0, 0);
    let mut ready = Vec::new();
    for agent in 0..AGENTS {
        for number in 0..BATCHES_OF_AGENT {
            let first = number * BATCH + 1;
            let lines: Vec<Event> = (first..first + BATCH).map(|n| line(agent, n)).collect();
            wire +=
                lines.iter().map(|event| soc_event::wire::encode_event(event).len()).sum::<usize>();
            events += lines.len();
            ready.push((agent, Batch::encode(envelope(agent, first), &lines, clock.now())?));
        }
    }
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for agent in 0..AGENTS {
        // One batch of a lane is on its way at a time, as agents do it.
        let own: Vec<Batch> =
            ready.iter().filter(|(of, _)| *of == agent).map(|(_, batch)| batch.clone()).collect();
        let journal = journal.clone();
        senders.spawn(async move {
            for batch in own {
                journal.append(batch).await?;
            }
            Ok::<_, journal::Error>(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    let took = began.elapsed().as_secs_f64();
    report("journal, durable events a second", events as f64 / took);
    report("  of bytes an event", wire as f64 / events as f64);
    Ok(())
}

async fn detect(
    folder: &Path,
    journal: &Journal,
    folders: Vec<PathBuf>,
    registry: &Registry,
) -> Outcome<Detect> {
    let (bus, clock) = (Bus::default(), Clock::system());
    let store = Store::open(&folder.join("state.sqlite")).await?;
    let fleet = Fleet::new(
        store.clone(),
        journal.clone(),
        bus.clone(),
        clock.clone(),
        fleet::Config::default(),
        registry,
    );
    let fleet = fleet.await?;
    let alerts = Alerts::new(store.clone(), clock, bus.clone(), registry)?;
    let config = rulebook::Config::of(folders);
    let (rulebook, _) = rulebook::open(config, bus.clone(), registry)?;
    Ok(Detect::new(journal.clone(), store, alerts, fleet, rulebook, bus, registry)?)
}

async fn catch_up(what: &str, detect: &Detect, journal: &Journal) -> Outcome<()> {
    let (start, end) = (detect.progress().borrow().0, *journal.end().borrow());
    let began = Instant::now();
    detect.progress().wait_for(|position| *position >= end).await?;
    let took = began.elapsed().as_secs_f64();
    report(what, end.0.saturating_sub(start) as f64 / took);
    Ok(())
}

/// Every event raises or repeats an alert.
async fn delay(detect: &Detect, journal: &Journal) -> Outcome<()> {
    let mut progress = detect.progress();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    let mut took = Vec::new();
    for number in 0..RATE * SECONDS {
        ticks.tick().await;
        let began = Instant::now();
        let first = BATCHES_OF_AGENT * BATCH + 1 + number;
        let event =
            Event::new(Clock::system().now(), kind::LOG, Logsource::service("linux", "auth"))
                .with("event.action", "user_created")
                .with("process.name", "useradd")
                .with("user.target.name", format!("user{}", number % 40));
        let batch = Batch::encode(envelope(0, first), &[event], Clock::system().now())?;
        journal.append(batch).await?;
        let end: Position = *journal.end().borrow();
        progress.wait_for(|position| *position >= end).await?;
        took.push(began.elapsed());
    }
    took.sort();
    let share = |percent: usize| took.get(took.len() * percent / 100).map_or(0.0, millis);
    report("append to committed alert, median ms", share(50));
    report("  99 of 100 within ms", share(99));
    report("  longest ms", took.last().map_or(0.0, millis));
    Ok(())
}

fn millis(duration: &Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn report(what: &str, figure: f64) {
    println!("{what:<40} {figure:>12.1}");
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

/// What sshd writes on a host in the open, as the agent sends it.
fn line(agent: u64, number: u64) -> Event {
    const USERS: [&str; 8] =
        ["root", "admin", "oracle", "test", "ubuntu", "an.nguyen", "git", "www"];
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let user = USERS.get(mixed as usize % USERS.len()).copied().unwrap_or("root");
    let (port, pid) = (1024 + mixed % 60_000, 400 + number % 30_000);
    let ip = format!("198.51.100.{}", mixed / 8 % 250);
    let succeeded = mixed.is_multiple_of(50);
    let (message, outcome) = match mixed % 5 {
        _ if succeeded => (
            format!(
                "Accepted publickey for {user} from {ip} port {port} ssh2: ED25519 SHA256:yXm4vA3PfHqz0iTn8c1KpQ"
            ),
            Some("success"),
        ),
        0 | 1 => {
            (format!("Failed password for {user} from {ip} port {port} ssh2"), Some("failure"))
        }
        2 => (
            format!("Failed password for invalid user {user} from {ip} port {port} ssh2"),
            Some("failure"),
        ),
        3 => (
            format!("Connection closed by authenticating user {user} {ip} port {port} [preauth]"),
            None,
        ),
        _ => (format!("Received disconnect from {ip} port {port}:11: Bye Bye [preauth]"), None),
    };
    let time = Clock::system().now();
    let raw = format!(
        "Nov 22 10:{:02}:{:02} portal-{agent:02} sshd[{pid}]: {message}",
        number / 60 % 60,
        number % 60
    );
    let mut event = Event::new(time, kind::LOG, Logsource::service("linux", "sshd"))
        .with("log.source", "file")
        .with("log.file.path", "/var/log/auth.log")
        .with("log.offset", i64::try_from(number * 110).unwrap_or_default())
        .with("process.name", "sshd")
        .with("process.pid", i64::try_from(pid).unwrap_or_default())
        .with("host.name", format!("portal-{agent:02}"))
        .with("source.ip", ip)
        .with("source.port", i64::try_from(port).unwrap_or_default())
        .with("message", message);
    if let Some(outcome) = outcome {
        event = event
            .with("event.action", "ssh_login")
            .with("event.outcome", outcome)
            .with("ssh.method", if succeeded { "publickey" } else { "password" })
            .with("user.name", user);
    }
    event.raw = Some(raw);
    event
}

/// What Sysmon says of a process that begins.
fn process(agent: u64, number: u64) -> Event {
    const PROGRAMS: [(&str, &str); 6] = [
        ("C:\\Windows\\System32\\svchost.exe", "-k netsvcs -p -s Schedule"),
        ("C:\\Windows\\System32\\cmd.exe", "/c dir C:\\Users\\an.nguyen\\Documents"),
        ("C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE", "/n bao-cao.docx"),
        ("C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "-File backup.ps1"),
        ("C:\\Windows\\System32\\rundll32.exe", "shell32.dll,Control_RunDLL timedate.cpl"),
        ("C:\\Users\\an.nguyen\\AppData\\Local\\Zalo\\Zalo.exe", "--type=renderer --lang=vi"),
    ];
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let of = |number: u64| PROGRAMS.get(number as usize % PROGRAMS.len()).unwrap_or(&("", ""));
    let ((image, arguments), (parent, _)) = (of(mixed), of(mixed / 7));
    let logsource = Logsource {
        product: Some("windows".into()),
        category: Some("process_creation".into()),
        service: None,
    };
    Event::new(Clock::system().now(), kind::LOG, logsource)
        .with("EventID", 1_i64)
        .with("Computer", format!("pc-{agent:02}"))
        .with("Image", *image)
        .with("OriginalFileName", image.rsplit('\\').next().unwrap_or_default())
        .with("CommandLine", format!("\"{image}\" {arguments} {mixed}"))
        .with("CurrentDirectory", "C:\\Windows\\system32\\")
        .with("ParentImage", *parent)
        .with("ParentCommandLine", format!("\"{parent}\" {}", mixed / 3))
        .with("User", "TINH\\an.nguyen")
        .with("IntegrityLevel", "Medium")
        .with("ProcessId", i64::try_from(400 + number % 30_000).unwrap_or_default())
        .with("Hashes", format!("SHA256={mixed:064x}"))
}
