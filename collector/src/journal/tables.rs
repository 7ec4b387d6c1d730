//! The tables of the file, and how it is opened.
//!
//! | table | key | value |
//! |---|---|---|
//! | `blocks` | position of the first event | header and lines of a batch ([`super::block::Header`]) |
//! | `by_agent` | agent 16 · position 8 | nothing |
//! | `by_id` | agent 16 · epoch 8 · lane 1 · first sequence 8 | position of the block |
//! | `marks` | agent 16 · epoch 8 · lane 1 | highest stored sequence |
//! | `meta` | `format`, `end`, `bytes`, `own_epoch` | a number |
//!
//! Numbers inside keys are big-endian, so that keys sort as numbers do.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use soc_event::{AgentId, Epoch, Lane, Sequence};

use super::{Config, Error, Position};

pub(super) const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");
pub(super) const BY_AGENT: TableDefinition<&[u8; 24], ()> = TableDefinition::new("by_agent");
pub(super) const BY_ID: TableDefinition<&[u8; 33], u64> = TableDefinition::new("by_id");
pub(super) const MARKS: TableDefinition<&[u8; 25], u64> = TableDefinition::new("marks");
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// The layout above. Another number means another layout.
const FORMAT: u64 = 1;

pub(super) fn open(file: &Path, config: &Config) -> Result<Database, Error> {
    make_private(file).map_err(|error| Error::System(Arc::new(error)))?;
    let mut builder = Database::builder();
    builder.set_cache_size(config.cache_bytes);
    builder.set_repair_callback(|session| {
        let done = format!("{:.0} %", session.progress() * 100.0);
        tracing::warn!(done, "the collector did not stop cleanly: checking the journal");
    });
    let database = builder.create(file).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => Error::InUse(file.display().to_string()),
        error => Error::Storage(Arc::new(error.into())),
    })?;
    let transaction = database.begin_write()?;
    {
        transaction.open_table(BLOCKS)?;
        transaction.open_table(BY_AGENT)?;
        transaction.open_table(BY_ID)?;
        transaction.open_table(MARKS)?;
        let mut meta = transaction.open_table(META)?;
        let found = meta.get("format")?.map(|value| value.value());
        match found {
            Some(FORMAT) => {}
            Some(found) => {
                let path = file.display().to_string();
                return Err(Error::Format { path, found, expected: FORMAT });
            }
            None => {
                meta.insert("format", FORMAT)?;
                meta.insert("end", Position::FIRST.0)?;
                meta.insert("bytes", 0)?;
                meta.insert("own_epoch", Epoch::from_random(rand::random()).0)?;
            }
        }
    }
    transaction.commit()?;
    Ok(database)
}

/// The next event gets this position at the least.
pub(super) fn move_on(database: &Database, least: Position) -> Result<(), Error> {
    let (end, _) = end_and_bytes(database)?;
    if end >= least {
        return Ok(());
    }
    if end > Position::FIRST {
        tracing::warn!(end = end.0, least = least.0, "an earlier journal: positions go on");
    }
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("end", least.0)?;
    Ok(transaction.commit()?)
}

/// Makes the file readable by its owner only, where it is not there yet.
fn make_private(file: &Path) -> std::io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The position after the last event, and how many bytes the blocks have.
pub(super) fn end_and_bytes(database: &Database) -> Result<(Position, u64), Error> {
    let meta = database.begin_read()?.open_table(META)?;
    let number =
        |name: &str| -> Result<u64, Error> { Ok(meta.get(name)?.map_or(0, |value| value.value())) };
    Ok((Position(number("end")?), number("bytes")?))
}

pub(super) fn agent_key(agent: AgentId, position: u64) -> [u8; 24] {
    let mut key = [0; 24];
    let (left, right) = key.split_at_mut(16);
    left.copy_from_slice(agent.as_bytes());
    right.copy_from_slice(&position.to_be_bytes());
    key
}

pub(super) fn position_of(key: &[u8; 24]) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

pub(super) fn mark_key(agent: AgentId, epoch: Epoch, lane: Lane) -> [u8; 25] {
    let mut key = [0; 25];
    let (left, right) = key.split_at_mut(16);
    left.copy_from_slice(agent.as_bytes());
    let (epoch_bytes, lane_byte) = right.split_at_mut(8);
    epoch_bytes.copy_from_slice(&epoch.0.to_be_bytes());
    lane_byte.fill(lane.index());
    key
}

pub(super) fn id_key(agent: AgentId, epoch: Epoch, lane: Lane, first: Sequence) -> [u8; 33] {
    let mut key = [0; 33];
    let (left, right) = key.split_at_mut(25);
    left.copy_from_slice(&mark_key(agent, epoch, lane));
    right.copy_from_slice(&first.0.to_be_bytes());
    key
}
