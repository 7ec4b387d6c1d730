//! Events in and out of the table `rows`: appended a commit at a time, packed where many small rows
//! are left waiting, read from any sequence on.

use redb::{ReadableTable, Table};
use soc_event::{Epoch, Lane, Sequence};

use super::ledger::{Ledger, ROW_OVERHEAD_BYTES};
use super::row::{Codec, Head};
use super::tables::StoreError;
use super::{Batch, BatchLimits};

pub(super) type Rows<'txn> = Table<'txn, (u8, u64), &'static [u8]>;

/// Lines of one row of a commit, before compression. A larger event is a row of its own.
const COMMIT_BYTES: usize = 256 * 1024;
/// Small rows that wait are packed into one of so many bytes of lines: long enough for zstd to see
/// what repeats, short enough to be read for one batch.
const PACK_BYTES: usize = 96 * 1024;
/// A row with so much in it gains nothing by being packed.
const SMALL_BYTES: usize = 32 * 1024;

/// Small rows at the end of a lane that are not packed yet. Forgotten at a restart: those rows stay
/// as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    first: u64,
    rows: u32,
    bytes: usize,
}

/// Appends lines (without line feeds) to a lane, as few rows as possible.
pub(super) fn append<'a>(
    rows: &mut Rows<'_>,
    codec: &mut Codec,
    ledger: &mut Ledger,
    lane: Lane,
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<(), StoreError> {
    let (mut text, mut count) = (Vec::new(), 0);
    for line in lines {
        if count > 0 && text.len() + line.len() >= COMMIT_BYTES {
            append_row(rows, codec, ledger, lane, &text, count)?;
            (text, count) = (Vec::new(), 0);
        }
        text.extend_from_slice(line);
        text.push(b'\n');
        count += 1;
    }
    if count > 0 {
        append_row(rows, codec, ledger, lane, &text, count)?;
    }
    Ok(())
}

fn append_row(
    rows: &mut Rows<'_>,
    codec: &mut Codec,
    ledger: &mut Ledger,
    lane: Lane,
    lines: &[u8],
    count: u32,
) -> Result<(), StoreError> {
    let row = codec.row(lines, count)?;
    let first = ledger.lane(lane).last.next();
    rows.insert((lane.index(), first.0), row.as_slice())?;
    ledger.change(lane, |book| {
        book.last = Sequence(first.0 + u64::from(count) - 1);
        book.kept += u64::from(count);
        book.bytes += cost(&row);
        book.run.add(first.0, lines.len());
    });
    if ledger.lane(lane).run.is_due(codec.pack_rows) {
        pack(rows, codec, ledger, lane)?;
    }
    Ok(())
}

impl Run {
    fn add(&mut self, first: u64, bytes: usize) {
        if bytes >= SMALL_BYTES {
            *self = Self::default();
            return;
        }
        if self.rows == 0 {
            self.first = first;
        }
        (self.rows, self.bytes) = (self.rows + 1, self.bytes + bytes);
    }

    fn is_due(self, pack_rows: u32) -> bool {
        self.bytes >= PACK_BYTES || self.rows >= pack_rows
    }
}

/// Makes one row of the run of small ones, as far as they are still there.
fn pack(
    rows: &mut Rows<'_>,
    codec: &mut Codec,
    ledger: &mut Ledger,
    lane: Lane,
) -> Result<(), StoreError> {
    let from = ledger.lane(lane).run.first;
    ledger.change(lane, |book| book.run = Run::default());
    let (mut keys, mut lines, mut count, mut freed) = (Vec::new(), Vec::new(), 0_u32, 0);
    for row in rows.range((lane.index(), from)..=(lane.index(), u64::MAX))? {
        let (key, value) = row?;
        let expected = keys.first().map(|first| first + u64::from(count));
        if expected.is_some_and(|expected| expected != key.value().1) {
            break;
        }
        lines.append(&mut codec.lines(value.value())?);
        keys.push(key.value().1);
        (count, freed) = (count + Head::of(value.value())?.count, freed + cost(value.value()));
    }
    let (Some(first), true) = (keys.first().copied(), keys.len() > 1) else { return Ok(()) };
    for key in &keys {
        rows.remove((lane.index(), *key))?;
    }
    let row = codec.row(&lines, count)?;
    rows.insert((lane.index(), first), row.as_slice())?;
    ledger.change(lane, |book| book.bytes = book.bytes.saturating_sub(freed) + cost(&row));
    Ok(())
}

/// Bytes a row takes, with its share of pages.
pub(super) fn cost(row: &[u8]) -> u64 {
    row.len() as u64 + ROW_OVERHEAD_BYTES
}

/// The next events of a lane after a mark.
pub(super) fn read(
    rows: &impl ReadableTable<(u8, u64), &'static [u8]>,
    codec: &mut Codec,
    mut batch: Batch,
    limits: BatchLimits,
) -> Result<Option<Batch>, StoreError> {
    let (lane, next) = (batch.lane.index(), batch.first.0);
    // The row in which the mark lies, where it does not lie between two.
    let begun = rows.range((lane, 0)..=(lane, next))?.next_back().transpose()?;
    let from = begun.map_or(next, |(key, _)| key.value().1);
    for row in rows.range((lane, from)..=(lane, u64::MAX))? {
        let (key, value) = row?;
        let lines = codec.lines(value.value())?;
        for (sequence, line) in (key.value().1..).zip(lines.split_inclusive(|byte| *byte == b'\n'))
        {
            if sequence < next {
                continue;
            }
            if batch.count == 0 {
                batch.first = Sequence(sequence);
            }
            let is_next = sequence == batch.first.0 + u64::from(batch.count);
            let is_over = batch.count > 0 && batch.lines.len() + line.len() > limits.bytes;
            if !is_next || is_over || batch.count >= limits.events.max(1) {
                return Ok(Some(batch));
            }
            batch.lines.extend_from_slice(line);
            batch.count += 1;
        }
    }
    Ok((batch.count > 0).then_some(batch))
}

/// One event, without its line feed.
pub(super) fn one(
    rows: &impl ReadableTable<(u8, u64), &'static [u8]>,
    codec: &mut Codec,
    lane: Lane,
    sequence: Sequence,
) -> Result<Option<Vec<u8>>, StoreError> {
    let batch = Batch::from(Epoch(0), lane, sequence);
    let found = read(rows, codec, batch, BatchLimits { events: 1, bytes: 0 })?;
    let line = found.filter(|batch| batch.first == sequence).map(|batch| batch.lines);
    Ok(line.map(|line| line.strip_suffix(b"\n").unwrap_or(&line).to_vec()))
}

/// The oldest event of a lane that is kept.
pub(super) fn oldest(
    rows: &impl ReadableTable<(u8, u64), &'static [u8]>,
    lane: Lane,
) -> Result<Option<Sequence>, StoreError> {
    let first = rows.range((lane.index(), 0)..=(lane.index(), u64::MAX))?.next().transpose()?;
    Ok(first.map(|(key, _)| Sequence(key.value().1)))
}
