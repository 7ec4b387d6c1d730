//! What became of the events, in bytes.

use soc_archive::Packed;

/// Bytes of all contenders.
#[derive(Default)]
pub struct Sizes {
    pub events: u64,
    pub text_bytes: u64,
    pub sample_events: u64,
    /// Of the sample only.
    pub zstd: Sum,
    pub duckdb: Sum,
    /// Why DuckDB is left out.
    pub left_out: Option<String>,
    pub fresh: Sum,
    pub settled: Sum,
}

/// Bytes of one contender.
#[derive(Default)]
pub struct Sum {
    pub bytes: u64,
    words: u64,
    files: u64,
    /// Of processor time.
    pub seconds: f64,
}

impl Sum {
    pub fn add(&mut self, packed: &Packed) {
        self.bytes += packed.facts.bytes;
        self.words += packed.facts.words_bytes;
        self.files += 1;
    }

    pub fn add_bytes(&mut self, bytes: u64, seconds: f64) {
        self.bytes += bytes;
        self.files += 1;
        self.seconds += seconds;
    }

    fn join(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.words += other.words;
        self.files += other.files;
        self.seconds += other.seconds;
    }
}

impl Sizes {
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.text_bytes += other.text_bytes;
        self.sample_events += other.sample_events;
        self.left_out = self.left_out.take().or_else(|| other.left_out.clone());
        self.zstd.join(&other.zstd);
        self.duckdb.join(&other.duckdb);
        self.fresh.join(&other.fresh);
        self.settled.join(&other.settled);
    }

    /// Says it.
    pub fn show(&self) {
        let events = self.events as f64;
        println!(
            "{} events, {:.1} bytes of text each",
            self.events,
            self.text_bytes as f64 / events
        );
        println!("{:<46}{:>12}{:>12}{:>14}", "", "bytes/event", "of zstd -19", "events/CPU s");
        let sample = self.sample_events as f64;
        let base = self.zstd.bytes as f64 / sample;
        let line = |name: &str, bytes: u64, events: f64, seconds: f64| {
            let each = bytes as f64 / events;
            println!("{name:<46}{each:>12.2}{:>12.3}{:>14.0}", each / base, events / seconds);
        };
        let name = format!("zstd -19 of the text of the first {}", self.sample_events);
        line(&name, self.zstd.bytes, sample, self.zstd.seconds);
        match &self.left_out {
            None => {
                let name = "DuckDB's Parquet, zstd, same rows and order";
                line(name, self.duckdb.bytes, events, self.duckdb.seconds);
            }
            Some(why) => println!("DuckDB: left out ({why})"),
        }
        for (name, sum) in [("fresh", &self.fresh), ("settled", &self.settled)] {
            let name = format!("{name}, {} files", sum.files);
            line(&name, sum.bytes, events, sum.seconds);
            line(&format!("{name}, with words"), sum.bytes + sum.words, events, sum.seconds);
        }
    }
}

/// Time this thread had on a processor.
pub fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}
