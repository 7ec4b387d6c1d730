use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use soc_event::Timestamp;

use super::listed::{ARCHIVE, Listed, listed, listed_in};
use super::parts::{Parts, Written, list, make_folder};
use super::{Error, JournalFacts, Kind, Manifest, Part};
use crate::journal::{Journal, Position, Snapshot};
use crate::store::Store;

/// Blocks of events in one part, about.
const SEGMENT_BYTES: usize = 64 << 20;
/// How often copying the archive is begun anew.
const TRIES_MAX: usize = 10;
/// What is copied otherwise, or is of a process that runs.
const NOT_COPIED: [&str; 8] = [
    "state.sqlite",
    "state.sqlite-wal",
    "state.sqlite-shm",
    "journal.redb",
    "lock",
    "import.lock",
    "addresses.json",
    "control.sock",
];

/// What is to be copied.
#[derive(Clone, Debug)]
pub struct Source {
    /// The data folder.
    pub data: PathBuf,
    /// Its database.
    pub store: Store,
    /// Its journal.
    pub journal: Journal,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Parts there are.
    pub parts: u64,
    /// Bytes of them all.
    pub bytes: u64,
    /// Bytes that had to be copied: the others were there.
    pub new_bytes: u64,
    /// Position after the last event.
    pub journal_end: u64,
}

/// Makes a backup in a folder, or brings the one that is there up to date.
///
/// # Errors
/// Why there is none; the one before is as it was.
pub async fn make(source: &Source, folder: &Path, now: Timestamp) -> Result<Made, Error> {
    check_place(source, folder)?;
    make_folder(folder)?;
    let _turn = take_turn(folder)?;
    let parts = Parts::open(folder)?;
    let (before, _) = Manifest::newest(folder)?;
    let before = before.unwrap_or_else(|| Manifest::new(now, &source.data, NO_JOURNAL));
    let mut maker = Maker { source, parts, before, made: Made::default(), all: Vec::new() };
    // Most of it, before anything has to stand still.
    let current = listed(source.store.pool()).await?;
    maker.archive(&current).await?;
    let hold = source.journal.hold();
    maker.database().await?;
    maker.files().await?;
    let facts = maker.journal().await?;
    drop(hold);
    maker.parts.sync()?;
    let Maker { parts, made, all, .. } = maker;
    let manifest = Manifest { parts: all, ..Manifest::new(now, &source.data, facts) };
    manifest.write(folder)?;
    parts.sweep(&manifest.parts.iter().map(|part| part.sha256.as_str()).collect())?;
    Ok(Made {
        parts: u64::try_from(manifest.parts.len()).unwrap_or(u64::MAX),
        bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
        journal_end: facts.end,
        ..made
    })
}

const NO_JOURNAL: JournalFacts = JournalFacts { first: 0, end: 0, own_epoch: 0 };

struct Maker<'s> {
    source: &'s Source,
    parts: Parts,
    before: Manifest,
    made: Made,
    all: Vec<Part>,
}

impl Maker<'_> {
    fn add(&mut self, written: Written, kind: Kind) {
        let Written { sha256, bytes, is_new } = written;
        self.made.new_bytes += if is_new { bytes } else { 0 };
        self.all.push(Part { sha256, bytes, kind });
    }

    /// Copies files of the archive that are not there yet; true when all of them are.
    async fn archive(&mut self, files: &[Listed]) -> Result<bool, Error> {
        let (root, parts) = (self.source.data.join(ARCHIVE), self.parts.clone());
        let files: Vec<Listed> =
            files.iter().filter(|file| !parts.has(&file.sha256, file.bytes)).cloned().collect();
        let copied = tokio::task::spawn_blocking(move || -> Result<(u64, bool), Error> {
            let (mut bytes, mut is_whole) = (0, true);
            for file in files {
                match parts.put_file(&root.join(&file.path)) {
                    // What is damaged is copied as it is, and is damaged in the copy.
                    Ok(written) => bytes += written.bytes,
                    Err(Error::Io { source, .. })
                        if source.kind() == std::io::ErrorKind::NotFound =>
                    {
                        is_whole = false;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok((bytes, is_whole))
        });
        let (bytes, is_whole) = copied.await??;
        self.made.new_bytes += bytes;
        Ok(is_whole)
    }

    /// Copies the database, and the files of the archive it lists.
    async fn database(&mut self) -> Result<(), Error> {
        for _ in 0..TRIES_MAX {
            let copy =
                Temporary(self.source.data.join(format!("backup-{:016x}", rand::random::<u64>())));
            let text = copy.0.to_string_lossy().into_owned();
            sqlx::query("VACUUM INTO ?").bind(&text).execute(self.source.store.pool()).await?;
            let files = listed_in(&copy.0).await?;
            if !self.archive(&files).await? && self.is_missed(&files).await? {
                continue;
            }
            let (parts, path) = (self.parts.clone(), copy.0.clone());
            let written = tokio::task::spawn_blocking(move || parts.put_file(&path)).await??;
            self.add(written, Kind::File { path: "state.sqlite".into(), mode: 0o600 });
            for Listed { path, sha256, bytes } in files {
                if self.parts.has(&sha256, bytes) {
                    let kind = Kind::File { path: format!("{ARCHIVE}/{path}"), mode: 0o600 };
                    self.all.push(Part { sha256, bytes, kind });
                }
            }
            return Ok(());
        }
        Err(Error::Moving)
    }

    /// Whether a file that could not be copied is not listed any more: it was replaced meanwhile.
    /// One that is listed still and is not there was lost, and will be missing in the copy, too.
    async fn is_missed(&self, files: &[Listed]) -> Result<bool, Error> {
        let current = listed(self.source.store.pool()).await?;
        let still: BTreeSet<&str> = current.iter().map(|file| file.path.as_str()).collect();
        let is_gone = |file: &&Listed| !self.parts.has(&file.sha256, file.bytes);
        Ok(files.iter().filter(is_gone).any(|file| !still.contains(file.path.as_str())))
    }

    /// Copies all other files.
    async fn files(&mut self) -> Result<(), Error> {
        let (data, parts) = (self.source.data.clone(), self.parts.clone());
        let copied = tokio::task::spawn_blocking(move || -> Result<Vec<_>, Error> {
            let mut paths = Vec::new();
            for path in list(&data)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !NOT_COPIED.contains(&name.as_str()) && !name.starts_with("backup-") {
                    collect(&path, &mut paths)?;
                }
            }
            let events = data.join(ARCHIVE).join("events");
            paths.retain(|path| !path.starts_with(&events));
            let mut copied = Vec::new();
            for path in paths {
                let mode = std::fs::metadata(&path).map(|data| data.permissions().mode());
                let (written, mode) = match (parts.put_file(&path), mode) {
                    (Ok(written), Ok(mode)) => (written, mode & 0o777),
                    // Gone since it was listed.
                    _ if !path.exists() => continue,
                    (Err(error), _) => return Err(error),
                    (_, Err(error)) => return Err(Error::io(&path, error)),
                };
                let path = path.strip_prefix(&data).unwrap_or(&path);
                copied.push((
                    written,
                    Kind::File { path: path.to_string_lossy().into_owned(), mode },
                ));
            }
            Ok(copied)
        });
        for (written, kind) in copied.await?? {
            self.add(written, kind);
        }
        Ok(())
    }

    /// Copies what the backup before does not have of the journal.
    async fn journal(&mut self) -> Result<JournalFacts, Error> {
        let (journal, parts) = (self.source.journal.clone(), self.parts.clone());
        let before = std::mem::replace(
            &mut self.before,
            Manifest::new(Timestamp::default(), &self.source.data, NO_JOURNAL),
        );
        let copied = tokio::task::spawn_blocking(move || copy_journal(&journal, &parts, before));
        let (facts, kept, new) = copied.await??;
        self.all.extend(kept);
        for (written, kind) in new {
            self.add(written, kind);
        }
        Ok(facts)
    }
}

type Copied = (JournalFacts, Vec<Part>, Vec<(Written, Kind)>);

fn copy_journal(journal: &Journal, parts: &Parts, before: Manifest) -> Result<Copied, Error> {
    let snapshot = journal.snapshot()?;
    let Snapshot { end, first, own_epoch, .. } = snapshot;
    let facts = JournalFacts { first: first.0, end: end.0, own_epoch };
    let is_same = before.journal.own_epoch == own_epoch && before.journal.end <= end.0;
    let is_kept = |part: &Part| match part.kind {
        Kind::Blocks { end, .. } => end > first.0 && parts.has(&part.sha256, part.bytes),
        _ => false,
    };
    let mut kept: Vec<Part> =
        before.parts.into_iter().filter(|part| is_same && is_kept(part)).collect();
    // Those that follow each other without a gap; the rest is copied again.
    let mut from = kept.first().map_or(first.0, |part| span(part).0.min(first.0));
    kept.retain(|part| {
        let (start, end) = span(part);
        let follows = start == from || (from == first.0 && start <= first.0);
        from = if follows { end } else { from };
        follows
    });
    let mut new = Vec::new();
    while from < end.0 {
        let (segment, next) = segment(&snapshot, from, end.0)?;
        let written = parts.put(&mut segment.as_slice())?;
        new.push((written, Kind::Blocks { first: from, end: next }));
        from = next;
    }
    let mut marks = Vec::new();
    snapshot.marks(&mut |key, sequence| {
        marks.extend_from_slice(key);
        marks.extend_from_slice(&sequence.to_le_bytes());
    })?;
    new.push((parts.put(&mut marks.as_slice())?, Kind::Marks));
    Ok((facts, kept, new))
}

fn span(part: &Part) -> (u64, u64) {
    match part.kind {
        Kind::Blocks { first, end } => (first, end),
        _ => (0, 0),
    }
}

/// Blocks one after the other, each behind its position (8 bytes) and length (4 bytes), both
/// little-endian; and the position after the last.
fn segment(snapshot: &Snapshot, from: u64, end: u64) -> Result<(Vec<u8>, u64), Error> {
    let (mut bytes, mut next) = (Vec::new(), end);
    snapshot.blocks(Position(from), &mut |position, block| {
        if bytes.len() >= SEGMENT_BYTES {
            next = position;
            return false;
        }
        bytes.extend_from_slice(&position.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(block);
        true
    })?;
    Ok((bytes, next))
}

/// All files below a path.
fn collect(path: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    let data = std::fs::symlink_metadata(path).map_err(|error| Error::io(path, error))?;
    if data.is_dir() {
        for inner in list(path)? {
            collect(&inner, paths)?;
        }
    } else if data.is_file() {
        paths.push(path.to_owned());
    }
    Ok(())
}

/// A backup inside of what it is a backup of would grow without end.
fn check_place(source: &Source, folder: &Path) -> Result<(), Error> {
    let data = source.data.canonicalize().map_err(|error| Error::io(&source.data, error))?;
    let known = folder.ancestors().find_map(|above| above.canonicalize().ok());
    if !folder.is_absolute() || known.is_some_and(|known| known.starts_with(&data)) {
        let folder = folder.display();
        return Err(Error::Refused(format!(
            "{folder} is inside of the data folder; choose another"
        )));
    }
    let foreign = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name != "parts" && name != "lock" && !name.starts_with("backup-")
    };
    if folder.is_dir() && list(folder)?.iter().any(foreign) {
        let folder = folder.display();
        return Err(Error::Refused(format!(
            "{folder} holds something that is no backup; choose another"
        )));
    }
    Ok(())
}

/// One backup at a time into a folder.
fn take_turn(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|error| Error::io(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Refused(format!("{}: a backup is being made there", folder.display())))
        }
        Err(TryLockError::Error(error)) => Err(Error::io(&path, error)),
    }
}

/// A file that is removed when dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
