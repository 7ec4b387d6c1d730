//! Records in the order of the journal, whatever order they come in and however many they are.
//!
//! A run is sorted in memory; when it is full it is written to a file that has no name any more and
//! so goes with the process. Reading merges the runs.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | position, little endian |
//! | 4 | length of what follows, little endian |
//! | n | the record |

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes of a run in memory.
const RUN_BYTES: usize = 24 << 20;
/// What a record costs in memory besides its own bytes.
const PLACE_BYTES: usize = 16;
/// Bytes of a run that are read at once.
const WINDOW_BYTES: usize = 128 << 10;
const HEAD_BYTES: usize = 12;

/// Records that wait.
#[derive(Debug)]
pub(super) struct Order {
    folder: PathBuf,
    run_bytes: usize,
    bytes: Vec<u8>,
    places: Vec<Place>,
    file: Option<File>,
    /// Where in the file each run begins and ends.
    runs: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    position: u64,
    start: u32,
    length: u32,
}

impl Order {
    /// Files are made below this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self::with_run(folder, RUN_BYTES)
    }

    fn with_run(folder: &Path, run_bytes: usize) -> Self {
        let (bytes, places, runs) = (Vec::new(), Vec::new(), Vec::new());
        Self { folder: folder.to_owned(), run_bytes, bytes, places, file: None, runs }
    }

    /// One record.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn push(&mut self, position: u64, record: &[u8]) -> io::Result<()> {
        let held = self.bytes.len() + record.len() + (self.places.len() + 1) * PLACE_BYTES;
        if held > self.run_bytes && !self.places.is_empty() {
            self.spill()?;
        }
        let narrow = |length: usize| u32::try_from(length).map_err(io::Error::other);
        let place =
            Place { position, start: narrow(self.bytes.len())?, length: narrow(record.len())? };
        self.bytes.extend_from_slice(record);
        self.places.push(place);
        Ok(())
    }

    /// Shows all records by their positions and forgets them.
    ///
    /// # Errors
    /// When the file cannot be read; what `show` says ends it, too.
    pub(super) fn drain(
        &mut self,
        show: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.places.sort_unstable_by_key(|place| place.position);
        if self.runs.is_empty() {
            for place in &self.places {
                show(place.position, self.record(place))?;
            }
        } else {
            self.merge(show)?;
        }
        self.bytes.clear();
        self.places.clear();
        self.runs.clear();
        self.file = None;
        Ok(())
    }

    fn record(&self, place: &Place) -> &[u8] {
        let start = usize::try_from(place.start).unwrap_or(usize::MAX);
        let length = usize::try_from(place.length).unwrap_or(usize::MAX);
        self.bytes.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    fn merge(&self, show: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut runs: Vec<Run<'_>> = self.runs.iter().map(|ends| Run::new(file, *ends)).collect();
        let mut memory = self.places.iter();
        let mut next = memory.next();
        let mut heap = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heap.extend(run.advance()?.map(|position| Reverse((position, number))));
        }
        while let Some(Reverse((position, number))) = heap.pop() {
            while let Some(place) = next.filter(|place| place.position < position) {
                show(place.position, self.record(place))?;
                next = memory.next();
            }
            let Some(run) = runs.get_mut(number) else { continue };
            show(position, run.record())?;
            heap.extend(run.advance()?.map(|position| Reverse((position, number))));
        }
        while let Some(place) = next {
            show(place.position, self.record(place))?;
            next = memory.next();
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.places.sort_unstable_by_key(|place| place.position);
        let file = match self.file.take() {
            Some(file) => file,
            None => nameless(&self.folder)?,
        };
        let start = self.runs.last().map_or(0, |(_, end)| *end);
        let mut end = start;
        let mut writer = BufWriter::with_capacity(WINDOW_BYTES, &file);
        for place in &self.places {
            writer.write_all(&place.position.to_le_bytes())?;
            writer.write_all(&place.length.to_le_bytes())?;
            writer.write_all(self.record(place))?;
            end += 12 + u64::from(place.length);
        }
        writer.flush()?;
        drop(writer);
        self.file = Some(file);
        self.runs.push((start, end));
        self.bytes.clear();
        self.places.clear();
        Ok(())
    }
}

/// A run that is being read.
struct Run<'f> {
    file: &'f File,
    /// What of it is not read yet.
    at: u64,
    end: u64,
    window: Vec<u8>,
    /// Where in the window the next record begins, and the one last advanced to.
    next: usize,
    record: std::ops::Range<usize>,
}

impl<'f> Run<'f> {
    fn new(file: &'f File, (at, end): (u64, u64)) -> Self {
        Self { file, at, end, window: Vec::new(), next: 0, record: 0..0 }
    }

    fn record(&self) -> &[u8] {
        self.window.get(self.record.clone()).unwrap_or_default()
    }

    /// Goes to the next record; its position.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        if self.at == self.end && self.next >= self.window.len() {
            return Ok(None);
        }
        self.fill(HEAD_BYTES)?;
        let head = self.window.get(self.next..self.next + HEAD_BYTES);
        let (position, length) = head.and_then(|head| head.split_first_chunk()).ok_or_else(torn)?;
        let length: [u8; 4] = length.try_into().map_err(|_| torn())?;
        let (position, length) = (u64::from_le_bytes(*position), u32::from_le_bytes(length));
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.fill(HEAD_BYTES + length)?;
        let start = self.next + HEAD_BYTES;
        self.record = start..start + length;
        self.next = start + length;
        Ok(Some(position))
    }

    /// Makes so many bytes from the next record on readable.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        if self.window.len() >= self.next + bytes {
            return Ok(());
        }
        self.window.drain(..self.next);
        self.next = 0;
        let missing = bytes.saturating_sub(self.window.len()).max(WINDOW_BYTES);
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let (held, more) = (self.window.len(), missing.min(left));
        self.window.resize(held + more, 0);
        let place = self.window.get_mut(held..).unwrap_or_default();
        self.file.read_exact_at(place, self.at)?;
        self.at += u64::try_from(more).unwrap_or_default();
        if self.window.len() < bytes { Err(torn()) } else { Ok(()) }
    }
}

fn torn() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a run of records ends too early")
}

fn nameless(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("look-back-{:016x}", rand::random::<u64>()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_back_in_order_however_many_runs_they_fill(
            records in prop::collection::btree_map(any::<u64>(), prop::collection::vec(any::<u8>(), 0..40), 0..200),
            seed in any::<u64>(),
            run_bytes in 1_usize..2000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut order = Order::with_run(folder.path(), run_bytes);
            let mut shuffled: Vec<_> = records.iter().collect();
            shuffled.sort_by_key(|(position, _)| position.wrapping_mul(seed | 1));
            for _ in 0..2 {
                for (position, record) in &shuffled {
                    order.push(**position, record).unwrap();
                }
                let mut found = Vec::new();
                order.drain(&mut |position, record| {
                    found.push((position, record.to_vec()));
                    Ok(())
                }).unwrap();
                let wanted: Vec<_> = records.iter().map(|(p, r)| (*p, r.clone())).collect();
                prop_assert_eq!(found, wanted);
            }
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
