//! What can be said on the command line.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use soc_collector::access::Role;
use soc_collector::clock::Clock;
use soc_collector::logs::Hints;
use soc_collector::rulebook::Site;
use soc_collector::{config, eval, hunt};
use soc_event::Timestamp;

/// Keeps events, evaluates rules, raises alerts, shows them.
#[derive(Debug, Parser)]
#[command(name = "soc-collector", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
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
    /// Information systems.
    #[command(subcommand)]
    System(TableTask),
    /// What is written down about machines: who is responsible, where they stand, what for.
    #[command(subcommand)]
    Inventory(TableTask),
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
pub(crate) struct Place {
    /// The folder with everything the collector keeps.
    #[arg(long, env = "SOC_DATA", default_value = "/var/lib/soc-collector")]
    pub(crate) data: PathBuf,
    /// Configuration, in TOML; defaults need none.
    #[arg(long, env = "SOC_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where people come in: page, API, metrics.
    #[arg(long, env = "SOC_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where agents come in.
    #[arg(long, env = "SOC_AGENTS_LISTEN")]
    pub(crate) agents_listen: Option<SocketAddr>,
    /// Password of the first administrator `admin`, at the first start; when it is not given, a
    /// one-time password is made, printed, and kept in the file `first-password` until changed.
    #[arg(long, env = "SOC_ADMIN_PASSWORD", hide_env_values = true)]
    pub(crate) admin_password: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenTask {
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
pub(crate) enum UserTask {
    /// Add an operator; the one-time password is shown this once.
    Add {
        #[command(flatten)]
        place: Place,
        /// a-z, 0-9, '.', '_', '-' and '@'.
        name: String,
        /// What they are there for: administrator, handler, analyst, officer, viewer or auditor; an
        /// analyst where an agency is given, else an administrator.
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Code of the agency they are bound to, with those below it; all without.
        #[arg(long)]
        agency: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct HuntTask {
    #[command(flatten)]
    pub(crate) place: Place,
    /// SQL over the table `events`; with --search what one writes into the search box.
    pub(crate) query: String,
    /// It is a search: user:root AND "accepted password"
    #[arg(long)]
    pub(crate) search: bool,
    /// From when: 2026-11-22T10:00:00Z, or so long ago: 12h, 30d.
    #[arg(long, default_value = "24h", value_parser = moment)]
    pub(crate) from: Timestamp,
    /// Until when; now, if not given.
    #[arg(long, value_parser = moment)]
    pub(crate) to: Option<Timestamp>,
    /// Most rows.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// How rows are written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: hunt::Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgencyTask {
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
    /// Add, rename or move agencies from a table with the columns code, name and parent.
    Import {
        #[command(flatten)]
        table: Table,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TableTask {
    /// Add or change from a table; its first line names the columns, as an export has them.
    Import {
        #[command(flatten)]
        table: Table,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Table {
    #[command(flatten)]
    pub(crate) place: Place,
    /// CSV in UTF-8, or XLSX. All of it is taken over, or nothing.
    pub(crate) file: PathBuf,
    /// Only say what it would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigurationTask {
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
pub(crate) enum RulesTask {
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
pub(crate) struct Backtest {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Rule files, and folders of them; they need not be in force.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// From this event time: a date, a time, or how long ago (30d).
    #[arg(long, default_value = "400d")]
    pub(crate) from: String,
    /// To this; now, if not given.
    #[arg(long)]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// Rule files, and folders of them.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) site: Site,
    /// Logs: JSON, EVTX, syslog, auditd, the journal's export, web access; - for standard input.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) events: Vec<PathBuf>,
    /// How the logs are written; told by their first bytes and names, if not given.
    #[arg(long, value_name = "FORMAT", value_parser = log_formats())]
    pub(crate) log_format: Option<String>,
    #[command(flatten)]
    pub(crate) tables: Tables,
    /// How matches are written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: eval::Format,
    /// How many threads evaluate; as many as there are processors, if not given.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Logs, folders of them, patterns ('*.evtx'); also .gz and .zst; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The host they are of.
    #[arg(long)]
    pub(crate) host: String,
    /// Code of its agency.
    #[arg(long)]
    pub(crate) agency: String,
    /// How they are written; told by their first bytes and names, if not given.
    #[arg(long, value_parser = log_formats())]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) tables: Tables,
    /// In which zone times are that name none: Asia/Ho_Chi_Minh, +07:00; this machine's, if not given.
    #[arg(long)]
    pub(crate) zone: Option<String>,
    /// Rules leave the events alone: for months of old logs, which backtests and hunts then find.
    #[arg(long)]
    pub(crate) no_alerts: bool,
    /// Only read, and say what would be imported.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What is known about tables.
#[derive(Debug, Args)]
pub(crate) struct Tables {
    /// What is between the cells of tables; told by the header, if not given.
    #[arg(long, value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// The column of tables that says when; 'none' for the time of the file.
    #[arg(long)]
    pub(crate) time_column: Option<String>,
}

impl Tables {
    pub(crate) fn hints(self, format: Option<String>) -> Hints {
        let Self { delimiter, time_column } = self;
        Hints { format, delimiter, time_column }
    }
}

pub(crate) fn log_formats() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(soc_formats::Format::names())
}

pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] => Ok(*byte),
            _ => Err("one character, or 'tab'".to_owned()),
        },
    }
}

pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    config::duration_of(text).ok_or_else(|| "a time such as 12h or 7d".to_owned())
}

/// A moment, or how long ago it was.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let ago = |ago: std::time::Duration| {
        let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        Clock::system().now().plus_micros(micros.saturating_neg())
    };
    let read = config::duration_of(text).map(ago).map_or_else(|| text.parse(), Ok);
    read.map_err(|_| "a time such as 2026-11-22T10:00:00Z, or 12h or 30d ago".to_owned())
}

fn role(word: &str) -> Result<Role, String> {
    Role::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("a role is one of {}", words.join(", "))
    })
}
