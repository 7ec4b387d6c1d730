//! Every known product, as its files and processes would be on a machine.
//!
//! One folder a case below `tests/antivirus/`: `fixture.toml` (what a folder of files cannot say),
//! `root/` (files, in the form their sources describe; see the comments of the product's data
//! file), and `expected.json`: fields of each `antivirus.status`, and the detections. To make a new
//! one, write the first two and run with `SOC_WRITE_EXPECTED=1`; then read what was written.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};
use soc_agent::sensor::{Root, antivirus};
use soc_event::Timestamp;

/// What a folder of files cannot say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    /// When the machine is looked at.
    now: Timestamp,
    /// Executables that run, with their arguments.
    #[serde(default)]
    processes: Vec<String>,
    /// Empty files that are there: programs.
    #[serde(default)]
    programs: Vec<String>,
    /// When files were written; the others when it is looked.
    #[serde(default)]
    written: BTreeMap<String, Timestamp>,
    /// What ClamAV's daemon answers on /run/clamav/clamd.ctl.
    clamd: Option<String>,
}

#[test]
fn each_product_is_told_as_its_files_say() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/antivirus");
    let mut seen = 0;
    for entry in std::fs::read_dir(cases).unwrap() {
        let folder = entry.unwrap().path();
        let found = look(&folder);
        let file = folder.join("expected.json");
        if std::env::var_os("SOC_WRITE_EXPECTED").is_some() {
            std::fs::write(&file, format!("{found:#}\n")).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(found, expected, "{}\n{found:#}", folder.display());
        seen += 1;
    }
    assert!(seen >= 9, "a case for every product");
}

fn look(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("fixture.toml")).unwrap();
    let fixture: Fixture = toml::from_str(&text).unwrap();
    let machine = tempfile::tempdir().unwrap();
    let root = Root::new(machine.path());
    copy(&folder.join("root"), machine.path());
    set_up(&fixture, &root);
    let observed = antivirus::observe(&root, &antivirus::Config::default(), fixture.now);
    let told = |status: &antivirus::Status| {
        let mut fields = serde_json::to_value(status.event(fixture.now).fields).unwrap();
        // Nothing is told by a field that is null, and the expectations are read by people.
        fields.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        fields
    };
    let products: Vec<Value> = observed.products.iter().map(told).collect();
    let found = antivirus::last_detections(&root, &observed.logs, fixture.now, 10);
    json!({ "products": products, "detections": found })
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn write(root: &Root, path: &str, text: &str) {
    let path = root.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn set_up(fixture: &Fixture, root: &Root) {
    for program in &fixture.programs {
        write(root, program, "");
    }
    for (number, command) in ["/sbin/init".to_owned()].iter().chain(&fixture.processes).enumerate()
    {
        let pid = number + 1;
        let executable = command.split(' ').next().unwrap();
        let name = executable.rsplit('/').next().unwrap();
        write(root, &format!("/proc/{pid}/comm"), &format!("{}\n", &name[..name.len().min(15)]));
        write(root, &format!("/proc/{pid}/cmdline"), &command.replace(' ', "\0"));
        symlink(executable, root.path(format!("/proc/{pid}/exe"))).unwrap();
    }
    if let Some(version) = &fixture.clamd {
        std::fs::create_dir_all(root.path("/run/clamav")).unwrap();
        answer(UnixListener::bind(root.path("/run/clamav/clamd.ctl")).unwrap(), version.clone());
    }
    set_times(root, root.path("/").as_path(), &fixture.written, fixture.now);
}

/// Files that were just copied are as old as the moment of looking.
fn set_times(root: &Root, folder: &Path, written: &BTreeMap<String, Timestamp>, now: Timestamp) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            set_times(root, &entry.path(), written, now);
        } else if kind.is_file() {
            let path = entry.path();
            let told = written.iter().find(|(name, _)| root.path(name) == path);
            let time = told.map_or(now, |(_, time)| *time);
            let micros = u64::try_from(time.as_micros()).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(micros);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
    }
}

/// A daemon that answers as ClamAV's does. Source: clamd(8).
fn answer(listener: UnixListener, version: String) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut question = [0; 16];
            let count = stream.read(&mut question).unwrap();
            let answer = match &question[..count] {
                b"zVERSION\0" => format!("{version}\0"),
                _ => "POOLS: 1\n\nSTATE: VALID PRIMARY\nTHREADS: live 1\nEND\0".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}
