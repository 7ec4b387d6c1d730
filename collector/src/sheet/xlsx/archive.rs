//! The archive that a workbook is.
//!
//! | at the end of the file | bytes | |
//! |---|---|---|
//! | 0 | 4 | `PK\x05\x06` |
//! | 10 | 2 | parts |
//! | 16 | 4 | where the list of them begins |
//!
//! | in the list | bytes | | before a part | bytes | |
//! |---|---|---|---|---|---|
//! | 0 | 4 | `PK\x01\x02` | 0 | 4 | `PK\x03\x04` |
//! | 10 | 2 | 0 as it is, 8 deflated | 26 | 2 | length of its name |
//! | 20 | 4 | bytes in the file | 28 | 2 | length of more about it |
//! | 28, 30, 32 | 2 | lengths of name, more, comment | 30 | | name, more, content |
//! | 42 | 4 | where it is | | | |
//! | 46 | | its name | | | |
//!
//! Source: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.16.

use std::collections::HashMap;
use std::io::Read as _;

use crate::sheet::Error;

/// What the parts of a workbook that are read may unpack to together, in bytes.
const UNPACKED_MAX: u64 = 64 << 20;
/// Length of the end of the file without a comment, and the longest comment.
const END: usize = 22;
const COMMENT_MAX: usize = 65_535;

/// A workbook's parts by name.
pub(super) struct Archive<'f> {
    file: &'f [u8],
    parts: HashMap<&'f [u8], Place>,
    left: u64,
}

#[derive(Clone, Copy)]
struct Place {
    at: usize,
    packed: usize,
    is_deflated: bool,
}

impl<'f> Archive<'f> {
    pub(super) fn open(file: &'f [u8]) -> Result<Self, Error> {
        let parts = list(file).ok_or_else(damaged)?;
        Ok(Self { file, parts, left: UNPACKED_MAX })
    }

    /// A part as text, if there is one of this name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<String>, Error> {
        let Some(place) = self.parts.get(name.as_bytes()).copied() else { return Ok(None) };
        let content = content(self.file, place).ok_or_else(damaged)?;
        let most = self.left.saturating_add(1);
        let mut bytes = Vec::new();
        let read = if place.is_deflated {
            flate2::read::DeflateDecoder::new(content).take(most).read_to_end(&mut bytes)
        } else {
            content.take(most).read_to_end(&mut bytes)
        };
        let read = read.map_err(|error| Error::Damaged(error.to_string()))?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(read).ok_or(Error::TooLarge)?;
        String::from_utf8(bytes).map(Some).map_err(|_| damaged())
    }
}

fn damaged() -> Error {
    Error::Damaged("it is no workbook".to_owned())
}

fn list(file: &[u8]) -> Option<HashMap<&[u8], Place>> {
    let from = file.len().saturating_sub(END + COMMENT_MAX);
    let tail = file.get(from..)?;
    let end = tail.windows(4).rposition(|four| four == b"PK\x05\x06")?.checked_add(from)?;
    let end = file.get(end..)?;
    let (count, mut at) = (two(end, 10)?, four(end, 16)?);
    let mut parts = HashMap::new();
    for _ in 0..count {
        let entry = file.get(at..)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return None;
        }
        let is_deflated = match two(entry, 10)? {
            0 => false,
            8 => true,
            _ => return None,
        };
        let (name, more, comment) = (two(entry, 28)?, two(entry, 30)?, two(entry, 32)?);
        let place = Place { at: four(entry, 42)?, packed: four(entry, 20)?, is_deflated };
        parts.insert(entry.get(46..46_usize.checked_add(name)?)?, place);
        at = at.checked_add(46)?.checked_add(name)?.checked_add(more)?.checked_add(comment)?;
    }
    Some(parts)
}

fn content(file: &[u8], place: Place) -> Option<&[u8]> {
    let before = file.get(place.at..)?;
    if !before.starts_with(b"PK\x03\x04") {
        return None;
    }
    let start = 30_usize.checked_add(two(before, 26)?)?.checked_add(two(before, 28)?)?;
    before.get(start..start.checked_add(place.packed)?)
}

fn two(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(bytes)))
}

fn four(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}
