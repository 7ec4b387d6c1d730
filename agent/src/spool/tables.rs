//! What is where in the file, and how rows become the books and back.
//!
//! | table | key | value |
//! |---|---|---|
//! | `rows` | lane u8, sequence u64 of the first event | events, see [`super::row`] |
//! | `refused` | number u64 | why, a line feed, the event; the last 256 |
//! | `positions` | source | read position |
//! | `lanes` | lane u8 | [`LaneRow`] |
//! | `gaps` | reason u8, lane u8 | count, bytes, first, last of an episode not yet reported |
//! | `marks` | `epoch`, `learned` (µs) | u64 |
//! | `names` | `fingerprint` | text |

use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use soc_event::{Epoch, Lane, Timestamp};

use super::gap::{Lost, Reason};
use super::ledger::{LaneBook, LaneRow, Ledger};
use super::lines::Group;

pub(super) const ROWS: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("rows");
pub(super) const REFUSED: TableDefinition<u64, &[u8]> = TableDefinition::new("refused");
pub(super) const POSITIONS: TableDefinition<&str, &[u8]> = TableDefinition::new("positions");
pub(super) const LANES: TableDefinition<u8, LaneRow> = TableDefinition::new("lanes");
pub(super) const GAPS: TableDefinition<(u8, u8), (u64, u64, u64, u64)> =
    TableDefinition::new("gaps");
pub(super) const MARKS: TableDefinition<&str, u64> = TableDefinition::new("marks");
pub(super) const NAMES: TableDefinition<&str, &str> = TableDefinition::new("names");

pub(super) type Gaps<'txn> = Table<'txn, (u8, u8), (u64, u64, u64, u64)>;

/// Most events kept in `refused`.
const REFUSED_MAX: u64 = 256;

/// What went wrong on the disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// The file cannot be trusted: move it aside.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The disk is full or failing: open again and try again.
    #[error("{0}")]
    Io(String),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        let error = error.into();
        match &error {
            redb::Error::Corrupted(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::UpgradeRequired(_) => Self::Damaged(error.to_string()),
            redb::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

pub(super) fn keep_refused(
    transaction: &WriteTransaction,
    why: &str,
    line: &[u8],
) -> Result<(), StoreError> {
    let mut refused = transaction.open_table(REFUSED)?;
    let number = refused.last()?.map_or(0, |(number, _)| number.value() + 1);
    let why = why.get(..why.len().min(1024)).unwrap_or_default().replace('\n', " ");
    let row = [why.as_bytes(), b"\n", line].concat();
    refused.insert(number, row.as_slice())?;
    while refused.len()? > REFUSED_MAX {
        refused.pop_first()?;
    }
    Ok(())
}

pub(super) fn read_ledger(transaction: &WriteTransaction) -> Result<Ledger, StoreError> {
    let marks = transaction.open_table(MARKS)?;
    let epoch = marks.get("epoch")?.map_or(0, |epoch| epoch.value());
    let learned = marks.get("learned")?.map(|micros| micros.value());
    let mut ledger = Ledger::new(Epoch(epoch));
    ledger.learned = learned.and_then(|us| i64::try_from(us).ok()).map(Timestamp::from_micros);
    let lanes = transaction.open_table(LANES)?;
    for lane in Lane::ALL {
        let row = lanes.get(lane.index())?.map(|row| row.value());
        ledger.change(lane, |book| *book = row.map(LaneBook::from_row).unwrap_or_default());
    }
    let gaps = transaction.open_table(GAPS)?;
    for row in gaps.iter()? {
        let (key, lost) = row?;
        let (reason, lane) = key.value();
        if let (Some(reason), Some(lane)) = (Reason::from_index(reason), Lane::from_index(lane)) {
            ledger.episodes.restore(reason, lane, Lost::from_row(lost.value()));
        }
    }
    Ok(ledger)
}

pub(super) fn write_marks(
    transaction: &WriteTransaction,
    ledger: &Ledger,
) -> Result<(), StoreError> {
    let mut lanes = transaction.open_table(LANES)?;
    for lane in Lane::ALL {
        let row = ledger.lane(lane).row();
        if lanes.get(lane.index())?.is_none_or(|old| old.value() != row) {
            lanes.insert(lane.index(), row)?;
        }
    }
    let mut marks = transaction.open_table(MARKS)?;
    let learned = ledger.learned.and_then(|time| u64::try_from(time.as_micros()).ok());
    for (name, value) in [("epoch", Some(ledger.epoch.0)), ("learned", learned)] {
        let Some(value) = value else { continue };
        // What is written again costs a page and its checksum.
        if marks.get(name)?.is_none_or(|old| old.value() != value) {
            marks.insert(name, value)?;
        }
    }
    Ok(())
}

pub(super) fn write_positions(
    transaction: &WriteTransaction,
    group: &Group,
) -> Result<(), StoreError> {
    if group.positions.is_empty() {
        return Ok(());
    }
    let mut positions = transaction.open_table(POSITIONS)?;
    for position in &group.positions {
        if position.bytes.is_empty() {
            positions.remove(position.source.as_str())?;
        } else {
            positions.insert(position.source.as_str(), position.bytes.as_slice())?;
        }
    }
    Ok(())
}

pub(super) fn opened<T>(result: Result<T, redb::TableError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(table) => Ok(Some(table)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
