//! ClamAV: its daemon, its files, its helpers.

mod conf;
mod daemon;
mod freshclam;
mod scan;
mod signatures;

use std::path::Path;

use soc_event::Timestamp;

use super::Config;
use super::catalogue::Product;
use super::claim::{Claim, Origin, Switch};
use super::facts::{Facts, PATHS_MAX};
use super::packages::Packages;
use super::processes::argument;
use super::reading::{Scene, signs};
use crate::sensor::logfile::BUFFER_BYTES;
use crate::sensor::read;
use conf::{Conf, Settings};
use daemon::Answer;
use freshclam::Updater;
use signatures::Signatures;

/// The scanner that is told of opened files by the kernel.
const ON_ACCESS: &str = "clamonacc";

/// What was read, and where it reports findings.
pub(super) struct Clamav {
    pub(super) facts: Facts,
    pub(super) logs: Vec<String>,
}

/// Reads all there is to know, `None` when ClamAV is not installed.
pub(super) fn read(
    product: &Product,
    config: &Config,
    scene: &Scene<'_>,
    packages: &mut Packages,
) -> Option<Clamav> {
    let mut sources = signs(product, scene);
    if sources.is_empty() {
        return None;
    }
    let Scene { root, processes, zone, now } = *scene;
    let arguments = processes.arguments("clamd").unwrap_or_default();
    let settings = Settings::of_clamd(root, config.clamd_conf.as_deref(), &arguments);
    sources.extend(settings.origin.iter().map(|origin| origin.source.clone()));
    let conf = Conf::of(&settings);
    let (answer, asked) = daemon::ask(root, &conf, zone, now);
    sources.extend(asked.iter().map(|origin| origin.source.clone()));
    let on_disk = Signatures::read(root, &conf.database_directory);
    let signatures = on_disk.in_use(answer.version(), asked.as_ref());
    sources.extend(signatures.time.iter().map(|time| time.origin.source.clone()));
    let updater = updater(config, scene, &mut sources);
    let version = packages.version(root, &product.packages);
    let engine = answer.engine().zip(asked.as_ref());
    let mut facts = Facts {
        engine_version: engine
            .map(|(version, asked)| asked.claims(version))
            .or_else(|| version.clone()),
        version,
        engine_running: running(&answer, asked, processes.claim("clamd", now)),
        signatures_version: signatures.version,
        signatures_time: signatures.time,
        is_time_guessed: signatures.is_guessed,
        updater_running: processes.claim("freshclam", now),
        updates: updater.updates,
        updated: updater.updated,
        scan: scan::last(root, &config.scan_logs, zone, &mut sources),
        ..Facts::named(&product.name, &product.vendor)
    };
    on_access(&mut facts, &settings, &conf, scene);
    facts.sources = sources;
    Some(Clamav { facts, logs: logs(&conf, scene) })
}

/// A daemon that does not answer may be loading its signatures, or hang: that is not known.
fn running(
    answer: &Answer,
    asked: Option<Origin>,
    process: Option<Claim<bool>>,
) -> Option<Claim<bool>> {
    match answer {
        Answer::Version(_) => asked.map(|asked| asked.claims(true)),
        Answer::Silent => process.filter(|process| !process.value),
        Answer::Refused => None,
    }
}

fn updater(config: &Config, scene: &Scene<'_>, sources: &mut Vec<String>) -> Updater {
    let arguments = scene.processes.arguments("freshclam").unwrap_or_default();
    let settings = Settings::of_freshclam(scene.root, config.freshclam_conf.as_deref(), &arguments);
    sources.extend(settings.origin.iter().map(|origin| origin.source.clone()));
    let log = settings.get("UpdateLogFile").unwrap_or("/var/log/clamav/freshclam.log");
    let read = Updater::read(scene.root, log, scene.zone, scene.now);
    sources.extend(read.iter().map(|_| format!("file {log}")));
    read.unwrap_or_default()
}

/// Real time is the work of a program of its own since version 0.102, of the daemon before.
fn on_access(facts: &mut Facts, settings: &Settings, conf: &Conf, scene: &Scene<'_>) {
    let scanner = scene.processes.claim(ON_ACCESS, scene.now);
    facts.realtime = match settings.origin.as_ref().filter(|_| conf.scans_on_access) {
        Some(file) if is_before_clamonacc(facts) => {
            Some(file.part("ScanOnAccess").claims(Switch::On))
        }
        _ => scanner.map(|runs| runs.map(Switch::of)),
    };
    let file = settings.origin.as_ref().map(|origin| origin.part("OnAccessPrevention"));
    facts.blocking = file.map(|origin| origin.claims(Switch::of(conf.prevents)));
    let arguments = scene.processes.arguments(ON_ACCESS).unwrap_or_default();
    let list = |long: &str, short: &str| {
        let path = argument(&arguments, long, short).filter(|path| path.starts_with('/'));
        let text = path.and_then(|path| read::text(&scene.root.path(path)).ok());
        let lines = text.unwrap_or_default();
        lines.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    facts.watched = [conf.watched.clone(), list("--watch-list", "-W")].concat();
    facts.excluded = [conf.excluded.clone(), list("--exclude-list", "-e")].concat();
    facts.watched.truncate(PATHS_MAX);
    facts.excluded.truncate(PATHS_MAX);
}

fn is_before_clamonacc(facts: &Facts) -> bool {
    let version = facts.engine_version.as_ref().map(|version| version.value.as_str());
    version.is_some_and(|it| ["0.99", "0.100", "0.101"].iter().any(|old| it.starts_with(old)))
}

fn logs(conf: &Conf, scene: &Scene<'_>) -> Vec<String> {
    let mut logs = vec![conf.log_file.clone()];
    let arguments = scene.processes.arguments(ON_ACCESS).unwrap_or_default();
    let given = argument(&arguments, "--log", "-l");
    logs.push(given.unwrap_or_else(|| "/var/log/clamav/clamonacc.log".to_owned()));
    if conf.logs_to_syslog {
        logs.extend(["/var/log/syslog", "/var/log/messages"].map(str::to_owned));
    }
    logs.retain(|path| path.starts_with('/'));
    logs
}

/// The end of a log and when it was written.
fn tail(path: &Path) -> Option<(String, Timestamp)> {
    use std::os::unix::fs::FileExt;
    let (file, metadata) = read::open(path).ok()?;
    let written = Timestamp::from_system(metadata.modified().ok()?);
    let mut bytes = vec![0; BUFFER_BYTES];
    let from = metadata.len().saturating_sub(u64::try_from(BUFFER_BYTES).ok()?);
    let count = file.read_at(&mut bytes, from).ok()?;
    bytes.truncate(count);
    Some((String::from_utf8_lossy(&bytes).into_owned(), written))
}
