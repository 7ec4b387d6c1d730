//! Which files were imported before: told by their content, whatever they are called.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use soc_event::Timestamp;

use crate::hex;
use crate::logs::Source;

/// By how many first bytes files are told apart before more is read.
pub(super) const HEAD_BYTES: usize = 4096;

/// A place between two records of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bytes before it, unpacked.
    pub bytes: u64,
    /// The number of the record that comes next.
    pub place: u64,
}

/// How far a file is in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Everything before is there.
    pub done: Mark,
    /// So many events.
    pub events: u64,
    /// So many bytes behind it are there too, but may have been the beginning of more.
    pub tail_bytes: u64,
    /// What is between may be there or not.
    pub claimed: Mark,
    /// SHA-256 of everything before `claimed`, in hexadecimal digits.
    pub hash: String,
    /// When the file ended.
    pub moment: Timestamp,
    /// When all of it was there.
    pub ended_at: Option<Timestamp>,
}

/// A file that was imported, or begun to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its row.
    pub id: i64,
    /// In which epoch its events are.
    pub epoch: u64,
    /// What it was called.
    pub name: String,
    /// How many of its first bytes are known by a hash of their own,
    pub head_bytes: u64,
    /// and that hash, in hexadecimal digits.
    pub head: String,
    /// How far it is.
    pub state: State,
    /// The sequence of its last event in the journal.
    pub stored: u64,
}

/// A file that begins as one that is known, and the hash of what was done of it.
pub(super) struct Match {
    pub known: Known,
    pub hash: Sha256,
}

/// The hash of the first bytes by which a file is known, and how many these are.
pub(super) fn head_of(content: &[u8]) -> (u64, String) {
    let head = content.get(..HEAD_BYTES).unwrap_or(content);
    (u64::try_from(head.len()).unwrap_or(u64::MAX), hex(&Sha256::digest(head)))
}

/// Of a file of which nothing was read.
pub(super) fn hash_of_nothing() -> String {
    hex(&Sha256::digest([]))
}

/// The one of the known files that this one is, or has grown from; the longest of several.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn find(path: &Path, head: &[u8], known: &[Known]) -> std::io::Result<Option<Match>> {
    let begins_so = |known: &&Known| {
        let bytes = usize::try_from(known.head_bytes).ok();
        bytes.and_then(|bytes| head.get(..bytes)).is_some_and(|head| head_of(head).1 == known.head)
    };
    let candidates: Vec<&Known> = known.iter().filter(begins_so).collect();
    if candidates.is_empty() {
        return Ok(None);
    }
    let offsets = candidates.iter().flat_map(|known| {
        let State { done, claimed, .. } = &known.state;
        [done.bytes, claimed.bytes]
    });
    let hashes = hashes_at(path, offsets.collect())?;
    let at = |bytes: u64| hashes.iter().find(|(offset, _)| *offset == bytes).map(|(_, hash)| hash);
    let is_it = |known: &&&Known| {
        let hash = at(known.state.claimed.bytes);
        hash.is_some_and(|hash| hex(&hash.clone().finalize()) == known.state.hash)
    };
    let found = candidates.iter().filter(is_it).max_by_key(|known| known.state.claimed.bytes);
    Ok(found.and_then(|known| {
        let hash = at(known.state.done.bytes)?.clone();
        Some(Match { known: (**known).clone(), hash })
    }))
}

/// The hash of everything before each of these offsets, as far as the file reaches.
fn hashes_at(path: &Path, mut offsets: Vec<u64>) -> std::io::Result<Vec<(u64, Sha256)>> {
    offsets.sort_unstable();
    offsets.dedup();
    let mut source = Source::open(path)?;
    let (mut hash, mut at, mut found) = (Sha256::new(), 0_u64, Vec::new());
    let (mut bytes, mut is_end) = (Vec::new(), false);
    for offset in offsets {
        while at < offset {
            if bytes.is_empty() {
                if is_end {
                    return Ok(found);
                }
                is_end = source.read(&mut bytes)?;
            }
            let wanted = usize::try_from(offset - at).unwrap_or(usize::MAX).min(bytes.len());
            hash.update(bytes.get(..wanted).unwrap_or_default());
            bytes.drain(..wanted);
            at += u64::try_from(wanted).unwrap_or(0);
        }
        found.push((offset, hash.clone()));
    }
    Ok(found)
}
