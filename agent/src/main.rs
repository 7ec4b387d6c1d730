//! The program `soc-agent`: arguments, settings, exit code.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Args, Parser, Subcommand};
use soc_agent::clock::JudgedClock;
use soc_agent::config::Local;
use soc_agent::enrol::{self, Enrolment};
use soc_agent::link::{Address, Pin, Proxy};
use soc_agent::sensor::{Root, SystemClock};
use soc_agent::supervisor::wishes;
use soc_agent::{agent, check, service, status, templates};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Observes this host and delivers what it saw to a collector.
#[derive(Parser)]
#[command(name = "soc-agent", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what this machine would report: antivirus, ports, logs, host. Needs no collector.
    Check(Check),
    /// Make this machine known to a collector, with a one-time token.
    Enrol(Enrol),
    /// Observe and deliver, until stopped.
    Run(Run),
    /// Say how the agent does: connection, spool, sensors, clock. Exit code 0 if all is well.
    Status(Status),
    /// Find the templates of log lines, each with its count: which lines say the same thing.
    Templates(Templates),
    /// Install the agent as a service of systemd.
    Install(DryRun),
    /// Remove the service; configuration, identity and unsent events stay.
    Uninstall(DryRun),
}

#[derive(Args)]
struct State {
    /// Folder of identity and spool.
    #[arg(long, alias = "data", env = "SOC_AGENT_STATE", default_value = "/var/lib/soc-agent")]
    state: PathBuf,
}

#[derive(Args)]
struct Check {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Settings; /etc/soc-agent/config.toml if it is there.
    #[arg(long, env = "SOC_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// Also write the EICAR test file into a folder below the state folder and see whether
    /// real-time protection catches it. The file is harmless, and removed.
    #[arg(long)]
    selftest: bool,
    #[command(flatten)]
    state: State,
}

#[derive(Args)]
struct Enrol {
    /// Where the collector listens for agents: https://HOST:7443
    #[arg(long)]
    collector: Address,
    /// The one-time token the collector gave.
    #[arg(long, env = "SOC_AGENT_TOKEN", hide_env_values = true)]
    token: String,
    /// The hash of the collector's CA: sha256:HEX
    #[arg(long)]
    ca_pin: Pin,
    /// A proxy on the way: http://USER:PASSWORD@HOST:PORT; as the configuration says when not given.
    #[arg(long, env = "SOC_AGENT_PROXY", hide_env_values = true)]
    proxy: Option<Proxy>,
    /// Enrol again although there is an identity; the old one is replaced.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    state: State,
}

#[derive(Args)]
struct Run {
    /// Settings; /etc/soc-agent/config.toml if it is there.
    #[arg(long, env = "SOC_AGENT_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    state: State,
}

#[derive(Args)]
struct Status {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: State,
}

#[derive(Args)]
struct Templates {
    /// Logs of any format; - for standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// One JSON object a line, in order: {"line": 1, "template_id": "…", "template": "…"}
    #[arg(long)]
    json: bool,
    /// Take lines whole: what looks like a header (time, host, program) is text, too.
    #[arg(long)]
    whole: bool,
}

#[derive(Args)]
struct DryRun {
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

const CONFIG_PATH: &str = "/etc/soc-agent/config.toml";
/// Exit code for wrong arguments and settings; nothing was started.
const EXIT_MISTAKE: u8 = 2;
/// Exit code when the agent had to end because nothing moved. Source: sysexits(3), EX_SOFTWARE.
const EXIT_STUCK: i32 = 70;
/// How often the agent shows that it moves.
const PULSE: std::time::Duration = std::time::Duration::from_secs(5);
/// So often in a row it may not have moved: two minutes.
const STILL_MAX: u32 = 24;
/// How far behind others the agent steps, from 0 to 19. Source: nice(2).
const NICE: i32 = 10;
/// Threads for name look-ups and small files; each costs memory while it lives.
const BLOCKING_THREADS_MAX: usize = 2;
/// So long one of them waits for work: a little longer than sensors that look every two seconds do,
/// because to begin and end a thread costs more than their look.
const BLOCKING_THREAD_WAITS: std::time::Duration = std::time::Duration::from_millis(2500);
/// One heap for all threads, and large buffers given back as soon as they are free: without it the
/// allocator keeps up to three times of what is in use. Source: mallopt(3), ENVIRONMENT VARIABLES.
const HEAP: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let asked = std::env::var("SOC_AGENT_LOG").ok().and_then(|text| text.parse().ok());
    let text = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false);
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    tracing_subscriber::registry().with(text).with(filter).init();
    let done = match arguments.command {
        Command::Check(arguments) => return show_check(&arguments),
        Command::Enrol(arguments) => enrol(arguments),
        Command::Run(arguments) => return run(arguments),
        Command::Status(arguments) => show_status(&arguments),
        Command::Templates(arguments) => return show_templates(&arguments),
        Command::Install(arguments) => install(&arguments),
        Command::Uninstall(arguments) => uninstall(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => fail(&*error, 1),
    }
}

fn fail(error: &(dyn std::error::Error + 'static), code: u8) -> ExitCode {
    eprintln!("soc-agent: {error}");
    ExitCode::from(code)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(BLOCKING_THREAD_WAITS)
        .build()
}

fn show_check(arguments: &Check) -> ExitCode {
    let local = match local(arguments.config.as_deref()) {
        Ok(local) => local,
        Err(error) => return fail(&error, EXIT_MISTAKE),
    };
    let root = Root::default();
    let folder = check::TestFolder::below(&arguments.state.state);
    let mut report = check::run(&root, &local.config.sensor, &folder, &SystemClock);
    if arguments.selftest {
        report.self_test(&root, &local.config.sensor, &folder, &SystemClock);
    }
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let colour = check::wants_colour(is_terminal, std::env::var_os("NO_COLOR").as_deref());
    let options = check::Options { json: arguments.json, colour };
    match report.write(options, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // `soc-agent check | head` is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn enrol(arguments: Enrol) -> Result<ExitCode, Failure> {
    let Enrol { collector, token, ca_pin, proxy, again, state: State { state } } = arguments;
    if let (Ok(Some(identity)), false) = (enrol::Identity::load(&state), again) {
        let (agent, folder) = (identity.agent(), state.display());
        return Err(format!(
            "this machine is enrolled already, as {agent} ({folder}); with --again it becomes \
             another one"
        )
        .into());
    }
    let root = Root::default();
    let proxy = match proxy {
        Some(proxy) => Some(proxy),
        None => local(None)?.config.uplink.proxy,
    };
    let enrolment = Enrolment::of_machine(collector, token, ca_pin, &root).through(proxy);
    let clock = Arc::new(JudgedClock::of_this_machine());
    let identity = runtime()?.block_on(enrol::enrol(&enrolment, &state, &clock))?;
    println!("enrolled as {} with {}", identity.agent(), identity.peer().address);
    println!("certificate until {}; it is renewed by itself", identity.expires());
    if let Some(offset) = clock.offset_us().filter(|offset| offset.abs() > 60_000_000) {
        println!("this machine's clock is wrong by {} s; that is no obstacle", offset / 1_000_000);
    }
    Ok(ExitCode::SUCCESS)
}

/// The allocator reads its settings only when a program starts; so unless they were given, the
/// process begins once more as the same program with the same arguments.
fn with_small_heap() {
    if HEAP.iter().any(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    // Returns only when it failed; then it takes more memory, no harm else.
    let error = std::process::Command::new(program).arg0(name).args(arguments).envs(HEAP).exec();
    tracing::debug!(%error, "running with the usual heap");
}

/// Others first, also where no service manager says so. Only for the processor: the class of disk
/// access is the unit's to set (`IOSchedulingClass=idle`), no safe library does it.
fn step_back() {
    let own = rustix::process::getpriority_process(None).unwrap_or(0);
    if own < NICE {
        // Refused at worst; then it runs like everybody else.
        let _ = rustix::process::setpriority_process(None, NICE);
    }
}

fn run(arguments: Run) -> ExitCode {
    with_small_heap();
    step_back();
    let local = match local(arguments.config.as_deref()) {
        Ok(local) => local,
        Err(error) => return fail(&error, EXIT_MISTAKE),
    };
    match run_with(local, arguments.state.state) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, 1),
    }
}

/// A file that was named has to be there, the default one does not.
fn local(named: Option<&Path>) -> Result<Local, soc_agent::config::Error> {
    match named {
        Some(path) => Local::read(path),
        None if Path::new(CONFIG_PATH).exists() => Local::read(Path::new(CONFIG_PATH)),
        None => Ok(Local::default()),
    }
}

fn run_with(local: Local, state: PathBuf) -> Result<(), Failure> {
    let root = Root::default();
    let pulse = watchdog()?;
    runtime()?.block_on(async {
        tokio::spawn(async move {
            loop {
                pulse.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PULSE).await;
            }
        });
        let wishes = wishes(root.clone())?;
        let metrics = match local.config.metrics.listen {
            Some(address) => {
                let listener = tokio::net::TcpListener::bind(address).await;
                Some(listener.map_err(|error| format!("metrics.listen {address}: {error}"))?)
            }
            None => None,
        };
        tracing::info!(version = env!("CARGO_PKG_VERSION"), state = %state.display(), "agent runs");
        agent::run(agent::Setup { local, state, root, metrics, wishes }).await?;
        tracing::info!("agent stopped");
        Ok(())
    })
}

/// A sensor that blocks the thread of all of them cannot be ended by the supervisor, which waits on
/// the same thread: a thread of its own notices, and lets the service manager begin anew. Returns
/// what has to be counted up. Time in which the machine sleeps does not count.
fn watchdog() -> std::io::Result<Arc<AtomicU64>> {
    let pulse = Arc::new(AtomicU64::new(0));
    let watched = pulse.clone();
    let watch = move || {
        let (mut before, mut still) = (0, 0);
        loop {
            std::thread::sleep(PULSE);
            let now = watched.load(Ordering::Relaxed);
            still = if now == before { still + 1 } else { 0 };
            before = now;
            if still >= STILL_MAX {
                eprintln!("soc-agent: nothing has moved for two minutes; ending to begin anew");
                std::process::exit(EXIT_STUCK);
            }
        }
    };
    std::thread::Builder::new().name("watchdog".into()).stack_size(64 * 1024).spawn(watch)?;
    Ok(pulse)
}

fn show_status(arguments: &Status) -> Result<ExitCode, Failure> {
    let state = &arguments.state.state;
    let read = status::read(state);
    let file = state.join(status::FILE);
    let read = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => format!("{}: {error}; try as root", file.display()),
        _ => format!("{}: {error}", file.display()),
    })?;
    let Some(report) = read else {
        return Err(format!("no agent has run with the state folder {}", state.display()).into());
    };
    let is_running = report.is_running(&Root::default());
    if arguments.json {
        let mut json = serde_json::to_value(&report)?;
        json["running"] = is_running.into();
        print(&format!("{json:#}\n"))?;
    } else {
        let now = JudgedClock::of_this_machine().system();
        print(&status::page(&report, is_running, now))?;
    }
    Ok(if is_running && report.is_well() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn show_templates(arguments: &Templates) -> ExitCode {
    let options = templates::Options { json: arguments.json, whole: arguments.whole };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match templates::show(&arguments.files, options, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn install(arguments: &DryRun) -> Result<ExitCode, Failure> {
    let done = perform(&service::install(&std::env::current_exe()?), arguments.dry_run)?;
    print(&format!(
        "{done}next:\n  soc-agent enrol --collector https://HOST:7443 --token T --ca-pin P\n  \
         systemctl daemon-reload\n  systemctl enable --now soc-agent\n"
    ))
}

fn uninstall(arguments: &DryRun) -> Result<ExitCode, Failure> {
    let done = perform(&service::uninstall(), arguments.dry_run)?;
    print(&format!(
        "{done}next:\n  systemctl stop soc-agent\n  systemctl daemon-reload\n\
         left in place: {CONFIG_PATH} and the state folder\n"
    ))
}

/// Does the steps, or with `dry_run` only says them in full.
fn perform(steps: &[service::Step], dry_run: bool) -> Result<String, Failure> {
    if dry_run {
        return Ok(steps.iter().map(|step| format!("would {step:#}\n")).collect());
    }
    service::perform(steps, &Root::default())?;
    Ok(steps.iter().map(|step| format!("{step}: done\n")).collect())
}

/// `soc-agent status | head` is no failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
