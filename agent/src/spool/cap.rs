//! Events in and out of the file, and the cap: what goes when there is no room.

use soc_event::{Lane, Sequence};

use super::gap::{Lost, Reason};
use super::ledger::{EVENT_OVERHEAD_BYTES, Ledger};
use super::tables::{Events, Gaps, StoreError};

pub(super) fn insert(
    events: &mut Events<'_>,
    ledger: &mut Ledger,
    lane: Lane,
    line: &str,
) -> Result<(), StoreError> {
    let sequence = ledger.lane(lane).last.next();
    events.insert((lane.index(), sequence.0), line.as_bytes())?;
    ledger.change(lane, |book| {
        book.last = sequence;
        book.kept += 1;
        book.bytes += line.len() as u64 + EVENT_OVERHEAD_BYTES;
    });
    Ok(())
}

/// Deletes the oldest events of a lane up to a mark, until so many or so many bytes are gone.
pub(super) fn remove_oldest(
    events: &mut Events<'_>,
    ledger: &mut Ledger,
    lane: Lane,
    upto: Sequence,
    events_max: usize,
    bytes_wanted: u64,
) -> Result<Option<Lost>, StoreError> {
    let book = ledger.lane(lane);
    if book.kept == 0 || bytes_wanted == 0 {
        return Ok(None);
    }
    let mut lost: Option<Lost> = None;
    let range = (lane.index(), 0)..=(lane.index(), upto.0);
    for row in events.extract_from_if(range, |_, _| true)?.take(events_max) {
        let (key, line) = row?;
        let sequence = Sequence(key.value().1);
        let cost = line.value().len() as u64 + EVENT_OVERHEAD_BYTES;
        let sum = lost.get_or_insert(Lost { count: 0, bytes: 0, first: sequence, last: sequence });
        (sum.count, sum.bytes, sum.last) = (sum.count + 1, sum.bytes + cost, sequence);
        if sum.bytes >= bytes_wanted {
            break;
        }
    }
    if let Some(lost) = lost {
        ledger.change(lane, |book| {
            book.kept = book.kept.saturating_sub(lost.count);
            book.bytes = book.bytes.saturating_sub(lost.bytes);
        });
    }
    Ok(lost)
}

/// Brings the spool below its cap: what was sent goes before what was not, logs before state before
/// alerts, the oldest first.
pub(super) fn make_room(
    events: &mut Events<'_>,
    gaps: &mut Gaps<'_>,
    ledger: &mut Ledger,
    bytes_max: u64,
) -> Result<(), StoreError> {
    for lane in Lane::ALL.into_iter().rev() {
        let (over, sent) = (ledger.bytes().saturating_sub(bytes_max), ledger.lane(lane).sent);
        remove_oldest(events, ledger, lane, sent, usize::MAX, over)?;
    }
    for lane in Lane::ALL.into_iter().rev() {
        let over = ledger.bytes().saturating_sub(bytes_max);
        let all = Sequence(u64::MAX);
        if let Some(lost) = remove_oldest(events, ledger, lane, all, usize::MAX, over)? {
            ledger.change(lane, |book| {
                book.sent = book.sent.max(lost.last);
                book.dropped += lost.count;
            });
            record(gaps, ledger, Reason::SpoolFull, lane, lost)?;
        }
    }
    Ok(())
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
