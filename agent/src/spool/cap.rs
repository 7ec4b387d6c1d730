//! The cap: what goes when there is no room. Rows go whole.

use redb::ReadableTable;
use soc_event::{Lane, Sequence};

use super::gap::{Lost, Reason};
use super::ledger::Ledger;
use super::row::Head;
use super::rows::{Rows, cost};
use super::tables::{Gaps, StoreError};

/// A lane cannot be pushed below this part of the cap by the others: a flood of alerts leaves the
/// latest logs, and a flood of logs all alerts.
const RESERVE_PART: u64 = 8;

/// What was deleted of a lane.
struct Removed {
    bytes: u64,
    last: Sequence,
    /// Of these, what had not been sent.
    unsent: u64,
}

/// Deletes the oldest rows of a lane in which nothing is after a mark, until so many or so many
/// bytes are gone.
pub(super) fn remove_oldest(
    rows: &mut Rows<'_>,
    ledger: &mut Ledger,
    lane: Lane,
    upto: Sequence,
    rows_max: usize,
) -> Result<(), StoreError> {
    remove(rows, ledger, lane, upto, rows_max, u64::MAX).map(drop)
}

fn remove(
    rows: &mut Rows<'_>,
    ledger: &mut Ledger,
    lane: Lane,
    upto: Sequence,
    rows_max: usize,
    bytes_wanted: u64,
) -> Result<Option<Removed>, StoreError> {
    let book = ledger.lane(lane);
    if book.kept == 0 || bytes_wanted == 0 || upto.0 == 0 {
        return Ok(None);
    }
    let (mut keys, mut events, mut bytes, mut last) = (Vec::new(), 0, 0, Sequence(0));
    for row in rows.range((lane.index(), 0)..=(lane.index(), upto.0))?.take(rows_max) {
        let (key, row) = row?;
        let (first, count) = (key.value().1, u64::from(Head::of(row.value())?.count));
        if bytes >= bytes_wanted || first.saturating_add(count - 1) > upto.0 {
            break;
        }
        (events, bytes, last) =
            (events + count, bytes + cost(row.value()), Sequence(first.saturating_add(count - 1)));
        keys.push(first);
    }
    for key in &keys {
        rows.remove((lane.index(), *key))?;
    }
    let Some(first) = keys.first() else { return Ok(None) };
    ledger.change(lane, |book| {
        book.kept = book.kept.saturating_sub(events);
        book.bytes = book.bytes.saturating_sub(bytes);
    });
    let unsent = last.0.saturating_sub(book.sent.0.max(first - 1));
    Ok(Some(Removed { bytes, last, unsent }))
}

/// Brings the spool below its cap: what was sent goes before what was not, logs before state before
/// alerts, the oldest first.
pub(super) fn make_room(
    rows: &mut Rows<'_>,
    gaps: &mut Gaps<'_>,
    ledger: &mut Ledger,
    bytes_max: u64,
) -> Result<(), StoreError> {
    let reserve = bytes_max / RESERVE_PART;
    for lane in Lane::ALL.into_iter().rev() {
        let (over, sent) = (ledger.bytes().saturating_sub(bytes_max), ledger.lane(lane).sent);
        remove(rows, ledger, lane, sent, usize::MAX, over)?;
    }
    // What is above the reserves is enough: together they are less than the cap.
    for lane in Lane::ALL.into_iter().rev() {
        let over = ledger.bytes().saturating_sub(bytes_max);
        let above = ledger.lane(lane).bytes.saturating_sub(reserve);
        drop_unsent(rows, gaps, ledger, lane, over.min(above))?;
    }
    Ok(())
}

fn drop_unsent(
    rows: &mut Rows<'_>,
    gaps: &mut Gaps<'_>,
    ledger: &mut Ledger,
    lane: Lane,
    bytes: u64,
) -> Result<(), StoreError> {
    let all = ledger.lane(lane).last;
    let before = ledger.lane(lane).sent;
    let Some(gone) = remove(rows, ledger, lane, all, usize::MAX, bytes)? else { return Ok(()) };
    if gone.unsent == 0 {
        return Ok(());
    }
    ledger.change(lane, |book| {
        book.sent = book.sent.max(gone.last);
        book.dropped += gone.unsent;
    });
    let first = Sequence(gone.last.0 - gone.unsent + 1).max(before.next());
    let lost = Lost { count: gone.unsent, bytes: gone.bytes, first, last: gone.last };
    record(gaps, ledger, Reason::SpoolFull, lane, lost)
}

pub(super) fn record(
    gaps: &mut Gaps<'_>,
    ledger: &mut Ledger,
    reason: Reason,
    lane: Lane,
    lost: Lost,
) -> Result<(), StoreError> {
    let sum = ledger.episodes.add(reason, lane, lost);
    gaps.insert((reason.index(), lane.index()), sum.row())?;
    Ok(())
}
