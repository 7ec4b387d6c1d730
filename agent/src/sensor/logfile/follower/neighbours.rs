//! Files beside a log: what rotation made of it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{modified, split};
use crate::sensor::logfile::position::{FileId, Mark};
use crate::sensor::logfile::tail::Tail;

/// Most files of a folder that are looked at.
const ENTRIES_MAX: usize = 4096;
/// So many equal first bytes say that one file is a copy of another.
const COPY_HEAD_BYTES_MIN: u16 = 32;

/// A regular file in the folder of a log; the log itself is one, too.
#[derive(Clone, Debug)]
pub(super) struct Neighbour {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    modified_us: i64,
    pub(super) bytes: u64,
}

/// All regular files in the folder of a log that are not compressed.
pub(super) fn all(log: &Path) -> Vec<Neighbour> {
    let Some((folder, _)) = split(log) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let neighbour = |path: PathBuf| {
        let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let (id, modified_us) = (FileId::of(&metadata), modified(&metadata));
        Some(Neighbour { path, id, modified_us, bytes: metadata.len() })
    };
    let paths = entries.take(ENTRIES_MAX).filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| !is_compressed(path)).filter_map(neighbour).collect()
}

/// Rotated files of a log that are newer than anything read, oldest first.
pub(super) fn unread(
    log: &Path,
    newest_us: i64,
    is_known: &dyn Fn(FileId) -> bool,
) -> Vec<Neighbour> {
    let Some((_, base)) = split(log) else { return Vec::new() };
    let mut found = all(log);
    found.retain(|neighbour| {
        let name = neighbour.path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| is_rotated_name(base, name))
            && neighbour.modified_us > newest_us
            && !is_known(neighbour.id)
    });
    found.sort_by_key(|neighbour| neighbour.modified_us);
    found
}

/// Opens a neighbour if it is the file of a mark, or a copy of it.
pub(super) fn open_as(neighbour: &Neighbour, mark: &Mark, now: Instant) -> Option<Tail> {
    let same = neighbour.id.inode == mark.id.inode;
    if neighbour.bytes < mark.offset || (!same && mark.head.len < COPY_HEAD_BYTES_MIN) {
        return None;
    }
    Tail::open(&neighbour.path, mark.offset, now).ok().filter(|tail| tail.is_of(mark))
}

/// Whether a name is what logrotate and its like make of another: `.1`, `-20261122`, `.old`.
pub(in crate::sensor::logfile) fn is_rotated_name(base: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(base) else { return false };
    let Some(suffix) = rest.strip_prefix(['.', '-']) else { return false };
    let numbers = |byte: u8| byte.is_ascii_digit() || b"-._".contains(&byte);
    suffix == "old"
        || (suffix.bytes().any(|byte| byte.is_ascii_digit()) && suffix.bytes().all(numbers))
}

/// Whether a path is named like a compressed file.
pub(in crate::sensor::logfile) fn is_compressed(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["gz", "xz", "bz2", "zst", "lz4", "Z", "zip"].contains(&extension)
}
