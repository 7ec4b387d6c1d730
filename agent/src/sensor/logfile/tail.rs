use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use soc_event::limits;

use super::position::{FileId, HEAD_BYTES_MAX, Head, Mark};
use crate::sensor::read;

/// Bytes read at a time, and so the longest line that needs no extra memory.
pub(in crate::sensor) const BUFFER_BYTES: usize = limits::TEXT_BYTES_MAX;

/// A line counts once more for each so many bytes: memory is bounded also where lines are long.
const BYTES_PER_BUDGET: usize = 1024;

/// What a file is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sensor) enum Unit {
    /// Lines.
    #[default]
    Lines,
    /// Records of so many bytes each, at most a buffer.
    Records(usize),
}

/// A line without its line feed, or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sensor) struct Line<'a> {
    /// The file it stands in.
    pub(in crate::sensor) file: FileId,
    /// Where it begins in its file.
    pub(in crate::sensor) offset: u64,
    /// What it says, at most 64 KiB of it.
    pub(in crate::sensor) bytes: &'a [u8],
    /// Whether it was longer.
    pub(in crate::sensor) is_cut: bool,
}

/// One open file, read line by line; keeps reading after it was renamed or deleted.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    unit: Unit,
    pub(super) id: FileId,
    pub(super) head: Head,
    pub(super) offset: u64,
    /// A line longer than the buffer whose end has not been seen.
    long: Option<Long>,
    /// Size and time of modification when it was last read to its end.
    seen: Option<(u64, i64)>,
    /// Since when nothing was appended.
    quiet_since: Instant,
}

#[derive(Debug)]
struct Long {
    beginning: Vec<u8>,
    bytes: u64,
}

impl Tail {
    /// Opens a file to be read from an offset.
    pub(super) fn open(path: &Path, offset: u64, now: Instant) -> io::Result<Self> {
        let (file, metadata) = read::open_beneath(path)?;
        let head = Head::read(&file, offset.min(HEAD_BYTES_MAX as u64))?;
        let id = FileId::of(&metadata);
        let unit = Unit::Lines;
        Ok(Self { file, unit, id, head, offset, long: None, seen: None, quiet_since: now })
    }

    /// The same file, made of something else than lines.
    pub(super) fn made_of(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { id: self.id, head: self.head, offset: self.offset }
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Whether this is the file of a mark, at least as long as it was read.
    pub(super) fn is_of(&self, mark: &Mark) -> bool {
        mark.head.is_of(&self.file) && self.metadata().is_ok_and(|now| now.len() >= mark.offset)
    }

    /// Whether bytes that had been read are gone or others.
    pub(super) fn was_truncated(&self, metadata: &Metadata) -> bool {
        self.has_changed(metadata) && (metadata.len() < self.offset || !self.head.is_of(&self.file))
    }

    /// Whether anything was written since it was last read to its end.
    pub(super) fn has_changed(&self, metadata: &Metadata) -> bool {
        self.seen != Some(stamp(metadata))
    }

    /// Begins anew at the first byte.
    pub(super) fn rewind(&mut self) {
        (self.offset, self.head, self.long, self.seen) = (0, Head::default(), None, None);
    }

    /// Moves to the last beginning of a line, so that the first line read is a whole one.
    pub(super) fn skip_to_end(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let len = self.metadata()?.len();
        if let Unit::Records(bytes) = self.unit {
            self.offset = len - len % bytes.max(1) as u64;
            return self.update_head();
        }
        let from = len.saturating_sub(buffer.len() as u64);
        let count = self.file.read_at(buffer, from)?;
        let read = buffer.get(..count).unwrap_or_default();
        let kept = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        self.offset = if kept == 0 && from > 0 { len } else { from + kept as u64 };
        self.update_head()
    }

    /// Hands over whole lines, at most `budget`, fewer if they are long; true when nothing more is
    /// there now.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        budget: &mut usize,
        now: Instant,
        sink: &mut dyn FnMut(Line<'_>),
    ) -> io::Result<bool> {
        let metadata = self.metadata()?;
        if !self.has_changed(&metadata) {
            return Ok(true);
        }
        if self.seen.is_some() {
            self.quiet_since = now;
        }
        loop {
            if *budget == 0 {
                self.update_head()?;
                return Ok(false);
            }
            let from = self.offset + self.long.as_ref().map_or(0, |long| long.bytes);
            let count = self.file.read_at(buffer, from)?;
            let read = buffer.get(..count).unwrap_or_default();
            match self.unit {
                Unit::Lines => self.take(read, buffer.len(), budget, sink),
                Unit::Records(bytes) => self.take_records(read, bytes, budget, sink),
            }
            if count < buffer.len() && *budget > 0 {
                break;
            }
        }
        self.seen = Some(stamp(&metadata));
        self.update_head()?;
        Ok(true)
    }

    /// Takes the lines of what was read.
    fn take(
        &mut self,
        read: &[u8],
        buffer_len: usize,
        budget: &mut usize,
        sink: &mut dyn FnMut(Line<'_>),
    ) {
        let mut rest = read;
        while *budget > 0
            && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
        {
            let (line, after) = rest.split_at(end);
            let bytes = match self.long.take() {
                Some(long) => {
                    sink(Line {
                        file: self.id,
                        offset: self.offset,
                        bytes: &long.beginning,
                        is_cut: true,
                    });
                    self.offset += long.bytes + end as u64 + 1;
                    long.beginning.len()
                }
                None => {
                    sink(Line { file: self.id, offset: self.offset, bytes: line, is_cut: false });
                    self.offset += end as u64 + 1;
                    end
                }
            };
            *budget = budget.saturating_sub(1 + bytes / BYTES_PER_BUDGET);
            rest = after.get(1..).unwrap_or_default();
        }
        if *budget == 0 {
            return;
        }
        match &mut self.long {
            Some(long) => long.bytes += rest.len() as u64,
            None if rest.len() == buffer_len => {
                self.long = Some(Long { beginning: rest.to_vec(), bytes: rest.len() as u64 });
            }
            None => {}
        }
    }

    /// Takes whole records; half of one is waited for.
    fn take_records(
        &mut self,
        read: &[u8],
        record_bytes: usize,
        budget: &mut usize,
        sink: &mut dyn FnMut(Line<'_>),
    ) {
        for bytes in read.chunks_exact(record_bytes.max(1)) {
            if *budget == 0 {
                return;
            }
            sink(Line { file: self.id, offset: self.offset, bytes, is_cut: false });
            self.offset += bytes.len() as u64;
            *budget -= 1;
        }
    }

    /// Hands over what stands after the last line feed, of a file to which nothing will be added.
    pub(super) fn flush(&mut self, buffer: &mut [u8], sink: &mut dyn FnMut(Line<'_>)) {
        let len = self.metadata().map_or(self.offset, |metadata| metadata.len());
        if len <= self.offset {
            return;
        }
        if let Unit::Records(_) = self.unit {
            self.offset = len;
            return;
        }
        if let Some(long) = self.long.take() {
            sink(Line { file: self.id, offset: self.offset, bytes: &long.beginning, is_cut: true });
        } else if let Ok(count) = self.file.read_at(buffer, self.offset) {
            let bytes = buffer.get(..count).unwrap_or_default();
            sink(Line { file: self.id, offset: self.offset, bytes, is_cut: false });
        }
        self.offset = len;
    }

    /// How long nothing was appended.
    pub(super) fn quiet(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.quiet_since)
    }

    /// Whether no name leads to it any more.
    pub(super) fn is_deleted(&self) -> bool {
        self.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// When it was last modified, in microseconds.
    pub(super) fn modified_us(&self) -> i64 {
        self.metadata().map_or(0, |metadata| modified_us(&metadata))
    }

    fn update_head(&mut self) -> io::Result<()> {
        let wanted = self.offset.min(HEAD_BYTES_MAX as u64);
        if u64::from(self.head.len) < wanted {
            self.head = Head::read(&self.file, wanted)?;
        }
        Ok(())
    }
}

/// When a file was last modified, in microseconds since 1970.
pub(super) fn modified_us(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1000)
}

fn stamp(metadata: &Metadata) -> (u64, i64) {
    let modified_ns =
        metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    (metadata.len(), modified_ns)
}
