//! What months of events cost on disk, beside `zstd -19` of their text and DuckDB's own Parquet.
//!
//! `cargo bench -p soc-archive --bench archive -- [EVENTS] [FOLDER]`. Files stay in FOLDER where one
//! is named. Peers that are not installed are left out, and that is said.
#![allow(missing_docs, clippy::expect_used, clippy::panic)]

mod corpus;
mod lines;
mod peers;
mod random;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use soc_archive::{Effort, Packed, Row, merge, pack};

use corpus::{Corpus, Part};

const AGENCIES: usize = 3;
const DAYS: usize = 7;
/// Rows of a fresh file, and of one that is kept.
const FRESH_ROWS: usize = 250_000;
const SETTLED_ROWS: u64 = 2_000_000;
/// `zstd -19` looks 8 MiB back: of more events it makes more of the same.
const TEXT_EVENTS_MAX: usize = 1_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let events: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(20_000_000);
    let kept = arguments.next().map(PathBuf::from);
    let scratch = tempfile::TempDir::with_prefix("soc-bench-archive-").expect("a folder");
    let folder = kept.unwrap_or_else(|| scratch.path().join("archive"));
    fs::create_dir_all(&folder).expect("a folder");
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let mut corpus = Corpus::open(&shared, scratch.path());
    let mut made = Made::new(&scratch.path().join("text.ndjson"), folder);
    for part in parts(events) {
        made.part(&mut corpus, part);
    }
    made.text.flush().expect("the text");
    show(&made, scratch.path());
}

fn parts(events: usize) -> Vec<Part> {
    let many = (events / FRESH_ROWS).clamp(1, AGENCIES * DAYS);
    (0..many)
        .map(|n| Part { agency: n % AGENCIES, day: n / AGENCIES, events: events / many })
        .collect()
}

struct Made {
    text: BufWriter<File>,
    text_path: PathBuf,
    text_events: usize,
    text_bytes: u64,
    folder: PathBuf,
    events: u64,
    raw_bytes: u64,
    fresh: Sum,
    settled: Sum,
    files: Vec<PathBuf>,
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    words: u64,
    files: u64,
    seconds: f64,
}

impl Sum {
    fn add(&mut self, packed: &Packed) {
        self.bytes += packed.facts.bytes;
        self.words += packed.facts.words_bytes;
        self.files += 1;
    }
}

impl Made {
    fn new(text: &Path, folder: PathBuf) -> Self {
        Self {
            text: BufWriter::new(File::create(text).expect("a file")),
            text_path: text.to_owned(),
            text_events: 0,
            text_bytes: 0,
            folder,
            events: 0,
            raw_bytes: 0,
            fresh: Sum::default(),
            settled: Sum::default(),
            files: Vec::new(),
        }
    }

    fn part(&mut self, corpus: &mut Corpus, part: Part) {
        let mut rows = Vec::with_capacity(FRESH_ROWS);
        let mut fresh = Vec::new();
        corpus.play(part, &mut |text, row| {
            self.hear(text);
            rows.push(row);
            if rows.len() == FRESH_ROWS {
                fresh.push(self.pack(std::mem::take(&mut rows)));
            }
        });
        if !rows.is_empty() {
            fresh.push(self.pack(rows));
        }
        let begun = processor_seconds();
        let settled = merge(fresh, Effort::Settled, SETTLED_ROWS).expect("merged");
        self.settled.seconds += processor_seconds() - begun;
        for packed in settled {
            self.settled.add(&packed);
            self.keep(part, &packed);
        }
    }

    fn hear(&mut self, text: &str) {
        let bytes = text.len() as u64 + 1;
        self.events += 1;
        self.raw_bytes += bytes;
        if self.text_events < TEXT_EVENTS_MAX {
            self.text_events += 1;
            self.text_bytes += bytes;
            writeln!(self.text, "{text}").expect("the text");
        }
    }

    fn pack(&mut self, rows: Vec<Row>) -> bytes::Bytes {
        let begun = processor_seconds();
        let packed = pack(&rows, Effort::Fresh).expect("packed");
        self.fresh.seconds += processor_seconds() - begun;
        self.fresh.add(&packed);
        packed.parquet
    }

    fn keep(&mut self, part: Part, packed: &Packed) {
        let Part { agency, day, .. } = part;
        let stem = format!("{agency}-{day}-{}", self.files.len());
        let path = self.folder.join(format!("{stem}.parquet"));
        fs::write(&path, &packed.parquet).expect("a file");
        fs::write(self.folder.join(format!("{stem}.words")), &packed.words).expect("a file");
        self.files.push(path);
    }
}

fn show(made: &Made, scratch: &Path) {
    let events = made.events as f64;
    println!("{} events, {:.1} bytes of text each", made.events, made.raw_bytes as f64 / events);
    println!("{:<46}{:>12}{:>12}{:>14}", "", "bytes/event", "of zstd -19", "events/CPU s");
    let text_events = made.text_events as f64;
    let text = peers::zstd(&made.text_path);
    let base = text.as_ref().map_or(f64::NAN, |figure| figure.bytes as f64 / text_events);
    let line = |name: &str, each: f64, rate: f64| {
        println!("{name:<46}{each:>12.2}{:>12.3}{rate:>14.0}", each / base);
    };
    let name = format!("zstd -19 of the text of {} events", made.text_events);
    match text {
        Ok(figure) => line(&name, base, text_events / figure.seconds),
        Err(why) => println!("zstd -19: left out ({why})"),
    }
    match peers::duckdb(&made.files, scratch) {
        Ok(figure) => {
            let each = figure.bytes as f64 / events;
            line("DuckDB's Parquet, zstd, same rows and order", each, events / figure.seconds);
        }
        Err(why) => println!("DuckDB: left out ({why})"),
    }
    for (name, sum) in [("fresh", &made.fresh), ("settled", &made.settled)] {
        let rate = events / sum.seconds;
        let name = format!("{name}, {} files", sum.files);
        line(&name, sum.bytes as f64 / events, rate);
        let whole = (sum.bytes + sum.words) as f64 / events;
        line(&format!("{name} with filters of words"), whole, rate);
    }
}

/// Time on a processor of this thread, which is the only one that works.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}
