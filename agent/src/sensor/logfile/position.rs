use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use sha2::{Digest, Sha256};

/// Bytes at the beginning of a file that tell it from another with the same inode.
pub(super) const HEAD_BYTES_MAX: usize = 256;
/// Most files of one path that are read at a time: the one named so, and rotated ones.
pub(super) const MARKS_MAX: usize = 32;
/// Most finished files that are remembered.
pub(super) const FINISHED_MAX: usize = 8;

const VERSION: u8 = 1;
const HASH_BYTES: usize = 16;

/// Which file, as the kernel tells them apart while they exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sensor) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// How a file begins: a hash of as many bytes as had been read, at most 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: u16,
    hash: [u8; HASH_BYTES],
}

impl Head {
    /// Of the first `len` bytes of a file, fewer where it is shorter.
    pub(super) fn read(file: &File, len: u64) -> io::Result<Self> {
        let mut bytes = [0; HEAD_BYTES_MAX];
        let wanted = usize::try_from(len).unwrap_or(HEAD_BYTES_MAX).min(HEAD_BYTES_MAX);
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..wanted).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        let digest = Sha256::digest(bytes.get(..filled).unwrap_or_default());
        let mut hash = [0; HASH_BYTES];
        hash.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Ok(Self { len: u16::try_from(filled).unwrap_or_default(), hash })
    }

    /// Whether a file begins so.
    pub(super) fn is_of(&self, file: &File) -> bool {
        self.len == 0 || Self::read(file, self.len.into()).is_ok_and(|head| head == *self)
    }
}

/// How far one file has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: FileId,
    pub(super) head: Head,
    /// Where the first line begins that has not been handed over.
    pub(super) offset: u64,
}

/// How far the files of one path have been read, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Latest time of modification of anything read, in microseconds: rotated files that are newer
    /// have not been read.
    pub(super) newest_us: i64,
    pub(super) files: Vec<Mark>,
    /// Rotated files that were read to their end and let go, oldest first: if they grow after all,
    /// only what is new is read.
    pub(super) finished: Vec<Mark>,
}

// | bytes | what                                                     |
// |-------|----------------------------------------------------------|
// | 1     | version: 1                                               |
// | 8     | newest_us, big endian                                    |
// | 1     | number of marks of files being read, at most 32          |
// | 42    | for each: device 8, inode 8, offset 8, length of head 2, |
// |       | hash of head 16; big endian                              |
// | 1     | number of marks of finished files, at most 8             |
// | 42    | for each, likewise                                       |
impl Marks {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.newest_us.to_be_bytes());
        for (marks, max) in [(&self.files, MARKS_MAX), (&self.finished, FINISHED_MAX)] {
            let skipped = marks.len().saturating_sub(max);
            bytes.push(u8::try_from(marks.len() - skipped).unwrap_or_default());
            marks.iter().skip(skipped).for_each(|mark| mark.encode(&mut bytes));
        }
        bytes
    }

    /// What [`Self::encode`] gave, `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        (take::<1>(&mut rest)? == [VERSION]).then_some(())?;
        let newest_us = i64::from_be_bytes(take(&mut rest)?);
        let mut lists = [Vec::new(), Vec::new()];
        for (list, max) in lists.iter_mut().zip([MARKS_MAX, FINISHED_MAX]) {
            let [count] = take(&mut rest)?;
            (usize::from(count) <= max).then_some(())?;
            for _ in 0..count {
                list.push(Mark::decode(&mut rest)?);
            }
        }
        let [files, finished] = lists;
        rest.is_empty().then_some(Self { newest_us, files, finished })
    }
}

impl Mark {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.id.device.to_be_bytes());
        bytes.extend(self.id.inode.to_be_bytes());
        bytes.extend(self.offset.to_be_bytes());
        bytes.extend(self.head.len.to_be_bytes());
        bytes.extend(self.head.hash);
    }

    fn decode(rest: &mut &[u8]) -> Option<Self> {
        let device = u64::from_be_bytes(take(rest)?);
        let inode = u64::from_be_bytes(take(rest)?);
        let offset = u64::from_be_bytes(take(rest)?);
        let len = u16::from_be_bytes(take(rest)?);
        (usize::from(len) <= HEAD_BYTES_MAX).then_some(())?;
        let head = Head { len, hash: take(rest)? };
        Some(Self { id: FileId { device, inode }, head, offset })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark() -> impl Strategy<Value = Mark> {
        (any::<[u64; 3]>(), 0..=256_u16, any::<[u8; 16]>()).prop_map(|(numbers, len, hash)| Mark {
            id: FileId { device: numbers[0], inode: numbers[1] },
            head: Head { len, hash },
            offset: numbers[2],
        })
    }

    proptest! {
        #[test]
        fn marks_come_back_as_they_were(
            newest_us: i64,
            files in prop::collection::vec(mark(), 0..=MARKS_MAX),
            finished in prop::collection::vec(mark(), 0..=FINISHED_MAX),
        ) {
            let marks = Marks { newest_us, files, finished };
            prop_assert_eq!(Marks::decode(&marks.encode()), Some(marks));
        }

        #[test]
        fn any_bytes_decode_to_marks_or_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..400)
        ) {
            if let Some(marks) = Marks::decode(&bytes) {
                prop_assert_eq!(marks.encode(), bytes);
            }
        }

        #[test]
        fn bytes_cut_anywhere_are_refused(files in prop::collection::vec(mark(), 1..4)) {
            let bytes = Marks { newest_us: 1, finished: files.clone(), files }.encode();
            for length in 0..bytes.len() {
                prop_assert_eq!(Marks::decode(&bytes[..length]), None);
            }
        }
    }
}
