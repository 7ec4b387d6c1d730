//! SHA-256 of executables, each file read once.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::sensor::read;

/// Larger files are not read: their hash is not known.
pub(super) const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Files that are remembered.
const FILES_MAX: usize = 512;
const CHUNK_BYTES: usize = 64 * 1024;

/// What makes a file another one: device, inode, size, and when content and inode were changed.
/// Whoever writes to a file can set back the first time, but not the second.
type Identity = (u64, u64, u64, (i64, i64), (i64, i64));

/// Hashes known so far.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    known: BTreeMap<Identity, Option<String>>,
}

impl Hashes {
    /// The hash of a file; nothing where it cannot be read or is too large.
    pub(super) fn of(&mut self, path: &Path) -> Option<String> {
        let (file, metadata) = read::open(path).ok()?;
        let identity = identity(&metadata);
        if let Some(known) = self.known.get(&identity) {
            return known.clone();
        }
        if self.known.len() >= FILES_MAX {
            self.known.clear();
        }
        let hash = if metadata.len() > FILE_BYTES_MAX { None } else { digest(file) };
        self.known.insert(identity, hash.clone());
        hash
    }
}

fn identity(metadata: &Metadata) -> Identity {
    let written = (metadata.mtime(), metadata.mtime_nsec());
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    (metadata.dev(), metadata.ino(), metadata.len(), written, changed)
}

fn digest(mut file: impl Read) -> Option<String> {
    let mut sum = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut left = FILE_BYTES_MAX;
    loop {
        let count = file.read(&mut chunk).ok()?;
        if count == 0 {
            return Some(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        left = left.checked_sub(u64::try_from(count).unwrap_or(u64::MAX))?;
        sum.update(chunk.get(..count)?);
        // Others first: a hash is never urgent.
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_has_another_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, "abc").unwrap();
        let mut hashes = Hashes::default();
        let first = hashes.of(&path).unwrap();
        assert!(first.starts_with("ba7816bf8f01cfea"), "{first}");
        assert_eq!(hashes.of(&path).as_ref(), Some(&first));
        assert_eq!(hashes.known.len(), 1);
        std::fs::write(&path, "abcd").unwrap();
        assert_ne!(hashes.of(&path), Some(first));
        assert_eq!(hashes.of(folder.path()), None);
    }
}
