//! A batch as bytes on the wire.

use std::sync::{Mutex, PoisonError};

use soc_event::{Envelope, limits};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// Fast, and with a window (128 KiB) that keeps the compressor small; level 3 gains 5 % for twice
/// the work on log lines.
const LEVEL: i32 = 1;
const WINDOW_LOG: u32 = 17;

/// Compresses batches; one compressor is used again and again.
pub(super) struct Packer(Mutex<Option<Compressor<'static>>>);

/// The batch cannot be sent as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackError {
    /// Halve it.
    #[error("the batch is {0} bytes compressed")]
    TooLarge(usize),
    /// The library failed; try again.
    #[error("compressing: {0}")]
    Compressor(#[from] std::io::Error),
}

impl Packer {
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Envelope and lines, compressed. A millisecond of work at the default size.
    pub(super) fn pack(&self, envelope: &Envelope, lines: Vec<u8>) -> Result<Vec<u8>, PackError> {
        let first = soc_event::wire::encode_batch(envelope, std::iter::empty());
        // Moved up, not copied: a backlog is sent without a second buffer of its size.
        let mut plain = lines;
        plain.splice(0..0, first);
        let mut compressor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compressor = match &mut *compressor {
            Some(compressor) => compressor,
            empty => empty.insert(new_compressor()?),
        };
        let packed = compressor.compress(&plain)?;
        if packed.len() > limits::BATCH_BYTES_MAX {
            return Err(PackError::TooLarge(packed.len()));
        }
        Ok(packed)
    }
}

fn new_compressor() -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(compressor)
}
