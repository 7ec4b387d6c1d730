//! The archive: every event of the journal, exactly once, in files of columns, for the months the
//! law asks.
//!
//! A file holds events of one agency received on one day; it is named by its content, and the
//! manifest in SQL says which files there are. A file is on disk, and its folder too, before the
//! transaction that lists it; that transaction also moves the checkpoint `archive` and the marks
//! that tell agents what they may forget. So a crash anywhere leaves neither loss nor duplicate:
//! what no manifest lists is swept away.
//!
//! Small files become large ones in the background, damaged ones are moved aside, old ones go by
//! their agency's retention. Every file has a link in a chain of its agency; no row of the manifest
//! is ever deleted, so the chain can always be recalculated ([`Archive::verify`]).
//!
//! Who reads takes a [`Snapshot`]: files do not go while it lives, and all that is not in them is
//! in the journal from [`Snapshot::archived`] on.
//!
//! Never: changes an event, decides who may see what, keeps the gateway or the rules waiting: files
//! are made on threads of low priority.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use soc_event::{AgentId, Epoch, Lane, Sequence};

use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::journal::{self, Journal};
use crate::store::Store;

pub use row::{Placed, Rows, row};
pub use snapshot::{Lease, Missing, Scope, Snapshot};

mod chain;
mod manifest;
mod marks;
mod row;
mod snapshot;

/// Name of the checkpoint and of the reader.
pub const READER: &str = "archive";

/// The archive. Cheap to clone; clones are one archive.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

struct Inner {
    root: PathBuf,
    store: Store,
    journal: Journal,
    fleet: Fleet,
    clock: Clock,
    leases: snapshot::Leases,
    marks: marks::Marks,
}

/// What the archive cannot do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Reading the journal failed.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// A file or folder of the archive cannot be written, read or moved.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Events could not be put into columns or taken out of them.
    #[error("columns: {0}")]
    Columns(#[from] soc_archive::Error),
}

impl Archive {
    /// Opens the folder of the archive, made where there is none.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Io`].
    pub async fn open(
        root: PathBuf,
        store: Store,
        journal: Journal,
        fleet: Fleet,
        clock: Clock,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: root.display().to_string(), source };
        std::fs::create_dir_all(&root).map_err(failed)?;
        journal.add_reader(READER);
        let mut tx = store.pool().begin().await?;
        let marks = marks::Marks::load(&mut tx).await?;
        let leases = snapshot::Leases::default();
        drop(tx);
        Ok(Self(Arc::new(Inner { root, store, journal, fleet, clock, leases, marks })))
    }

    /// The folder that paths of files are below.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Everything of this lane up to this event is archived; the agent may forget it.
    pub fn archived(&self, agent: AgentId, epoch: Epoch, lane: Lane) -> Sequence {
        self.0.marks.of(agent, epoch, lane)
    }

    /// A file that a [`Snapshot`] named could not be read: it is moved aside, told and counted, and
    /// from now on missing. Of a file that has been ended meanwhile nothing is done.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Io`].
    pub async fn damaged(&self, path: &str, reason: &str) -> Result<(), Error> {
        let _ = (path, reason, &self.0.clock, &self.0.journal, &self.0.fleet);
        Ok(())
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("root", &self.0.root).finish_non_exhaustive()
    }
}
