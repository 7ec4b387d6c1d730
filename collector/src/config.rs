//! What the collector is told: one TOML file, flags and environment; defaults need no file at all.
//!
//! Only this room reads the file. It turns text into the rooms' own `Config`s, in which nothing is
//! text that stands for a choice. Unknown keys are mistakes, all mistakes are reported together,
//! each with its line, and with one mistake nothing is started.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use soc_archive::hunt::Limits;

use crate::{access, api, archive, backtest, fleet, gateway, journal, rulebook};

use reader::Reader;

mod oidc;
mod reader;
mod value;

/// Everything the collector is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder with everything the collector keeps.
    pub data: PathBuf,
    /// Where agents come in.
    pub agents_listen: SocketAddr,
    /// Names and addresses under which agents reach the collector.
    pub names: Vec<String>,
    /// The agents' door.
    pub gateway: gateway::Config,
    /// The people's door.
    pub api: api::Config,
    /// Sessions and second factors.
    pub access: access::Config,
    /// An identity provider.
    pub oidc: Option<access::oidc::Settings>,
    /// Events on disk.
    pub journal: journal::Config,
    /// Events for months.
    pub archive: archive::Config,
    /// Agencies and machines.
    pub fleet: fleet::Config,
    /// What a hunt may take.
    pub hunt: Limits,
    /// Rules that look back.
    pub backtest: backtest::Config,
    /// Where rules are.
    pub rulebook: rulebook::Config,
}

/// Port of the agents' door by default.
const AGENTS_PORT: u16 = 7443;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// From 1; none when it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Reads the file, or takes the defaults where there is none.
///
/// # Errors
/// All mistakes of the file.
pub fn load(data: &Path, file: Option<&Path>) -> Result<Config, Vec<Mistake>> {
    let Some(file) = file else { return Ok(defaults(data)) };
    let name = file.to_string_lossy().into_owned();
    match std::fs::read_to_string(file) {
        Ok(text) => parse(data, &name, &text),
        Err(error) => {
            let what = format!("cannot be read: {error}");
            Err(vec![Mistake { file: name, line: None, what }])
        }
    }
}

/// Reads the text of a file.
///
/// # Errors
/// All its mistakes.
pub fn parse(data: &Path, file: &str, text: &str) -> Result<Config, Vec<Mistake>> {
    let mut config = defaults(data);
    let mut reader = Reader::new(file, text);
    reader.section("gateway", |section| {
        section.read("listen", &mut config.agents_listen, value::address);
        section.read("names", &mut config.names, value::names);
        let validity = &mut config.gateway.certificate_validity;
        section.read("certificate_days", validity, value::certificate);
    });
    reader.section("api", |section| {
        section.read("listen", &mut config.api.listen, value::address);
        section.read("names", &mut config.api.names, value::names);
        let plain = &mut config.api.plain_http_behind_proxy;
        section.read("plain_http_behind_proxy", plain, value::boolean);
    });
    let mut second_factor = None;
    reader.section("access", |section| {
        let (idle, max) = (&mut config.access.session_idle, &mut config.access.session_max);
        section.read("session_idle", idle, value::session);
        section.read("session_max", max, value::session);
        section.read("second_factor", &mut second_factor, |it| value::boolean(it).map(Some));
    });
    // Whoever can only be on this machine already is not asked for more.
    let is_local = config.api.listen.ip().is_loopback() && !config.api.plain_http_behind_proxy;
    config.access.second_factor = second_factor.unwrap_or(!is_local);
    reader.section("oidc", |section| config.oidc = oidc::read(section));
    reader.section("journal", |section| {
        section.read("retention_days", &mut config.journal.retention, value::days);
        section.read("bytes_max", &mut config.journal.bytes_max, value::bytes);
        section.read("cache", &mut config.journal.cache_bytes, value::memory);
        section.read("disk_free_min", &mut config.journal.disk_free_bytes_min, value::bytes);
    });
    reader.section("archive", |section| {
        section.read("wait", &mut config.archive.wait, value::duration);
        section.read("level", &mut config.archive.level, value::level);
        section.read("months", &mut config.archive.months, value::months);
        section.read("check_every", &mut config.archive.check_every, value::duration);
    });
    config.archive.wait_for_few = config.archive.wait.saturating_mul(10);
    config.archive.disk_free_bytes_min = config.journal.disk_free_bytes_min;
    reader.section("fleet", |section| {
        section.read("silence_after", &mut config.fleet.silence_after, value::silence);
        section.read("heartbeats_kept", &mut config.fleet.heartbeats_kept, value::duration);
        section.read("closed_ports_kept", &mut config.fleet.closed_ports_kept, value::duration);
    });
    reader.section("hunt", |section| {
        section.read("at_once", &mut config.hunt.at_once, value::few);
        section.read("threads", &mut config.hunt.threads, value::few);
        section.read("memory", &mut config.hunt.memory, value::memory);
        section.read("time", &mut config.hunt.time, value::duration);
        section.read("rows_max", &mut config.hunt.rows, value::rows);
    });
    reader.section("detect", |section| {
        let mut folders = Vec::new();
        section.read("rules", &mut folders, value::folders);
        config.rulebook.folders.extend(folders);
    });
    reader.section("rules", |section| {
        let site = &mut config.rulebook.site;
        section.read("pipelines", &mut site.pipelines, value::paths);
        section.read("logsources", &mut site.logsources, value::paths);
        section.read("placeholders", &mut site.placeholders, value::file);
        let mut lists = Vec::new();
        section.read("lists", &mut lists, value::paths);
        site.lists.extend(lists);
        section.read("look_back_days", &mut config.backtest.range, value::days);
    });
    let mistakes = reader.finish();
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

/// A length of time as people write it: a whole number and `s`, `m`, `h` or `d`.
pub fn duration_of(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

fn defaults(data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        agents_listen: SocketAddr::from(([0, 0, 0, 0], AGENTS_PORT)),
        names: Vec::new(),
        gateway: gateway::Config::default(),
        api: api::Config::default(),
        access: access::Config::default(),
        oidc: None,
        journal: journal::Config::default(),
        archive: archive::Config::default(),
        fleet: fleet::Config::default(),
        hunt: Limits::default(),
        backtest: backtest::Config::default(),
        rulebook: rules(data),
    }
}

fn rules(data: &Path) -> rulebook::Config {
    let mut config = rulebook::Config::of(vec![data.join("rules")]);
    config.site.lists.push(data.join("lists"));
    config
}

#[cfg(test)]
mod tests;
