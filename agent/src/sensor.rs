//! Sensors: each watches one thing on the host and says what it saw.
//!
//! One file a sensor. A sensor reads below an injected root (`/` or a fixture folder) and tells the
//! time by an injected clock. It may fail, hang or panic: it alone stops, `supervisor` starts it
//! again and reports `agent.sensor_failed`. Sensors know neither the spool's layout nor the
//! network; they never run programs (but `journald`, which runs `journalctl` with fixed arguments)
//! and never write (but `antivirus` its one test file, where the operator asks for the self-test).

pub mod antivirus;
pub mod asked;
pub mod choice;
mod config;
pub mod connection;
pub mod counts;
pub mod firewall;
mod fit;
pub mod host;
pub mod journald;
pub mod logfile;
mod netlink;
pub mod network;
mod owner;
pub(crate) mod pattern;
pub mod port;
mod read;
mod sock_diag;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use soc_event::{Event, Lane, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub use config::{Config, build, looks_at};

/// One thing seen, and what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What it is worth when there is no room for all.
    pub lane: Lane,
    /// What was seen.
    pub event: Event,
    /// Whether it stays on this machine, in the ring, until somebody asks for it.
    pub stays: bool,
}

impl Observation {
    /// A finding.
    pub fn alert(event: Event) -> Self {
        Self { lane: Lane::Alert, event, stays: false }
    }

    /// What the host is like.
    pub fn state(event: Event) -> Self {
        Self { lane: Lane::State, event, stays: false }
    }

    /// A line of a log.
    pub fn log(event: Event) -> Self {
        Self { lane: Lane::Log, event, stays: false }
    }

    /// The same, but not to be sent.
    pub fn that_stays(self) -> Self {
        Self { stays: true, ..self }
    }
}

/// How far a source has been read; only its sensor understands the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which source, unique in the agent: `logfile:/var/log/auth.log`.
    pub source: String,
    /// How far. At most 4 KiB.
    pub bytes: Vec<u8>,
}

/// Observations and the read positions they stand for: committed together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    /// In the order they were seen. At most [`DELIVERY_MAX`].
    pub observations: Vec<Observation>,
    /// Where to go on reading after these.
    pub positions: Vec<Position>,
}

/// Most observations of one [`Delivery`]: bounds what waits in memory: an event takes about
/// 3 KiB there.
pub const DELIVERY_MAX: usize = 256;
/// Deliveries that wait between the sensors and the spool; then sensors wait.
pub const DELIVERIES_WAITING_MAX: usize = 2;

/// Where a sensor puts what it saw. Waits while the spool is busy: polled sensors lose nothing.
#[derive(Clone, Debug)]
pub struct Outlet {
    deliveries: mpsc::Sender<Delivery>,
    signs: Signs,
}

/// When a sensor delivered last and was last seen alive. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Signs(Arc<Mutex<(Option<Timestamp>, Option<Instant>)>>);

impl Signs {
    /// When it delivered last, by the system's clock.
    pub fn delivered(&self) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// When it was last seen alive.
    pub fn alive(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// It is alive now.
    pub fn note_alive(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(Instant::now());
    }

    fn note_delivery(&self) {
        let now = Timestamp::from_system(std::time::SystemTime::now());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Some(now), Some(Instant::now()));
    }
}

/// The spool is gone; the agent is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the agent is stopping")]
pub struct Stopping;

impl Outlet {
    /// The outlet and the spool's end of it.
    pub fn channel() -> (Self, mpsc::Receiver<Delivery>) {
        let (sender, receiver) = mpsc::channel(DELIVERIES_WAITING_MAX);
        (Self { deliveries: sender, signs: Signs::default() }, receiver)
    }

    /// Hands over a delivery; returns when it is in the queue, not when it is on disk.
    ///
    /// # Errors
    /// [`Stopping`] when nobody takes deliveries any more.
    ///
    /// # Cancel safety
    /// Cancelled, it has either handed over all or nothing.
    pub async fn send(&self, delivery: Delivery) -> Result<(), Stopping> {
        let delivers = !delivery.observations.is_empty();
        self.deliveries.send(delivery).await.map_err(|_| Stopping)?;
        match delivers {
            true => self.signs.note_delivery(),
            false => self.signs.note_alive(),
        }
        Ok(())
    }

    /// Whether a delivery would have to wait.
    pub fn is_full(&self) -> bool {
        self.deliveries.capacity() == 0
    }

    /// The same outlet, whose deliveries are noted here.
    pub fn noted(&self, signs: Signs) -> Self {
        Self { deliveries: self.deliveries.clone(), signs }
    }
}

/// Tells the time; replaced in tests.
pub trait Clock: Send + Sync {
    /// The system's clock, right or wrong.
    fn now(&self) -> Timestamp;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_system(std::time::SystemTime::now())
    }
}

/// Where `/` is: the real one, or a folder of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// A root at this folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where an absolute path of the host is to be read.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.0.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }
}

impl Default for Root {
    fn default() -> Self {
        Self::new("/")
    }
}

/// Read positions as last committed.
pub trait Positions: Send + Sync {
    /// How far the source had been read, if it ever was.
    fn position(&self, source: &str) -> Option<Vec<u8>>;
}

/// What a sensor is given when it starts.
#[derive(Clone)]
pub struct Context {
    /// Where `/` is.
    pub root: Root,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How far sources had been read.
    pub positions: Arc<dyn Positions>,
    /// Where to put what was seen.
    pub outlet: Outlet,
    /// Becomes true when the sensor shall end; it hands over what it has and returns.
    pub stop: watch::Receiver<bool>,
}

impl Context {
    /// Says that the sensor has not hung.
    pub fn alive(&self) {
        self.outlet.signs.note_alive();
    }

    /// Waits until the sensor shall end.
    ///
    /// # Cancel safety
    /// Can be cancelled and called again.
    pub async fn stopped(&mut self) {
        // An error says that whoever could tell us to stop is gone: that is the end, too.
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}

/// Why a sensor ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent is stopping: not a failure.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// What it watches is not there on this host; tried again seldom.
    #[error("not available here: {0}")]
    Unavailable(String),
    /// Reading failed; tried again with growing pauses.
    #[error("{what}: {source}")]
    Io {
        /// What was being read.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What [`Sensor::run`] returns.
pub type Running = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Watches one thing.
pub trait Sensor: Send {
    /// `antivirus`; the word of the configuration, whose table of this name is the sensor's.
    fn name(&self) -> &'static str;

    /// Whether the agent may do without it to stay within its caps.
    fn is_optional(&self) -> bool {
        false
    }

    /// A sensor that neither delivers nor calls [`Context::alive`] for so long hangs, and is started
    /// again. None for sensors that wait for others.
    fn hangs_after(&self) -> Option<std::time::Duration> {
        None
    }

    /// Watches until told to stop. State kinds are sent in full at start and once a day, and as
    /// changes in between.
    fn run(self: Box<Self>, context: Context) -> Running;
}
