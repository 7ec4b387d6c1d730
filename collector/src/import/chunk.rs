//! A file, chunk by chunk, as lines of events ready to be sent.

use std::collections::VecDeque;
use std::path::Path;

use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use soc_event::{Event, Timestamp, limits, wire};
use soc_formats::text::Moment;
use soc_formats::{Cut, Cutter, Fault, Format, Found, Place, Record, Stretch, fit, json};

use super::known::{Known, Mark, State};
use crate::hex;
use crate::logs::Source;

/// Bytes of lines that are sent together; an event has at most 256 KiB.
const PART_BYTES: usize = 4 << 20;

/// Events that are sent together.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub events: u32,
    /// Each ended by a line feed.
    pub lines: Vec<u8>,
}

/// A stretch of a file, read.
#[derive(Debug)]
pub(super) struct Chunk {
    /// How far the file is once this is begun to be sent.
    pub claim: State,
    /// The first of its events that are to be sent is the one after so many.
    pub before: u64,
    pub parts: Vec<Part>,
    /// Events to be sent.
    pub events: u64,
    pub skipped: Vec<(Place, Fault)>,
    /// The earliest and the latest event.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Bytes it stands for.
    pub bytes: u64,
    /// Whether the file ends in it, perhaps in the middle of a record.
    is_last: bool,
}

/// A file that is being read.
pub(super) struct Chunks {
    source: Source,
    format: Format,
    zone: TimeZone,
    /// When it ended, as far as that is known now.
    ended: Timestamp,
    cutter: Cutter,
    hash: Sha256,
    /// Where `rest` begins.
    at: u64,
    rest: Vec<u8>,
    is_end: bool,
    /// Events read so far, since the file's first.
    events: u64,
    /// Of what was begun before: read again as it was read then.
    again: Option<Again>,
    /// What stood at the end and was imported; where it stands there still, it is not again.
    tail: VecDeque<Event>,
    tail_bytes: u64,
}

/// What was claimed before the import was interrupted.
struct Again {
    until: Mark,
    moment: Timestamp,
    stored: u64,
}

impl Chunks {
    /// A file from its first byte.
    pub(super) fn new(source: Source, format: Format, zone: TimeZone, ended: Timestamp) -> Self {
        let cutter = Cutter::new(format.clone());
        Self {
            source,
            format,
            zone,
            ended,
            cutter,
            hash: Sha256::new(),
            at: 0,
            rest: Vec::new(),
            is_end: false,
            events: 0,
            again: None,
            tail: VecDeque::new(),
            tail_bytes: 0,
        }
    }

    /// The rest of a file of which something is known.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn resume(
        mut self,
        path: &Path,
        known: &Known,
        hash: Sha256,
    ) -> std::io::Result<Self> {
        let state = &known.state;
        self.source = Source::open(path)?;
        self.source.skip(state.done.bytes)?;
        self.hash = hash;
        self.at = state.done.bytes;
        self.events = state.events;
        self.cutter = Cutter::from(self.format.clone(), state.done.place);
        self.tail_bytes = state.tail_bytes;
        self.read_at_least(state.tail_bytes)?;
        let tail = usize::try_from(state.tail_bytes).unwrap_or(usize::MAX).min(self.rest.len());
        let bytes = self.rest.get(..tail).unwrap_or_default();
        let mut events = VecDeque::new();
        self.read(bytes, state.done.place, state.moment, &mut |found| {
            events.extend(found.1.ok());
        });
        self.tail = events;
        if state.ended_at.is_none() && state.claimed.bytes > state.done.bytes {
            let (until, moment) = (state.claimed, state.moment);
            self.again = Some(Again { until, moment, stored: known.stored });
        }
        Ok(self)
    }

    /// The next chunk; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Chunk>> {
        if let Some(again) = self.again.take() {
            return self.again(&again).map(Some);
        }
        let mut skipped = Vec::new();
        let begun = self.at;
        loop {
            let is_last = self.is_end && self.cutter.clone().cut(&self.rest, false) == Cut::More;
            match self.cutter.cut(&self.rest, is_last) {
                Cut::Take { bytes, first } => {
                    let place = self.cutter.next();
                    let mut chunk = self.take(bytes, first, place, self.ended, 0, is_last);
                    chunk.skipped.splice(..0, skipped);
                    chunk.bytes = self.at.saturating_sub(begun);
                    return Ok(Some(chunk));
                }
                Cut::Drop { bytes, fault } => {
                    self.advance(bytes);
                    skipped.extend(fault);
                }
                Cut::More if is_last => {
                    let bytes = self.at.saturating_sub(begun);
                    let last = |skipped| Chunk { skipped, bytes, ..self.nothing() };
                    return Ok((!skipped.is_empty()).then(|| last(skipped)));
                }
                Cut::More => self.is_end = self.source.read(&mut self.rest)?,
            }
        }
    }

    /// How far the file is when all was sent, the last chunk besides.
    pub(super) fn end(&self, now: Timestamp, last: Option<&Chunk>) -> State {
        let mut state = last.map_or_else(|| self.nothing().claim, |last| last.claim.clone());
        state.events = self.events;
        state.ended_at = Some(now);
        if last.is_some_and(|last| last.is_last) {
            state.tail_bytes = state.claimed.bytes.saturating_sub(state.done.bytes);
        } else {
            (state.done, state.tail_bytes) = (state.claimed, 0);
        }
        state
    }

    fn nothing(&self) -> Chunk {
        let mark = Mark { bytes: self.at, place: self.cutter.next() };
        let claim = State {
            done: mark,
            events: self.events,
            tail_bytes: 0,
            claimed: mark,
            hash: hex(&self.hash.clone().finalize()),
            moment: self.ended,
            ended_at: None,
        };
        let before = self.events;
        Chunk {
            claim,
            before,
            parts: Vec::new(),
            events: 0,
            skipped: Vec::new(),
            times: None,
            bytes: 0,
            is_last: false,
        }
    }

    /// What was claimed is read as it was, but for what is in the journal already.
    fn again(&mut self, again: &Again) -> std::io::Result<Chunk> {
        let bytes = again.until.bytes.saturating_sub(self.at);
        self.read_at_least(bytes)?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.rest.len());
        let stored = again.stored.saturating_sub(self.events);
        let first = self.cutter.next();
        self.cutter = Cutter::from(self.format.clone(), again.until.place);
        let mut chunk = self.take(bytes, first, again.until.place, again.moment, stored, false);
        chunk.bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Ok(chunk)
    }

    fn read_at_least(&mut self, bytes: u64) -> std::io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        while self.rest.len() < bytes && !self.is_end {
            self.is_end = self.source.read(&mut self.rest)?;
        }
        Ok(())
    }

    /// Makes a chunk of the first bytes; the first `stored` of its events are in the journal.
    fn take(
        &mut self,
        bytes: usize,
        first: u64,
        place: u64,
        moment: Timestamp,
        stored: u64,
        is_last: bool,
    ) -> Chunk {
        let mut chunk = self.nothing();
        chunk.claim.done.place = first;
        chunk.claim.tail_bytes = std::mem::take(&mut self.tail_bytes);
        chunk.claim.moment = moment;
        let taken: Vec<u8> = self.rest.get(..bytes).unwrap_or_default().to_vec();
        let mut tail = std::mem::take(&mut self.tail);
        let mut writer = Writer { stored, ..Writer::default() };
        self.read(&taken, first, moment, &mut |(at, event)| match event {
            Ok(event) if tail.front().is_some_and(|known| is_same(known, &event)) => {
                tail.pop_front();
            }
            Ok(event) => {
                tail.clear();
                writer.put(&event);
            }
            Err(fault) => chunk.skipped.push((at, fault)),
        });
        self.advance(bytes);
        chunk.before = self.events.saturating_add(stored.min(writer.events));
        chunk.events = writer.events.saturating_sub(stored);
        self.events = self.events.saturating_add(writer.events);
        (chunk.parts, chunk.times) = (writer.parts, writer.times);
        chunk.claim.claimed = Mark { bytes: self.at, place };
        chunk.claim.hash = hex(&self.hash.clone().finalize());
        chunk.is_last = is_last;
        chunk
    }

    fn advance(&mut self, bytes: usize) {
        let bytes = bytes.min(self.rest.len());
        self.hash.update(self.rest.get(..bytes).unwrap_or_default());
        self.rest.drain(..bytes);
        self.at = self.at.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn read(
        &self,
        bytes: &[u8],
        first: u64,
        now: Timestamp,
        each: &mut dyn FnMut((Place, Result<Event, Fault>)),
    ) {
        let moment = Moment::kept(now, &self.zone);
        self.format.read(Stretch { bytes, first }, moment, &mut |Found { place, record }| {
            let event = record.and_then(|record| match record {
                Record::Json(object) => json::event(object, moment),
                Record::Event(event) => Ok(*event),
            });
            let event = event.map(|mut event| {
                fit::fit(&mut event);
                event
            });
            each((place, event));
        });
    }
}

/// What a log says of an event, without when it was read.
fn is_same(one: &Event, other: &Event) -> bool {
    one.raw == other.raw && one.fields == other.fields && one.kind == other.kind
}

/// Puts events into parts.
#[derive(Default)]
struct Writer {
    /// So many of the first are not written.
    stored: u64,
    /// All, written or not.
    events: u64,
    parts: Vec<Part>,
    times: Option<(Timestamp, Timestamp)>,
}

impl Writer {
    fn put(&mut self, event: &Event) {
        self.events = self.events.saturating_add(1);
        let (first, last) = self.times.unwrap_or((event.time, event.time));
        self.times = Some((first.min(event.time), last.max(event.time)));
        if self.events <= self.stored {
            return;
        }
        let is_full = |part: &Part| {
            usize::try_from(part.events).unwrap_or(usize::MAX) >= limits::BATCH_EVENTS_MAX
                || part.lines.len() >= PART_BYTES
        };
        if self.parts.last().is_none_or(is_full) {
            self.parts.push(Part::default());
        }
        if let Some(part) = self.parts.last_mut() {
            part.lines.extend_from_slice(wire::encode_event(event).as_bytes());
            part.lines.push(b'\n');
            part.events = part.events.saturating_add(1);
        }
    }
}
