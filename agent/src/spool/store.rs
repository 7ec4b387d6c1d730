//! The transactions on the file. Every change of the books is committed with the
//! events it counts, and taken over in memory only when it is on disk.

use std::collections::HashMap;

use redb::{Database, ReadableDatabase, ReadableTable};
use soc_event::{Epoch, Lane, Sequence, Timestamp, limits};

use super::cap::{insert, make_room, record, remove_oldest};
use super::gap::{self, Lost, Reason};
use super::ledger::{EVENT_OVERHEAD_BYTES, Ledger, Meaning};
use super::lines::Group;
use super::tables::{
    EVENTS, GAPS, NAMES, POSITIONS, REFUSED, StoreError, keep_refused, opened, read_ledger,
    write_marks, write_positions,
};
use super::{Acknowledgement, Batch, BatchLimits};

/// Most archived events deleted in one commit: bounds how long a commit takes.
const TRIM_MAX: usize = 4096;

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
            let kept = u64::from(line.is_some());
            let line = line.unwrap_or_default();
            let cost = kept * (line.len() as u64 + EVENT_OVERHEAD_BYTES);
            ledger.change(lane, |book| {
                (book.sent, book.refused) = (sequence, book.refused + 1);
                book.kept = book.kept.saturating_sub(kept);
                book.bytes = book.bytes.saturating_sub(cost);
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

fn is_gap(line: &[u8]) -> bool {
    line.len() <= limits::EVENT_BYTES_MAX
        && soc_event::wire::decode_event(line, 1)
            .is_ok_and(|event| event.kind == soc_event::kind::LOG_GAP)
}
