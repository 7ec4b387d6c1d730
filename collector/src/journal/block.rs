use soc_event::{
    AgentId, Envelope, Epoch, Event, EventId, Lane, Sequence, Timestamp, limits, wire,
};

use super::{Entry, Error, Position};

/// Fast, and repetitive as logs are, nearly as small as slower ones.
const COMPRESSION_LEVEL: i32 = 1;

/// A batch whose every line has been decoded once, ready to be stored.
#[derive(Clone, Debug)]
pub struct Batch {
    envelope: Envelope,
    received: Timestamp,
    form: Form,
    packed: Vec<u8>,
    /// Before compression.
    text_bytes: usize,
    /// Whether an operator of this collector answers for it, and not a machine on the network.
    is_of_operator: bool,
}

/// What is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The event lines, each ended by a line feed, as zstd.
    Lines,
    /// The batch as it came over the wire, envelope and all: zstd against [`wire::DICTIONARY`].
    AsItCame,
}

impl Batch {
    /// Checks a decompressed batch as it came over the wire.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the first line that is wrong.
    pub fn decode(bytes: &[u8], received: Timestamp) -> Result<Self, Error> {
        let (envelope, lines) = wire::check_batch(bytes)?;
        Self::of_lines(envelope, &lines, bytes.len(), received)
    }

    /// The same, with what was decompressed: it is stored as it is, because packing it anew would be
    /// more work than all else that is done with it here.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_packed(
        packed: Vec<u8>,
        bytes: &[u8],
        received: Timestamp,
    ) -> Result<Self, Error> {
        let (envelope, lines) = wire::check_batch(bytes)?;
        // Blank lines are no events; where there are some, positions would not be those of lines.
        if memchr::memchr_iter(b'\n', bytes).count() != lines.len() + 1 || !bytes.ends_with(b"\n") {
            return Self::of_lines(envelope, &lines, bytes.len(), received);
        }
        Ok(Self {
            envelope,
            received,
            form: Form::AsItCame,
            packed,
            text_bytes: bytes.len(),
            is_of_operator: false,
        })
    }

    fn of_lines(
        envelope: Envelope,
        lines: &[&[u8]],
        bytes: usize,
        received: Timestamp,
    ) -> Result<Self, Error> {
        let mut text = Vec::with_capacity(bytes);
        for line in lines {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        Self::pack(envelope, received, &text)
    }

    /// A batch of events made in this process; `count` of the envelope is set here.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the events are over the limits.
    pub fn encode(
        mut envelope: Envelope,
        events: &[Event],
        received: Timestamp,
    ) -> Result<Self, Error> {
        envelope.count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let lines: Vec<String> = events.iter().map(wire::encode_event).collect();
        let bytes = wire::encode_batch(&envelope, lines.iter().map(String::as_str));
        Self::decode(&bytes, received)
    }

    fn pack(envelope: Envelope, received: Timestamp, text: &[u8]) -> Result<Self, Error> {
        let packed = zstd::bulk::compress(text, COMPRESSION_LEVEL)
            .map_err(|error| Error::System(std::sync::Arc::new(error)))?;
        let text_bytes = text.len();
        Ok(Self {
            envelope,
            received,
            form: Form::Lines,
            packed,
            text_bytes,
            is_of_operator: false,
        })
    }

    /// The same, sent by an operator: there is no limit to the epochs of imported files.
    pub fn from_operator(self) -> Self {
        Self { is_of_operator: true, ..self }
    }

    /// Whether an operator sent it.
    pub(super) fn is_of_operator(&self) -> bool {
        self.is_of_operator
    }

    /// Who sent what.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The same without its first events, which are stored already.
    pub(super) fn without_first(self, repeated: u32) -> Result<Self, Error> {
        if repeated == 0 {
            return Ok(self);
        }
        let text = unpack(self.form, &self.packed, self.text_bytes)
            .map_err(|reason| damaged(0, reason))?;
        let rest = lines(&text).nth(repeated as usize).map_or(text.len(), |(start, _)| start);
        let mut envelope = self.envelope;
        envelope.first = Sequence(envelope.first.0.saturating_add(u64::from(repeated)));
        envelope.count = envelope.count.saturating_sub(repeated);
        Self::pack(envelope, self.received, text.get(rest..).unwrap_or_default())
    }

    /// The event with this sequence, where it is in the batch.
    pub(super) fn event(&self, sequence: Sequence) -> Result<Option<Event>, Error> {
        let header = Header::of(self);
        header.event(&self.packed, sequence, 0)
    }

    /// As the value of the table of blocks.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Header::of(self).to_bytes();
        bytes.extend_from_slice(&self.packed);
        bytes
    }
}

/// What is before the lines of a stored block. The key of the block is the position of its first
/// event. Integers are little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 8 | received, µs since 1970, signed |
/// | 8 | 16 | agent |
/// | 24 | 8 | epoch |
/// | 32 | 1 | lane: 0 alert, 1 state, 2 log; and 128 where the batch is stored as it came |
/// | 33 | 8 | sequence of the first event; the others follow without gap |
/// | 41 | 4 | number of events |
/// | 45 | 4 | bytes of what follows before compression |
/// | 49 | … | zstd of the lines, each ended by a line feed; or the batch as it came |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) received: Timestamp,
    pub(super) agent: AgentId,
    pub(super) epoch: Epoch,
    pub(super) lane: Lane,
    pub(super) first: Sequence,
    pub(super) count: u32,
    form: Form,
    text_bytes: u32,
}

/// In the byte of the lane: the batch is stored as it came.
const AS_IT_CAME: u8 = 0x80;

impl Header {
    fn of(batch: &Batch) -> Self {
        let Envelope { agent, epoch, lane, first, count, .. } = batch.envelope;
        let text_bytes = u32::try_from(batch.text_bytes).unwrap_or(u32::MAX);
        let (received, form) = (batch.received, batch.form);
        Self { received, agent, epoch, lane, first, count, form, text_bytes }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&self.received.as_micros().to_le_bytes());
        bytes.extend_from_slice(self.agent.as_bytes());
        bytes.extend_from_slice(&self.epoch.0.to_le_bytes());
        bytes.push(match self.form {
            Form::Lines => self.lane.index(),
            Form::AsItCame => self.lane.index() | AS_IT_CAME,
        });
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.text_bytes.to_le_bytes());
        bytes
    }

    /// Splits a stored block into header and compressed lines.
    pub(super) fn split(block: &[u8]) -> Option<(Self, &[u8])> {
        let (received, rest) = block.split_first_chunk()?;
        let (agent, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (lane, rest) = rest.split_first()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (text_bytes, packed) = rest.split_first_chunk()?;
        let header = Self {
            received: Timestamp::from_micros(i64::from_le_bytes(*received)),
            agent: AgentId::from_bytes(*agent),
            epoch: Epoch(u64::from_le_bytes(*epoch)),
            lane: Lane::from_index(*lane & !AS_IT_CAME)?,
            first: Sequence(u64::from_le_bytes(*first)),
            count: u32::from_le_bytes(*count),
            form: if lane & AS_IT_CAME == 0 { Form::Lines } else { Form::AsItCame },
            text_bytes: u32::from_le_bytes(*text_bytes),
        };
        Some((header, packed))
    }

    fn id(&self, index: u32) -> EventId {
        let sequence = Sequence(self.first.0.saturating_add(u64::from(index)));
        EventId { agent: self.agent, epoch: self.epoch, lane: self.lane, sequence }
    }

    /// The event with this sequence, where it is in the block.
    pub(super) fn event(
        &self,
        packed: &[u8],
        sequence: Sequence,
        position: u64,
    ) -> Result<Option<Event>, Error> {
        let Some(index) = sequence.0.checked_sub(self.first.0) else { return Ok(None) };
        let text = unpack(self.form, packed, self.text_bytes as usize)
            .map_err(|reason| damaged(position, reason))?;
        let Some((_, line)) = usize::try_from(index).ok().and_then(|i| lines(&text).nth(i)) else {
            return Ok(None);
        };
        wire::decode_event(line, 1).map(Some).map_err(|error| damaged(position, error))
    }
}

/// A stored block, unpacked but not decoded.
pub(super) struct Block {
    pub(super) header: Header,
    position: u64,
    text: Vec<u8>,
    /// Start and end of each line.
    places: Vec<(usize, usize)>,
}

impl Block {
    pub(super) fn open(position: u64, bytes: &[u8]) -> Result<Self, Error> {
        let (header, packed) =
            Header::split(bytes).ok_or_else(|| damaged(position, "the header is cut"))?;
        let text = unpack(header.form, packed, header.text_bytes as usize)
            .map_err(|reason| damaged(position, reason))?;
        let places: Vec<(usize, usize)> =
            lines(&text).map(|(start, line)| (start, start + line.len())).collect();
        if places.len() != header.count as usize {
            return Err(damaged(position, "another number of lines than the header says"));
        }
        Ok(Self { header, position, text, places })
    }

    /// Positions of its events.
    pub(super) fn positions(&self) -> std::ops::Range<u64> {
        self.position..self.position.saturating_add(u64::from(self.header.count))
    }

    /// The line at a position.
    pub(super) fn line(&self, position: u64) -> Option<&[u8]> {
        let index = usize::try_from(position.checked_sub(self.position)?).ok()?;
        let (start, end) = *self.places.get(index)?;
        self.text.get(start..end)
    }

    /// Decodes the event at a position.
    pub(super) fn entry(&self, position: u64) -> Result<Option<Entry>, Error> {
        let Some(line) = self.line(position) else { return Ok(None) };
        let event = wire::decode_event(line, 1).map_err(|error| damaged(position, error))?;
        Ok(Some(self.bare(position, event)))
    }
}

impl Block {
    /// Whether an event is a line of a log, as far as its beginning shows without decoding.
    pub(super) fn is_log_line(&self, position: u64) -> bool {
        let after_time =
            |line: &'_ [u8]| line.get(KIND_AT..).is_some_and(|rest| rest.starts_with(KIND_LOG));
        self.line(position).is_some_and(|line| line.starts_with(TIME) && after_time(line))
    }

    /// What is known of an event without its line.
    pub(super) fn bare(&self, position: u64, event: Event) -> Entry {
        let (received, id) = self.name(position);
        Entry { position: Position(position), received, id, event }
    }

    /// When an event was received, and what it is called.
    pub(super) fn name(&self, position: u64) -> (Timestamp, EventId) {
        let index = u32::try_from(position.saturating_sub(self.position)).unwrap_or(u32::MAX);
        (self.header.received, self.header.id(index))
    }
}

// How every line begins that [`wire::encode_event`] writes: time, always as long, then kind. A key
// that is there twice is refused at the door, so what stands there is what it is.
const TIME: &[u8] = b"{\"time\":\"";
const KIND_AT: usize = TIME.len() + "2026-11-22T10:16:42.123456Z".len();
const KIND_LOG: &[u8] = b"\",\"kind\":\"log\",";

/// Each line with where it starts.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let ends = memchr::memchr_iter(b'\n', text);
    let open = (!text.is_empty() && !text.ends_with(b"\n")).then_some(text.len());
    let mut start = 0;
    ends.chain(open).map(move |end| {
        let place = std::mem::replace(&mut start, end + 1);
        (place, text.get(place..end).unwrap_or_default())
    })
}

/// The lines of events.
fn unpack(form: Form, packed: &[u8], text_bytes: usize) -> Result<Vec<u8>, String> {
    // A line feed more for a last line that had none.
    if text_bytes > limits::BATCH_BYTES_DECOMPRESSED_MAX + 1 {
        return Err(format!("{text_bytes} bytes of lines"));
    }
    if form == Form::Lines {
        return zstd::bulk::decompress(packed, text_bytes).map_err(|error| error.to_string());
    }
    let mut decompressor = zstd::bulk::Decompressor::with_dictionary(wire::DICTIONARY)
        .map_err(|error| error.to_string())?;
    let mut text =
        decompressor.decompress(packed, text_bytes).map_err(|error| error.to_string())?;
    let envelope = memchr::memchr(b'\n', &text).ok_or("no line of an envelope")?;
    text.drain(..=envelope);
    Ok(text)
}

pub(super) fn damaged(position: u64, reason: impl ToString) -> Error {
    Error::Damaged { position, reason: reason.to_string() }
}
