//! The archive: every event of the journal, exactly once, in files of columns, for the months the
//! law asks.
//!
//! A file holds events of one agency received on one day; it is named by its content, and the
//! manifest in SQL says which files there are. A file is on disk, and its folder too, before the
//! transaction that lists it; that transaction also moves the checkpoint `archive` and the marks
//! that tell agents what they may forget. So a crash anywhere leaves neither loss nor duplicate:
//! what no manifest lists is swept away.
//!
//! Who reads takes a [`Snapshot`]: files do not go while it lives, and all that is not in them is
//! in the journal from [`Snapshot::archived`] on.
//!
//! | in the background | |
//! |---|---|
//! | `compact` | small files become large ones, in one transaction with the end of the small ones |
//! | `damage` | each file is read once a month; a damaged one is moved aside, told, missing in answers |
//! | `retention` | what was kept long enough goes, with a deed; `holds` keep it |
//! | `disk` | when the disk will be full by its trend is told 14, 7 and 2 days before |
//! | `sweep` | what nobody lists and nobody reads is deleted |
//!
//! | what fails | what happens |
//! |---|---|
//! | writing files or SQL | counted, logged, tried again with growing pauses; the journal keeps the events |
//! | an event that cannot be put into columns | found, kept as JSON in `quarantine/events`, told |
//! | a merge | its files stay as they are until the next start |
//! | a file is gone, cut or changed | set aside, told (`archive.damaged`), named in every answer it is missing in |
//! | the checkpoint is beyond the journal (it was begun anew) | cannot be: positions go on behind it ([`next_position`]) |
//!
//! Every file has a link in a chain of its agency; no row of the manifest is ever deleted, so the
//! chain can always be recalculated ([`Archive::verify`]).
//!
//! Never: changes an event, decides who may see what, keeps the gateway or the rules waiting: files
//! are made on threads of low priority.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use soc_archive::store::Folder;
use soc_event::{AgentId, Epoch, Lane, Sequence};
use tokio::sync::{Notify, RwLock};

use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::journal::{self, Journal, Position};
use crate::store::Store;

pub use disk::Disk;
pub use holds::{Hold, NewHold};
pub(crate) use passing::Before;
pub use row::{Placed, Rows, row};
pub use snapshot::{Lease, Missing, Scope, Snapshot};
pub use verify::{Depth, Trouble, manifest_troubles};
pub use view::{AgencyArchive, ArchiveView, DamagedFile};

mod chain;
mod compact;
mod damage;
mod disk;
mod fresh;
mod gather;
mod holds;
mod legal;
mod manifest;
mod marks;
mod metrics;
mod notice;
mod passing;
mod quiet;
mod retention;
mod row;
mod run;
mod snapshot;
mod sweep;
mod tidy;
mod trend;
mod verify;
mod view;

/// Name of the checkpoint and of the reader.
pub const READER: &str = "archive";

/// How much makes a file, and how long files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Events wait so long for others to share files with.
    pub wait: Duration,
    /// Fewer events than this…
    pub few: u64,
    /// …wait so long: many tiny files cost more than reading few events from the journal.
    pub wait_for_few: Duration,
    /// Events of one set of files at the most; with so many nothing waits.
    pub rows_max: usize,
    /// Bytes of these as text at the most: some five times as much is memory.
    pub text_bytes_max: usize,
    /// Each file is read once in so long to see whether it still is what was written.
    pub check_every: Duration,
    /// Level of the systems of agencies for which nobody has set one.
    pub level: i64,
    /// Months events of these are kept; what the law asks when not set, and never less.
    pub months: Option<i64>,
    /// Space that has to be free for events to be taken; at twice as much the archive begins to
    /// delete what it need not keep.
    pub disk_free_bytes_min: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(60),
            few: 2_000,
            wait_for_few: Duration::from_secs(600),
            rows_max: 250_000,
            text_bytes_max: 48 << 20,
            check_every: Duration::from_secs(30 * 86_400),
            level: 3,
            months: None,
            disk_free_bytes_min: journal::Config::default().disk_free_bytes_min,
        }
    }
}

/// The archive. Cheap to clone; clones are one archive.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

struct Inner {
    folder: Folder,
    folder_root: PathBuf,
    config: Config,
    store: Store,
    journal: Journal,
    fleet: Fleet,
    clock: Clock,
    metrics: metrics::Metrics,
    leases: snapshot::Leases,
    marks: marks::Marks,
    /// What is in no file yet, in columns.
    fresh: fresh::Fresh,
    /// Held by who makes that grow, or makes files of it.
    growing: tokio::sync::Mutex<()>,
    /// Held by who writes files until they are listed; alone by the sweep.
    writing: RwLock<()>,
    /// Files that are no longer listed, and when they were ended.
    ended: Mutex<Vec<(u64, String)>>,
    unmerged: Unmerged,
    /// There may be something to merge.
    changed: Notify,
}

/// Files whose merge failed since the start.
#[derive(Debug, Default)]
struct Unmerged(Mutex<HashSet<i64>>);

impl Unmerged {
    fn holds(&self, id: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    fn remember(&self, ids: impl Iterator<Item = i64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }
}

/// What the archive cannot do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for cannot be; says what would be right.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Reading the journal failed.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The fleet could not be asked.
    #[error(transparent)]
    Fleet(#[from] crate::fleet::Error),
    /// A file or folder of the archive cannot be written, read or moved.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Events could not be put into columns or taken out of them, or files not be written or read.
    #[error(transparent)]
    Columns(#[from] soc_archive::Error),
    /// A merge would have made another number of events than it took in; nothing was changed.
    #[error("a merge took in {before} events and made {after}; it was given up")]
    Rows {
        /// Taken in.
        before: u64,
        /// Made.
        after: u64,
    },
    /// Somebody else moved the checkpoint; nothing was changed.
    #[error("the checkpoint of the archive has moved")]
    Moved,
    /// A thread could not be started, or ended before its work.
    #[error("a thread of the archive: {0}")]
    Thread(String),
    /// A metric was registered twice.
    #[error("archive metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Where positions of a journal that is begun anew, or brought back from an earlier day, have to go
/// on: behind all that has been given to an event that was archived or judged. A position names one
/// event for ever.
///
/// # Errors
/// When the database cannot be read.
pub async fn next_position(store: &Store) -> sqlx::Result<Position> {
    let highest: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(position) FROM (SELECT position FROM checkpoint
            UNION ALL SELECT position_max + 1 FROM archive_file)",
    )
    .fetch_one(store.pool())
    .await?;
    Ok(highest.map_or(Position::FIRST, |position| Position(manifest::unsigned(position))))
}

impl Archive {
    /// Opens the folder of the archive, made where there is none.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Columns`] about the folder, [`Error::Metrics`].
    pub async fn open(
        root: PathBuf,
        config: Config,
        store: Store,
        journal: Journal,
        fleet: Fleet,
        clock: Clock,
        registry: &prometheus::Registry,
    ) -> Result<Self, Error> {
        let folder = Folder::open(&root)?;
        let metrics = metrics::Metrics::new(registry)?;
        journal.add_reader(READER);
        let mut connection = store.pool().acquire().await?;
        let marks = marks::Marks::load(&mut connection).await?;
        drop(connection);
        Ok(Self(Arc::new(Inner {
            folder,
            folder_root: root,
            config,
            store,
            journal,
            fleet,
            clock,
            metrics,
            leases: snapshot::Leases::default(),
            marks,
            fresh: fresh::Fresh::default(),
            growing: tokio::sync::Mutex::default(),
            writing: RwLock::default(),
            ended: Mutex::default(),
            unmerged: Unmerged::default(),
            changed: Notify::new(),
        })))
    }

    /// The folder that paths of files are below.
    pub fn root(&self) -> &Path {
        &self.0.folder_root
    }

    /// The files, for who reads them.
    pub fn folder(&self) -> &Folder {
        &self.0.folder
    }

    /// Everything of this lane up to this event is archived; the agent may forget it.
    pub fn archived(&self, agent: AgentId, epoch: Epoch, lane: Lane) -> Sequence {
        self.0.marks.of(agent, epoch, lane)
    }

    /// Events from this position on that are already in columns, and where they end.
    pub fn fresh(&self, from: Position) -> (Vec<Arc<soc_archive::Run>>, Position) {
        self.0.fresh.from(from)
    }

    /// The first position of the journal that is not archived.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn begin_position(&self) -> Result<Position, Error> {
        let mut connection = self.0.store.pool().acquire().await?;
        Ok(marks::checkpoint(&mut connection).await?)
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("root", &self.0.folder_root).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
