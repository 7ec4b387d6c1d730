//! A batch as bytes on the wire.

use std::sync::{Mutex, PoisonError};

use soc_event::{Envelope, limits, wire};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// Fast, and with a window (128 KiB) that keeps the compressor small; level 3 gains 5 % for twice
/// the work on log lines.
const LEVEL: i32 = 1;
const WINDOW_LOG: u32 = 17;

/// Compresses batches; one compressor is used again and again.
pub(super) struct Packer(Mutex<Option<Made>>);

struct Made {
    compressor: Compressor<'static>,
    with_dictionary: bool,
}

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

    /// Envelope and lines, compressed: against the dictionary where the collector has it. A
    /// millisecond of work at the default size.
    pub(super) fn pack(
        &self,
        envelope: &Envelope,
        lines: Vec<u8>,
        with_dictionary: bool,
    ) -> Result<Vec<u8>, PackError> {
        let first = wire::encode_batch(envelope, std::iter::empty());
        // Moved up, not copied: a backlog is sent without a second buffer of its size.
        let mut plain = lines;
        plain.splice(0..0, first);
        let mut compressor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = compressor.take().filter(|made| made.with_dictionary == with_dictionary);
        let made = compressor.insert(match made {
            Some(made) => made,
            None => Made { compressor: new_compressor(with_dictionary)?, with_dictionary },
        });
        let packed = made.compressor.compress(&plain)?;
        if packed.len() > limits::BATCH_BYTES_MAX {
            return Err(PackError::TooLarge(packed.len()));
        }
        Ok(packed)
    }
}

fn new_compressor(with_dictionary: bool) -> std::io::Result<Compressor<'static>> {
    let dictionary = if with_dictionary { wire::DICTIONARY } else { &[] };
    let mut compressor = Compressor::with_dictionary(LEVEL, dictionary)?;
    compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(compressor)
}

#[cfg(test)]
mod tests {
    use soc_event::{AgentId, Epoch, Event, Lane, RunId, Sequence, Timestamp, kind};

    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            version: wire::VERSION,
            agent: AgentId::from_random([7; 16]),
            epoch: Epoch(1),
            lane: Lane::State,
            first: Sequence(1),
            count: 1,
            run: RunId(1),
            fingerprint: "f".repeat(64),
            sent: Timestamp::default(),
            clock_offset_us: Some(1),
            configuration: 0,
        }
    }

    #[test]
    fn a_small_batch_is_much_smaller_against_the_dictionary() {
        let event = Event::own(Timestamp::default(), kind::HOST_HEARTBEAT)
            .with("agent.cpu.usage", 0.0012)
            .with("agent.memory.bytes", 8_000_000_u64)
            .with("host.memory.used.bytes", 123_456_789_u64)
            .with("host.uptime_s", 12.5);
        let lines = || format!("{}\n", wire::encode_event(&event)).into_bytes();
        let packer = Packer::new();
        let without = packer.pack(&envelope(), lines(), false).unwrap();
        let with = packer.pack(&envelope(), lines(), true).unwrap();
        assert!(with.len() * 2 < without.len(), "{} and {}", with.len(), without.len());
        // Whoever has the dictionary reads both.
        for packed in [with, without] {
            let mut reader = zstd::bulk::Decompressor::with_dictionary(wire::DICTIONARY).unwrap();
            let plain = reader.decompress(&packed, 1 << 20).unwrap();
            assert_eq!(wire::decode_batch(&plain).unwrap().0, envelope());
        }
    }
}
