//! The journal: every event, once, in the order in which it became durable.
//!
//! One file (`redb`), one writer thread. What waits is collected and committed together with one
//! fsync; only then is anybody answered ([`Durable`]). In the same transaction repeats are removed:
//! the highest sequence per (agent, epoch, lane) is the lane's mark, and what is not above it was
//! stored before. Sequences may have gaps (what an agent had to drop, it reports itself as
//! `log.gap`), positions have none.
//!
//! A repeat has to say what was said before. Where the last repeated event differs from the stored
//! one, two machines have given the same id to different events ([`Error::Conflict`]): nothing of
//! that batch is taken, because removing it as a repeat would lose it.
//!
//! After a crash the file is checked before it opens, which takes as long as reading it; agents wait
//! that long and lose nothing. (`redb` could save its allocator with each commit instead; that would
//! write more than the events do.)
//!
//! Memory: the configured page cache, and the blocks being written or read (at most 8 MiB each).
//! Limits: age and size ([`Config`]), but never past a reader ([`Journal::set_low_water`]); when
//! the disk is nearly full nothing is taken ([`Error::Full`]) and agents keep what they have.
//! It knows neither agents' rights nor what events mean.

mod block;
mod copy;
mod lines;
mod metrics;
mod reader;
mod readers;
mod retention;
mod space;
mod tables;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redb::Database;
use soc_event::{Epoch, Event, EventId, Lane, Sequence, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

pub use block::Batch;
pub use copy::{Hold, MARK_KEY_BYTES, Restored as RestoredJournal, Snapshot};
pub use lines::{Kept, Line, Lines, Part};
use metrics::Metrics;
pub use reader::Stretch;
use readers::Readers;
use writer::{Command, Writer};

/// Place of an event in the journal, dense from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The first of all.
    pub const FIRST: Self = Self(1);

    /// The one so many after.
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

/// One event as the journal has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where.
    pub position: Position,
    /// When the collector received it, by its own clock.
    pub received: Timestamp,
    /// Its name in the world; the collector's own have [`soc_event::AgentId::COLLECTOR`].
    pub id: EventId,
    /// What was observed.
    pub event: Event,
}

/// Proof that a batch is on disk; an acknowledgement can be made of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    epoch: Epoch,
    lane: Lane,
    last: Sequence,
    new: u64,
}

impl Durable {
    /// Of which epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Of which lane.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// All of the lane up to this one is on disk.
    pub fn last(&self) -> Sequence {
        self.last
    }

    /// How many events had not been there before.
    pub fn new_events(&self) -> u64 {
        self.new
    }
}

/// What a batch has to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct After {
    /// All of the lane up to this one is archived: repeats of it are removed like those of what is
    /// in the journal.
    pub archived: Sequence,
    /// Its sender may still have what is missing before it: with a gap nothing is taken.
    pub is_dense: bool,
}

/// How large, how long, how much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Events received longer ago are removed.
    pub retention: Duration,
    /// Over this size, as stored, the oldest are removed.
    pub bytes_max: u64,
    /// Page cache in memory.
    pub cache_bytes: usize,
    /// With less free space on the disk, nothing is taken.
    pub disk_free_bytes_min: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(30 * 86_400),
            bytes_max: 20 << 30,
            cache_bytes: 64 << 20,
            disk_free_bytes_min: 512 << 20,
        }
    }
}

/// What the journal cannot do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The batch is not one: its sender is told, nothing was stored.
    #[error(transparent)]
    Invalid(#[from] soc_event::Error),
    /// An id of the batch was given to another event before: two machines share an identity.
    #[error("{id} is already stored with another content")]
    Conflict {
        /// The id that was given twice.
        id: EventId,
    },
    /// Events before the batch are not here: nothing was taken. Says up to where they are.
    #[error("events before the batch are missing; all up to {} are there", .0.last.0)]
    Gap(Durable),
    /// The agent has begun new epochs without end; it is broken or hostile.
    #[error("{agent} has used too many epochs; nothing more of a new one is taken")]
    TooManyEpochs {
        /// Which agent.
        agent: soc_event::AgentId,
    },
    /// Too little space on the disk; try again when there is more.
    #[error("only {free_bytes} bytes free on the disk, {min_bytes} are kept free")]
    Full {
        /// So much is free.
        free_bytes: u64,
        /// So much has to be.
        min_bytes: u64,
    },
    /// The collector is stopping; try again later.
    #[error("the journal is closed")]
    Closed,
    /// Another process has it open.
    #[error("{0}: open in another process; only one collector can use it")]
    InUse(String),
    /// Written by another version of this program.
    #[error("{path}: format {found}, this program reads format {expected}")]
    Format {
        /// The file.
        path: String,
        /// The format in the file.
        found: u64,
        /// The format of this program.
        expected: u64,
    },
    /// What is stored at a position cannot be read; the disk has lost it.
    #[error("journal damaged at position {position}: {reason}")]
    Damaged {
        /// First position of what is damaged.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("journal: {0}")]
    Storage(Arc<redb::Error>),
    /// A thread cannot be started, the disk's free space not be read, or compression failed.
    #[error("journal: {0}")]
    System(Arc<std::io::Error>),
    /// A metric was registered twice.
    #[error("journal metrics: {0}")]
    Metrics(String),
}

macro_rules! storage_errors {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Error {
            fn from(error: redb::$error) -> Self {
                Self::Storage(Arc::new(error.into()))
            }
        }
    )*};
}

storage_errors!(TransactionError, TableError, StorageError, CommitError);

/// The open journal. Cheap to clone; closed when the last clone is dropped.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    database: Arc<Database>,
    file: PathBuf,
    config: Config,
    end: watch::Receiver<Position>,
    readers: Arc<Readers>,
    metrics: Metrics,
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<std::thread::JoinHandle<()>>,
    retention: Option<retention::Worker>,
}

/// Batches that wait for the writer; then [`Journal::append`] waits.
const COMMANDS_WAITING_MAX: usize = 256;

impl Journal {
    /// Opens or makes the file and starts the writer.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Format`], or what the file system said.
    pub fn open(
        file: &Path,
        config: &Config,
        registry: &prometheus::Registry,
    ) -> Result<Self, Error> {
        Self::open_from(file, config, registry, Position::FIRST)
    }

    /// The same; positions go on at `least` where they are not there yet. Of a journal that was lost,
    /// or brought back from an earlier day, no position is given to a second event.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_from(
        file: &Path,
        config: &Config,
        registry: &prometheus::Registry,
        least: Position,
    ) -> Result<Self, Error> {
        let database = Arc::new(tables::open(file, config)?);
        tables::move_on(&database, least)?;
        let (end, bytes) = tables::end_and_bytes(&database)?;
        let metrics = Metrics::new(registry).map_err(|error| Error::Metrics(error.to_string()))?;
        metrics.stored(end, bytes);
        let (commands, receiver) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (end_sender, end) = watch::channel(end);
        let readers = Arc::new(Readers::default());
        let writer = Writer {
            database: database.clone(),
            config: *config,
            file: file.to_owned(),
            end: end_sender,
            metrics: metrics.clone(),
            readers: readers.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(receiver))
            .map_err(|error| Error::System(Arc::new(error)))?;
        let worker = retention::Worker::start(file, &database, config, &readers, &metrics)?;
        Ok(Self(Arc::new(Inner {
            database,
            file: file.to_owned(),
            config: *config,
            end,
            readers,
            metrics,
            commands: Some(commands),
            writer: Some(thread),
            retention: Some(worker),
        })))
    }

    /// Stores a batch; returns when it is on disk.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Full`], [`Error::Closed`] or [`Error::Storage`]; in each case
    /// nothing of the batch was stored.
    ///
    /// # Cancel safety
    /// Cancelled, the batch may be stored or not; sending it again is safe.
    pub async fn append(&self, batch: Batch) -> Result<Durable, Error> {
        self.append_after(batch, After::default()).await
    }

    /// The same for a batch of whose lane more is known.
    ///
    /// # Errors
    /// As [`Self::append`], and [`Error::Gap`] where it has to follow what is there and does not.
    ///
    /// # Cancel safety
    /// As [`Self::append`].
    pub async fn append_after(&self, batch: Batch, after: After) -> Result<Durable, Error> {
        self.command(|answer| Command::Append { batch, after, answer }).await
    }

    /// Stores events that the collector made, in the lane `alert`, with ids given here.
    ///
    /// # Errors
    /// As [`Self::append`].
    ///
    /// # Cancel safety
    /// Cancelled, the events may be stored or not; calling again stores them again.
    pub async fn append_own(&self, events: Vec<Event>) -> Result<Durable, Error> {
        self.command(|answer| Command::Own { events, answer }).await
    }

    async fn command(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<Durable, Error>>) -> Command,
    ) -> Result<Durable, Error> {
        let (answer, answered) = oneshot::channel();
        let commands = self.0.commands.as_ref().ok_or(Error::Closed)?;
        commands.send(make(answer)).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Up to `events_max` events and 8 MiB from `from` on, or from the oldest kept, and where to go
    /// on. What the disk has damaged is left out, nothing else; it is counted and logged. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn read(&self, from: Position, events_max: usize) -> Result<Stretch, Error> {
        let stretch = Stretch::whole(&reader::lines(&self.0.database, from, events_max)?);
        self.0.metrics.damaged(stretch.damaged);
        Ok(stretch)
    }

    /// The same, with nothing of lines of logs but that there are some, see [`Part::sights`]. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn sights(&self, from: Position, events_max: usize) -> Result<Stretch, Error> {
        let stretch = Stretch::sights(&reader::lines(&self.0.database, from, events_max)?);
        self.0.metrics.damaged(stretch.damaged);
        Ok(stretch)
    }

    /// The same without decoding; who finds damaged events when decoding says so with
    /// [`Self::count_damaged`]. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn lines(&self, from: Position, events_max: usize) -> Result<Lines, Error> {
        let lines = reader::lines(&self.0.database, from, events_max)?;
        self.0.metrics.damaged(lines.damaged);
        Ok(lines)
    }

    /// A reader had to leave out so many events of [`Lines`].
    pub fn count_damaged(&self, events: u64) {
        self.0.metrics.damaged(events);
    }

    /// One event, unless it is no longer or not yet there. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`] or [`Error::Damaged`].
    pub fn get(&self, position: Position) -> Result<Option<Entry>, Error> {
        reader::get(&self.0.database, position)
    }

    /// Events of one agent before a position (or the newest), newest first, whose kind begins with
    /// `kind_prefix`. Looks through at most 4096 batches, and leaves out damaged ones. Blocks.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn recent(
        &self,
        agent: soc_event::AgentId,
        before: Option<Position>,
        limit: usize,
        kind_prefix: Option<&str>,
    ) -> Result<Vec<Entry>, Error> {
        reader::recent(&self.0.database, agent, before, limit, kind_prefix)
    }

    /// The sequence of the last event of a lane that is on disk; 0 where there is none. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn mark(
        &self,
        agent: soc_event::AgentId,
        epoch: Epoch,
        lane: Lane,
    ) -> Result<Sequence, Error> {
        reader::mark(&self.0.database, agent, epoch, lane)
    }

    /// The position after the last durable event; changes wake readers.
    pub fn end(&self) -> watch::Receiver<Position> {
        self.0.end.clone()
    }

    /// There will be such a reader: nothing is removed before it has said how far it is.
    pub fn add_reader(&self, reader: &str) {
        self.0.readers.add(reader);
        self.0.metrics.reader(reader);
    }

    /// Says that a reader has done everything before `position`; nothing from there on is removed.
    /// Nothing at all is removed before the first reader has spoken.
    pub fn set_low_water(&self, reader: &str, position: Position) {
        self.0.readers.set(reader, position);
        self.0.metrics.lag(reader, position, *self.0.end.borrow());
    }

    /// Removes what is too old or too much now, instead of at the next minute. Blocks.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn retain(&self, now: Timestamp) -> Result<u64, Error> {
        retention::retain(&self.0.database, &self.0.config, &self.0.readers, now)
    }

    /// Removes all that every reader has done and that was received longer ago than `kept`: the disk
    /// is nearly full, and the archive has it. Says how many events. Blocks.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn shed(&self, now: Timestamp, kept: Duration) -> Result<u64, Error> {
        let config = Config { retention: kept.min(self.0.config.retention), ..self.0.config };
        let removed = retention::retain(&self.0.database, &config, &self.0.readers, now)?;
        self.0.metrics.removed(removed);
        Ok(removed)
    }

    /// Free space where the file is, and whether events are taken.
    ///
    /// # Errors
    /// [`Error::Full`] when they are not.
    pub fn check_space(&self) -> Result<u64, Error> {
        space::Space::of(&self.0.file)?.check(&self.0.config)
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("file", &self.0.file).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// Waits for the threads, so that the file is free afterwards.
    fn drop(&mut self) {
        self.commands.take();
        self.retention.take();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests;
