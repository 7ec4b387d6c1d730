//! Takes over spools of the first format, in which every event was a row of its own.
//!
//! | table | key | value |
//! |---|---|---|
//! | `events` | lane u8, sequence u64 | the event as a line, without line feed |
//!
//! Everything else was as it is now. Each transaction moves a stretch, so that a power cut half way
//! leaves every event in exactly one of the two tables and the books right.

use redb::{Database, ReadableTable, ReadableTableMetadata, TableDefinition, TableHandle};
use soc_event::Lane;

use super::ledger::{Ledger, ROW_OVERHEAD_BYTES};
use super::row::Codec;
use super::rows::cost;
use super::tables::{ROWS, StoreError, write_marks};

pub(super) const EVENTS: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("events");
/// Lines of one row.
const ROW_BYTES: usize = 96 * 1024;
/// Rows of one transaction.
const ROWS_AT_ONCE: usize = 32;

/// Moves all events of the first format, if there are any.
pub(super) fn take_over(
    database: &Database,
    codec: &mut Codec,
    ledger: &mut Ledger,
) -> Result<(), StoreError> {
    loop {
        let transaction = database.begin_write()?;
        let is_there = transaction.list_tables()?.any(|table| table.name() == EVENTS.name());
        if !is_there {
            transaction.abort()?;
            return Ok(());
        }
        let mut after = ledger.clone();
        let is_done = {
            let mut events = transaction.open_table(EVENTS)?;
            let mut rows = transaction.open_table(ROWS)?;
            for _ in 0..ROWS_AT_ONCE {
                if !move_row(&mut events, &mut rows, codec, &mut after)? {
                    break;
                }
            }
            events.is_empty()?
        };
        if is_done {
            transaction.delete_table(EVENTS)?;
        }
        write_marks(&transaction, &after)?;
        transaction.commit()?;
        *ledger = after;
    }
}

/// Makes one row of the oldest events of a lane; false when there are none.
fn move_row(
    events: &mut redb::Table<'_, (u8, u64), &'static [u8]>,
    rows: &mut super::rows::Rows<'_>,
    codec: &mut Codec,
    ledger: &mut Ledger,
) -> Result<bool, StoreError> {
    let (mut keys, mut lines, mut freed) = (Vec::<(u8, u64)>::new(), Vec::new(), 0);
    for row in events.iter()? {
        let (key, line) = row?;
        let (lane, sequence) = key.value();
        let follows = keys.last().is_none_or(|last| *last == (lane, sequence.wrapping_sub(1)));
        if !follows || (!keys.is_empty() && lines.len() + line.value().len() >= ROW_BYTES) {
            break;
        }
        lines.extend_from_slice(line.value());
        lines.push(b'\n');
        freed += line.value().len() as u64 + ROW_OVERHEAD_BYTES;
        keys.push((lane, sequence));
    }
    let Some(first) = keys.first().copied() else { return Ok(false) };
    let row = codec.row(&lines, u32::try_from(keys.len()).unwrap_or(u32::MAX))?;
    rows.insert(first, row.as_slice())?;
    for key in keys {
        events.remove(key)?;
    }
    if let Some(lane) = Lane::from_index(first.0) {
        ledger.change(lane, |book| book.bytes = book.bytes.saturating_sub(freed) + cost(&row));
    }
    Ok(true)
}
