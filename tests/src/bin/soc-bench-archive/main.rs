//! What months of events cost on disk and what asking them takes, beside `zstd`, DuckDB and ripgrep
//! on the same events.
//!
//! `soc-bench-archive [EVENTS] [FOLDER]` makes so many events (20,000,000), packs them, prints the
//! sizes and asks; files stay where FOLDER is named. `soc-bench-archive ask FOLDER [WORD]` only asks,
//! of files that are there, questions whose name has the word. Peers that are not installed are left
//! out, and that is said.

mod corpus;
mod lines;
mod make;
mod ours;
mod peers;
mod questions;
mod random;
mod shelf;
mod sizes;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use soc_tests::load::Failure;

use shelf::Shelf;

const EVENTS: usize = 20_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ask", folder] => questions::ask(&Shelf::open(Path::new(folder)), ""),
        ["ask", folder, word] => questions::ask(&Shelf::open(Path::new(folder)), word),
        [] => bench(EVENTS, None),
        [events] => number(events).and_then(|events| bench(events, None)),
        [events, folder] => number(events).and_then(|events| bench(events, Some(folder.into()))),
        _ => Err("soc-bench-archive [EVENTS] [FOLDER], soc-bench-archive ask FOLDER [WORD]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soc-bench-archive: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<usize, Failure> {
    text.parse().map_err(|_| format!("{text} is no number of events").into())
}

fn bench(events: usize, kept: Option<PathBuf>) -> Result<(), Failure> {
    let scratch = tempfile::TempDir::with_prefix("soc-bench-archive-")?;
    let folder = kept.unwrap_or_else(|| scratch.path().join("archive"));
    let shelf = Shelf::open(&folder);
    make::make(events, &shelf, scratch.path())?.show();
    // A process of its own, so that the memory it tells is that of questions.
    let mut asking = Command::new(std::env::current_exe()?);
    let status = asking.arg("ask").arg(&folder).status()?;
    if status.success() { Ok(()) } else { Err("the questions failed".into()) }
}
