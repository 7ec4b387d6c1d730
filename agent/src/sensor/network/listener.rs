//! Interfaces that come and go, and a reader for each.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::Socket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::capture::{self, Frames};
use super::frame::Frame;
use super::interfaces::{self, Watched};
use super::watcher::Watcher;
use super::{Config, Now, filter, gateways};
use crate::sensor::{Error, Root};

/// Frames that wait for the watcher; then readers wait, and the kernel's buffer behind them.
const FRAMES_WAITING_MAX: usize = 256;

/// Hears all watched interfaces.
pub(super) struct Listener {
    root: Root,
    config: Config,
    ears: BTreeMap<Arc<str>, Ears>,
    sender: Frames,
    receiver: mpsc::Receiver<(Arc<str>, Frame)>,
    unread: Arc<AtomicU64>,
}

/// The sockets at one interface: knocking cannot drown what is said in the neighbourhood, and the
/// other way round.
struct Ears {
    index: u32,
    readers: JoinSet<()>,
    /// Kept open so that the card lets names through.
    _names: Vec<Socket>,
}

/// Readers of one interface.
const READERS: usize = 2;

impl Listener {
    pub(super) fn new(root: Root, config: Config) -> Self {
        let (sender, receiver) = mpsc::channel(FRAMES_WAITING_MAX);
        let (ears, unread) = (BTreeMap::new(), Arc::default());
        Self { root, config, ears, sender, receiver, unread }
    }

    /// Whether no interface is heard.
    pub(super) fn is_deaf(&self) -> bool {
        self.ears.is_empty()
    }

    /// The next frame.
    ///
    /// # Cancel safety
    /// Cancelled, it has taken none.
    pub(super) async fn next(&mut self) -> (Arc<str>, Frame) {
        match self.receiver.recv().await {
            Some(frame) => frame,
            // This holds a sender itself: there is always one.
            None => std::future::pending().await,
        }
    }

    /// How often frames came too fast since this was asked for last.
    pub(super) fn take_unread(&self) -> u64 {
        self.unread.swap(0, Ordering::Relaxed)
    }

    /// Looks at the interfaces: opens those that came up, leaves those that went.
    pub(super) fn refresh(&mut self, watcher: &mut Watcher, now: Now) -> Result<(), Error> {
        let (own, watched) = interfaces::look(&self.root, &self.config);
        watcher.interfaces(now, own, &watched, &gateways::look(&self.root));
        let is_there = |name: &str, ears: &Ears| {
            watched.iter().any(|it| &*it.name == name && it.interface.index == ears.index)
        };
        self.ears.retain(|name, ears| is_there(name, ears) && !ears.is_broken());
        for watched in &watched {
            if !self.ears.contains_key(&watched.name) {
                match self.open(watched) {
                    Ok(ears) => drop(self.ears.insert(Arc::clone(&watched.name), ears)),
                    Err(error) => refused(&watched.name, error)?,
                }
            }
        }
        Ok(())
    }

    fn open(&self, watched: &Watched) -> io::Result<Ears> {
        let mut readers = JoinSet::new();
        for filter in [filter::neighbourhood(), filter::probes()] {
            let socket = capture::open(&watched.interface, &filter)?;
            let (name, unread) = (Arc::clone(&watched.name), Arc::clone(&self.unread));
            readers.spawn(capture::forward(socket, name, self.sender.clone(), unread));
        }
        let names = capture::listen_to_names(&watched.interface);
        Ok(Ears { index: watched.interface.index, readers, _names: names })
    }
}

impl Ears {
    /// A reader has ended: its interface went down. Asked for often, so that no result is left.
    fn is_broken(&mut self) -> bool {
        while self.readers.try_join_next().is_some() {}
        self.readers.len() < READERS
    }
}

/// Not allowed: nothing to be done here. Otherwise the interface may have just gone; it is tried
/// again in the next turn.
fn refused(name: &str, error: io::Error) -> Result<(), Error> {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Err(Error::Unavailable(refusal(&error)));
    }
    tracing::debug!(name, %error, "the interface cannot be heard");
    Ok(())
}

/// Why nothing can be heard, as a sentence.
pub(super) fn refusal(error: &io::Error) -> String {
    format!("the network cannot be heard without CAP_NET_RAW: {error}")
}
