use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use soc_event::{Event, Timestamp};

use super::Mark;
use super::frame::{HEAD_BYTES, Head};

/// Most files that are looked for.
const FILES_MAX: usize = 64;

/// Reads the ring of a folder, frame by frame; never waits and never writes.
#[derive(Clone, Debug)]
pub struct Reader {
    folder: PathBuf,
}

/// A frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Where the next one begins.
    pub next: Mark,
    /// Its events, in the order they were written; nothing when none of them can be in the range.
    pub events: Vec<Event>,
}

impl Reader {
    /// Of the ring in this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The next frame from a place on, not beyond `end`; `None` when there is none. A damaged frame
    /// ends its file. Events are only opened where the frame may have some from `from` to `to`.
    pub fn next(&self, at: Mark, end: Mark, from: Timestamp, to: Timestamp) -> Option<Frame> {
        for number in files(&self.folder).into_iter().filter(|number| *number >= at.file) {
            let offset = if number == at.file { at.offset } else { 0 };
            let place = Mark { file: number, offset };
            if place >= end {
                return None;
            }
            if let Some(frame) = self.frame(place, from, to) {
                return (frame.next <= end).then_some(frame);
            }
        }
        None
    }

    /// The earliest time of the oldest frame, and whether nothing was ever overwritten.
    pub fn oldest(&self) -> Option<(Timestamp, bool)> {
        let number = *files(&self.folder).first()?;
        let head = self.head(Mark { file: number, offset: 0 })?.1;
        Some((head.earliest, number == 1))
    }

    fn head(&self, at: Mark) -> Option<(File, Head)> {
        let file = File::open(path(&self.folder, at.file)).ok()?;
        let mut bytes = [0; HEAD_BYTES];
        file.read_exact_at(&mut bytes, at.offset).ok()?;
        Some((file, Head::decode(&bytes)?))
    }

    fn frame(&self, at: Mark, from: Timestamp, to: Timestamp) -> Option<Frame> {
        let (file, head) = self.head(at)?;
        let begin = at.offset + HEAD_BYTES as u64;
        let length = head.bytes as u64;
        // What a head claims is not believed before the file is as long.
        (file.metadata().ok()?.len() >= begin.checked_add(length)?).then_some(())?;
        let next = Mark { file: at.file, offset: begin + length };
        if head.latest < from || head.earliest >= to {
            return Some(Frame { next, events: Vec::new() });
        }
        let mut packed = vec![0; head.bytes];
        file.read_exact_at(&mut packed, begin).ok()?;
        Some(Frame { next, events: head.events(&packed)? })
    }
}

/// The numbers of the files, in order.
pub(super) fn files(folder: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let number = |name: &str| name.strip_suffix(".ring")?.parse().ok();
    let mut files: Vec<u64> = entries
        .take(FILES_MAX)
        .filter_map(|entry| number(entry.ok()?.file_name().to_str()?))
        .collect();
    files.sort_unstable();
    files
}

pub(super) fn path(folder: &Path, file: u64) -> PathBuf {
    folder.join(format!("{file:08}.ring"))
}
