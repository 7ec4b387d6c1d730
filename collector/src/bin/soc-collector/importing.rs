//! `import`: reads logs here, and gives them to whoever has the folder open.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use soc_collector::clock::Clock;
use soc_collector::config;
use soc_collector::control::{self, Command};
use soc_collector::import;
use soc_collector::serve::Kept;
use soc_collector::visible::visible;
use tokio::sync::watch;

use crate::arguments::{Import, Place};
use crate::terminal::{EXIT_USAGE, fail, print, stop_on_signal};

/// Of more files only those are told one by one that were not imported whole.
pub(crate) const FILES_TOLD_MAX: usize = 50;

pub(crate) async fn import_logs(arguments: Import) -> ExitCode {
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
pub(crate) async fn import_into(
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

pub(crate) fn show_import(summary: &import::Summary, json: bool, dry_run: bool) -> ExitCode {
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
