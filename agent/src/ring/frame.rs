use std::io;

use sha2::{Digest, Sha256};
use soc_event::{Event, Timestamp, wire};

// | bytes | what                                                              |
// |-------|-------------------------------------------------------------------|
// | 4     | `SOCR`                                                            |
// | 4     | bytes of the compressed lines; all numbers big endian             |
// | 4     | bytes of the lines when opened                                    |
// | 8     | earliest time of an event, microseconds since 1970                |
// | 8     | latest time                                                       |
// | 8     | first bytes of the SHA-256 of the compressed lines                |
// | …     | events, a line of JSON each, zstd                                 |
const MAGIC: [u8; 4] = *b"SOCR";
/// Length of what stands before the lines.
pub(super) const HEAD_BYTES: usize = 36;
/// Longest lines of one frame when opened: a delivery, with room to spare.
const OPEN_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Fast enough for a busy log on a slow machine.
const LEVEL: i32 = 3;

/// What stands before the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) bytes: usize,
    open_bytes: usize,
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
    check: [u8; 8],
}

/// The bytes of a frame.
pub(super) fn encode(events: &[Event]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for event in events {
        wire::append_event(event, &mut lines);
        lines.push(b'\n');
    }
    let packed = zstd::bulk::compress(&lines, LEVEL)?;
    let number = |length: usize| u32::try_from(length).map_err(io::Error::other);
    let times = || events.iter().map(|event| event.time.as_micros());
    let mut frame = MAGIC.to_vec();
    frame.extend(number(packed.len())?.to_be_bytes());
    frame.extend(number(lines.len())?.to_be_bytes());
    frame.extend(times().min().unwrap_or_default().to_be_bytes());
    frame.extend(times().max().unwrap_or_default().to_be_bytes());
    frame.extend(check(&packed));
    frame.extend(packed);
    Ok(frame)
}

impl Head {
    /// `None` for anything that is no head.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        (take::<4>(&mut rest)? == MAGIC).then_some(())?;
        let packed = u32::from_be_bytes(take(&mut rest)?);
        let open = u32::from_be_bytes(take(&mut rest)?);
        let earliest = i64::from_be_bytes(take(&mut rest)?);
        let latest = i64::from_be_bytes(take(&mut rest)?);
        let open_bytes = usize::try_from(open).ok().filter(|open| *open <= OPEN_BYTES_MAX)?;
        Some(Self {
            bytes: usize::try_from(packed).ok().filter(|packed| *packed <= OPEN_BYTES_MAX)?,
            open_bytes,
            earliest: Timestamp::from_micros(earliest),
            latest: Timestamp::from_micros(latest),
            check: take(&mut rest)?,
        })
    }

    /// The events, `None` when the lines are damaged.
    pub(super) fn events(&self, packed: &[u8]) -> Option<Vec<Event>> {
        (check(packed) == self.check).then_some(())?;
        let lines = zstd::bulk::decompress(packed, self.open_bytes).ok()?;
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| wire::decode_event(line, 1).ok()).collect()
    }
}

fn check(packed: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(packed);
    let mut check = [0; 8];
    check.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    check
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}
