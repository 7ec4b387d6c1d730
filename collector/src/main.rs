//! `soc-collector`: arguments, configuration, exit code. Everything else is in the library.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use soc_collector::access::Password;
use soc_collector::backup;
use soc_collector::clock::Clock;
use soc_collector::config::{self, Config};
use soc_collector::control::{self, Answer, Command, Question};
use soc_collector::doctor;
use soc_collector::eval::{self, Outputs};
use soc_collector::hunt;
use soc_collector::import;
use soc_collector::logs::Hints;
use soc_collector::look_back;
use soc_collector::rule_files;
use soc_collector::rulebook::Site;
use soc_collector::serve::{self, Kept, Said};
use soc_collector::visible::visible;
use soc_event::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Wrong arguments or configuration: nothing was started.
const EXIT_USAGE: u8 = 2;
/// Of more files only those are told one by one that were not imported whole.
const FILES_TOLD_MAX: usize = 50;

/// Keeps events, evaluates rules, raises alerts, shows them.
#[derive(Debug, Parser)]
#[command(name = "soc-collector", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the collector.
    Serve(Serve),
    /// Tokens with which machines enrol.
    #[command(subcommand)]
    Token(TokenTask),
    /// Operators.
    #[command(subcommand)]
    User(UserTask),
    /// Agencies.
    #[command(subcommand)]
    Agency(AgencyTask),
    /// What agents are configured like: for the fleet, an agency or a machine.
    #[command(subcommand)]
    Configuration(ConfigurationTask),
    /// Rule files.
    #[command(subcommand)]
    Rules(RulesTask),
    /// Ask all events there are, in SQL or as in the search box.
    Hunt(HuntTask),
    /// How the collector is.
    Status(Place),
    /// Put log files into the journal, as if an agent of a host had sent them. Repeated, it goes on
    /// where it was; what was imported is not again.
    Import(Import),
    /// Copy everything into a folder, also while the collector runs. Into the same folder again,
    /// what is new is copied.
    Backup {
        #[command(flatten)]
        place: Place,
        /// The folder; best on another disk. It will hold private keys.
        folder: PathBuf,
    },
    /// Say whether everything is as it should be, and what to do where it is not; exit code 1 when
    /// something has to be done.
    Doctor(Place),
    /// Make a data folder of a backup. Every part is checked before anything is written.
    Restore {
        /// The folder with the backup.
        backup: PathBuf,
        /// The new data folder: none, or an empty one.
        #[arg(long)]
        data: PathBuf,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The folder with everything the collector keeps.
    #[arg(long, env = "SOC_DATA", default_value = "/var/lib/soc-collector")]
    data: PathBuf,
    /// Configuration, in TOML; defaults need none.
    #[arg(long, env = "SOC_CONFIG")]
    config: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    place: Place,
    /// Where people come in: page, API, metrics.
    #[arg(long, env = "SOC_LISTEN")]
    listen: Option<SocketAddr>,
    /// Where agents come in.
    #[arg(long, env = "SOC_AGENTS_LISTEN")]
    agents_listen: Option<SocketAddr>,
    /// Password of the first administrator `admin`, at the first start; when it is not given, a
    /// one-time password is made, printed, and kept in the file `first-password` until changed.
    #[arg(long, env = "SOC_ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<String>,
}

#[derive(Debug, Subcommand)]
enum TokenTask {
    /// Make a token; it is shown this once.
    Create {
        #[command(flatten)]
        place: Place,
        /// Code of the agency the machines belong to.
        #[arg(long)]
        agency: String,
        /// How many machines may enrol with it.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good: 12h, 7d. Without it, until it is used up.
        #[arg(long, value_parser = duration)]
        expires: Option<std::time::Duration>,
    },
}

#[derive(Debug, Subcommand)]
enum UserTask {
    /// Add an administrator or, with an agency, an analyst; the one-time password is shown this once.
    Add {
        #[command(flatten)]
        place: Place,
        /// a-z, 0-9, '.', '_', '-' and '@'.
        name: String,
        /// Code of an agency: they hunt in the events of it and of those below it, and nothing else.
        #[arg(long)]
        agency: Option<String>,
    },
}

#[derive(Debug, Args)]
struct HuntTask {
    #[command(flatten)]
    place: Place,
    /// SQL over the table `events`; with --search what one writes into the search box.
    query: String,
    /// It is a search: user:root AND "accepted password"
    #[arg(long)]
    search: bool,
    /// From when: 2026-11-22T10:00:00Z, or so long ago: 12h, 30d.
    #[arg(long, default_value = "24h", value_parser = moment)]
    from: Timestamp,
    /// Until when; now, if not given.
    #[arg(long, value_parser = moment)]
    to: Option<Timestamp>,
    /// Most rows.
    #[arg(long)]
    limit: Option<usize>,
    /// How rows are written.
    #[arg(long, value_enum, default_value_t)]
    format: hunt::Format,
}

#[derive(Debug, Subcommand)]
enum AgencyTask {
    /// Add one agency.
    Add {
        #[command(flatten)]
        place: Place,
        /// Short and unique.
        code: String,
        /// What it is called.
        name: String,
        /// Code of the agency above it.
        #[arg(long)]
        parent: Option<String>,
    },
    /// Add or change agencies from a table `code,name,parent`.
    Import {
        #[command(flatten)]
        place: Place,
        /// The table, in UTF-8.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigurationTask {
    /// What a scope says, its versions, and how its machines took it.
    Show {
        #[command(flatten)]
        place: Place,
        /// fleet, agency:CODE or machine:ID
        scope: String,
    },
    /// Put a file in force for a scope; an empty file says nothing any more.
    Set {
        #[command(flatten)]
        place: Place,
        /// fleet, agency:CODE or machine:ID
        scope: String,
        /// TOML of the shape of an agent's own file.
        file: PathBuf,
        /// Why, for those who read it later.
        #[arg(long)]
        why: String,
    },
    /// Put an earlier version of a scope in force again.
    Restore {
        #[command(flatten)]
        place: Place,
        /// fleet, agency:CODE or machine:ID
        scope: String,
        /// Which version.
        version: i64,
        /// Why, for those who read it later.
        #[arg(long)]
        why: String,
    },
}

#[derive(Debug, Subcommand)]
enum RulesTask {
    /// Say what is wrong with rules; exit code 1 when something is.
    Check {
        /// Files and folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        site: Site,
    },
    /// Run the tests beside rules (`x.yml` has `x.test.yml`); exit code 1 when one fails.
    Test {
        /// Files and folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        site: Site,
    },
    /// Say what rules find in log files; exit code 1 when something had to be skipped.
    Eval(Eval),
    /// Say what rules would have found in the stored events; exit code 1 when one cannot be used.
    Backtest(Backtest),
}

#[derive(Debug, Args)]
struct Backtest {
    #[command(flatten)]
    place: Place,
    /// Rule files, and folders of them; they need not be in force.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// From this event time: a date, a time, or how long ago (30d).
    #[arg(long, default_value = "400d")]
    from: String,
    /// To this; now, if not given.
    #[arg(long)]
    to: Option<String>,
}

#[derive(Debug, Args)]
struct Eval {
    /// Rule files, and folders of them.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    site: Site,
    /// Logs: JSON, EVTX, syslog, auditd, the journal's export, web access; - for standard input.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    events: Vec<PathBuf>,
    /// How the logs are written; told by their first bytes and names, if not given.
    #[arg(long, value_name = "FORMAT", value_parser = log_formats())]
    log_format: Option<String>,
    #[command(flatten)]
    tables: Tables,
    /// How matches are written.
    #[arg(long, value_enum, default_value_t)]
    format: eval::Format,
    /// How many threads evaluate; as many as there are processors, if not given.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
struct Import {
    #[command(flatten)]
    place: Place,
    /// Logs, folders of them, patterns ('*.evtx'); also .gz and .zst; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The host they are of.
    #[arg(long)]
    host: String,
    /// Code of its agency.
    #[arg(long)]
    agency: String,
    /// How they are written; told by their first bytes and names, if not given.
    #[arg(long, value_parser = log_formats())]
    format: Option<String>,
    #[command(flatten)]
    tables: Tables,
    /// In which zone times are that name none: Asia/Ho_Chi_Minh, +07:00; this machine's, if not given.
    #[arg(long)]
    zone: Option<String>,
    /// Rules leave the events alone: for months of old logs, which backtests and hunts then find.
    #[arg(long)]
    no_alerts: bool,
    /// Only read, and say what would be imported.
    #[arg(long)]
    dry_run: bool,
}

/// What is known about tables.
#[derive(Debug, Args)]
struct Tables {
    /// What is between the cells of tables; told by the header, if not given.
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The column of tables that says when; 'none' for the time of the file.
    #[arg(long)]
    time_column: Option<String>,
}

impl Tables {
    fn hints(self, format: Option<String>) -> Hints {
        let Self { delimiter, time_column } = self;
        Hints { format, delimiter, time_column }
    }
}

fn log_formats() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(soc_formats::Format::names())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] => Ok(*byte),
            _ => Err("one character, or 'tab'".to_owned()),
        },
    }
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    config::duration_of(text).ok_or_else(|| "a time such as 12h or 7d".to_owned())
}

fn main() -> ExitCode {
    let Arguments { task } = Arguments::parse();
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error.to_string()),
    };
    runtime.block_on(perform(task))
}

async fn perform(task: Task) -> ExitCode {
    match task {
        Task::Serve(serve) => run(serve).await,
        Task::Hunt(task) => ask(task).await,
        Task::Status(place) => command(place, Command::Status).await,
        Task::Token(TokenTask::Create { place, agency, uses, expires }) => {
            let micros = |time: std::time::Duration| i64::try_from(time.as_micros());
            let expires = expires.and_then(|time| micros(time).ok());
            let expires = expires.map(|micros| Clock::system().now().plus_micros(micros));
            command(place, Command::CreateToken { agency, uses, expires }).await
        }
        Task::User(UserTask::Add { place, name, agency }) => {
            command(place, Command::AddUser { name, agency }).await
        }
        Task::Agency(AgencyTask::Add { place, code, name, parent }) => {
            command(place, Command::AddAgency { code, name, parent }).await
        }
        Task::Agency(AgencyTask::Import { place, file }) => match std::fs::read_to_string(&file) {
            Ok(csv) => command(place, Command::ImportAgencies { csv }).await,
            Err(error) => fail(1, &format!("{}: {error}", file.display())),
        },
        Task::Configuration(task) => configure(task).await,
        Task::Rules(RulesTask::Check { paths, site }) => {
            rule_files::check(&paths, &site, &mut print)
        }
        Task::Rules(RulesTask::Test { paths, site }) => rule_files::test(&paths, &site, &mut print),
        Task::Rules(RulesTask::Eval(eval)) => evaluate(eval),
        Task::Rules(RulesTask::Backtest(backtest)) => look_back(backtest).await,
        Task::Import(import) => import_logs(import).await,
        Task::Backup { place, folder } => match std::path::absolute(&folder) {
            Ok(folder) => {
                let folder = folder.to_string_lossy().into_owned();
                command(place, Command::Backup { folder }).await
            }
            Err(error) => fail(1, &format!("{}: {error}", folder.display())),
        },
        Task::Doctor(place) => examine(place).await,
        Task::Restore { backup, data, json } => restore(&backup, &data, json),
    }
}

async fn configure(task: ConfigurationTask) -> ExitCode {
    match task {
        ConfigurationTask::Show { place, scope } => {
            command(place, Command::ShowConfiguration { scope }).await
        }
        ConfigurationTask::Set { place, scope, file, why } => {
            match std::fs::read_to_string(&file) {
                Ok(text) => command(place, Command::SetConfiguration { scope, text, why }).await,
                Err(error) => fail(1, &format!("{}: {error}", file.display())),
            }
        }
        ConfigurationTask::Restore { place, scope, version, why } => {
            command(place, Command::RestoreConfiguration { scope, version, why }).await
        }
    }
}

fn evaluate(arguments: Eval) -> ExitCode {
    let Eval { rules, site, events, log_format, tables, format, threads } = arguments;
    let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = threads.unwrap_or_else(processors);
    let shows_progress = std::io::stderr().is_terminal();
    let hints = tables.hints(log_format);
    let config = eval::Config { rules, site, events, hints, format, threads, shows_progress };
    let (mut matches, mut errors) = (std::io::stdout(), std::io::stderr());
    eval::run(&config, Outputs { matches: &mut matches, errors: &mut errors })
}

async fn examine(place: Place) -> ExitCode {
    let mut findings = Vec::new();
    doctor::examine(&place.data, place.config.as_deref(), Clock::system().now(), &mut |finding| {
        if !place.json {
            print(&visible(&finding.line()));
        }
        findings.push(finding);
    })
    .await;
    if place.json {
        print(&serde_json::to_string(&findings).unwrap_or_default());
    }
    let is_problem = |finding: &doctor::Finding| finding.verdict == doctor::Verdict::Problem;
    if findings.iter().any(is_problem) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn restore(backup: &Path, data: &Path, json: bool) -> ExitCode {
    let restored = backup::restore(backup, data, &mut |_, _| {});
    match restored {
        Ok(restored) if json => print(&serde_json::to_string(&restored).unwrap_or_default()),
        Ok(restored) => print(&format!(
            "restored: the backup of {}, {} events so far, {} bytes",
            restored.made_at,
            restored.journal_end.saturating_sub(1),
            restored.bytes
        )),
        Err(error) => return fail(1, &error.to_string()),
    }
    ExitCode::SUCCESS
}

async fn look_back(arguments: Backtest) -> ExitCode {
    let Backtest { place, paths, from, to } = arguments;
    let now = Clock::system().now();
    let to = to.map_or(Ok(now), |to| look_back::moment(&to, now));
    let (from, to) = match (look_back::moment(&from, now), to) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(why), _) => return fail(EXIT_USAGE, &format!("--from has to be {why}")),
        (_, Err(why)) => return fail(EXIT_USAGE, &format!("--to has to be {why}")),
    };
    let files = match look_back::read(&paths) {
        Ok(files) => files,
        Err(why) => return fail(1, &why),
    };
    let interrupted = match stop_on_signal() {
        Ok(interrupted) => interrupted,
        Err(error) => return fail(1, &error.to_string()),
    };
    let question = look_back::Question { files, from, to };
    let (mut results, mut progress) = (std::io::stdout(), std::io::stderr());
    let json = place.json;
    let mut outputs = look_back::Outputs { results: &mut results, progress: &mut progress, json };
    let running = control::call(&place.data, &Command::Status).await;
    let done = match running {
        Ok(Some(_)) => {
            let collector = serve::Running { data: place.data };
            look_back::run(&collector, question, interrupted, &mut outputs).await
        }
        Ok(None) => {
            let config = match load(&place) {
                Ok(config) => config,
                Err(code) => return code,
            };
            let alone = match serve::Alone::open(&config).await {
                Ok(alone) => alone,
                Err(error) => return fail(1, &error.to_string()),
            };
            let done = look_back::run(&alone, question, interrupted, &mut outputs).await;
            alone.close().await;
            done
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(1, &error.to_string()),
    }
}

async fn import_logs(arguments: Import) -> ExitCode {
    let Import { place, files, host, agency, format, tables, zone, no_alerts, dry_run } = arguments;
    let zone = match zone.as_deref().map(import::zone) {
        None => import::zone_of_system(),
        Some(Ok(zone)) => zone,
        Some(Err(error)) => return fail(EXIT_USAGE, &format!("--zone: {error}")),
    };
    let config = import::Config {
        paths: files,
        host,
        agency,
        hints: tables.hints(format),
        zone,
        is_quiet: no_alerts,
        shows_progress: std::io::stderr().is_terminal(),
    };
    let stop = match stop_on_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(1, &error.to_string()),
    };
    let done = match dry_run {
        true => import::run(&config, None, &stop).await,
        false => import_into(&place, &config, &stop).await,
    };
    match done {
        Ok(summary) => show_import(&summary, place.json, dry_run),
        Err(error) => fail(1, &error.to_string()),
    }
}

/// Through the collector that has the folder open, else into the folder.
async fn import_into(
    place: &Place,
    config: &import::Config,
    stop: &watch::Receiver<bool>,
) -> Result<import::Summary, control::Error> {
    if control::call(&place.data, &Command::Status).await?.is_some() {
        let _turn = import::Turn::take(&place.data)?;
        let link = import::Link::Collector(place.data.clone());
        return import::run(config, Some(&link), stop).await;
    }
    let loaded = config::load(&place.data, place.config.as_deref()).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        control::Error::Refused(lines.join("\n"))
    })?;
    let kept = Kept::open(&loaded, Clock::system()).await;
    let kept = kept.map_err(|error| control::Error::Failed(error.to_string()))?;
    let _turn = import::Turn::take(&place.data)?;
    let link = import::Link::Here(Box::new(kept.imports()));
    let done = import::run(config, Some(&link), stop).await;
    drop(link);
    kept.close().await;
    done
}

fn show_import(summary: &import::Summary, json: bool, dry_run: bool) -> ExitCode {
    if json {
        print(&serde_json::to_string(summary).unwrap_or_default());
    } else {
        let is_short = summary.files.len() > FILES_TOLD_MAX;
        for file in &summary.files {
            file.lines(is_short).iter().for_each(|line| print(&visible(line)));
        }
        if dry_run {
            print("nothing was imported: --dry-run");
        }
        if summary.is_stopped {
            print("stopped; the same command goes on from there");
        }
        print(&summary.line());
    }
    if summary.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(arguments: Serve) -> ExitCode {
    let Serve { place, listen, agents_listen, admin_password } = arguments;
    let mut config = match load(&place) {
        Ok(config) => config,
        Err(code) => return code,
    };
    config.api.listen = listen.unwrap_or(config.api.listen);
    config.agents_listen = agents_listen.unwrap_or(config.agents_listen);
    // Set but empty is how a script says that there is none.
    let password = admin_password.filter(|text| !text.is_empty()).map(Password::new);
    if let Some(Err(error)) = password.as_ref().map(Password::check) {
        return fail(EXIT_USAGE, &format!("--admin-password: {error}"));
    }
    let shutdown = match stop_on_signal() {
        Ok(shutdown) => shutdown,
        Err(error) => return fail(1, &error.to_string()),
    };
    match serve::run(config, password, shutdown, &mut say).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

/// Asks the collector that has the folder open, else opens the folder.
async fn command(place: Place, command: Command) -> ExitCode {
    let done = match control::call(&place.data, &command).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => {
            let config = match load(&place) {
                Ok(config) => config,
                Err(code) => return code,
            };
            match Kept::open(&config, Clock::system()).await {
                Ok(kept) => {
                    let control = kept.control(&config, config.agents_listen.port());
                    let answer = control.perform(command).await;
                    drop(control);
                    kept.close().await;
                    answer
                }
                Err(error) => return fail(1, &error.to_string()),
            }
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(answer) => {
            show(&answer, place.json);
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &error.to_string()),
    }
}

/// Hunts through the collector that has the folder open, else in the folder.
async fn ask(task: HuntTask) -> ExitCode {
    let HuntTask { place, query, search, from, to, limit, format } = task;
    let to = to.unwrap_or_else(|| Clock::system().now());
    let question = Question { query, is_search: search, from, to, limit };
    let (mut rows, mut notes) = (std::io::stdout(), std::io::stderr());
    let format = if place.json { hunt::Format::Json } else { format };
    let mut teller = hunt::Teller::new(format, &mut rows, &mut notes);
    let asked = match control::hunt(&place.data, &question, &mut |line| teller.line(line)).await {
        Ok(Some(())) => Ok(()),
        Ok(None) => {
            let config = match load(&place) {
                Ok(config) => config,
                Err(code) => return code,
            };
            let kept = match Kept::open(&config, Clock::system()).await {
                Ok(kept) => kept,
                Err(error) => return fail(1, &error.to_string()),
            };
            let control = kept.control(&config, config.agents_listen.port());
            let asked = match control.hunt(question).await {
                Ok(mut lines) => {
                    while let Some(line) = lines.recv().await {
                        teller.line(&line);
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            drop(control);
            kept.close().await;
            asked
        }
        Err(error) => Err(error),
    };
    match asked {
        Ok(()) if teller.is_good() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => fail(1, &error.to_string()),
    }
}

/// A moment, or how long ago it was.
fn moment(text: &str) -> Result<Timestamp, String> {
    let ago = |ago: std::time::Duration| {
        let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        Clock::system().now().plus_micros(micros.saturating_neg())
    };
    let read = config::duration_of(text).map(ago).map_or_else(|| text.parse(), Ok);
    read.map_err(|_| "a time such as 2026-11-22T10:00:00Z, or 12h or 30d ago".to_owned())
}

fn load(place: &Place) -> Result<Config, ExitCode> {
    config::load(&place.data, place.config.as_deref()).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        fail(EXIT_USAGE, &lines.join("\n"))
    })
}

fn show(answer: &Answer, json: bool) {
    if json {
        return print(&serde_json::to_string(answer).unwrap_or_default());
    }
    match answer {
        Answer::Token(made) => {
            print(&format!("token:   {}", made.token));
            print(&format!("ca-pin:  {}", made.ca_pin));
            print(&format!("command: {}", made.command));
        }
        Answer::User { name, password } => {
            print(&format!("user:              {name}"));
            print(&format!("one-time password: {password}"));
        }
        Answer::Agency { code } => print(&format!("agency added: {code}")),
        Answer::Imported { agencies } => print(&format!("agencies imported: {agencies}")),
        Answer::Configuration { view } => show_configuration(view),
        Answer::Import { .. } | Answer::Journal { .. } => {}
        Answer::Backtests { ids } => print(&format!("looks back: {}", ids.join(" "))),
        Answer::BacktestViews { views } => views.iter().for_each(|view| print(&view.to_string())),
        Answer::Backup { made } => print(&format!(
            "backup made: {} events so far, {} bytes in {} parts, {} bytes of them new",
            made.journal_end.saturating_sub(1),
            made.bytes,
            made.parts,
            made.new_bytes
        )),
        Answer::Status { version, journal_end, agencies, machines, online } => {
            print(&format!("version:  {version}"));
            print(&format!("events:   {} so far", journal_end.saturating_sub(1)));
            print(&format!("agencies: {agencies}"));
            print(&format!("machines: {machines}, {online} online"));
        }
    }
}

fn show_configuration(view: &serde_json::Value) {
    let text = |value: &serde_json::Value, name: &str| match &value[name] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let machines = &view["machines"];
    let count = |name| text(machines, name);
    print(&format!(
        "machines: {}; {} run with it, {} have not answered, {} refused, {} went back",
        count("total"),
        count("applied"),
        count("waiting"),
        count("refused"),
        count("rolled_back")
    ));
    for trouble in view["troubles"].as_array().into_iter().flatten() {
        let [host, outcome, why] =
            ["hostname", "outcome", "reason"].map(|name| text(trouble, name));
        print(&format!("  {host}: {outcome}: {why}"));
    }
    let versions = view["versions"].as_array();
    for version in versions.into_iter().flatten() {
        let [number, at, who, why] =
            ["version", "at", "who", "why"].map(|name| text(version, name));
        print(&format!("version {number}, {at}, {who}: {why}"));
    }
    if let Some(newest) = versions.and_then(|versions| versions.first()) {
        print("");
        print(text(newest, "text").trim_end());
    }
}

fn say(said: Said<'_>) {
    match said {
        Said::FirstPassword(password) => print(&format!(
            "first sign-in: name admin, one-time password {} (also in first-password, until changed)",
            password.reveal()
        )),
        Said::PasswordIgnored => {
            tracing::info!("there are operators already; the given password was not looked at");
        }
        Said::Ready(addresses) => print(&format!(
            "ready: people's door {}, agents' door {}",
            addresses.people, addresses.agents
        )),
    }
}

/// A line on standard output; a reader that has gone is no reason to stop.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn fail(code: u8, why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "soc-collector: {why}");
    ExitCode::from(code)
}

/// True after the first SIGINT or SIGTERM; the second ends the process at once.
fn stop_on_signal() -> std::io::Result<watch::Receiver<bool>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if sender.send_replace(true) {
                std::process::exit(1);
            }
        }
    });
    Ok(receiver)
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SOC_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
