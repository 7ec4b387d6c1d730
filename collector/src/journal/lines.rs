use std::ops::Range;

use soc_event::{Event, EventId, Logsource, Timestamp, kind, wire};

use super::block::Block;
use super::{Entry, Error, Position};

/// Events that follow each other in the journal, unpacked but not decoded: decoding is most of the
/// work of reading, and whoever has several threads does it in [`Part`]s.
pub struct Lines {
    runs: Vec<Run>,
    /// Where to go on.
    pub next: Position,
    /// Events between the first and `next` that are damaged and were left out.
    pub damaged: u64,
}

struct Run {
    block: Block,
    positions: Range<u64>,
}

/// Some events of one batch.
pub struct Part<'l> {
    block: &'l Block,
    positions: Range<u64>,
}

/// One event as it stands in the journal, decoded when somebody asks for it.
#[derive(Clone, Copy)]
pub struct Line<'l> {
    block: &'l Block,
    /// Where.
    pub position: Position,
    /// When the collector received it, by its own clock.
    pub received: Timestamp,
    /// Its name in the world.
    pub id: EventId,
}

/// The same for whoever keeps it longer than the reading lasts.
#[derive(Clone, Debug)]
pub struct Kept {
    text: Box<[u8]>,
    position: Position,
    received: Timestamp,
    id: EventId,
}

/// What may still be read.
pub(super) struct Room {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

impl Lines {
    pub(super) fn from(next: Position) -> Self {
        Self { runs: Vec::new(), next, damaged: 0 }
    }

    /// How many events there are, damaged ones among them.
    pub fn events(&self) -> u64 {
        let length = |run: &Run| run.positions.end.saturating_sub(run.positions.start);
        self.runs.iter().map(length).sum()
    }

    /// The events in order, cut into parts of at most so many.
    pub fn parts(&self, events_max: usize) -> Vec<Part<'_>> {
        let step = u64::try_from(events_max).unwrap_or(u64::MAX).max(1);
        let mut parts = Vec::new();
        for Run { block, positions } in &self.runs {
            let mut start = positions.start;
            while start < positions.end {
                let end = start.saturating_add(step).min(positions.end);
                parts.push(Part { block, positions: start..end });
                start = end;
            }
        }
        parts
    }

    /// Takes the events of a block from `next` on; false when there is no room for all of them.
    pub(super) fn take(&mut self, block: Block, room: &mut Room) -> bool {
        let all = block.positions();
        let start = all.start.max(self.next.0).min(all.end);
        let mut end = start;
        while end < all.end && room.events > 0 && room.bytes > 0 {
            room.events -= 1;
            room.bytes = room.bytes.saturating_sub(block.line(end).map_or(0, <[u8]>::len));
            end += 1;
        }
        if start < end {
            self.next = Position(end);
            self.runs.push(Run { block, positions: start..end });
        }
        end == all.end
    }

    /// Leaves out what is damaged.
    pub(super) fn skip(&mut self, position: u64, after: u64, error: &Error) {
        let from = position.max(self.next.0);
        let events = after.saturating_sub(from);
        tracing::error!(%error, from, events, "events of the journal are lost and left out");
        self.damaged = self.damaged.saturating_add(events);
        self.next = self.next.max(Position(after));
    }
}

impl<'l> Line<'l> {
    /// What was sent.
    pub fn text(&self) -> &'l [u8] {
        self.block.line(self.position.0).unwrap_or_default()
    }

    /// Decodes it; nothing where it is damaged, which is logged.
    pub fn entry(&self) -> Option<Entry> {
        entry(self.block, self.position.0)
    }

    /// Copies it.
    pub fn keep(&self) -> Kept {
        let Self { position, received, id, .. } = *self;
        Kept { text: self.text().into(), position, received, id }
    }
}

impl Kept {
    /// As [`Line::entry`].
    pub fn entry(&self) -> Option<Entry> {
        let Self { position, received, id, .. } = *self;
        let event = wire::decode_event(&self.text, 1);
        let event = event.inspect_err(|error| tell_lost(position.0, error)).ok()?;
        Some(Entry { position, received, id, event })
    }
}

impl<'l> Part<'l> {
    /// The events one after the other, not decoded.
    pub fn lines(&self) -> impl Iterator<Item = Line<'l>> + use<'l> {
        let block = self.block;
        self.positions.clone().map(move |position| {
            let (received, id) = block.name(position);
            Line { block, position: Position(position), received, id }
        })
    }

    /// The same with the length of each as text, in bytes.
    pub fn measured(&self) -> impl Iterator<Item = Option<(Entry, usize)>> + '_ {
        let lengths = self.positions.clone().map(|at| self.block.line(at).map_or(0, <[u8]>::len));
        self.entries().zip(lengths).map(|(entry, length)| entry.map(|entry| (entry, length)))
    }

    /// Decodes one event after the other; nothing where one is damaged, which is logged.
    pub fn entries(&self) -> impl Iterator<Item = Option<Entry>> + '_ {
        self.positions.clone().map(|position| entry(self.block, position))
    }

    /// The same for whoever wants nothing of lines of logs but that there are some: the first comes
    /// without its content, the others not at all.
    pub fn sights(&self) -> impl Iterator<Item = Option<Entry>> + '_ {
        let mut has_logs = false;
        self.positions.clone().filter_map(move |position| {
            if !self.block.is_log_line(position) {
                return Some(entry(self.block, position));
            }
            let is_first = !std::mem::replace(&mut has_logs, true);
            let bare = || Event::new(Timestamp::default(), kind::LOG, Logsource::default());
            is_first.then(|| Some(self.block.bare(position, bare())))
        })
    }
}

fn entry(block: &Block, position: u64) -> Option<Entry> {
    block.entry(position).unwrap_or_else(|error| {
        tell_lost(position, &error);
        None
    })
}

fn tell_lost(position: u64, error: &dyn std::fmt::Display) {
    tracing::error!(%error, position, "an event of the journal is lost and left out");
}
