use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use soc_event::Timestamp;

use super::{BLOCK_BYTES, STANDARD_INPUT};

/// What a pipe holds, on Linux.
const PIPE_BYTES: usize = 64 * 1024;
/// What packed files begin with. Source: RFC 1952, section 2.3.1; RFC 8878, section 3.1.1.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// A log that is read from its first byte on, unpacked.
pub(crate) enum Source {
    /// As it lies there.
    File(File),
    /// Unpacked on the way.
    Packed(Box<dyn Read + Send>),
    /// Whoever writes to it may wait for answers, so what is there is not kept until there is more.
    Input(std::io::Stdin),
}

impl Source {
    /// Opens a log.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        if path.as_os_str() == STANDARD_INPUT {
            return Ok(Self::Input(std::io::stdin()));
        }
        let mut file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        let mut magic = Vec::new();
        let limit = u64::try_from(ZSTD.len()).unwrap_or(0);
        (&mut file).take(limit).read_to_end(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        if magic.starts_with(GZIP) {
            let packed = BufReader::with_capacity(PIPE_BYTES, file);
            return Ok(Self::Packed(Box::new(flate2::bufread::MultiGzDecoder::new(packed))));
        }
        if magic.starts_with(ZSTD) {
            return Ok(Self::Packed(Box::new(zstd::stream::read::Decoder::new(file)?)));
        }
        Ok(Self::File(file))
    }

    /// Goes on at this byte.
    ///
    /// # Errors
    /// What the system said, or that there is no such byte.
    pub(crate) fn skip(&mut self, bytes: u64) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(bytes)).map(drop),
            Self::Packed(reader) => skip(reader, bytes),
            Self::Input(input) => skip(&mut input.lock(), bytes),
        }
    }

    /// Reads more; true at the end.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn read(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
        let limit = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
        match self {
            Self::File(file) => {
                bytes.reserve(BLOCK_BYTES);
                Ok(file.take(limit).read_to_end(bytes)? < BLOCK_BYTES)
            }
            Self::Packed(reader) => {
                bytes.reserve(BLOCK_BYTES);
                Ok(reader.take(limit).read_to_end(bytes)? < BLOCK_BYTES)
            }
            Self::Input(input) => {
                let held = bytes.len();
                bytes.resize(held + PIPE_BYTES, 0);
                let read = input.read(bytes.get_mut(held..).unwrap_or_default());
                bytes.truncate(held + *read.as_ref().unwrap_or(&0));
                read.map(|read| read == 0)
            }
        }
    }
}

/// Reads what tells the format into `bytes`; true when that was all.
///
/// # Errors
/// What the system said.
pub(crate) fn read_head(source: &mut Source, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut is_end = source.read(bytes)?;
    // A pipe may begin with less than tells the format.
    while !is_end && bytes.len() < PIPE_BYTES && !bytes.contains(&b'\n') {
        is_end = source.read(bytes)?;
    }
    Ok(is_end)
}

/// When a log was written to last; `now` where that is not known.
pub(crate) fn ended(path: &Path, now: Timestamp) -> Timestamp {
    let changed = std::fs::metadata(path).and_then(|data| data.modified());
    changed.map(Timestamp::from_system).unwrap_or(now)
}

fn skip(reader: &mut dyn Read, bytes: u64) -> std::io::Result<()> {
    let skipped = std::io::copy(&mut reader.take(bytes), &mut std::io::sink())?;
    if skipped == bytes { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
