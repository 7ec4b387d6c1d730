//! The file: tables and the transactions on them. Every change of the books is committed with the
//! events it counts, and taken over in memory only when it is on disk.
//!
//! | table | key | value |
//! |---|---|---|
//! | `events` | lane u8, sequence u64 | the event as a line, without line feed |
//! | `refused` | number u64 | why, a line feed, the event; the last 256 |
//! | `positions` | source | read position |
//! | `lanes` | lane u8 | [`LaneRow`] |
//! | `gaps` | reason u8, lane u8 | count, bytes, first, last of an episode not yet reported |
//! | `marks` | `epoch`, `learned` (µs) | u64 |
//! | `names` | `fingerprint` | text |

use std::collections::HashMap;

use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};
use soc_event::{Epoch, Lane, Sequence, Timestamp, limits};

use super::gap::{self, Lost, Reason};
use super::ledger::{EVENT_OVERHEAD_BYTES, LaneBook, LaneRow, Ledger, Meaning};
use super::lines::Group;
use super::{Acknowledgement, Batch, BatchLimits};

const EVENTS: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("events");
const REFUSED: TableDefinition<u64, &[u8]> = TableDefinition::new("refused");
const POSITIONS: TableDefinition<&str, &[u8]> = TableDefinition::new("positions");
const LANES: TableDefinition<u8, LaneRow> = TableDefinition::new("lanes");
const GAPS: TableDefinition<(u8, u8), (u64, u64, u64, u64)> = TableDefinition::new("gaps");
const MARKS: TableDefinition<&str, u64> = TableDefinition::new("marks");
const NAMES: TableDefinition<&str, &str> = TableDefinition::new("names");

/// Most archived events deleted in one commit: bounds how long a commit takes.
const TRIM_MAX: usize = 4096;
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

/// The open file and its books.
pub(super) struct Store {
    database: Database,
    ledger: Ledger,
    bytes_max: u64,
}

impl Store {
    /// Reads the books; begins a new epoch where the file is new or of another machine.
    pub(super) fn new(
        database: Database,
        fingerprint: &str,
        bytes_max: u64,
    ) -> Result<Self, StoreError> {
        let transaction = database.begin_write()?;
        let mut ledger = read_ledger(&transaction)?;
        let is_same = {
            let mut names = transaction.open_table(NAMES)?;
            let is_same = names.get("fingerprint")?.is_some_and(|old| old.value() == fingerprint);
            names.insert("fingerprint", fingerprint)?;
            is_same
        };
        transaction.open_table(EVENTS)?;
        transaction.open_table(REFUSED)?;
        if !is_same || ledger.epoch == Epoch(0) {
            ledger.epoch = Epoch::from_random(rand::random());
            write_marks(&transaction, &ledger)?;
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        Ok(Self { database, ledger, bytes_max })
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(super) fn set_learned(&mut self, time: Timestamp) {
        self.ledger.learned = Some(time);
    }

    pub(super) fn positions(&self) -> Result<HashMap<String, Vec<u8>>, StoreError> {
        let transaction = self.database.begin_read()?;
        let Some(table) = opened(transaction.open_table(POSITIONS))? else {
            return Ok(HashMap::new());
        };
        let row = |row: Result<_, redb::StorageError>| {
            let (source, bytes): (redb::AccessGuard<&str>, redb::AccessGuard<&[u8]>) = row?;
            Ok((source.value().to_owned(), bytes.value().to_vec()))
        };
        table.iter()?.map(row).collect()
    }

    /// Commits the group, with what else waits: reports of losses, marks, deletions.
    pub(super) fn append(&mut self, group: &Group, now: Timestamp) -> Result<(), StoreError> {
        let mut ledger = self.ledger.clone();
        let transaction = self.database.begin_write()?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            for (lane, line) in &group.lines {
                insert(&mut events, &mut ledger, *lane, line)?;
            }
            let has_room = ledger.bytes() <= self.bytes_max - self.bytes_max / 10;
            let mut gaps = transaction.open_table(GAPS)?;
            for (reason, lane, lost) in ledger.episodes.take_due(has_room) {
                let line = soc_event::wire::encode_event(&gap::event(now, reason, lane, lost));
                insert(&mut events, &mut ledger, Lane::Alert, &line)?;
                gaps.remove((reason.index(), lane.index()))?;
            }
            for lane in Lane::ALL {
                let archived = ledger.lane(lane).archived;
                remove_oldest(&mut events, &mut ledger, lane, archived, TRIM_MAX, u64::MAX)?;
            }
            make_room(&mut events, &mut gaps, &mut ledger, self.bytes_max)?;
            write_positions(&transaction, group)?;
            write_marks(&transaction, &ledger)?;
        }
        transaction.commit()?;
        self.ledger = ledger;
        Ok(())
    }

    pub(super) fn batch(
        &self,
        lane: Lane,
        limits: BatchLimits,
    ) -> Result<Option<Batch>, StoreError> {
        let transaction = self.database.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        let first = self.ledger.lane(lane).sent.next();
        let epoch = self.ledger.epoch;
        let mut batch = Batch { epoch, lane, first, count: 0, lines: Vec::new() };
        for row in events.range((lane.index(), first.0)..=(lane.index(), u64::MAX))? {
            let (key, line) = row?;
            let (sequence, line) = (Sequence(key.value().1), line.value());
            if batch.count == 0 {
                batch.first = sequence;
            }
            let is_next = sequence.0 == batch.first.0 + u64::from(batch.count);
            let is_over = batch.count > 0 && batch.lines.len() + line.len() >= limits.bytes;
            if !is_next || is_over || batch.count >= limits.events.max(1) {
                break;
            }
            batch.lines.extend_from_slice(line);
            batch.lines.push(b'\n');
            batch.count += 1;
        }
        Ok((batch.count > 0).then_some(batch))
    }

    /// In memory only; the next commit writes it.
    pub(super) fn acknowledge(&mut self, answer: &Acknowledgement) -> Result<Meaning, StoreError> {
        let transaction = self.database.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        let lane = answer.lane.index();
        let oldest = match events.range((lane, 0)..=(lane, u64::MAX))?.next() {
            Some(row) => Some(Sequence(row?.0.value().1)),
            None => None,
        };
        Ok(self.ledger.acknowledge(answer, oldest))
    }

    /// Moves the next event to be sent to the refused, if it is this one.
    pub(super) fn refuse(
        &mut self,
        lane: Lane,
        sequence: Sequence,
        why: &str,
    ) -> Result<(), StoreError> {
        if self.ledger.lane(lane).sent.next() != sequence {
            return Ok(());
        }
        let mut ledger = self.ledger.clone();
        let transaction = self.database.begin_write()?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            let line = events.remove((lane.index(), sequence.0))?.map(|line| line.value().to_vec());
            let line = line.unwrap_or_default();
            let cost = line.len() as u64 + EVENT_OVERHEAD_BYTES;
            ledger.change(lane, |book| {
                (book.sent, book.refused) = (sequence, book.refused + 1);
                (book.kept, book.bytes) = (book.kept - 1, book.bytes.saturating_sub(cost));
            });
            keep_refused(&transaction, why, &line)?;
            // A refused report of refusals must not breed another.
            if !is_gap(&line) {
                let lost = Lost { count: 1, bytes: cost, first: sequence, last: sequence };
                let mut gaps = transaction.open_table(GAPS)?;
                record(&mut gaps, &mut ledger, Reason::Refused, lane, lost)?;
            }
            write_marks(&transaction, &ledger)?;
        }
        transaction.commit()?;
        self.ledger = ledger;
        Ok(())
    }

    pub(super) fn begin_epoch(&mut self) -> Result<Epoch, StoreError> {
        let mut ledger = self.ledger.clone();
        ledger.epoch = Epoch::from_random(rand::random());
        let transaction = self.database.begin_write()?;
        write_marks(&transaction, &ledger)?;
        transaction.commit()?;
        self.ledger = ledger;
        Ok(self.ledger.epoch)
    }

    /// The file that was here before was damaged: to be reported with the next commit.
    pub(super) fn note_damage(&mut self) {
        let none = Lost { count: 0, bytes: 0, first: Sequence(0), last: Sequence(0) };
        self.ledger.episodes.add(Reason::SpoolDamaged, Lane::Alert, none);
    }
}

type Events<'txn> = Table<'txn, (u8, u64), &'static [u8]>;
type Gaps<'txn> = Table<'txn, (u8, u8), (u64, u64, u64, u64)>;

fn insert(
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
fn remove_oldest(
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
fn make_room(
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

fn record(
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

fn keep_refused(transaction: &WriteTransaction, why: &str, line: &[u8]) -> Result<(), StoreError> {
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

fn is_gap(line: &[u8]) -> bool {
    line.len() <= limits::EVENT_BYTES_MAX
        && soc_event::wire::decode_event(line, 1)
            .is_ok_and(|event| event.kind == soc_event::kind::LOG_GAP)
}

fn read_ledger(transaction: &WriteTransaction) -> Result<Ledger, StoreError> {
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

fn write_marks(transaction: &WriteTransaction, ledger: &Ledger) -> Result<(), StoreError> {
    let mut lanes = transaction.open_table(LANES)?;
    for lane in Lane::ALL {
        let row = ledger.lane(lane).row();
        if lanes.get(lane.index())?.is_none_or(|old| old.value() != row) {
            lanes.insert(lane.index(), row)?;
        }
    }
    let mut marks = transaction.open_table(MARKS)?;
    marks.insert("epoch", ledger.epoch.0)?;
    let learned = ledger.learned.and_then(|time| u64::try_from(time.as_micros()).ok());
    if let Some(micros) = learned {
        marks.insert("learned", micros)?;
    }
    Ok(())
}

fn write_positions(transaction: &WriteTransaction, group: &Group) -> Result<(), StoreError> {
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

fn opened<T>(result: Result<T, redb::TableError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(table) => Ok(Some(table)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
