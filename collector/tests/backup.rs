//! `backup` and `restore` as operators run them, killed at any moment.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use soc_collector::journal::{self, Journal, Position};

type Fault = Box<dyn Error>;

struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, Fault> {
        Ok(self.command(arguments).output()?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_soc-collector"));
        command.current_dir(self.0.path()).args(arguments).env("SOC_LOG", "error");
        command
    }

    /// Kills it after a while.
    fn killed(&self, arguments: &[&str], wait: Duration) -> Result<bool, Fault> {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline {
            if child.try_wait()?.is_some() {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill()?;
        child.wait()?;
        Ok(true)
    }

    fn import(&self, name: &str, lines: usize) -> Result<(), Fault> {
        let text: String = (0..lines)
            .map(|n| format!("Nov 22 10:00:00 srv app[1]: {name} {n} {}\n", "x".repeat(n % 200)))
            .collect();
        fs::write(self.path(name), text)?;
        let done =
            self.run(&["import", "--data", "data", "--host", "h", "--agency", "LOCAL", name])?;
        if done.status.success() { Ok(()) } else { Err(format!("{done:?}").into()) }
    }

    /// What the journal of a data folder holds.
    fn lines(&self, data: &str) -> Result<Vec<String>, Fault> {
        let registry = prometheus::Registry::new();
        let file = self.path(data).join("journal.redb");
        let journal = Journal::open(&file, &journal::Config::default(), &registry)?;
        let (mut lines, mut from) = (Vec::new(), Position::FIRST);
        loop {
            let stretch = journal.read(from, 10_000)?;
            if stretch.next == from {
                return Ok(lines);
            }
            from = stretch.next;
            lines.extend(stretch.entries.into_iter().filter_map(|entry| entry.event.raw));
        }
    }
}

#[test]
fn killed_in_the_middle_there_is_always_a_whole_backup_and_never_half_a_folder() -> Result<(), Fault>
{
    let place = Place(tempfile::tempdir()?);
    place.import("one.log", 20_000)?;
    let backup = ["backup", "--data", "data", "backup"];
    assert!(place.run(&backup)?.status.success());
    let first = place.lines("data")?;
    place.import("two.log", 20_000)?;
    let second = place.lines("data")?;
    for turn in 0..25_u64 {
        place.killed(&backup, Duration::from_millis(20 + turn * 29 % 500))?;
        let data = format!("from-{turn}");
        let restore = ["restore", "backup", "--data", data.as_str()];
        if place.killed(&restore, Duration::from_millis(10 + turn * 37 % 400))? {
            assert!(
                !place.path(&data).join("journal.redb").exists() || !place.lines(&data)?.is_empty()
            );
        }
        if !place.path(&data).exists() {
            let done = place.run(&restore)?;
            assert!(done.status.success(), "{done:?}");
        }
        let lines = place.lines(&data)?;
        assert!(lines == first || lines == second, "{} lines", lines.len());
        fs::remove_dir_all(place.path(&data))?;
    }
    assert!(place.run(&backup)?.status.success());
    assert!(place.run(&["restore", "backup", "--data", "last"])?.status.success());
    assert_eq!(place.lines("last")?, second);
    // It goes on: the same files are known there, and the doctor finds nothing.
    let again = place.run(&[
        "import", "--data", "last", "--host", "h", "--agency", "LOCAL", "one.log", "two.log",
        "--json",
    ])?;
    let summary: serde_json::Value = serde_json::from_slice(&again.stdout)?;
    assert_eq!(summary["events"], 0, "{summary}");
    let doctor = place.run(&["doctor", "--data", "last"])?;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "{said}");
    Ok(())
}

#[test]
fn flipped_bits_are_named_by_restore_and_doctor() -> Result<(), Fault> {
    let place = Place(tempfile::tempdir()?);
    place.import("one.log", 2_000)?;
    assert!(place.run(&["backup", "--data", "data", "backup"])?.status.success());
    for part in fs::read_dir(place.path("backup/parts"))? {
        let path = part?.path();
        let whole = fs::read(&path)?;
        let mut flipped = whole.clone();
        if let Some(byte) = flipped.get_mut(whole.len() / 3) {
            *byte ^= 16;
        }
        fs::write(&path, flipped)?;
        let done = place.run(&["restore", "backup", "--data", "new"])?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(1) && said.contains("not what was written"), "{said}");
        assert!(!place.path("new").exists());
        fs::write(&path, whole)?;
    }
    let state = place.path("data/state.sqlite");
    let mut bytes = fs::read(&state)?;
    for at in (4096 * 3..bytes.len()).step_by(4096) {
        bytes[at] ^= 0xff;
    }
    fs::write(&state, bytes)?;
    let doctor = place.run(&["doctor", "--data", "data", "--json"])?;
    let found: Vec<serde_json::Value> = serde_json::from_slice(&doctor.stdout)?;
    let is_told = |finding: &serde_json::Value| {
        finding["check"] == "database"
            && finding["verdict"] == "problem"
            && finding["todo"].is_string()
    };
    assert!(doctor.status.code() == Some(1) && found.iter().any(is_told), "{found:#?}");
    Ok(())
}
