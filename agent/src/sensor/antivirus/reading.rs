//! A product as its data file describes it: found, and asked what its files say.

use jiff::tz::TimeZone;
use soc_event::Timestamp;

use super::catalogue::{About, From, Json, Key, Line, Modified, Place, Process, Product};
use super::claim::{Claim, Mode, Origin, Switch, Updates};
use super::facts::Facts;
use super::packages::Packages;
use super::processes::Processes;
use super::template::Template;
use crate::sensor::pattern::expand;
use crate::sensor::{Root, read};

/// Folders in which systemd looks for units.
const UNIT_FOLDERS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Longest value that is taken from a file, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// Where things are read, at one moment.
pub(super) struct Scene<'a> {
    pub(super) root: &'a Root,
    pub(super) processes: &'a Processes,
    pub(super) zone: &'a TimeZone,
    pub(super) now: Timestamp,
}

/// Signs that a product is installed or runs; none when it is not there.
pub(super) fn signs(product: &Product, scene: &Scene<'_>) -> Vec<String> {
    let exists = |path: &&String| scene.root.path(path).exists();
    let mut signs: Vec<String> =
        product.paths.iter().filter(exists).map(|path| format!("file {path}")).collect();
    for unit in &product.units {
        let mut paths = UNIT_FOLDERS.iter().map(|folder| format!("{folder}/{unit}"));
        let found = paths.find(|path| scene.root.path(path).is_file());
        signs.extend(found.map(|path| format!("file {path}")));
    }
    let running = product.processes.iter().find(|name| scene.processes.runs(name) == Some(true));
    signs.extend(running.map(|name| format!("process {name}")));
    signs
}

/// What is known about a product, `None` where it is not there.
pub(super) fn facts(
    product: &Product,
    scene: &Scene<'_>,
    packages: &mut Packages,
) -> Option<Facts> {
    let signs = signs(product, scene);
    if signs.is_empty() {
        return None;
    }
    let mut facts = Facts::named(&product.name, &product.vendor);
    facts.sources = signs;
    facts.has_no_signatures = product.has_no_signatures;
    facts.engine_running = engine(product, scene);
    facts.version = packages.version(scene.root, &product.packages);
    for place in &product.claims {
        if let Some(said) = said(place, scene) {
            let known = facts.sources.contains(&said.file);
            if !known {
                facts.sources.push(said.file);
            }
            take(&mut facts, place, said.claim, scene.zone);
        }
    }
    Some(facts)
}

fn engine(product: &Product, scene: &Scene<'_>) -> Option<Claim<bool>> {
    let claims =
        || product.processes.iter().filter_map(|name| scene.processes.claim(name, scene.now));
    claims().find(|claim| claim.value).or_else(|| claims().next())
}

/// A value as it stands in a file.
struct Said {
    /// `file PATH` or `process NAME`.
    file: String,
    claim: Claim<String>,
}

fn said(place: &Place, scene: &Scene<'_>) -> Option<Said> {
    let of_file = |path: &str, part: &str, value: Option<String>, at: Timestamp| {
        let origin = Origin::new(format!("file {path}"), at);
        let value = value.filter(|value| value.len() <= VALUE_BYTES_MAX)?;
        Some(Said { file: origin.source.clone(), claim: origin.part(part).claims(value) })
    };
    let text = |path: &str| {
        let path = scene.root.path(path);
        let at = Timestamp::from_system(std::fs::metadata(&path).ok()?.modified().ok()?);
        Some((read::text(&path).ok()?, at))
    };
    match &place.from {
        From::Json(Json { file, pointer }) => {
            let (text, at) = text(file)?;
            of_file(file, pointer, in_json(&text, pointer), at)
        }
        From::Key(Key { file, key }) => {
            let (text, at) = text(file)?;
            of_file(file, key, by_key(&text, key), at)
        }
        From::Line(Line { file, like }) => {
            let (text, at) = text(file)?;
            of_file(file, "last line of its kind", last_line(&text, &like.0), at)
        }
        From::Modified(Modified { file }) => {
            let (path, at) = newest(scene.root, file)?;
            let origin = Origin::new(format!("time of file {path}"), at);
            Some(Said { file: origin.source.clone(), claim: origin.claims(at.to_string()) })
        }
        From::Process(Process { name }) => {
            let runs = scene.processes.claim(name, scene.now)?;
            let word = |runs| if runs { "running" } else { "stopped" }.to_owned();
            Some(Said { file: runs.origin.source.clone(), claim: runs.map(word) })
        }
    }
}

/// The newest file of a pattern.
fn newest(root: &Root, pattern: &str) -> Option<(String, Timestamp)> {
    let paths = expand(root, pattern).into_iter();
    let timed = paths.filter_map(|path| {
        let metadata = std::fs::metadata(root.path(&path)).ok()?;
        let time = metadata.modified().ok()?;
        metadata.is_file().then_some((time, path))
    });
    timed.max().map(|(time, path)| (path, Timestamp::from_system(time)))
}

/// A word, number or truth in a JSON document.
fn in_json(text: &str, pointer: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(text).ok()?;
    match document.pointer(pointer)? {
        serde_json::Value::String(text) => Some(text.clone()),
        value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => {
            Some(value.to_string())
        }
        _ => None,
    }
}

/// The value behind `key =` or `key:`; the last one counts.
fn by_key(text: &str, key: &str) -> Option<String> {
    let value = |line: &str| {
        let rest = line.trim().strip_prefix(key)?.trim_start();
        let value = rest.strip_prefix(['=', ':'])?.trim().trim_matches('"');
        (!value.is_empty()).then(|| value.to_owned())
    };
    text.lines().rev().find_map(value)
}

fn last_line(text: &str, like: &Template) -> Option<String> {
    let value = |line: &str| Some(like.fill(line)?.get("value")?.to_owned());
    text.lines().rev().find_map(value)
}

/// Puts a claim where it belongs, unless one before it has said the same already.
fn take(facts: &mut Facts, place: &Place, said: Claim<String>, zone: &TimeZone) {
    let word = place.values.get(&said.value).map(String::as_str);
    let time = || {
        let time = match &place.from {
            From::Modified(_) => Some(said.origin.at),
            _ => moment(&said.value, place.time.as_deref()?, zone),
        };
        time.map(|time| said.origin.claims(time))
    };
    let switch = || Some(said.origin.claims(Switch::from_word(word?)?));
    let text = || Some(said.clone());
    match place.about {
        About::Version => first(&mut facts.version, text()),
        About::EngineVersion => first(&mut facts.engine_version, text()),
        About::SignaturesVersion => first(&mut facts.signatures_version, text()),
        About::Mode => {
            let mode = word.and_then(Mode::from_word);
            first(&mut facts.mode, mode.map(|mode| said.origin.claims(mode)));
        }
        About::Realtime => first(&mut facts.realtime, switch()),
        About::Blocking => first(&mut facts.blocking, switch()),
        About::TamperProtection => first(&mut facts.tamper_protection, switch()),
        About::Updates => {
            let updates = match word {
                Some("working") => Some(Updates::Working),
                Some("retrying") => Some(Updates::Retrying),
                _ => None,
            };
            first(&mut facts.updates, updates.map(|updates| said.origin.claims(updates)));
        }
        About::Updated => first(&mut facts.updated, time()),
        About::LicenceEnd => first(&mut facts.licence_end, time()),
        About::SignaturesTime => {
            if facts.signatures_time.is_none() {
                facts.is_time_guessed = place.guess;
            }
            first(&mut facts.signatures_time, time());
        }
    }
}

fn first<T>(place: &mut Option<Claim<T>>, claim: Option<Claim<T>>) {
    if place.is_none() {
        *place = claim;
    }
}

/// A time: `unix` (seconds), `rfc3339`, or a pattern of strptime(3), without a zone in the host's.
pub(super) fn moment(text: &str, written: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    match written {
        "unix" => {
            let seconds: i64 = text.parse().ok()?;
            (seconds > 0).then_some(())?;
            Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
        }
        "rfc3339" => text.parse().ok(),
        pattern => {
            let parsed = jiff::fmt::strtime::parse(pattern, text).ok()?;
            let moment = match parsed.to_timestamp() {
                Ok(moment) => moment,
                Err(_) => parsed.to_datetime().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
            };
            Some(Timestamp::from_micros(moment.as_microsecond()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_json_keys_and_times() {
        let json = r#"{"a": {"b": "x", "c": true, "d": 7, "e": []}}"#;
        let check = |pointer: &str, expected: Option<&str>| {
            assert_eq!(in_json(json, pointer).as_deref(), expected);
        };
        check("/a/b", Some("x"));
        check("/a/c", Some("true"));
        check("/a/d", Some("7"));
        check("/a/e", None);
        check("/a/z", None);
        let check = |key: &str, expected: Option<&str>| {
            let text = "A = 1\nAB=2\n  C: \"x y\"\nA = 3\nD\nE =\n";
            assert_eq!(by_key(text, key).as_deref(), expected, "{key}");
        };
        check("A", Some("3"));
        check("AB", Some("2"));
        check("C", Some("x y"));
        check("D", None);
        check("E", None);
        let check = |text: &str, written: &str, expected: Option<&str>| {
            let zone = TimeZone::fixed(jiff::tz::offset(7));
            let found = moment(text, written, &zone).map(|time| time.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("1795334400", "unix", Some("2026-11-22T08:00:00.000000Z"));
        check("-1", "unix", None);
        check("99999999999999999", "unix", None);
        check("20261122 150000", "%Y%m%d %H%M%S", Some("2026-11-22T08:00:00.000000Z"));
        check("2026-11-22 15:00 +0000", "%Y-%m-%d %H:%M %z", Some("2026-11-22T15:00:00.000000Z"));
        check("soon", "rfc3339", None);
    }
}
