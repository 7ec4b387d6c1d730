//! The same over real logs: attacks recorded on Windows and a Linux machine's log files, the packs
//! as shipped and the public rules.
//!
//! Logs: `../shared/data` beside the repository (its README says where they come from).

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::tz::TimeZone;
use soc_formats::text::Moment;
use soc_formats::{Found as FoundRecord, Record, Stretch, fit, json};
use soc_rules::{Options, Ruleset};

use super::*;
use crate::logs::{self, Hints, Reader};
use crate::rulebook::{Sources, collect};

/// Events that are put into the journal at once.
const BATCH: usize = 256;
/// Enough to see every kind; the whole would take minutes in a test.
const EVENTS_MAX: usize = 12_000;

#[tokio::test(flavor = "multi_thread")]
async fn over_real_logs_the_packs_and_the_public_rules_find_what_they_found_live() {
    let folder = tempfile::tempdir().unwrap();
    let Some((files, rules)) = unpacked(folder.path()) else { return };
    let mut fixture = Fixture::new(RULES).await;
    fixture.turn.send_replace(book(&rules));
    let events = events(&files);
    assert!(events.len() > 2500, "{}", events.len());
    for (number, batch) in events.chunks(BATCH).enumerate() {
        fixture.append(u8::try_from(number % 5).unwrap(), batch).await;
        if number % 9 == 8 {
            fixture.rooms.archive.catch_up().await.unwrap();
        }
    }
    fixture.detect().await;
    let (live, back) = (fixture.alerted().await, fixture.found().await);
    assert!(live.len() > 100, "{}", live.len());
    let rules: std::collections::BTreeSet<&str> =
        live.keys().map(|(rule, _)| rule.as_str()).collect();
    println!(
        "{} events: {} alerts of {} rules, live and back",
        events.len(),
        live.len(),
        rules.len()
    );
    assert_eq!(live, back);
}

/// Logs, and folders of rules.
fn unpacked(to: &Path) -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    for name in ["evtx-attack-samples", "loghub-2k", "sigma-rules"] {
        let archive = data.join(format!("{name}.tar.zst"));
        let inside = to.join(name);
        std::fs::create_dir(&inside).unwrap();
        let mut tar = Command::new("tar");
        let tar = tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(&inside);
        if !archive.exists() || !tar.status().is_ok_and(|status| status.success()) {
            println!("skipped: {} is absent or cannot be unpacked", archive.display());
            return None;
        }
    }
    let (files, _) = logs::find(&[to.join("evtx-attack-samples"), to.join("loghub-2k")]);
    Some((files, vec![to.join("sigma-rules")]))
}

fn book(rules: &[PathBuf]) -> Arc<Book> {
    let sources = Sources::with_packs(collect(rules).rules);
    let (ruleset, problems) = Ruleset::load_with(sources.iter(), Options::default());
    assert!(ruleset.rules().len() > 1000, "{}", ruleset.rules().len());
    Arc::new(Book { ruleset, problems, options: Options::default(), sources })
}

/// Some of each log.
fn events(files: &[PathBuf]) -> Vec<Event> {
    let now = Timestamp::from_micros(NOW);
    let zone = TimeZone::UTC;
    let each = EVENTS_MAX / files.len().max(1) + 20;
    let mut events = Vec::new();
    for file in files {
        let mut reader = Reader::new(std::slice::from_ref(file), Hints::default(), now);
        let mut own = Vec::new();
        while let Some(block) = reader.next(Vec::new()).filter(|_| own.len() < each) {
            let stretch = Stretch { bytes: &block.bytes, first: block.first };
            let moment = Moment::kept(now, &zone);
            block.log.format.read(stretch, moment, &mut |FoundRecord { record, .. }| {
                let event = match record {
                    Ok(Record::Json(object)) => json::event(object, moment).ok(),
                    Ok(Record::Event(event)) => Some(*event),
                    Err(_) => None,
                };
                own.extend(event.map(|mut event| {
                    fit::fit(&mut event);
                    event
                }));
            });
        }
        own.truncate(each);
        events.extend(own);
    }
    events
}
