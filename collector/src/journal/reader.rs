use std::borrow::Cow;

use redb::{Database, ReadOnlyTable, ReadableDatabase as _};
use serde::Deserialize;
use soc_event::{AgentId, Epoch, Lane, Sequence};

use super::block::Block;
use super::lines::{Lines, Room};
use super::tables::{self, BLOCKS, BY_AGENT, MARKS, META};
use super::{Entry, Error, Position};

/// Batches that [`recent`] looks through at the most: bounds the time of one question.
pub(super) const RECENT_BLOCKS_MAX: usize = 4096;

/// Bytes of lines of one reading; at least one event is read, however long.
pub(super) const READ_BYTES_MAX: usize = 8 << 20;

/// Events that follow each other in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The events.
    pub entries: Vec<Entry>,
    /// Where to go on.
    pub next: Position,
    /// Events between the first and `next` that are damaged and were left out.
    pub damaged: u64,
}

impl Stretch {
    /// All events.
    pub(super) fn whole(lines: &Lines) -> Self {
        let mut stretch = Self { entries: Vec::new(), next: lines.next, damaged: lines.damaged };
        lines.parts(usize::MAX).iter().for_each(|part| stretch.take(part.entries()));
        stretch
    }

    /// Of lines of logs only that there are some.
    pub(super) fn sights(lines: &Lines) -> Self {
        let mut stretch = Self { entries: Vec::new(), next: lines.next, damaged: lines.damaged };
        lines.parts(usize::MAX).iter().for_each(|part| stretch.take(part.sights()));
        stretch
    }

    fn take(&mut self, entries: impl Iterator<Item = Option<Entry>>) {
        for entry in entries {
            match entry {
                Some(entry) => self.entries.push(entry),
                None => self.damaged = self.damaged.saturating_add(1),
            }
        }
    }
}

pub(super) fn lines(
    database: &Database,
    from: Position,
    events_max: usize,
) -> Result<Lines, Error> {
    let transaction = database.begin_read()?;
    let blocks = transaction.open_table(BLOCKS)?;
    let end = transaction.open_table(META)?.get("end")?.map_or(from.0, |value| value.value());
    let start = start_of_block(&blocks, from.0)?;
    let mut lines = Lines::from(from);
    let mut room = Room { events: events_max.max(1), bytes: READ_BYTES_MAX };
    let mut rows = blocks.range(start..)?.peekable();
    while let Some(row) = rows.next() {
        let (position, bytes) = row?;
        let after = match rows.peek() {
            Some(Ok((next, _))) => next.value(),
            _ => end,
        };
        match Block::open(position.value(), bytes.value()) {
            Ok(block) => {
                if !lines.take(block, &mut room) {
                    return Ok(lines);
                }
            }
            Err(error) => lines.skip(position.value(), after, &error),
        }
    }
    lines.next = lines.next.max(Position(end));
    Ok(lines)
}

/// First position of the block that holds a position, or the position itself.
fn start_of_block(blocks: &ReadOnlyTable<u64, &'static [u8]>, position: u64) -> Result<u64, Error> {
    let before = blocks.range(..=position)?.next_back().transpose()?;
    Ok(before.map_or(position, |(key, _)| key.value()))
}

pub(super) fn get(database: &Database, position: Position) -> Result<Option<Entry>, Error> {
    let blocks = database.begin_read()?.open_table(BLOCKS)?;
    let Some(row) = blocks.range(..=position.0)?.next_back() else { return Ok(None) };
    let (start, bytes) = row?;
    Block::open(start.value(), bytes.value())?.entry(position.0)
}

pub(super) fn mark(
    database: &Database,
    agent: AgentId,
    epoch: Epoch,
    lane: Lane,
) -> Result<Sequence, Error> {
    let marks = database.begin_read()?.open_table(MARKS)?;
    let mark = marks.get(&tables::mark_key(agent, epoch, lane))?;
    Ok(Sequence(mark.map_or(0, |mark| mark.value())))
}

pub(super) fn recent(
    database: &Database,
    agent: AgentId,
    before: Option<Position>,
    limit: usize,
    kind_prefix: Option<&str>,
) -> Result<Vec<Entry>, Error> {
    let transaction = database.begin_read()?;
    let (blocks, by_agent) = (transaction.open_table(BLOCKS)?, transaction.open_table(BY_AGENT)?);
    let before = before.map_or(u64::MAX, |position| position.0);
    let (lowest, highest) = (tables::agent_key(agent, 0), tables::agent_key(agent, before));
    let mut entries = Vec::new();
    let rows = by_agent.range::<&[u8; 24]>(&lowest..&highest)?.rev();
    for row in rows.take(RECENT_BLOCKS_MAX) {
        let start = tables::position_of(row?.0.value());
        let Some(bytes) = blocks.get(start)? else { continue };
        let Ok(block) = Block::open(start, bytes.value()) else { continue };
        for position in block.positions().rev().filter(|position| *position < before) {
            if entries.len() >= limit {
                return Ok(entries);
            }
            if block.line(position).is_some_and(|line| is_of_kind(line, kind_prefix)) {
                entries.extend(block.entry(position).ok().flatten());
            }
        }
    }
    Ok(entries)
}

/// Looks only at the kind, so that the many that are not wanted cost little.
fn is_of_kind(line: &[u8], prefix: Option<&str>) -> bool {
    #[derive(Deserialize)]
    struct OnlyKind<'a> {
        #[serde(borrow)]
        kind: Cow<'a, str>,
    }
    let Some(prefix) = prefix else { return true };
    serde_json::from_slice::<OnlyKind<'_>>(line).is_ok_and(|only| only.kind.starts_with(prefix))
}
