use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::parts::{Parts, copy, list, make_folder, sync_folder};
use super::{Error, Kind, Manifest, Part};
use crate::journal::{self, MARK_KEY_BYTES, Position};

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// When the backup was made.
    pub made_at: soc_event::Timestamp,
    /// Parts of it.
    pub parts: usize,
    /// Bytes of them all.
    pub bytes: u64,
    /// Position after the last event.
    pub journal_end: u64,
}

/// Makes a data folder of a backup; `each` is told what is read, and how many bytes that is. Blocks.
///
/// # Errors
/// [`Error::Damaged`] naming every part that is not what was written; [`Error::Refused`] when the
/// folder holds something. In each case the folder is as it was.
pub fn restore(
    backup: &Path,
    data: &Path,
    each: &mut dyn FnMut(&str, u64),
) -> Result<Restored, Error> {
    check_empty(data)?;
    let (manifest, mut damaged) = Manifest::newest(backup)?;
    let Some(manifest) = manifest else {
        if damaged.is_empty() {
            return Err(Error::Refused(format!("{}: there is no backup", backup.display())));
        }
        return Err(Error::Damaged(damaged));
    };
    for part in &manifest.parts {
        each(&part.said(), part.bytes);
        damaged.extend(check(backup, part));
    }
    if !damaged.is_empty() {
        return Err(Error::Damaged(damaged));
    }
    let building = building(data)?;
    build(backup, &manifest, &building)?;
    if data.exists() {
        std::fs::remove_dir(data).map_err(|error| Error::io(data, error))?;
    }
    std::fs::rename(&building, data).map_err(|error| Error::io(data, error))?;
    sync_folder(data.parent().filter(|above| above != &Path::new("")).unwrap_or(Path::new(".")))?;
    Ok(Restored {
        made_at: manifest.made_at,
        parts: manifest.parts.len(),
        bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
        journal_end: manifest.journal.end,
    })
}

fn check_empty(data: &Path) -> Result<(), Error> {
    match std::fs::metadata(data) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(data, error)),
        Ok(_) if list(data)?.is_empty() => Ok(()),
        Ok(_) => Err(Error::Refused(format!("{} is not empty; choose another", data.display()))),
    }
}

/// What is wrong with a part.
fn check(backup: &Path, part: &Part) -> Option<String> {
    let path = Parts::path(backup, &part.sha256);
    let found = File::open(&path).and_then(|mut file| copy(&mut file, &mut std::io::sink()));
    let told = |why: &str| Some(format!("{}: {} ({why})", part.said(), path.display()));
    match found {
        Ok((sha256, _)) if sha256 == part.sha256 => None,
        Ok((_, bytes)) if bytes != part.bytes => {
            told(&format!("{bytes} bytes, {} were written", part.bytes))
        }
        Ok(_) => told("the content is not what was written"),
        Err(error) => told(&error.to_string()),
    }
}

/// Beside the folder: there is none half made, whenever it is killed.
fn building(data: &Path) -> Result<PathBuf, Error> {
    let name = data.file_name().unwrap_or_default().to_string_lossy();
    let building = data.with_file_name(format!(".{name}.restoring"));
    match std::fs::remove_dir_all(&building) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io(&building, error));
        }
        _ => {}
    }
    make_folder(&building)?;
    Ok(building)
}

fn build(backup: &Path, manifest: &Manifest, data: &Path) -> Result<(), Error> {
    let journal = journal::RestoredJournal::create(&data.join("journal.redb"))?;
    let mut marks = Vec::new();
    for part in &manifest.parts {
        let from = Parts::path(backup, &part.sha256);
        match &part.kind {
            Kind::File { path, mode } => put(&from, data, Path::new(path), *mode)?,
            Kind::Blocks { .. } => {
                let bytes = std::fs::read(&from).map_err(|error| Error::io(&from, error))?;
                journal.blocks(Segment(&bytes))?;
            }
            Kind::Marks => marks = std::fs::read(&from).map_err(|error| Error::io(&from, error))?,
        }
    }
    let facts = manifest.journal;
    journal.finish(Marks(&marks), Position(facts.end), facts.own_epoch)?;
    drop(journal);
    sync_folder(data)
}

/// Copies a file to its place; only below the folder, whatever the manifest says.
fn put(from: &Path, data: &Path, path: &Path, mode: u32) -> Result<(), Error> {
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::Refused(format!("{} is no path within a data folder", path.display())));
    }
    let to = data.join(path);
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let wrong = |error| Error::io(&to, error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode & 0o700);
    let mut file = options.open(&to).map_err(wrong)?;
    let mut source = File::open(from).map_err(|error| Error::io(from, error))?;
    copy(&mut source, &mut file).and_then(|_| file.sync_all()).map_err(wrong)?;
    sync_folder(to.parent().unwrap_or(data))
}

/// Blocks of a part.
struct Segment<'b>(&'b [u8]);

impl<'b> Iterator for Segment<'b> {
    type Item = (u64, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (position, rest) = self.0.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (block, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((u64::from_le_bytes(*position), block))
    }
}

/// Marks of a part.
struct Marks<'b>(&'b [u8]);

impl<'b> Iterator for Marks<'b> {
    type Item = (&'b [u8; MARK_KEY_BYTES], u64);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = self.0.split_first_chunk::<MARK_KEY_BYTES>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        self.0 = rest;
        Some((key, u64::from_le_bytes(*sequence)))
    }
}
