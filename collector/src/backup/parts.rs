//! Parts in a backup's folder: files named by their content.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Error;
use crate::hex;

/// Read and written at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// What unfinished parts end with.
const UNFINISHED: &str = ".new";

/// The folder of parts.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    folder: PathBuf,
}

/// A part that was written.
pub(super) struct Written {
    pub sha256: String,
    pub bytes: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl Parts {
    /// Of a backup; made where there is none.
    pub(super) fn open(backup: &Path) -> Result<Self, Error> {
        let folder = backup.join("parts");
        make_folder(&folder)?;
        Ok(Self { folder })
    }

    /// Where a part is.
    pub(super) fn path(backup: &Path, sha256: &str) -> PathBuf {
        backup.join("parts").join(sha256)
    }

    /// Whether a part of this length is there.
    pub(super) fn has(&self, sha256: &str, bytes: u64) -> bool {
        std::fs::metadata(self.folder.join(sha256)).is_ok_and(|data| data.len() == bytes)
    }

    /// Puts in what a reader gives.
    pub(super) fn put(&self, from: &mut dyn Read) -> Result<Written, Error> {
        let new = self.folder.join(format!("{:016x}{UNFINISHED}", rand::random::<u64>()));
        let wrong = |error| Error::io(&new, error);
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&new).map_err(wrong)?;
        let (sha256, bytes) = copy(from, &mut file).map_err(wrong)?;
        let path = self.folder.join(&sha256);
        let is_new = !self.has(&sha256, bytes);
        if is_new {
            file.sync_all().map_err(wrong)?;
            std::fs::rename(&new, &path).map_err(wrong)?;
        } else {
            std::fs::remove_file(&new).map_err(wrong)?;
        }
        Ok(Written { sha256, bytes, is_new })
    }

    /// Puts in a file.
    pub(super) fn put_file(&self, path: &Path) -> Result<Written, Error> {
        let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
        self.put(&mut file)
    }

    /// All names are on disk, too.
    pub(super) fn sync(&self) -> Result<(), Error> {
        sync_folder(&self.folder)
    }

    /// Removes what is not needed.
    pub(super) fn sweep(&self, needed: &BTreeSet<&str>) -> Result<(), Error> {
        for path in list(&self.folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !needed.contains(name.as_str()) {
                std::fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }
}

/// Copies to the end; hash and length.
pub(super) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<(String, u64)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok((hex(&hash.finalize()), bytes)),
            Ok(read) => piece.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(read);
        to.write_all(read)?;
        bytes = bytes.saturating_add(u64::try_from(read.len()).unwrap_or(0));
    }
}

/// SHA-256 of all that comes, in hexadecimal digits.
///
/// # Errors
/// What the system said.
pub(crate) fn hash_of(from: &mut dyn Read) -> std::io::Result<String> {
    copy(from, &mut std::io::sink()).map(|(hash, _)| hash)
}

/// Writes a file that only its owner can read: whole or not at all, also when power fails.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let new = path.with_extension("new");
    let wrong = |error| Error::io(&new, error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&new).map_err(wrong)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(wrong)?;
    std::fs::rename(&new, path).map_err(wrong)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes a folder, and those above it, for its owner alone.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).map_err(|error| Error::io(folder, error))
}

/// What a folder holds, in the order of names.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let wrong = |error| Error::io(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        paths.push(entry.map_err(wrong)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The names in a folder are on disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Error::io(folder, error))
}
