//! The transactions on the file. Every change of the books is committed with the
//! events it counts, and taken over in memory only when it is on disk.

use std::collections::HashMap;

use redb::{Database, ReadableDatabase, ReadableTable};
use soc_event::{Epoch, Lane, Sequence, Timestamp, limits};

use super::cap::{make_room, record, remove_oldest};
use super::gap::{self, Lost, Reason};
use super::ledger::{Ledger, Meaning};
use super::lines::Group;
use super::row::Codec;
use super::tables::{
    GAPS, NAMES, POSITIONS, REFUSED, ROWS, StoreError, keep_refused, opened, read_ledger,
    write_marks, write_positions,
};
use super::{Acknowledgement, Batch, BatchLimits, earlier, rows};
use crate::sensor::Position;

/// Most archived rows of a lane deleted in one commit: bounds how long a commit takes.
const TRIM_MAX: usize = 1024;

/// The open file and its books.
pub(super) struct Store {
    database: Database,
    ledger: Ledger,
    codec: Codec,
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
        transaction.open_table(ROWS)?;
        transaction.open_table(REFUSED)?;
        if !is_same || ledger.epoch == Epoch(0) {
            ledger.epoch = Epoch::from_random(rand::random());
            write_marks(&transaction, &ledger)?;
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        let mut codec = Codec::new()?;
        earlier::take_over(&database, &mut codec, &mut ledger)?;
        Ok(Self { database, ledger, codec, bytes_max })
    }

    /// Packs as soon as so many small rows wait.
    #[cfg(test)]
    pub(super) fn packing_at(mut self, rows: u32) -> Self {
        self.codec.pack_rows = rows;
        self
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
            let mut table = transaction.open_table(ROWS)?;
            let mut gaps = transaction.open_table(GAPS)?;
            let has_room = ledger.bytes() <= self.bytes_max - self.bytes_max / 10;
            let mut reports = Vec::new();
            for (reason, lane, lost) in ledger.episodes.take_due(has_room) {
                reports.push(soc_event::wire::encode_event(&gap::event(now, reason, lane, lost)));
                gaps.remove((reason.index(), lane.index()))?;
            }
            for lane in Lane::ALL {
                let reports = reports.iter().filter(|_| lane == Lane::Alert);
                let lines = group.of(lane).chain(reports.map(String::as_bytes));
                rows::append(&mut table, &mut self.codec, &mut ledger, lane, lines)?;
                let archived = ledger.lane(lane).archived;
                remove_oldest(&mut table, &mut ledger, lane, archived, TRIM_MAX)?;
            }
            make_room(&mut table, &mut gaps, &mut ledger, self.bytes_max)?;
            write_positions(&transaction, group)?;
            write_marks(&transaction, &ledger)?;
        }
        transaction.commit()?;
        self.ledger = ledger;
        Ok(())
    }

    /// Appends everything another store holds unsent, with these positions, in one transaction as
    /// long as it fits: what was kept in memory for lack of a disk.
    pub(super) fn take_over(
        &mut self,
        other: &mut Self,
        positions: Vec<Position>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut group = Group { positions, ..Group::default() };
        for lane in Lane::ALL {
            let limits = BatchLimits { events: u32::MAX, bytes: usize::MAX };
            let Some(batch) = other.batch(lane, limits)? else { continue };
            let lines = batch.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.for_each(|line| group.add_line(lane, line));
        }
        self.append(&group, now)
    }

    pub(super) fn batch(
        &mut self,
        lane: Lane,
        limits: BatchLimits,
    ) -> Result<Option<Batch>, StoreError> {
        let rows = self.database.begin_read()?.open_table(ROWS)?;
        let next = self.ledger.lane(lane).sent.next();
        rows::read(&rows, &mut self.codec, Batch::from(self.ledger.epoch, lane, next), limits)
    }

    /// In memory only; the next commit writes it.
    pub(super) fn acknowledge(&mut self, answer: &Acknowledgement) -> Result<Meaning, StoreError> {
        let rows = self.database.begin_read()?.open_table(ROWS)?;
        Ok(self.ledger.acknowledge(answer, rows::oldest(&rows, answer.lane)?))
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
            // It stays in its row, which goes when all of it has been sent.
            let table = transaction.open_table(ROWS)?;
            let line = rows::one(&table, &mut self.codec, lane, sequence)?.unwrap_or_default();
            ledger.change(lane, |book| {
                (book.sent, book.refused) = (sequence, book.refused + 1);
            });
            keep_refused(&transaction, why, &line)?;
            // A refused report of refusals must not breed another.
            if !is_gap(&line) {
                let bytes = line.len() as u64;
                let lost = Lost { count: 1, bytes, first: sequence, last: sequence };
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
