//! `cargo run --release -p soc-rules --example load -- FOLDER…`: what loading a tree of rules costs.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use soc_rules::{Ruleset, Severity, Source};

fn main() -> Result<(), Box<dyn Error>> {
    let mut folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yml") {
                files.push((path.display().to_string(), fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    let before = resident_kib();
    let start = Instant::now();
    let sources = files.iter().map(|(path, text)| Source { path, text });
    let (ruleset, problems) = Ruleset::load(sources);
    let seconds = start.elapsed().as_secs_f64();
    let (of_files, rules) = (files.len(), ruleset.rules().len());
    drop(files);
    let after = resident_kib();
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    for problem in errors.clone() {
        eprintln!("{problem}");
    }
    println!(
        "files {of_files}, rules {rules}, refused {}, warnings {}, seconds {seconds:.3}, \
         VmRSS before {before} KiB, after {after} KiB, VmHWM {} KiB",
        errors.clone().count(),
        problems.len() - errors.count(),
        status_kib("VmHWM:"),
    );
    Ok(())
}

fn resident_kib() -> u64 {
    status_kib("VmRSS:")
}

/// A line of `/proc/self/status`; 0 where there is none.
fn status_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
