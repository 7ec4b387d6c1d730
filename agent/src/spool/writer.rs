//! The spool's thread: takes deliveries and commands, commits, and carries on when the disk does
//! not.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redb::{Database, DatabaseError};
use soc_event::{Epoch, Lane, Sequence, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::ledger::Meaning;
use super::lines::{Group, Known};
use super::store::Store;
use super::tables::StoreError;
use super::{
    Acknowledgement, Batch, BatchLimits, Error, IN_MEMORY, LINGER, Setup, Unavailable, View,
};
use crate::backoff::Backoff;
use crate::sensor::{Clock, Delivery};

type Reply<T> = oneshot::Sender<T>;

/// What the rest of the agent asks of the thread.
pub(super) enum Command {
    Batch {
        lane: Lane,
        limits: BatchLimits,
        reply: Reply<Result<Option<Batch>, Unavailable>>,
    },
    Acknowledge {
        acknowledgement: Acknowledgement,
        reply: Reply<()>,
    },
    Refuse {
        epoch: Epoch,
        lane: Lane,
        sequence: Sequence,
        why: String,
        reply: Reply<Result<(), Unavailable>>,
    },
    BeginEpoch {
        reply: Reply<Result<Epoch, Unavailable>>,
    },
    Learned(Timestamp),
    Flush {
        reply: Reply<Result<(), Unavailable>>,
    },
    Stop {
        reply: Reply<()>,
    },
}

/// How the database is opened; replaced in tests.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// The pages redb may keep in memory.
const CACHE_BYTES: usize = 1024 * 1024;
/// What is kept in memory while there is no disk to write.
const MEMORY_BYTES: u64 = 4 * 1024 * 1024;
/// How often the disk is looked at then.
const MEMORY_RETRY: Duration = Duration::from_secs(30);

pub(super) struct Writer {
    path: PathBuf,
    open: Opener,
    /// None while the disk fails.
    store: Option<Store>,
    bytes_max: u64,
    fingerprint: String,
    clock: Arc<dyn Clock>,
    deliveries: mpsc::Receiver<Delivery>,
    known: Arc<Known>,
    view: watch::Sender<View>,
    group: Group,
    last_commit: Instant,
    retry: Backoff,
    retry_at: Instant,
    /// Marks that are not on disk yet.
    unwritten: bool,
    /// Why the store is in memory, while it is: there was no disk to write when the agent began.
    in_memory: Option<String>,
    /// The last event of each lane that was handed out from memory: its answer may be on its way.
    handed: [Sequence; 3],
}

impl Writer {
    pub(super) fn open(
        path: &Path,
        setup: Setup,
        known: Arc<Known>,
        view: watch::Sender<View>,
    ) -> Result<Self, Error> {
        let file = path.to_owned();
        let open = move || {
            let mut options = OpenOptions::new();
            // Logs are in it that others must not read.
            let file = options.read(true).write(true).create(true).mode(0o600).open(&file)?;
            let backend = redb::backends::FileBackend::new(file)?;
            Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend)
        };
        Self::open_with(path, Box::new(open), setup, known, view)
    }

    pub(super) fn open_with(
        path: &Path,
        open: Opener,
        setup: Setup,
        known: Arc<Known>,
        view: watch::Sender<View>,
    ) -> Result<Self, Error> {
        let Setup { config, fingerprint, clock, deliveries } = setup;
        let mut writer = Self {
            path: path.to_owned(),
            open,
            store: None,
            bytes_max: config.bytes_max.get(),
            fingerprint,
            clock,
            deliveries,
            known,
            view,
            group: Group::default(),
            last_commit: Instant::now(),
            retry: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)),
            retry_at: Instant::now(),
            unwritten: false,
            in_memory: None,
            handed: [Sequence(0); 3],
        };
        match writer.open_store() {
            Err(Error::Disk { reason, .. }) => writer.go_on_in_memory(reason)?,
            other => other?,
        }
        writer.start_known()?;
        Ok(writer)
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let commit_at = self.commit_at();
            let takes_more = self.store.is_some() && !self.group.is_full();
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.retry_at), if self.in_memory.is_some() => {
                    self.leave_memory();
                }
                () = tokio::time::sleep_until(commit_at), if self.is_work_waiting() => self.work(),
                command = commands.recv() => match command {
                    Some(Command::Stop { reply }) => {
                        self.finish();
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.obey(command),
                    None => return self.finish(),
                },
                Some(delivery) = self.deliveries.recv(), if takes_more => self.group.add(delivery),
            }
        }
    }

    fn is_work_waiting(&self) -> bool {
        self.store.is_none() || !self.group.is_empty()
    }

    /// At once when the last commit is long ago or the group is full, else when the linger is over.
    fn commit_at(&self) -> Instant {
        match &self.store {
            None => self.retry_at,
            Some(_) if self.group.is_full() => self.last_commit,
            Some(_) => self.last_commit + LINGER,
        }
    }

    fn work(&mut self) {
        if self.store.is_none() && self.open_store().is_err() {
            return self.failed();
        }
        // What is already in the queue shares the fsync.
        while !self.group.is_full() {
            let Ok(delivery) = self.deliveries.try_recv() else { break };
            self.group.add(delivery);
        }
        let _ = self.commit();
    }

    /// Commits the group if there is anything; kept for the next try if it fails.
    fn commit(&mut self) -> Result<(), Unavailable> {
        if self.group.is_empty() && !self.unwritten {
            return Ok(());
        }
        let now = self.clock.now();
        let group = std::mem::take(&mut self.group);
        let result = self.guarded(|store| store.append(&group, now));
        self.last_commit = Instant::now();
        if result.is_err() {
            self.group = group;
            return Err(Unavailable);
        }
        self.unwritten = false;
        self.known.committed(group.positions);
        self.retry.reset();
        self.tell();
        Ok(())
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Batch { lane, limits, reply } => {
                let batch = self.guarded(|store| store.batch(lane, limits));
                if let (Ok(Some(batch)), Some(handed)) =
                    (&batch, self.handed.get_mut(usize::from(lane.index())))
                {
                    *handed = batch.last().max(*handed);
                }
                let _ = reply.send(batch);
            }
            Command::Acknowledge { acknowledgement, reply } => {
                self.acknowledge(&acknowledgement);
                let _ = reply.send(());
            }
            Command::Refuse { epoch, lane, sequence, why, reply } => {
                let refused = self.guarded(|store| match store.ledger().epoch == epoch {
                    true => store.refuse(lane, sequence, &why),
                    false => Ok(()),
                });
                self.tell();
                let _ = reply.send(refused);
            }
            Command::BeginEpoch { reply } => {
                let _ = reply.send(self.begin_epoch());
            }
            Command::Learned(time) => {
                if let Some(store) = &mut self.store {
                    store.set_learned(time);
                }
            }
            Command::Flush { reply } => {
                let _ = reply.send(self.flush());
            }
            Command::Stop { .. } => {}
        }
    }

    fn acknowledge(&mut self, acknowledgement: &Acknowledgement) {
        let meaning = self.guarded(|store| store.acknowledge(acknowledgement));
        match meaning {
            Ok(Meaning::Taken) => self.unwritten = true,
            Ok(Meaning::SendAgain) => {
                tracing::warn!("the collector lost events it had; sending them again");
                self.unwritten = true;
            }
            Ok(Meaning::RolledBack) => {
                tracing::warn!(
                    "this disk was rolled back to an older state; beginning a new epoch"
                );
                let _ = self.begin_epoch();
            }
            Ok(Meaning::Stale) | Err(Unavailable) => {}
        }
        self.tell();
    }

    fn begin_epoch(&mut self) -> Result<Epoch, Unavailable> {
        let epoch = self.guarded(Store::begin_epoch);
        self.tell();
        epoch
    }

    fn flush(&mut self) -> Result<(), Unavailable> {
        loop {
            while !self.group.is_full() {
                let Ok(delivery) = self.deliveries.try_recv() else { break };
                self.group.add(delivery);
            }
            if self.group.is_empty() {
                return self.commit();
            }
            self.commit()?;
        }
    }

    fn finish(&mut self) {
        let _ = self.flush();
        // Closing writes what makes the next start quick.
        self.store = None;
    }

    /// Runs one operation; a failing disk or a damaged file is dealt with here. The library may
    /// panic on a damaged file.
    fn guarded<T>(
        &mut self,
        operation: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, Unavailable> {
        let store = self.store.as_mut().ok_or(Unavailable)?;
        let caught = catch_unwind(AssertUnwindSafe(|| operation(store)));
        let error = match caught {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => StoreError::Damaged("the database library gave up on it".to_owned()),
        };
        self.store = None;
        match error {
            StoreError::Io(reason) => self.trouble(reason),
            StoreError::Damaged(reason) => {
                if let Err(error) = self.begin_anew(&reason) {
                    self.trouble(error.to_string());
                }
            }
        }
        Err(Unavailable)
    }

    fn trouble(&mut self, reason: String) {
        if self.view.borrow().trouble.is_none() {
            tracing::error!(%reason, "the spool cannot be written; sensors wait");
        }
        self.view.send_modify(|view| view.trouble = Some(reason));
        self.failed();
    }

    fn failed(&mut self) {
        self.retry_at = Instant::now() + self.retry.pause();
    }

    /// Opens the file, moving a damaged one aside.
    fn open_store(&mut self) -> Result<(), Error> {
        let disk = |reason: String| Error::Disk { path: self.path.display().to_string(), reason };
        match self.try_open() {
            Ok(store) => {
                self.store = Some(store);
                self.tell();
                Ok(())
            }
            Err(Opening::InUse) => Err(Error::InUse(self.path.display().to_string())),
            Err(Opening::Store(StoreError::Io(reason))) => Err(disk(reason)),
            Err(Opening::Store(StoreError::Damaged(reason))) => self.begin_anew(&reason),
        }
    }

    fn try_open(&self) -> Result<Store, Opening> {
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = (self.open)().map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => Opening::InUse,
                error => Opening::Store(error.into()),
            })?;
            Store::new(database, &self.fingerprint, self.bytes_max).map_err(Opening::Store)
        }));
        let gave_up = |_| {
            Err(Opening::Store(StoreError::Damaged("the database library gave up on it".into())))
        };
        opened.unwrap_or_else(gave_up)
    }

    /// There is no disk to write: what happens is kept in memory, as much as fits, and lost when the
    /// agent ends. Of logs the latest lines come again after a restart: their positions are lost, too.
    fn go_on_in_memory(&mut self, reason: String) -> Result<(), Error> {
        let disk =
            |error: String| Error::Disk { path: self.path.display().to_string(), reason: error };
        tracing::error!(%reason, "the spool cannot be written; going on from memory");
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend);
        let database = database.map_err(|error| disk(error.to_string()))?;
        let store = Store::new(database, &self.fingerprint, MEMORY_BYTES.min(self.bytes_max));
        self.store = Some(store.map_err(|error| disk(error.to_string()))?);
        self.retry_at = Instant::now() + MEMORY_RETRY;
        self.in_memory = Some(reason);
        self.tell();
        Ok(())
    }

    /// Moves to the disk as soon as it can be written and no answer is on its way: events that the
    /// collector may have must not be given other ids.
    fn leave_memory(&mut self) {
        self.retry_at = Instant::now() + MEMORY_RETRY;
        let Some(memory) = &self.store else { return };
        let ledger = memory.ledger();
        let is_answered = |lane: Lane| {
            let handed = self.handed.get(usize::from(lane.index())).copied();
            handed.is_none_or(|handed| handed <= ledger.lane(lane).sent)
        };
        if !Lane::ALL.into_iter().all(is_answered) {
            return;
        }
        let Ok(mut disk) = self.try_open() else { return };
        let Some(memory) = self.store.as_mut() else { return };
        match disk.take_over(memory, self.known.positions(), self.clock.now()) {
            Ok(()) => {
                tracing::info!("the spool can be written; memory is on disk");
                (self.store, self.in_memory) = (Some(disk), None);
                self.retry_at = Instant::now();
                self.tell();
            }
            Err(error) => tracing::debug!(%error, "the disk was not taken yet"),
        }
    }

    /// Keeps the damaged file beside (the last one), and starts with an empty one.
    fn begin_anew(&mut self, reason: &str) -> Result<(), Error> {
        let disk = |reason: String| Error::Disk { path: self.path.display().to_string(), reason };
        let aside = self.path.with_extension("redb.damaged");
        tracing::error!(reason, aside = %aside.display(), "spool damaged; moved aside");
        std::fs::rename(&self.path, &aside).map_err(|error| disk(error.to_string()))?;
        let mut store = self.try_open().map_err(|error| disk(error.to_string()))?;
        store.note_damage();
        self.store = Some(store);
        // Positions as last committed outlive the file they were in.
        self.group.positions.splice(0..0, self.known.positions());
        self.unwritten = true;
        self.tell();
        Ok(())
    }

    fn start_known(&mut self) -> Result<(), Error> {
        let path = self.path.display().to_string();
        let learned = self.store.as_ref().and_then(|store| store.ledger().learned);
        let positions = self.guarded(|store| store.positions());
        let positions =
            positions.map_err(|error| Error::Disk { path, reason: error.to_string() })?;
        self.known.start(positions, learned);
        Ok(())
    }

    fn tell(&self) {
        let Some(store) = &self.store else { return };
        let trouble = self.in_memory.as_ref().map(|why| format!("{IN_MEMORY}: {why}"));
        let view = View { trouble, ..store.ledger().view() };
        self.view.send_if_modified(|old| {
            if old.trouble.is_some() && view.trouble.is_none() {
                tracing::info!("the spool can be written again");
            }
            std::mem::replace(old, view.clone()) != view
        });
    }
}

#[derive(Debug, thiserror::Error)]
enum Opening {
    #[error("another soc-agent has it open")]
    InUse,
    #[error(transparent)]
    Store(StoreError),
}
