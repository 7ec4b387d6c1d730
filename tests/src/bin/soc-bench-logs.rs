//! How fast a log is read, parsed and kept: this agent beside rsyslog, which only copies lines, and
//! crowdsec, which looks for attacks in them, on the same file, one after the other.
//!
//! `soc-bench-logs [LINES]`: sshd's lines from 500 addresses. The agent is not enrolled, so that
//! everything stays in its spool; it mines templates and looks for anomalies, as ever. crowdsec
//! judges a million lines in more than a quarter of an hour, so of it is counted what it has parsed
//! after two minutes, by its own metrics.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use soc_tests::program::{built, installed};
use soc_tests::stage::free_port;
use soc_tests::{Api, skip};

const ADDRESSES: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(900);
/// So long crowdsec is watched.
const CROWDSEC_TIME: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What one program needed.
struct Figure {
    name: &'static str,
    /// Lines it has done.
    lines: u64,
    seconds: f64,
    /// Seconds of processor time.
    processor: f64,
    peak_bytes: u64,
}

impl Figure {
    fn rate(&self) -> f64 {
        self.lines as f64 / self.seconds
    }

    /// Microseconds of processor time a line.
    fn cost(&self) -> f64 {
        self.processor * 1e6 / self.lines.max(1) as f64
    }

    fn show(&self) {
        println!(
            "{:<34}{:>12.0}{:>14.2}{:>14.1}",
            self.name,
            self.rate(),
            self.cost(),
            self.peak_bytes as f64 / 1e6
        );
    }
}

fn main() -> ExitCode {
    let lines = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    match bench(lines) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("soc-bench-logs: {why}");
            ExitCode::FAILURE
        }
    }
}

fn bench(lines: u64) -> Result<(), String> {
    let folder = tempfile::TempDir::with_prefix("soc-bench-logs-").map_err(|e| e.to_string())?;
    let log = folder.path().join("auth.log");
    let bytes = write_log(&log, lines).map_err(|error| error.to_string())?;
    println!("{lines} lines of sshd from {ADDRESSES} addresses, {} MB", bytes / 1_000_000);
    println!("{:<34}{:>12}{:>14}{:>14}", "", "lines/s", "CPU µs a line", "peak MB");
    let mut figures = vec![agent(folder.path(), &log, lines)?];
    figures[0].show();
    type Peer<'a> = (&'static str, Box<dyn Fn() -> Result<Figure, String> + 'a>);
    let peers: [Peer<'_>; 2] = [
        ("rsyslog", Box::new(|| rsyslog(folder.path(), &log, (lines, bytes)))),
        ("crowdsec", Box::new(|| crowdsec(folder.path(), &log, lines))),
    ];
    for (name, run) in peers {
        match run() {
            Ok(figure) => {
                figure.show();
                figures.push(figure);
            }
            Err(why) => skip(name, &why),
        }
    }
    let ours = &figures[0];
    for theirs in figures.iter().skip(1) {
        println!(
            "ours / {:<27}{:>12.2}{:>14.2}{:>14.2}",
            theirs.name,
            ours.rate() / theirs.rate(),
            ours.cost() / theirs.cost(),
            ours.peak_bytes as f64 / theirs.peak_bytes as f64
        );
    }
    Ok(())
}

/// Nine logins of ten fail; a line a millisecond, ending now.
fn write_log(path: &Path, lines: u64) -> std::io::Result<u64> {
    let mut log = BufWriter::new(File::create(path)?);
    let now = jiff::Timestamp::now();
    let begin = now.as_millisecond() - i64::try_from(lines).unwrap_or_default();
    for number in 0..lines {
        let at = begin + i64::try_from(number).unwrap_or_default();
        let time = jiff::Timestamp::from_millisecond(at).unwrap_or(now);
        let address = number.wrapping_mul(2_654_435_761) % ADDRESSES;
        let (a, b, port) = (address / 250, address % 250 + 1, 1024 + number % 60_000);
        let (user, pid) = (number % 97, 1000 + number % 30_000);
        let said = if number.is_multiple_of(10) { "Accepted" } else { "Failed" };
        writeln!(
            log,
            "{time:.6} srv sshd[{pid}]: {said} password for user{user} from 198.51.{a}.{b} port {port} ssh2"
        )?;
    }
    log.flush()?;
    Ok(path.metadata()?.len())
}

fn agent(folder: &Path, log: &Path, lines: u64) -> Result<Figure, String> {
    let port = free_port().map_err(|error| error.to_string())?;
    let config = folder.join("agent.toml");
    let text = format!(
        "[antivirus]\nenabled = false\n[port]\nenabled = false\n[journald]\nenabled = \"off\"\n\
         [host]\nenabled = false\n[spool]\nbytes_max = \"4096 MiB\"\n\
         [metrics]\nlisten = \"127.0.0.1:{port}\"\n\
         [logfile]\nfrom_beginning = true\n[[logfile.files]]\npath = \"{}\"\n",
        log.display()
    );
    std::fs::write(&config, text).map_err(|error| error.to_string())?;
    let mut command = Command::new(built("soc-agent"));
    command.args(["run", "--state"]).arg(folder.join("agent")).arg("--config").arg(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let api = Api::new(format!("127.0.0.1:{port}"));
    let kept = || {
        let text = runtime.block_on(api.text("/metrics")).unwrap_or_default();
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        let wanted = "soc_agent_spool_events{lane=\"log\"}";
        text.lines().find(|line| line.starts_with(wanted)).and_then(value).unwrap_or_default()
    };
    measure("soc-agent: parsed, mined, spooled", &mut command, lines, |_| kept() >= lines as f64)
}

fn rsyslog(folder: &Path, log: &Path, all: (u64, u64)) -> Result<Figure, String> {
    let (lines, bytes) = all;
    let program = installed("rsyslogd").ok_or("rsyslog is not installed")?;
    let (config, copy) = (folder.join("rsyslog.conf"), folder.join("copy"));
    let text = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imfile\" mode=\"inotify\")\n\
         template(name=\"raw\" type=\"string\" string=\"%msg%\\n\")\n\
         input(type=\"imfile\" File=\"{}\" Tag=\"x:\" ruleset=\"copy\")\n\
         ruleset(name=\"copy\") {{ action(type=\"omfile\" file=\"{}\" template=\"raw\") }}\n",
        folder.display(),
        log.display(),
        copy.display()
    );
    std::fs::write(&config, text).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("-n").arg("-i").arg(folder.join("rsyslog.pid")).arg("-f").arg(&config);
    let is_done = |_: &mut Child| copy.metadata().is_ok_and(|copy| copy.len() >= bytes);
    measure("rsyslog: copied", &mut command, lines, is_done)
}

/// With the rules of Debian's package, a data folder of our own.
fn crowdsec(folder: &Path, log: &Path, lines: u64) -> Result<Figure, String> {
    let program = installed("crowdsec").ok_or("crowdsec is not installed")?;
    let data = folder.join("crowdsec");
    let run = |command: &mut Command| soc_tests::stage::run(command);
    run(Command::new("cp").arg("-rL").arg("/etc/crowdsec").arg(&data))?;
    run(Command::new("cp").arg("-rL").arg("/var/lib/crowdsec/data").arg(data.join("data")))?;
    run(Command::new("cp").arg("-rL").arg("/var/lib/crowdsec/hub").arg(data.join("hub")))?;
    let port = free_port().map_err(|error| error.to_string())?;
    let metrics_port = free_port().map_err(|error| error.to_string())?;
    for entry in std::fs::read_dir(&data).map_err(|error| error.to_string())?.flatten() {
        let path = entry.path();
        if path.is_file()
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let text = text
                .replace("/var/lib/crowdsec/", &format!("{}/", data.display()))
                .replace("/etc/crowdsec/", &format!("{}/", data.display()))
                .replace("/var/log/", &format!("{}/", folder.display()))
                .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
                .replace("daemonize: true", "daemonize: false")
                .replace("listen_port: 6060", &format!("listen_port: {metrics_port}"));
            std::fs::write(path, text).map_err(|error| error.to_string())?;
        }
    }
    let _ = std::fs::remove_file(data.join("online_api_credentials.yaml"));
    let config = data.join("config.yaml");
    let text = std::fs::read_to_string(&config).map_err(|error| error.to_string())?;
    let text: String = text
        .lines()
        .filter(|line| !line.contains("online_client") && !line.contains("online_api_credentials"))
        .flat_map(|line| [line, "\n"])
        .collect();
    std::fs::write(&config, text).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&config).args(["-type", "syslog", "-dsn"]);
    command.arg(format!("file://{}", log.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let api = Api::new(format!("127.0.0.1:{metrics_port}"));
    let parsed = || {
        let text = runtime.block_on(api.text("/metrics")).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("cs_parser_hits_total{"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    let (began, mut done) = (Instant::now(), lines);
    let figure = measure("crowdsec: parsed and judged", &mut command, lines, |child| {
        let is_over = began.elapsed() > CROWDSEC_TIME;
        if is_over {
            done = parsed() as u64;
        }
        is_over || matches!(child.try_wait(), Ok(Some(_)))
    })?;
    Ok(Figure { lines: done, ..figure })
}

/// Runs a program until it is done, and stops it.
fn measure(
    name: &'static str,
    command: &mut Command,
    lines: u64,
    mut is_done: impl FnMut(&mut Child) -> bool,
) -> Result<Figure, String> {
    let began = Instant::now();
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let (mut peak_bytes, mut processor) = (0, 0.0);
    let outcome = loop {
        let now = of_process(child.id());
        peak_bytes = now.0.max(peak_bytes);
        processor = now.1.max(processor);
        if is_done(&mut child) {
            break Ok(());
        }
        if began.elapsed() > PATIENCE {
            break Err(format!("{name} was not done after {PATIENCE:?}"));
        }
        if let Ok(Some(status)) = child.try_wait() {
            break Err(format!("{name} ended: {status}"));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let seconds = began.elapsed().as_secs_f64();
    let _ = child.kill();
    let _ = child.wait();
    outcome.map(|()| Figure { name, lines, seconds, processor, peak_bytes })
}

/// The most memory it had, and its processor time. Source: proc(5).
fn of_process(pid: u32) -> (u64, f64) {
    let read = |name: &str| {
        std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/{name}"))).unwrap_or_default()
    };
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 =
        peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default();
    let stat = read("stat");
    let words: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks =
        |place: usize| words.get(place).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    let per_second = rustix::param::clock_ticks_per_second();
    (kib * 1024, (ticks(11) + ticks(12)) as f64 / per_second as f64)
}
