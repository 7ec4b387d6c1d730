//! Which row groups of a file may hold a word: what lets a hunt for one event in months open one
//! row group instead of all.
//!
//! A word is a longest run of letters and digits of a text, in lower case ([`split`]); four numbers
//! with dots between them (an IPv4 address) are one word besides. Words of `raw`, of all values of
//! fields, of host, kind and log source are in the filter; names of fields only where they are
//! rare. Some words seem to be there that are not (one of 32): never the other way round.
//!
//! ```text
//! "socword1"   8 bytes
//! groups       u32, little endian, as all numbers
//! of each group: length u32, then its filter (see `fuse`)
//! ```

mod fuse;
mod splitting;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use bytes::{Buf, Bytes};
use soc_event::Value;

use crate::Error;
use fuse::Fuse;
pub use splitting::split;

const MAGIC: &[u8; 8] = b"socword1";

/// The filter of a file.
#[derive(Clone, Debug)]
pub struct Words {
    groups: Vec<Fuse>,
}

impl Words {
    /// Reads what [`crate::pack`] made.
    ///
    /// # Errors
    /// [`Error::Damaged`]: it is cut, or no filter.
    pub fn open(mut bytes: Bytes) -> Result<Self, Error> {
        let damaged = || Error::Damaged("the filter of words is cut or none of ours".to_owned());
        if !bytes.starts_with(MAGIC) {
            return Err(damaged());
        }
        bytes.advance(MAGIC.len());
        let count = bytes.try_get_u32_le().map_err(|_| damaged())?;
        let mut groups = Vec::new();
        for _ in 0..count {
            let length = bytes.try_get_u32_le().map_err(|_| damaged())?;
            let length = usize::try_from(length).map_err(|_| damaged())?;
            if bytes.remaining() < length {
                return Err(damaged());
            }
            groups.push(Fuse::read(bytes.split_to(length)).ok_or_else(damaged)?);
        }
        if bytes.has_remaining() { Err(damaged()) } else { Ok(Self { groups }) }
    }

    /// How many row groups the file has.
    pub fn row_groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether this row group may hold this word, as [`split`] gives it. True where unknown.
    pub fn may_hold(&self, row_group: usize, word: &str) -> bool {
        self.groups.get(row_group).is_none_or(|group| group.may_hold(splitting::hash(word)))
    }
}

/// Makes the filter while columns are written.
#[derive(Default)]
pub(crate) struct Collector {
    seen: HashSet<u64, BuildHasherDefault<AsIs>>,
    values: HashSet<u64, BuildHasherDefault<AsIs>>,
    done: Vec<Vec<u8>>,
}

impl Collector {
    /// Values of a field, whatever they are.
    pub(crate) fn add_field(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.add_value(text),
            Value::List(items) => items.iter().for_each(|item| self.add_field(item)),
            Value::Number(number) => self.add_text(&number.to_string()),
            Value::Boolean(_) | Value::Null => self.add_text(&value.to_string()),
        }
    }

    /// Values repeat: what was split once in this group is not split again.
    pub(crate) fn add_value(&mut self, text: &str) {
        if self.values.insert(splitting::hash(text)) {
            self.add_text(text);
        }
    }

    /// A text that is hardly there twice.
    pub(crate) fn add_text(&mut self, text: &str) {
        splitting::hashes(text, &mut |hash| {
            self.seen.insert(hash);
        });
    }

    /// A row group ends here.
    pub(crate) fn end_group(&mut self) {
        let words: Vec<u64> = self.seen.drain().collect();
        self.values.clear();
        self.done.push(Fuse::bytes(words));
    }

    pub(crate) fn finish(self) -> Bytes {
        let mut out = MAGIC.to_vec();
        out.extend(u32::try_from(self.done.len()).unwrap_or(u32::MAX).to_le_bytes());
        for group in self.done {
            out.extend(u32::try_from(group.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend(group);
        }
        out.into()
    }
}

/// Hashes are mixed already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
