//! The journal as it was at one moment, for a copy, and a journal made of such a copy.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase as _};

use super::block::Header;
use super::tables::{self, BLOCKS, BY_AGENT, BY_ID, MARKS, META};
use super::{Config, Error, Journal, Position};

/// The journal at one moment. What comes later is not in it, what is removed later still is.
pub struct Snapshot {
    transaction: ReadTransaction,
    /// The position after the last event.
    pub end: Position,
    /// Where the first event is that is kept.
    pub first: Position,
    /// Tells this journal from one that was begun anew.
    pub own_epoch: u64,
}

/// While it lives nothing is removed from the journal.
pub struct Hold {
    journal: Journal,
    reader: String,
}

/// Bytes of a key of the table of marks.
pub const MARK_KEY_BYTES: usize = 25;

impl Journal {
    /// Keeps everything there is.
    pub fn hold(&self) -> Hold {
        let reader = format!("copy {:016x}", rand::random::<u64>());
        self.0.readers.add(&reader);
        Hold { journal: self.clone(), reader }
    }

    /// The journal now. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Snapshot::of(&self.0.database)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.journal.0.readers.remove(&self.reader);
    }
}

impl Snapshot {
    fn of(database: &Database) -> Result<Self, Error> {
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let number = |name: &str| -> Result<u64, Error> {
            Ok(meta.get(name)?.map_or(0, |value| value.value()))
        };
        let (end, own_epoch) = (number("end")?, number("own_epoch")?);
        let first = transaction.open_table(BLOCKS)?.range(0..)?.next().transpose()?;
        let first = first.map_or(end, |(position, _)| position.value());
        Ok(Self { transaction, end: Position(end), first: Position(first), own_epoch })
    }

    /// Shows blocks as they are stored, with the position of their first event, from `from` on,
    /// until `each` says that it is enough. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn blocks(
        &self,
        from: Position,
        each: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), Error> {
        for row in self.transaction.open_table(BLOCKS)?.range(from.0..)? {
            let (position, block) = row?;
            if !each(position.value(), block.value()) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Shows every mark: agent, epoch and lane as a key, and the highest sequence. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn marks(&self, each: &mut dyn FnMut(&[u8; MARK_KEY_BYTES], u64)) -> Result<(), Error> {
        for row in self.transaction.open_table(MARKS)?.range::<&[u8; MARK_KEY_BYTES]>(..)? {
            let (key, sequence) = row?;
            each(key.value(), sequence.value());
        }
        Ok(())
    }
}

/// A journal that is made of a copy.
pub struct Restored(Database);

impl Restored {
    /// A file with nothing in it.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn create(file: &Path) -> Result<Self, Error> {
        tables::open(file, &Config::default()).map(Self)
    }

    /// Puts blocks in, with the positions of their first events, in one transaction. What can no
    /// longer be read of a block is kept as it is: its reader will say so.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn blocks<'b>(&self, all: impl Iterator<Item = (u64, &'b [u8])>) -> Result<(), Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut blocks = transaction.open_table(BLOCKS)?;
            let mut by_agent = transaction.open_table(BY_AGENT)?;
            let mut by_id = transaction.open_table(BY_ID)?;
            let mut meta = transaction.open_table(META)?;
            let mut bytes = 0_u64;
            for (position, block) in all {
                blocks.insert(position, block)?;
                bytes = bytes.saturating_add(u64::try_from(block.len()).unwrap_or(0));
                if let Some((Header { agent, epoch, lane, first, .. }, _)) = Header::split(block) {
                    by_agent.insert(&tables::agent_key(agent, position), ())?;
                    by_id.insert(&tables::id_key(agent, epoch, lane, first), position)?;
                }
            }
            let held = redb::ReadableTable::get(&meta, "bytes")?.map_or(0, |value| value.value());
            meta.insert("bytes", held.saturating_add(bytes))?;
        }
        Ok(transaction.commit()?)
    }

    /// Puts the marks in, and where events end.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn finish<'m>(
        &self,
        marks: impl Iterator<Item = (&'m [u8; MARK_KEY_BYTES], u64)>,
        end: Position,
        own_epoch: u64,
    ) -> Result<(), Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(MARKS)?;
            for (key, sequence) in marks {
                table.insert(key, sequence)?;
            }
            let mut meta = transaction.open_table(META)?;
            meta.insert("end", end.0)?;
            meta.insert("own_epoch", own_epoch)?;
        }
        Ok(transaction.commit()?)
    }
}
