use std::borrow::Cow;

use redb::{Database, ReadOnlyTable, ReadableDatabase as _};
use serde::Deserialize;
use soc_event::AgentId;

use super::block::Block;
use super::tables::{self, BLOCKS, BY_AGENT};
use super::{Entry, Error, Position};

/// Batches that [`recent`] looks through at the most: bounds the time of one question.
pub(super) const RECENT_BLOCKS_MAX: usize = 4096;

pub(super) fn read(
    database: &Database,
    from: Position,
    events_max: usize,
) -> Result<Vec<Entry>, Error> {
    let blocks = database.begin_read()?.open_table(BLOCKS)?;
    let start = start_of_block(&blocks, from.0)?;
    let mut entries = Vec::new();
    for row in blocks.range(start..)? {
        if entries.len() >= events_max {
            break;
        }
        let (position, bytes) = row?;
        let block = Block::open(position.value(), bytes.value())?;
        for position in block.positions() {
            if position >= from.0 && entries.len() < events_max {
                entries.extend(block.entry(position)?);
            }
        }
    }
    Ok(entries)
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
        let block = Block::open(start, bytes.value())?;
        for position in block.positions().rev().filter(|position| *position < before) {
            if entries.len() >= limit {
                return Ok(entries);
            }
            if block.line(position).is_some_and(|line| is_of_kind(line, kind_prefix)) {
                entries.extend(block.entry(position)?);
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
