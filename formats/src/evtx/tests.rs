use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::tz::TimeZone;
use soc_event::{Event, Value};

use super::*;
use crate::{Cut, Cutter, Format};

static UTC: TimeZone = TimeZone::UTC;

fn moment() -> Moment<'static> {
    Moment::kept("2026-11-22T10:00:00Z".parse().unwrap(), &UTC)
}

fn read_all(bytes: &[u8]) -> Vec<(Place, Result<Event, Fault>)> {
    let mut found = Vec::new();
    read(Stretch { bytes, first: 1 }, moment(), &mut |one| {
        let event = one.record.map(|record| match record {
            Record::Event(event) => *event,
            Record::Json(_) => panic!("a record is an event"),
        });
        found.push((one.place, event));
    });
    found
}

/// The samples lie beside the repository, not in it; where they are absent the test says so.
fn samples(archive: &str) -> Option<tempfile::TempDir> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let archive = root.join(archive);
    if !archive.exists() {
        println!("skipped: {} is not there", archive.display());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path());
    if !tar.status().is_ok_and(|status| status.success()) {
        println!("skipped: {} could not be unpacked", archive.display());
        return None;
    }
    Some(folder)
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|known| known == extension) {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn records_equal_their_rendering_in_json() {
    let Some(folder) = samples("sigma-regression.tar.zst") else { return };
    let mut paths = Vec::new();
    files(folder.path(), "evtx", &mut paths);
    let mut compared = 0;
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        let Ok(json) = fs::read(path.with_extension("json")) else { continue };
        let mut rendered = Vec::new();
        Format::Documents.read(Stretch { bytes: &json, first: 1 }, moment(), &mut |one| {
            if let Ok(Record::Event(event)) = one.record {
                rendered.push(*event);
            }
        });
        let records: Vec<Event> =
            read_all(&bytes).into_iter().map(|(_, event)| event.unwrap()).collect();
        assert_eq!(records.len(), rendered.len(), "{}", path.display());
        for (record, rendered) in records.iter().zip(&rendered) {
            let texts = |event: &Event| {
                let field = |(name, value): (&String, &Value)| {
                    (name.clone(), value.to_string().replace(['{', '}'], "").trim().to_lowercase())
                };
                // Older tools cut the time at microseconds and leave out the braces of GUIDs
                // and blanks at the ends.
                let fields = event.fields.iter().filter(|(name, _)| *name != "TimeCreated");
                (event.time, fields.map(field).collect::<Vec<_>>())
            };
            assert_eq!(texts(record), texts(rendered), "{}", path.display());
            compared += 1;
        }
    }
    println!("{compared} records compared");
    assert!(compared > 0);
}

#[test]
fn every_sample_is_read_without_a_fault() {
    let Some(folder) = samples("evtx-attack-samples.tar.zst") else { return };
    let mut paths = Vec::new();
    files(folder.path(), "evtx", &mut paths);
    let (mut events, mut faults) = (0, 0);
    for path in paths {
        for (place, event) in read_all(&fs::read(&path).unwrap()) {
            match event {
                Ok(event) => {
                    events += 1;
                    let known = ["EventID", "EventRecordID", "TimeCreated"];
                    for name in known {
                        assert!(event.fields.contains_key(name), "{} {place}", path.display());
                    }
                }
                Err(fault) => {
                    faults += 1;
                    println!("{}: {place}: {fault}", path.display());
                }
            }
        }
    }
    println!("{events} events, {faults} faults");
    assert!(events > 3_000 && faults == 0);
}

#[test]
fn damage_costs_the_records_it_touches_and_no_others() {
    let Some(folder) = samples("sigma-regression.tar.zst") else { return };
    let mut paths = Vec::new();
    files(folder.path(), "evtx", &mut paths);
    let largest = paths.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let bytes = fs::read(largest).unwrap();
    let whole = read_all(&bytes);
    // Flip a byte here and there: nothing panics through, and what is read is bounded.
    for at in (0..bytes.len()).step_by(bytes.len() / 97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        assert!(read_all(&damaged).len() <= whole.len() + CHUNK_RECORDS_MAX);
    }
    // A file that is still being written, or was cut.
    for at in [0, 7, 8, 4095, 4096, 4097, 70_000].into_iter().filter(|at| *at < bytes.len()) {
        let found = read_all(&bytes[..at]);
        let ended = found.last().is_some_and(|(_, event)| event == &Err(Fault::Incomplete));
        assert_eq!(ended, at > HEADER_BYTES || (1..8).contains(&at), "{at}");
    }
    // A chunk that is none, between others.
    let mut damaged = bytes.clone();
    damaged.splice(HEADER_BYTES..HEADER_BYTES, vec![1; CHUNK_BYTES]);
    let found = read_all(&damaged);
    assert!(matches!(found[0], (Place::Chunk(1), Err(Fault::Damaged(_)))), "{:?}", found[0]);
    assert_eq!(found[1..].len(), whole.len());
}

#[test]
fn a_log_is_cut_between_chunks() {
    let mut bytes = MAGIC.to_vec();
    bytes.resize(HEADER_BYTES + 2 * CHUNK_BYTES + 5, 0);
    let mut cutter = Cutter::new(Format::Evtx);
    assert_eq!(cutter.cut(&bytes[..HEADER_BYTES + 7], false), Cut::More);
    let taken = HEADER_BYTES + 2 * CHUNK_BYTES;
    assert_eq!(cutter.cut(&bytes, false), Cut::Take { bytes: taken, first: 1 });
    assert_eq!(cutter.cut(&bytes[taken..], true), Cut::Take { bytes: 5, first: 3 });
}
