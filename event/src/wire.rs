//! The batch on the wire, and the answer.
//!
//! A batch is NDJSON: the [`Envelope`] on the first line, then `count` events, one a line, in the
//! order of their sequences: the event on line *n* (from 1) has `first + n − 1`. Agents send it to
//! `POST /v1/events` as `application/x-ndjson` with `content-encoding: zstd`. The answer is an
//! [`Ack`] with 200, or a [`Reject`] as `application/problem+json` (RFC 9457).

mod check;
mod encode;
mod head;

pub use head::Head;

use serde::{Deserialize, Serialize};

use crate::{AgentId, Epoch, Event, EventId, Lane, RunId, Sequence, Timestamp, limits};

/// Most lines of logs are shorter.
const USUAL_BYTES: usize = 512;
/// Version of this format.
pub const VERSION: u32 = 1;

/// What batches and rows of the spool are compressed against, as a raw-content dictionary of zstd:
/// typical lines, so that a batch of one small event need not spell out the names of its fields. A
/// frame written without it is read with it just as well. Frozen: another text would be another
/// number, beside this one. Source: RFC 8878, section 5.
pub const DICTIONARY: &[u8] = include_bytes!("dictionary.txt");
/// The number of [`DICTIONARY`], as a collector says it in its acknowledgements.
pub const DICTIONARY_NUMBER: u32 = 1;

/// First line of a batch: who sends, and which events follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// [`VERSION`].
    pub version: u32,
    /// Who sends. Must be who the certificate says.
    pub agent: AgentId,
    /// In which life of the spool the ids were given.
    pub epoch: Epoch,
    /// Which lane the batch belongs to.
    pub lane: Lane,
    /// Sequence of the first event that follows.
    pub first: Sequence,
    /// How many events follow.
    pub count: u32,
    /// Which start of the agent's process sends.
    pub run: RunId,
    /// Hash over what identifies the hardware and the installed system; tells a clone from the
    /// machine it was copied from.
    pub fingerprint: String,
    /// The agent's clock when it sent.
    pub sent: Timestamp,
    /// The agent's clock minus the collector's as last measured, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_us: Option<i64>,
    /// Version of the configuration the agent runs with.
    #[serde(default)]
    pub configuration: u64,
}

impl Envelope {
    /// The id of the event on line `index` (from 0).
    pub fn id(&self, index: u32) -> EventId {
        let sequence = Sequence(self.first.0.saturating_add(u64::from(index)));
        EventId { agent: self.agent, epoch: self.epoch, lane: self.lane, sequence }
    }

    /// Sequence of the last event.
    pub fn last(&self) -> Sequence {
        Sequence(self.first.0.saturating_add(u64::from(self.count)).saturating_sub(1))
    }
}

/// How fast the collector wants to be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Backlog of the lane `log`: bytes a second on the wire; the lanes `alert` and `state` are
    /// not slowed.
    pub bytes_per_second: u64,
    /// Wait so long before the next batch, in milliseconds; 0 = at once.
    pub wait_ms: u64,
}

/// The answer to a batch that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Of which epoch.
    pub epoch: Epoch,
    /// Of which lane.
    pub lane: Lane,
    /// All events of the lane up to this one are on the collector's disk.
    pub durable: Sequence,
    /// All events of the lane up to this one are archived; the agent may forget them.
    pub archived: Sequence,
    /// Version of the configuration the agent should run with.
    pub configuration: u64,
    /// How fast to go on.
    pub pace: Pace,
    /// The collector's clock when it answered.
    pub time: Timestamp,
    /// The newest dictionary the collector can read batches with; 0 (older collectors) is none.
    #[serde(default)]
    pub dictionary: u32,
}

/// The configuration an agent should run with: the answer of `POST /v1/configuration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// As in [`Ack::configuration`]: another number, another configuration. 0 is none at all.
    pub version: u64,
    /// What people call it: the versions of its layers, the widest first: `7+12`.
    pub label: String,
    /// From the widest (the whole fleet) to the narrowest (this machine); what a later one says
    /// wins, table by table and key by key.
    pub layers: Vec<Layer>,
}

/// What one scope says about its machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// `fleet`, `agency SO-TTTT`, `machine`; shown to people.
    pub scope: String,
    /// TOML of the shape of the agent's own file.
    pub text: String,
}

/// Why a batch was refused; the word after `urn:soc:reject:` in the `type` of the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// More bytes, compressed or not, or more events than [`limits`] allow.
    TooLarge,
    /// Nested deeper than [`limits::DEPTH_MAX`].
    TooDeep,
    /// Not valid zstd, or it ends early.
    BadCompression,
    /// Not valid NDJSON of the expected shape.
    Malformed,
    /// The envelope names another agent than the certificate.
    WrongIdentity,
    /// Ids that cannot be: a gap that no `log.gap` explains is allowed, an overlap or zero is not.
    WrongIds,
    /// The certificate's time is over: renew, then send again.
    CertificateExpired,
    /// The agent was removed by an operator.
    Revoked,
    /// Another machine is alive under this identity: enrol anew with the grant in the answer.
    Cloned,
    /// Too fast: wait as long as the answer says.
    TooFast,
    /// The collector cannot take events now (disk full, stopping): try again later.
    Unavailable,
}

impl Cause {
    /// All causes, for metrics.
    pub const ALL: [Self; 11] = [
        Self::TooLarge,
        Self::TooDeep,
        Self::BadCompression,
        Self::Malformed,
        Self::WrongIdentity,
        Self::WrongIds,
        Self::CertificateExpired,
        Self::Revoked,
        Self::Cloned,
        Self::TooFast,
        Self::Unavailable,
    ];

    /// The word used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::BadCompression => "bad_compression",
            Self::Malformed => "malformed",
            Self::WrongIdentity => "wrong_identity",
            Self::WrongIds => "wrong_ids",
            Self::CertificateExpired => "certificate_expired",
            Self::Revoked => "revoked",
            Self::Cloned => "cloned",
            Self::TooFast => "too_fast",
            Self::Unavailable => "unavailable",
        }
    }

    /// The HTTP status it is sent with.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::TooDeep | Self::BadCompression | Self::Malformed | Self::WrongIds => 400,
            Self::WrongIdentity | Self::Revoked => 403,
            Self::CertificateExpired => 401,
            Self::Cloned => 409,
            Self::TooFast => 429,
            Self::Unavailable => 503,
        }
    }

    /// Whether the same bytes can be taken later.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::TooFast | Self::Unavailable | Self::CertificateExpired | Self::Cloned)
    }
}

/// The answer to a batch that was refused. Source: RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// `urn:soc:reject:too_large`
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The cause in one sentence.
    pub title: String,
    /// What exactly was wrong, and what to do.
    pub detail: String,
    /// The cause.
    pub cause: Cause,
    /// Wait so long before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With [`Cause::Cloned`]: a one-time token with which this machine enrols as another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The collector's clock when it answered.
    pub time: Timestamp,
}

/// What is wrong with a line or a batch. Lines count from 1, the envelope being line 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Over one of the [`limits`].
    #[error("line {line}: {what} is over the limit of {limit}")]
    TooLarge {
        /// Which line.
        line: usize,
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Nested deeper than [`limits::DEPTH_MAX`].
    #[error("line {line}: nested deeper than {limit} levels", limit = limits::DEPTH_MAX)]
    TooDeep {
        /// Which line.
        line: usize,
    },
    /// Not JSON, or not of the expected shape.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Which line.
        line: usize,
        /// What serde_json said, with the column.
        reason: String,
    },
    /// The envelope announces another number of events than follow.
    #[error("the envelope announces {announced} events, {found} follow")]
    Count {
        /// What the envelope says.
        announced: u32,
        /// What is there.
        found: usize,
    },
    /// A sequence of zero, or one that would overflow.
    #[error("sequence {first} with {count} events is not possible")]
    Sequence {
        /// First sequence.
        first: u64,
        /// How many.
        count: u32,
    },
    /// A version this program does not speak.
    #[error("format version {0} is not known here; this program speaks version 1")]
    Version(u32),
}

impl Error {
    /// What the peer is told.
    pub fn cause(&self) -> Cause {
        match self {
            Self::TooLarge { .. } => Cause::TooLarge,
            Self::TooDeep { .. } => Cause::TooDeep,
            Self::Malformed { .. } | Self::Version(_) => Cause::Malformed,
            Self::Count { .. } | Self::Sequence { .. } => Cause::WrongIds,
        }
    }
}

/// One event as one line, without the line feed.
pub fn encode_event(event: &Event) -> String {
    let mut line = Vec::with_capacity(USUAL_BYTES);
    append_event(event, &mut line);
    // Made of texts only, so it is one.
    String::from_utf8(line).unwrap_or_default()
}

/// The same at the end of what is there.
pub fn append_event(event: &Event, line: &mut Vec<u8>) {
    encode::append(event, line);
}

/// Reads one event from one line.
///
/// # Errors
/// [`Error`] with the given line number; never panics, whatever the bytes.
pub fn decode_event(bytes: &[u8], line: usize) -> Result<Event, Error> {
    if bytes.len() > limits::EVENT_BYTES_MAX {
        let limit = limits::EVENT_BYTES_MAX;
        return Err(Error::TooLarge { line, what: "event in bytes", limit });
    }
    let event: Event = from_line(bytes, line)?;
    let long = |name: &String| name.len() > limits::FIELD_NAME_BYTES_MAX;
    if event.fields.len() > limits::FIELDS_MAX {
        return Err(Error::TooLarge { line, what: "number of fields", limit: limits::FIELDS_MAX });
    }
    if event.fields.keys().chain(event.unknown.keys()).any(long) {
        let limit = limits::FIELD_NAME_BYTES_MAX;
        return Err(Error::TooLarge { line, what: "field name in bytes", limit });
    }
    Ok(event)
}

/// Writes a batch; `lines` are events as [`encode_event`] gave them.
pub fn encode_batch<'a>(envelope: &Envelope, lines: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(envelope).unwrap_or_default();
    bytes.push(b'\n');
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// The bytes of a line, and the event in it.
pub type Line<'a> = (&'a [u8], Event);

/// Reads a decompressed batch: its envelope, and every event with the slice of its line.
///
/// # Errors
/// The first [`Error`] in the order of lines; a batch is taken whole or not at all.
pub fn decode_batch(bytes: &[u8]) -> Result<(Envelope, Vec<Line<'_>>), Error> {
    read_batch(bytes, |line, number| Ok((line, decode_event(line, number)?)))
}

/// Reads a decompressed batch as [`decode_batch`] does, without making the events: its envelope, and
/// every line.
///
/// # Errors
/// As [`decode_batch`].
pub fn check_batch(bytes: &[u8]) -> Result<(Envelope, Vec<&[u8]>), Error> {
    read_batch(bytes, |line, number| {
        let is_event =
            line.len() <= limits::EVENT_BYTES_MAX && !is_too_deep(line) && check::is_event(line);
        if !is_event {
            decode_event(line, number)?;
        }
        Ok(line)
    })
}

fn read_batch<'a, T>(
    bytes: &'a [u8],
    read: impl Fn(&'a [u8], usize) -> Result<T, Error>,
) -> Result<(Envelope, Vec<T>), Error> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let envelope: Envelope = from_line(lines.next().unwrap_or_default(), 1)?;
    if envelope.version != VERSION {
        return Err(Error::Version(envelope.version));
    }
    let (first, count) = (envelope.first.0, envelope.count);
    let over = count as usize > limits::BATCH_EVENTS_MAX;
    if over {
        let limit = limits::BATCH_EVENTS_MAX;
        return Err(Error::TooLarge { line: 1, what: "number of events", limit });
    }
    if first == 0 || count == 0 || first.checked_add(u64::from(count)).is_none() {
        return Err(Error::Sequence { first, count });
    }
    let mut events = Vec::with_capacity(count as usize);
    for (index, line) in lines.enumerate() {
        if line.is_empty() {
            continue;
        }
        if events.len() == count as usize {
            return Err(Error::Count { announced: count, found: events.len() + 1 });
        }
        events.push(read(line, index + 2)?);
    }
    if events.len() != count as usize {
        return Err(Error::Count { announced: count, found: events.len() });
    }
    Ok((envelope, events))
}

fn from_line<'a, T: Deserialize<'a>>(bytes: &'a [u8], line: usize) -> Result<T, Error> {
    if is_too_deep(bytes) {
        return Err(Error::TooDeep { line });
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Malformed { line, reason: error.to_string() })
}

/// Counts brackets outside of text, before any parser recurses into them. Hardly any line has so
/// many brackets at all.
fn is_too_deep(bytes: &[u8]) -> bool {
    if memchr::memchr2_iter(b'{', b'[', bytes).nth(limits::DEPTH_MAX).is_none() {
        return false;
    }
    let (mut depth, mut inside_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside_text => escaped = true,
            b'"' => inside_text = !inside_text,
            b'{' | b'[' if !inside_text => depth += 1,
            b'}' | b']' if !inside_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::DEPTH_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
