//! Events become files, days of agencies by as many threads as there are processors.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use soc_archive::{Effort, Row, merge, pack};
use soc_tests::load::Failure;
use zstd::Encoder;

use crate::corpus::{Corpus, Part};
use crate::peers;
use crate::shelf::Shelf;
use crate::sizes::{Sizes, processor_seconds};

const AGENCIES: usize = 3;
pub const DAYS: usize = 7;
/// Rows of a fresh file, and of one that is kept.
const FRESH_ROWS: usize = 250_000;
const SETTLED_ROWS: u64 = 2_000_000;
/// `zstd -19` looks 8 MiB back, so of more events it makes more of the same, and it takes long.
const SAMPLE_EVENTS: u64 = 250_000;
/// Text compressed at once.
const TEXT_BYTES: usize = 4 << 20;

/// Makes the events and the files of all of them.
///
/// # Errors
/// The system's, or what cannot be packed.
pub fn make(events: usize, shelf: &Shelf, scratch: &Path) -> Result<Sizes, Failure> {
    shelf.create()?;
    let (parts, next) = (parts(events), AtomicUsize::new(0));
    let made = Mutex::new(Sizes::default());
    let maker = Maker { corpus: Corpus::open(scratch)?, shelf, scratch };
    let work = || -> Result<(), Failure> {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let sizes = maker.part(*part)?;
            let mut made = made.lock().map_err(|_| "another thread failed")?;
            made.add(&sizes);
            eprintln!("made {} of {events} events", made.events);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let failed = |_| Failure::from("a thread failed");
        threads.into_iter().try_for_each(|thread| thread.join().map_err(failed)?)
    })?;
    made.into_inner().map_err(|_| "a thread failed".into())
}

fn parts(events: usize) -> Vec<Part> {
    let many = (events / FRESH_ROWS).clamp(1, AGENCIES * DAYS);
    let each = events / many;
    let part = |n: usize| Part {
        agency: n % AGENCIES,
        // Where there are fewer parts than days, the last day is among them.
        day: DAYS - 1 - n / AGENCIES,
        events: each,
        position: u64::try_from(n * each).unwrap_or(0) + 1,
        needle: (n == many / 2).then_some(each / 3),
    };
    (0..many).map(part).collect()
}

struct Maker<'a> {
    corpus: Corpus,
    shelf: &'a Shelf,
    scratch: &'a Path,
}

impl Maker<'_> {
    fn part(&self, part: Part) -> Result<Sizes, Failure> {
        let mut sizes = Sizes::default();
        let name = format!("{}-{}", part.agency, part.day);
        let mut text = Text::new(self.shelf.text().join(format!("{name}.ndjson.zst")))?;
        // Of one part only.
        let mut sample = (part.position == 1).then(Sample::new).transpose()?;
        let mut rows = Vec::with_capacity(FRESH_ROWS);
        let mut fresh = Vec::new();
        let mut failed = Ok(());
        self.corpus.play(part, &mut |line, row| {
            let heard = text.hear(line, sample.as_mut(), &mut sizes);
            rows.push(row);
            let packed = match rows.len() {
                FRESH_ROWS => fresh_file(std::mem::take(&mut rows), &mut fresh, &mut sizes),
                _ => Ok(()),
            };
            if let Err(error) = heard.and(packed) {
                failed = Err(error);
            }
        })?;
        failed?;
        if !rows.is_empty() {
            fresh_file(rows, &mut fresh, &mut sizes)?;
        }
        text.end(sample, &mut sizes)?;
        self.settle(part, fresh, &mut sizes)?;
        Ok(sizes)
    }

    fn settle(
        &self,
        part: Part,
        fresh: Vec<bytes::Bytes>,
        sizes: &mut Sizes,
    ) -> Result<(), Failure> {
        let begun = processor_seconds();
        let settled = merge(fresh, Effort::Settled, SETTLED_ROWS)?;
        sizes.settled.seconds += processor_seconds() - begun;
        for packed in settled {
            sizes.settled.add(&packed);
            self.shelf.keep(part.agency, &packed)?;
            let file = self.scratch.join(format!("{}-{}.parquet", part.agency, part.day));
            std::fs::write(&file, &packed.parquet)?;
            match peers::duckdb_file(&file) {
                Ok((bytes, seconds)) => sizes.duckdb.add_bytes(bytes, seconds),
                Err(why) => sizes.left_out = Some(why),
            }
            std::fs::remove_file(file)?;
        }
        Ok(())
    }
}

fn fresh_file(
    rows: Vec<Row>,
    files: &mut Vec<bytes::Bytes>,
    sizes: &mut Sizes,
) -> Result<(), Failure> {
    let begun = processor_seconds();
    let packed = pack(&rows, Effort::Fresh)?;
    sizes.fresh.seconds += processor_seconds() - begun;
    sizes.fresh.add(&packed);
    files.push(packed.parquet);
    Ok(())
}

/// The lines of a part on their way to its file.
struct Text {
    out: Encoder<'static, BufWriter<File>>,
    chunk: Vec<u8>,
    events: u64,
}

/// The first of the lines, as `zstd -19` has them.
struct Sample(Encoder<'static, Vec<u8>>);

impl Sample {
    fn new() -> Result<Self, Failure> {
        Ok(Self(Encoder::new(Vec::new(), 19)?))
    }

    fn add(&mut self, text: &[u8], sizes: &mut Sizes) -> Result<(), Failure> {
        let begun = processor_seconds();
        self.0.write_all(text)?;
        sizes.zstd.seconds += processor_seconds() - begun;
        Ok(())
    }

    fn end(self, sizes: &mut Sizes) -> Result<(), Failure> {
        let begun = processor_seconds();
        sizes.zstd.bytes = u64::try_from(self.0.finish()?.len())?;
        sizes.zstd.seconds += processor_seconds() - begun;
        Ok(())
    }
}

impl Text {
    fn new(path: PathBuf) -> Result<Self, Failure> {
        let out = Encoder::new(BufWriter::new(File::create(path)?), 3)?;
        Ok(Self { out, chunk: Vec::with_capacity(TEXT_BYTES), events: 0 })
    }

    fn hear(
        &mut self,
        line: &str,
        sample: Option<&mut Sample>,
        sizes: &mut Sizes,
    ) -> Result<(), Failure> {
        self.chunk.extend_from_slice(line.as_bytes());
        self.chunk.push(b'\n');
        self.events += 1;
        sizes.events += 1;
        if self.chunk.len() >= TEXT_BYTES || self.events == SAMPLE_EVENTS {
            self.flush(sample, sizes)?;
        }
        Ok(())
    }

    fn flush(&mut self, sample: Option<&mut Sample>, sizes: &mut Sizes) -> Result<(), Failure> {
        if let Some(sample) = sample.filter(|_| self.events <= SAMPLE_EVENTS) {
            sample.add(&self.chunk, sizes)?;
            sizes.sample_events = self.events;
        }
        sizes.text_bytes += u64::try_from(self.chunk.len())?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    fn end(mut self, mut sample: Option<Sample>, sizes: &mut Sizes) -> Result<(), Failure> {
        self.flush(sample.as_mut(), sizes)?;
        if let Some(sample) = sample {
            sample.end(sizes)?;
        }
        Ok(self.out.finish()?.flush()?)
    }
}
