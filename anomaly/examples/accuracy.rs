//! How well lines are grouped, how fast, in how much memory:
//! `cargo run --release -p soc-anomaly --example accuracy -- FOLDER [grouping of another miner]`
//!
//! The folder is Loghub's, a folder a log, labelled. The grouping of another miner is a file of
//! lines `LOG figure`, shown beside. Grouping accuracy: the share of lines whose group holds exactly
//! the lines that are of one event by the labels.

#[path = "../tests/loghub/mod.rs"]
mod loghub;

use std::time::Instant;

use loghub::{Labelled, accuracy};
use soc_anomaly::{Miner, header};

const LOGS: [&str; 8] =
    ["Linux", "OpenSSH", "Apache", "OpenStack", "HDFS", "Hadoop", "Android", "Proxifier"];
/// Lines mined to measure speed.
const LINES_TIMED: usize = 2_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let peer = arguments.next().map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    let peer_of = |log: &str| {
        let line = peer.lines().find_map(|line| line.strip_prefix(log)?.trim().parse::<f64>().ok());
        line.map_or_else(|| "     -".to_owned(), |figure| format!("{figure:6.3}"))
    };
    println!(
        "{:<10} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "log", "message", "raw line", "drain3", "templates", "lines/s", "kB"
    );
    let (mut content, mut raw, mut slowest) = (0.0, 0.0, f64::INFINITY);
    for log in LOGS {
        let labelled = Labelled::read(&folder, log)?;
        let (of_content, miner) = accuracy(&labelled.contents, &labelled.events, |line| line);
        let (of_raw, _) = accuracy(&labelled.lines, &labelled.events, header::message);
        let speed = speed(&labelled.contents);
        println!(
            "{log:<10} {of_content:>7.3} {of_raw:>9.3} {:>9} {:>9} {speed:>9.0} {:>9.0}",
            peer_of(log),
            miner.templates().len(),
            kilobytes(&miner)
        );
        content += of_content;
        raw += of_raw;
        slowest = slowest.min(speed);
    }
    println!(
        "{:<10} {:>7.3} {:>9.3} {:>9} {:>9} {slowest:>9.0}",
        "mean",
        content / 8.0,
        raw / 8.0,
        peer_of("mean"),
        "slowest:"
    );
    Ok(())
}

/// Lines a second, on one core.
fn speed(lines: &[String]) -> f64 {
    let mut miner = Miner::default();
    let started = Instant::now();
    let mut mined = 0;
    while mined < LINES_TIMED {
        for line in lines {
            std::hint::black_box(miner.add(line, 0));
        }
        mined += lines.len();
    }
    figure(mined) / started.elapsed().as_secs_f64()
}

fn kilobytes(miner: &Miner) -> f64 {
    figure(miner.bytes()) / 1000.0
}

fn figure(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
