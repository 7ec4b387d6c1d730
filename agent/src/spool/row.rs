//! A row of the table `rows`: events of one lane that were committed or packed together.
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | form: 0 the lines as they are, 1 compressed by zstd against dictionary 1 of `soc_event` |
//! | 4 | number of events, little endian, at least 1 |
//! | 4 | bytes of the lines, little endian |
//! | rest | the lines, each with its line feed |
//!
//! The key is the sequence of the first event; those of the others follow from their order.

use soc_event::wire::DICTIONARY;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::tables::StoreError;

const HEADER_BYTES: usize = 9;
const PLAIN: u8 = 0;
const PACKED: u8 = 1;
/// Lines of one row: enough for a commit, and for one more event of the largest size.
pub(super) const LINES_BYTES_MAX: usize = 1024 * 1024;
/// What is written with every commit has to be quick; what is packed is worth more work.
const LEVEL: i32 = 1;
/// 128 KiB: keeps the compressor small.
const WINDOW_LOG: u32 = 17;

/// What a row says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub count: u32,
    pub lines_bytes: usize,
    is_packed: bool,
}

impl Head {
    pub(super) fn of(row: &[u8]) -> Result<Self, StoreError> {
        let Some((head, _)) = row.split_at_checked(HEADER_BYTES) else {
            return Err(damaged("it is too short"));
        };
        let [form, c0, c1, c2, c3, l0, l1, l2, l3] = head else {
            return Err(damaged("it is too short"));
        };
        let count = u32::from_le_bytes([*c0, *c1, *c2, *c3]);
        let lines_bytes = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        let is_packed = match *form {
            PLAIN => false,
            PACKED => true,
            _ => return Err(damaged("its form is unknown")),
        };
        // An event is at least its line feed, so a count cannot be larger than its bytes.
        if count == 0 || lines_bytes > LINES_BYTES_MAX || count as usize > lines_bytes {
            return Err(damaged("its head makes no sense"));
        }
        Ok(Self { count, lines_bytes, is_packed })
    }
}

/// Makes rows and reads them; keeps what zstd needs for it.
pub(super) struct Codec {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    /// Small rows are packed at the latest when so many wait.
    pub(super) pack_rows: u32,
}

/// More would be slow to pack at once.
const PACK_ROWS: u32 = 512;

impl Codec {
    pub(super) fn new() -> Result<Self, StoreError> {
        let mut compressor = Compressor::with_dictionary(LEVEL, DICTIONARY).map_err(library)?;
        compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG)).map_err(library)?;
        compressor.set_parameter(CParameter::ContentSizeFlag(false)).map_err(library)?;
        let decompressor = Decompressor::with_dictionary(DICTIONARY).map_err(library)?;
        Ok(Self { compressor, decompressor, pack_rows: PACK_ROWS })
    }

    /// A row of so many lines, each with its line feed; at least one, at most
    /// [`LINES_BYTES_MAX`] bytes.
    pub(super) fn row(&mut self, lines: &[u8], count: u32) -> Result<Vec<u8>, StoreError> {
        let bytes = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let packed = self.compressor.compress(lines).map_err(library)?;
        let (form, body) = match packed.len() < lines.len() {
            true => (PACKED, packed.as_slice()),
            false => (PLAIN, lines),
        };
        let mut row = Vec::with_capacity(HEADER_BYTES + body.len());
        row.push(form);
        row.extend_from_slice(&count.to_le_bytes());
        row.extend_from_slice(&bytes.to_le_bytes());
        row.extend_from_slice(body);
        Ok(row)
    }

    /// The lines of a row.
    pub(super) fn lines(&mut self, row: &[u8]) -> Result<Vec<u8>, StoreError> {
        let head = Head::of(row)?;
        let body = row.get(HEADER_BYTES..).unwrap_or_default();
        let lines = match head.is_packed {
            true => {
                let unpacked = self.decompressor.decompress(body, head.lines_bytes);
                unpacked.map_err(|error| damaged(&error.to_string()))?
            }
            false => body.to_vec(),
        };
        let count = lines.iter().filter(|byte| **byte == b'\n').count();
        if lines.len() != head.lines_bytes || count != head.count as usize {
            return Err(damaged("it holds other lines than it says"));
        }
        Ok(lines)
    }
}

fn damaged(why: &str) -> StoreError {
    StoreError::Damaged(format!("a row of events cannot be read: {why}"))
}

fn library(error: std::io::Error) -> StoreError {
    StoreError::Io(format!("zstd: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_zstd_cannot_shrink_is_kept_as_it_is() {
        let mut codec = Codec::new().unwrap();
        let row = codec.row(b"x\n", 1).unwrap();
        assert_eq!(row, [0, 1, 0, 0, 0, 2, 0, 0, 0, b'x', b'\n']);
    }

    #[test]
    fn a_row_cut_or_changed_anywhere_is_an_error_and_never_other_events() {
        let mut codec = Codec::new().unwrap();
        let lines = "{\"time\":\"2026-11-22T10:16:42.1Z\",\"kind\":\"log\"}\n".repeat(20);
        let row = codec.row(lines.as_bytes(), 20).unwrap();
        for cut in 0..row.len() {
            assert!(codec.lines(&row[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..HEADER_BYTES {
            let mut other = row.clone();
            other[at] ^= 0x55;
            assert!(codec.lines(&other).is_err(), "changed at {at}");
        }
    }

    proptest! {
        #[test]
        fn lines_come_back_as_they_were(lines in prop::collection::vec("[^\n]{0,300}", 1..50)) {
            let mut codec = Codec::new().unwrap();
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let row = codec.row(text.as_bytes(), lines.len() as u32).unwrap();
            prop_assert_eq!(codec.lines(&row).unwrap(), text.as_bytes());
        }

        #[test]
        fn any_bytes_are_lines_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Codec::new().unwrap().lines(&bytes);
        }
    }
}
