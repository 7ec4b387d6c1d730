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
/// Read in one turn: on a slow disk, ports are told first and their hashes later.
const TURN_BYTES: u64 = 16 * 1024 * 1024;
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
    /// Bytes read in this turn.
    read: u64,
}

/// What is known of a file's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// This is it; nothing where the file cannot be read or is too large.
    Known(Option<String>),
    /// Enough was read in this turn: ask again in the next.
    Later,
}

impl Hashes {
    /// A turn begins: files may be read again.
    pub(super) fn begin(&mut self) {
        self.read = 0;
    }

    /// The hash of a file. A turn reads one file at least, however large.
    pub(super) fn of(&mut self, path: &Path) -> Hash {
        let Ok((file, metadata)) = read::open(path) else { return Hash::Known(None) };
        let identity = identity(&metadata);
        if let Some(known) = self.known.get(&identity) {
            return Hash::Known(known.clone());
        }
        if self.read > 0 && self.read.saturating_add(metadata.len()) > TURN_BYTES {
            return Hash::Later;
        }
        if self.known.len() >= FILES_MAX {
            self.known.clear();
        }
        let hash = if metadata.len() > FILE_BYTES_MAX {
            None
        } else {
            self.read = self.read.saturating_add(metadata.len().max(1));
            digest(file)
        };
        self.known.insert(identity, hash.clone());
        Hash::Known(hash)
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
        let mut of = |path: &Path| match hashes.of(path) {
            Hash::Known(hash) => hash,
            Hash::Later => panic!("a small file is read at once"),
        };
        let first = of(&path).unwrap();
        assert!(first.starts_with("ba7816bf8f01cfea"), "{first}");
        assert_eq!(of(&path).as_ref(), Some(&first));
        std::fs::write(&path, "abcd").unwrap();
        assert_ne!(of(&path), Some(first));
        assert_eq!(of(folder.path()), None);
    }

    #[test]
    fn a_turn_reads_only_so_much_and_the_next_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let large = |name: &str| {
            let path = folder.path().join(name);
            std::fs::File::create(&path).unwrap().set_len(TURN_BYTES).unwrap();
            path
        };
        let (first, second) = (large("first"), large("second"));
        let mut hashes = Hashes::default();
        assert!(matches!(hashes.of(&first), Hash::Known(Some(_))));
        assert_eq!(hashes.of(&second), Hash::Later);
        hashes.begin();
        assert!(matches!(hashes.of(&second), Hash::Known(Some(_))));
    }
}
