//! The whole pipe: batches over mutual TLS, the journal on disk, the public Sigma rules, the
//! archive; beside `rsigma engine daemon`, which takes the same events over plain HTTP, keeps
//! nothing and acknowledges before it has looked.
//!
//! `soc-bench-pipe [SECONDS] [windows|linux]`: so long each (60), of both kinds unless one is named.
//! An event counts when it is evaluated and archived, not when it was taken: senders wait while the
//! slowest stage is more than a few seconds behind, and what waits at both ends is said.

mod corpus;
mod peer;
mod pipe;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use soc_tests::load::Failure;
use soc_tests::{data_file, skip};

use corpus::Corpus;

/// What one contender came to.
pub struct Figure {
    name: &'static str,
    events: u64,
    seconds: f64,
    /// Most memory it had, in bytes.
    resident: u64,
    /// Processor time by stage, in seconds.
    stages: Vec<(String, f64)>,
    /// What else was seen.
    notes: Vec<String>,
}

impl Figure {
    fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    fn show(&self) {
        println!(
            "  {:<28} {:>9.0} events/s {:>6.0} MB resident",
            self.name,
            self.rate(),
            self.resident as f64 / 1e6
        );
        for (stage, seconds) in &self.stages {
            println!(
                "    {stage:<26} {:>9.2} µs of processor an event, {:>3.0} % of a core",
                seconds * 1e6 / self.events.max(1) as f64,
                seconds * 100.0 / self.seconds
            );
        }
        self.notes.iter().for_each(|note| println!("    {note}"));
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(60);
    let wanted = |name: &str| {
        let named = |text: &&String| *text == "windows" || *text == "linux";
        arguments.iter().filter(named).all(|text| text == name)
    };
    let time = Duration::from_secs(seconds);
    let folder = tempfile::TempDir::with_prefix("soc-bench-pipe-")?;
    let Some(rules) = unpacked("sigma-rules", folder.path())? else { return Ok(()) };
    let rules = corpus::rules(&rules).ok_or("the archive of rules holds no folder `rules`")?;
    let mut corpora = Vec::new();
    if wanted("windows")
        && let Some(logs) = unpacked("evtx-attack-samples", folder.path())?
    {
        corpora.push(Corpus::windows(&logs)?);
    }
    if wanted("linux") {
        corpora.extend(Corpus::linux(folder.path())?);
    }
    for corpus in corpora.into_iter().map(Arc::new) {
        println!(
            "{}: {} events, {:.0} bytes each as lines; {} cores, sender included",
            corpus.name,
            corpus.events,
            corpus.bytes as f64 / corpus.events as f64,
            std::thread::available_parallelism().map_or(1, usize::from)
        );
        let ours = pipe::run(&corpus, &rules, time).await?;
        ours.show();
        match peer::run(&corpus, &rules, folder.path(), time).await? {
            Some(theirs) => {
                theirs.show();
                println!("  ours / rsigma {:>17.2}", ours.rate() / theirs.rate());
            }
            None => skip("rsigma", "not on PATH: cargo install rsigma --version 0.23"),
        }
    }
    Ok(())
}

/// An archive of the shared data, taken apart into a folder of its own.
fn unpacked(name: &str, folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let file = format!("{name}.tar.zst");
    let Some(archive) = data_file(&file) else {
        skip("the pipe", &format!("../shared/data/{file} is absent"));
        return Ok(None);
    };
    let place = folder.join(name);
    std::fs::create_dir(&place)?;
    soc_tests::stage::run(
        Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(&place),
    )?;
    Ok(Some(place))
}
