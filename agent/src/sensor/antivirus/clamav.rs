//! ClamAV: its daemon, its files, its helpers.

mod conf;
mod daemon;
mod signatures;

use jiff::tz::TimeZone;

use super::Config;
use super::processes::Processes;
use super::status::{Facts, Realtime};
use crate::sensor::{Root, read};
use conf::Conf;
use daemon::Answer;
use signatures::Signatures;

/// Any of these says that ClamAV is installed; configuration alone is left behind by removal.
const PROGRAMS: [&str; 6] = [
    "/usr/sbin/clamd",
    "/usr/bin/clamd",
    "/usr/bin/clamscan",
    "/usr/local/sbin/clamd",
    "/usr/local/bin/clamscan",
    "/usr/sbin/clamonacc",
];

/// What was read, and where it reports findings.
pub(super) struct Clamav {
    pub(super) facts: Facts,
    pub(super) logs: Vec<String>,
}

/// Reads all there is to know, `None` when ClamAV is not installed.
pub(super) fn read(
    root: &Root,
    config: &Config,
    processes: &Processes,
    zone: &TimeZone,
) -> Option<Clamav> {
    let program = PROGRAMS.iter().find(|path| root.path(path).exists());
    let runs = processes.runs("clamd");
    if program.is_none() && runs != Some(true) {
        return None;
    }
    let mut sources: Vec<String> = program.iter().map(|path| format!("file {path}")).collect();
    let arguments = processes.arguments("clamd").unwrap_or_default();
    let conf = Conf::read(root, config.clamd_conf.as_deref(), &arguments, &mut sources);
    let answer = daemon::ask(root, &conf, zone, &mut sources);
    let signatures = Signatures::read(root, &conf.database_directory, &mut sources);
    let signatures = signatures.in_use(answer.version());
    let logs = logs(&conf, processes);
    let realtime = match processes.runs("clamonacc") {
        Some(true) => Realtime::On,
        Some(false) => Realtime::Off,
        None => Realtime::Unknown,
    };
    let facts = Facts {
        product: "ClamAV".to_owned(),
        vendor: Some("Cisco Talos".to_owned()),
        engine_version: answer.engine().or_else(|| package_version(root, &mut sources)),
        engine_running: running(&answer, runs),
        signatures_version: signatures.version,
        signatures_time: signatures.time,
        signatures_guessed: signatures.is_guessed,
        realtime,
        updater_running: processes.runs("freshclam"),
        is_known: true,
        sources,
    };
    Some(Clamav { facts, logs })
}

/// A daemon that does not answer may be loading its signatures, or hang: that is not known.
fn running(answer: &Answer, process: Option<bool>) -> Option<bool> {
    match (answer, process) {
        (Answer::Version(_), _) => Some(true),
        (Answer::Silent, Some(false)) => Some(false),
        (Answer::Silent | Answer::Refused, _) => None,
    }
}

fn logs(conf: &Conf, processes: &Processes) -> Vec<String> {
    let mut logs = vec![conf.log_file.clone()];
    let arguments = processes.arguments("clamonacc").unwrap_or_default();
    let given = conf::argument(&arguments, "--log", "-l");
    logs.push(given.unwrap_or_else(|| "/var/log/clamav/clamonacc.log".to_owned()));
    if conf.logs_to_syslog {
        logs.extend(["/var/log/syslog", "/var/log/messages"].map(str::to_owned));
    }
    logs.retain(|path| path.starts_with('/'));
    logs
}

/// The version in the database of packages: that of the program on disk while no daemon answers.
fn package_version(root: &Root, sources: &mut Vec<String>) -> Option<String> {
    use std::io::BufRead;
    const STATUS: &str = "/var/lib/dpkg/status";
    let (file, _) = read::open(&root.path(STATUS)).ok()?;
    let mut wanted = false;
    // Some megabytes: read line by line, because the agent has to stay small.
    for line in std::io::BufReader::new(file).lines() {
        let line = line.ok()?;
        if let Some(name) = line.strip_prefix("Package: ") {
            wanted = ["clamav-daemon", "clamav", "clamav-base"].contains(&name);
        } else if let Some(version) = line.strip_prefix("Version: ").filter(|_| wanted) {
            sources.push(format!("file {STATUS}"));
            return Some(upstream(version).to_owned());
        }
    }
    None
}

/// `1.4.3` of Debian's `1:1.4.3+dfsg-1~deb12u1`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['+', '-', '~']).next().unwrap_or(version)
}
