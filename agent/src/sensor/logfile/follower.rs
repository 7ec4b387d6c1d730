mod neighbours;

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::position::{FINISHED_MAX, FileId, MARKS_MAX, Mark, Marks};
use super::tail::{Tail, Unit, modified_us};
use super::{Gap, Line};
use crate::sensor::{Position, Root};
use neighbours::Neighbour;

pub(super) use neighbours::{is_compressed, is_rotated_name};

/// A last line without line feed is handed over when its file was rotated away and quiet so long.
const FLUSH_AFTER: Duration = Duration::from_secs(5);
/// A rotated file is let go when it was quiet so long: daemons go on writing until they are told.
const LET_GO_AFTER: Duration = Duration::from_secs(60);

/// Where to begin in a file that has never been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sensor) enum Begin {
    /// What is there has been there before us.
    End,
    /// It appeared while we were watching.
    Beginning,
}

/// What a follower hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sensor) enum Found<'a> {
    /// A line.
    Line(Line<'a>),
    /// Lines that could not be read.
    Gap(Gap),
}

/// Reads what is written to the file a path names, also while the path comes to name another one.
#[derive(Debug)]
pub(in crate::sensor) struct Follower {
    /// Name of the position: `logfile:/var/log/auth.log`.
    source: String,
    path: PathBuf,
    unit: Unit,
    /// The path with symbolic links followed, as of the last time it named a file.
    resolved: PathBuf,
    /// What is read, in this order. The last is what the path names, if `attached`.
    tails: Vec<Tail>,
    attached: bool,
    /// See [`Marks`].
    newest_us: i64,
    /// See [`Marks`].
    finished: Vec<Mark>,
    gaps: Vec<Gap>,
    changed: bool,
    problem: Option<String>,
}

impl Follower {
    /// Goes on where the stored position says, or begins.
    pub(in crate::sensor) fn start(
        root: &Root,
        source: String,
        path: &str,
        stored: Option<&[u8]>,
        begin: Begin,
        now: Instant,
    ) -> Self {
        Self::start_as(Unit::Lines, root, (source, path), stored, begin, now)
    }

    /// The same for a file that may be made of something else than lines; `of` is the name of the
    /// position and the path.
    pub(in crate::sensor) fn start_as(
        unit: Unit,
        root: &Root,
        (source, path): (String, &str),
        stored: Option<&[u8]>,
        begin: Begin,
        now: Instant,
    ) -> Self {
        let path = root.path(path);
        let mut follower = Self {
            source,
            resolved: path.clone(),
            unit,
            path,
            tails: Vec::new(),
            attached: false,
            newest_us: 0,
            finished: Vec::new(),
            gaps: Vec::new(),
            changed: true,
            problem: None,
        };
        match stored.map(Marks::decode) {
            Some(Some(marks)) => follower.resume(&marks, now),
            Some(None) => {
                follower.gaps.push(Gap::InvalidPosition);
                follower.begin(Begin::End, now);
            }
            None => follower.begin(begin, now),
        }
        follower
    }

    /// How far has been read.
    pub(in crate::sensor) fn position(&self) -> Position {
        self.position_before(&|_| None)
    }

    /// How far has been read when lines are still waiting for others: `held` says where the first
    /// such line of a file begins.
    pub(in crate::sensor) fn position_before(
        &self,
        held: &dyn Fn(FileId) -> Option<u64>,
    ) -> Position {
        let before = |tail: &Tail| {
            let mark = tail.mark();
            Mark { offset: held(mark.id).map_or(mark.offset, |at| at.min(mark.offset)), ..mark }
        };
        let files = self.tails.iter().map(before).collect();
        let (newest_us, finished) = (self.newest_us, self.finished.clone());
        let bytes = Marks { newest_us, files, finished }.encode();
        Position { source: self.source.clone(), bytes }
    }

    /// Whether the position changed since this was last asked.
    pub(in crate::sensor) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Says that the position changed for a reason the follower does not know.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// Whether the path names nothing and nothing it named is being read any more.
    pub(super) fn is_gone(&self) -> bool {
        !self.attached && self.tails.is_empty() && self.problem.is_none()
    }

    /// Why the file cannot be read now.
    pub(in crate::sensor) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether this file is being read here.
    pub(super) fn has(&self, id: FileId) -> bool {
        self.tails.iter().any(|tail| tail.id == id)
    }

    /// Hands over what is new, at most `budget` lines; true when nothing more is there now.
    pub(in crate::sensor) fn read(
        &mut self,
        buffer: &mut [u8],
        budget: &mut usize,
        now: Instant,
        sink: &mut dyn FnMut(Found<'_>),
    ) -> bool {
        self.look(now);
        for gap in self.gaps.drain(..) {
            sink(Found::Gap(gap));
        }
        let mut lines = |line: Line<'_>| sink(Found::Line(line));
        for tail in &mut self.tails {
            let before = tail.offset;
            let ended = tail.read(buffer, budget, now, &mut lines);
            self.changed |= tail.offset != before;
            self.newest_us = self.newest_us.max(tail.modified_us());
            match ended {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => self.problem = Some(error.to_string()),
            }
        }
        self.let_go(buffer, now, sink);
        true
    }

    /// Finds out which file the path names now.
    fn look(&mut self, now: Instant) {
        let outcome = match std::fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => self.look_at(&metadata, now),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.attached = false;
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.problem = outcome.err().map(|error| error.to_string());
    }

    fn look_at(&mut self, metadata: &Metadata, now: Instant) -> io::Result<()> {
        let id = FileId::of(metadata);
        if self.attached
            && let Some(last) = self.tails.last()
            && last.id == id
        {
            return match last.offset {
                _ if last.was_truncated(metadata) => self.truncated(now),
                // It was empty when last seen, so nothing tells whether it was filled, copied and
                // emptied meanwhile, but that there is a copy.
                0 if last.has_changed(metadata) => self.open_unread(None, now),
                _ => Ok(()),
            };
        }
        if let Some(place) = self.tails.iter().position(|tail| tail.id == id) {
            // It was renamed and got its name back.
            let tail = self.tails.remove(place);
            self.tails.push(tail);
            (self.attached, self.changed) = (true, true);
            return Ok(());
        }
        self.rotated(now)
    }

    /// The path names a file that is not being read: what was rotated meanwhile comes first.
    fn rotated(&mut self, now: Instant) -> io::Result<()> {
        let current = self.open(&self.path, 0, now)?;
        if self.attached
            && let Some(last) = self.tails.last()
            && last.was_truncated(&last.metadata()?)
        {
            // It was emptied before it was renamed.
            self.truncated(now)?;
        }
        self.resolve();
        self.attached = false;
        self.open_unread(Some(current.id), now)?;
        self.tails.push(current);
        (self.attached, self.changed) = (true, true);
        self.bound();
        Ok(())
    }

    /// The file was emptied in place: the rest of what it held may be in a copy beside it.
    fn truncated(&mut self, now: Instant) -> io::Result<()> {
        let Some(mut current) = self.tails.pop() else { return Ok(()) };
        let mark = current.mark();
        let copy = neighbours::all(&self.resolved).into_iter().find_map(|neighbour| {
            // What was read after the copy was made is not in it.
            let mark = Mark { offset: mark.offset.min(neighbour.bytes), ..mark };
            neighbours::open_as(&neighbour, &mark, now).filter(|tail| tail.id != current.id)
        });
        let is_copied = copy.is_some();
        self.tails.extend(copy.map(|tail| tail.made_of(self.unit)));
        if !is_copied && mark.offset > 0 {
            self.gaps.push(Gap::Truncated);
        }
        current.rewind();
        self.tails.push(current);
        self.changed = true;
        // It may have happened more than once.
        if is_copied { self.open_unread(None, now) } else { Ok(()) }
    }

    fn open(&self, path: &Path, offset: u64, now: Instant) -> io::Result<Tail> {
        Tail::open(path, offset, now).map(|tail| tail.made_of(self.unit))
    }

    fn begin(&mut self, begin: Begin, now: Instant) {
        let Ok(mut tail) = self.open(&self.path, 0, now) else { return };
        if begin == Begin::End {
            // Where this fails the file is read from its beginning: too much rather than too little.
            let _ = tail.skip_to_end(&mut vec![0; 64 * 1024]);
        }
        self.newest_us = tail.modified_us();
        self.tails.push(tail);
        self.attached = true;
        self.resolve();
    }

    /// Finds the files of the stored marks again, and those that were rotated meanwhile.
    fn resume(&mut self, marks: &Marks, now: Instant) {
        (self.newest_us, self.finished) = (marks.newest_us, marks.finished.clone());
        self.resolve();
        let neighbours = neighbours::all(&self.resolved);
        for mark in &marks.files {
            let same = |neighbour: &&Neighbour| neighbour.id.inode == mark.id.inode;
            let found = neighbours
                .iter()
                .filter(same)
                .chain(&neighbours)
                .find_map(|neighbour| neighbours::open_as(neighbour, mark, now));
            match found {
                Some(tail) if !self.has(tail.id) => self.tails.push(tail.made_of(self.unit)),
                Some(_) => {}
                None if mark.offset > 0 => self.gaps.push(Gap::RotatedUnread),
                None => {}
            }
        }
        let current = std::fs::metadata(&self.path).ok().map(|metadata| FileId::of(&metadata));
        self.attached = current.is_some() && self.tails.last().map(|tail| tail.id) == current;
        if !self.attached {
            // Where a neighbour cannot be opened, that has been noted as a gap.
            let _ = self.open_unread(current, now);
        }
    }

    /// Opens rotated files that have not been read, and puts them before the one the path names.
    fn open_unread(&mut self, current: Option<FileId>, now: Instant) -> io::Result<()> {
        if self.newest_us == 0 {
            return Ok(());
        }
        let known = |id: FileId| Some(id) == current || self.has(id);
        let unread = neighbours::unread(&self.resolved, self.newest_us, &known);
        for neighbour in unread {
            let finished = self.finished.iter().find_map(|mark| {
                let same = mark.id.inode == neighbour.id.inode;
                same.then(|| neighbours::open_as(&neighbour, mark, now)).flatten()
            });
            let opened = finished.map_or_else(|| self.open(&neighbour.path, 0, now), Ok);
            let place = self.tails.len().saturating_sub(usize::from(self.attached));
            match opened {
                Ok(tail) => self.tails.insert(place, tail.made_of(self.unit)),
                Err(_) => self.gaps.push(Gap::RotatedUnread),
            }
            self.changed = true;
        }
        let rotated = self.tails.len().saturating_sub(usize::from(self.attached));
        if let Some(rotated) = self.tails.get_mut(..rotated) {
            rotated.sort_by_key(Tail::modified_us);
        }
        self.bound();
        Ok(())
    }

    /// Keeps the number of open files within what a position can hold: those that have been read
    /// go first, then the oldest.
    fn bound(&mut self) {
        if self.tails.len() <= MARKS_MAX {
            return;
        }
        let (mut place, count) = (0, self.tails.len());
        self.tails.retain(|tail| {
            place += 1;
            place == count || tail.metadata().is_ok_and(|metadata| metadata.len() > tail.offset)
        });
        while self.tails.len() > MARKS_MAX {
            self.tails.remove(0);
            self.gaps.push(Gap::RotatedUnread);
        }
    }

    fn resolve(&mut self) {
        if let Ok(resolved) = self.path.canonicalize() {
            self.resolved = resolved;
        }
    }

    /// Lets go of files that were rotated away and are quiet.
    fn let_go(&mut self, buffer: &mut [u8], now: Instant, sink: &mut dyn FnMut(Found<'_>)) {
        let rotated = self.tails.len().saturating_sub(usize::from(self.attached));
        for tail in self.tails.iter_mut().take(rotated) {
            let before = tail.offset;
            if tail.quiet(now) >= FLUSH_AFTER {
                tail.flush(buffer, &mut |line| sink(Found::Line(line)));
            }
            self.changed |= tail.offset != before;
        }
        // The last one is kept until another takes its place, because a program may go on writing
        // to it for long; but not when it was deleted, because that would hold its disk space.
        let (mut place, count) = (0, self.tails.len());
        let (attached, finished) = (self.attached, &mut self.finished);
        self.tails.retain(|tail| {
            place += 1;
            let wanted = place == count && (attached || !tail.is_deleted());
            let kept = wanted || tail.quiet(now) < LET_GO_AFTER;
            if !kept {
                finished.push(tail.mark());
            }
            kept
        });
        let excess = self.finished.len().saturating_sub(FINISHED_MAX);
        self.finished.drain(..excess);
        self.changed |= self.tails.len() != count;
    }
}

/// The folder and the name of a path.
fn split(path: &Path) -> Option<(&Path, &str)> {
    Some((path.parent()?, path.file_name()?.to_str()?))
}

/// When a neighbour was last modified.
fn modified(metadata: &Metadata) -> i64 {
    modified_us(metadata)
}
