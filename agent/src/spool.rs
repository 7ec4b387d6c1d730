//! What was seen, on disk until the collector has it.
//!
//! A [`Delivery`] (observations and the read positions they stand for) is committed in one
//! transaction: after a power cut either both are there or neither. Several deliveries share a
//! commit: at once when little happens, three times a second under load. The events of a commit are
//! one compressed row a lane; where many small rows wait for a collector that is away, they are
//! packed into larger ones. Every event gets the next sequence of its lane; ids are never given
//! twice, because a spool made anew, moved to other hardware or rolled back begins a new [`Epoch`].
//!
//! Over the cap the oldest rows go first: what the collector already has, then raw logs, state,
//! alerts, but no lane is pushed below an eighth of the cap by the others. What was lost unsent is
//! counted and becomes one event `log.gap` an episode. A damaged file is
//! moved aside, never deleted. With the disk full nothing is lost: the spool stops taking
//! deliveries, sensors wait. Where there is no disk to write when the agent begins (mounted read
//! only), 4 MiB are kept in memory and said to be, until the disk is there. One thread of its own does all that touches the disk.
//! The spool knows neither certificates nor the network.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use soc_event::{Epoch, Lane, Sequence, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use crate::sensor::{Clock, Delivery, Positions};
use crate::size::Bytes;

mod cap;
mod earlier;
mod fit;
mod gap;
mod ledger;
mod lines;
mod row;
mod rows;
mod store;
mod tables;
mod writer;

use lines::Known;
use writer::{Command, Writer};

/// The file in the state folder.
pub const FILE: &str = "spool.redb";

/// Settings of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most bytes of events kept, sent or not. The file is up to twice as large.
    pub bytes_max: Bytes,
}

impl Default for Config {
    fn default() -> Self {
        Self { bytes_max: Bytes::mebi(256) }
    }
}

/// Less would hold less than one transaction of logs.
const BYTES_LEAST: Bytes = Bytes::mebi(1);

impl Config {
    /// Everything that is out of range, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let too_small = self.bytes_max < BYTES_LEAST;
        let what = || "spool.bytes_max is too small; it must be at least 1 MiB".to_owned();
        too_small.then(what).into_iter().collect()
    }
}

/// What a spool is opened with.
pub struct Setup {
    /// Settings.
    pub config: Config,
    /// Which machine this is; on another one a new epoch begins.
    pub fingerprint: String,
    /// Stamps the events the spool makes itself.
    pub clock: Arc<dyn Clock>,
    /// Where deliveries come from.
    pub deliveries: mpsc::Receiver<Delivery>,
}

/// The spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent works on this state folder.
    #[error("another soc-agent is running on {0}")]
    InUse(String),
    /// The file can be neither opened nor made nor moved aside.
    #[error("spool {path}: {reason}")]
    Disk {
        /// Which file.
        path: String,
        /// What the system said.
        reason: String,
    },
}

/// The spool cannot answer now (disk full or failing, or the agent is stopping).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spool cannot be read now")]
pub struct Unavailable;

/// One lane as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneView {
    /// Events that wait to be sent.
    pub unsent: u64,
    /// Last sequence given.
    pub last: Sequence,
    /// All up to this one are on the collector's disk, or were dropped or refused.
    pub sent: Sequence,
    /// Events kept, sent or not.
    pub kept: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Events dropped unsent since the spool was made.
    pub dropped: u64,
    /// Events the collector refused for good since the spool was made.
    pub refused: u64,
}

/// The spool as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The life of the spool.
    pub epoch: Epoch,
    /// The lanes, in the order of [`Lane::ALL`].
    pub lanes: [LaneView; 3],
    /// Why nothing can be written at the moment, or with [`IN_MEMORY`] before it, why nothing is
    /// written to disk.
    pub trouble: Option<String>,
}

impl Default for View {
    fn default() -> Self {
        Self { epoch: Epoch(0), lanes: [LaneView::default(); 3], trouble: None }
    }
}

impl View {
    /// Whether events can be read and acknowledged.
    pub fn is_usable(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| trouble.starts_with(IN_MEMORY))
    }

    /// One lane.
    pub fn lane(&self, lane: Lane) -> LaneView {
        self.lanes.get(usize::from(lane.index())).copied().unwrap_or_default()
    }

    /// Events that wait to be sent, in all lanes.
    pub fn unsent(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.unsent).sum()
    }

    /// Bytes kept in all lanes.
    pub fn bytes(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.bytes).sum()
    }

    /// Events dropped unsent, in all lanes.
    pub fn dropped(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.dropped).sum()
    }
}

/// Events of one lane with dense sequences, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Of which life of the spool.
    pub epoch: Epoch,
    /// Of which lane.
    pub lane: Lane,
    /// Sequence of the first event.
    pub first: Sequence,
    /// How many.
    pub count: u32,
    /// The events, each a line with its line feed.
    pub lines: Vec<u8>,
}

impl Batch {
    /// Nothing yet; its first event is looked for from here on.
    fn from(epoch: Epoch, lane: Lane, first: Sequence) -> Self {
        Self { epoch, lane, first, count: 0, lines: Vec::new() }
    }

    /// Sequence of the last event.
    pub fn last(&self) -> Sequence {
        Sequence(self.first.0 + u64::from(self.count.max(1)) - 1)
    }
}

/// How large a batch may be; at least one event is always given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most events.
    pub events: u32,
    /// Most bytes of lines.
    pub bytes: usize,
}

/// What the collector said about a batch it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Of which life of the spool; of another one it is ignored.
    pub epoch: Epoch,
    /// Of which lane.
    pub lane: Lane,
    /// The batch it answers: from here
    pub first: Sequence,
    /// up to here.
    pub last: Sequence,
    /// All up to this one are on the collector's disk.
    pub durable: Sequence,
    /// All up to this one are archived and may be forgotten.
    pub archived: Sequence,
}

/// The spool. Cheap to clone.
#[derive(Clone)]
pub struct Spool {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
    known: Arc<Known>,
}

/// The thread of the spool; it ends after [`Spool::stop`].
pub struct Thread(std::thread::JoinHandle<()>);

impl Spool {
    /// Opens (or makes) the spool in the folder and starts its thread.
    ///
    /// # Errors
    /// [`Error`]: the agent cannot run.
    pub fn open(state: &Path, setup: Setup) -> Result<(Self, Thread), Error> {
        let path = state.join(FILE);
        let disk = |reason: std::io::Error| Error::Disk {
            path: path.display().to_string(),
            reason: reason.to_string(),
        };
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
        made.or_else(|error| if state.is_dir() { Ok(()) } else { Err(error) }).map_err(disk)?;
        let (sender, commands) = mpsc::channel(16);
        let (views, view) = watch::channel(View::default());
        let known = Arc::new(Known::default());
        let writer = Writer::open(&path, setup, known.clone(), views)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(disk)?;
        let run = move || runtime.block_on(writer.run(commands));
        let thread = std::thread::Builder::new().name("spool".into()).spawn(run).map_err(disk)?;
        Ok((Self { commands: sender, view, known }, Thread(thread)))
    }

    /// How the spool is, now and whenever it changes.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// The next events of a lane to send; none when all are sent.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn batch(
        &self,
        lane: Lane,
        limits: BatchLimits,
    ) -> Result<Option<Batch>, Unavailable> {
        self.ask(|reply| Command::Batch { lane, limits, reply }).await?
    }

    /// Notes what the collector has. It reaches the disk with the next commit: lost in a crash, the
    /// batch is sent again.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn acknowledge(&self, acknowledgement: Acknowledgement) -> Result<(), Unavailable> {
        self.ask(|reply| Command::Acknowledge { acknowledgement, reply }).await
    }

    /// Sets the first event of the batch aside, because the collector will never take it.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn refuse(
        &self,
        epoch: Epoch,
        lane: Lane,
        sequence: Sequence,
        why: String,
    ) -> Result<(), Unavailable> {
        self.ask(|reply| Command::Refuse { epoch, lane, sequence, why, reply }).await?
    }

    /// Begins a new life: ids given from now on cannot meet those given before.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn begin_epoch(&self) -> Result<Epoch, Unavailable> {
        self.ask(|reply| Command::BeginEpoch { reply }).await?
    }

    /// Keeps the collector's time for the next run; reaches the disk with the next commit.
    pub async fn keep_learned(&self, time: Timestamp) {
        let _ = self.commands.send(Command::Learned(time)).await;
    }

    /// The collector's time as last kept.
    pub fn learned(&self) -> Option<Timestamp> {
        self.known.learned()
    }

    /// Returns when all that was handed over before is on disk.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn flush(&self) -> Result<(), Unavailable> {
        self.ask(|reply| Command::Flush { reply }).await?
    }

    /// Commits what waits and ends the thread.
    pub async fn stop(&self) {
        let _ = self.ask(|reply| Command::Stop { reply }).await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Unavailable)?;
        answer.await.map_err(|_| Unavailable)
    }
}

impl Positions for Spool {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        self.known.position(source)
    }
}

impl Thread {
    /// Waits for the thread to end; call after [`Spool::stop`].
    pub fn join(self) {
        let _ = self.0.join();
    }

    /// Whether it has ended: the agent cannot go on.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// How the trouble of a spool without a disk begins: it goes on from memory.
pub const IN_MEMORY: &str = "kept in memory only";

/// Longest wait for more deliveries to share a commit with, under load.
const LINGER: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests;
