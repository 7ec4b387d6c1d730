use std::path::PathBuf;
use std::sync::Arc;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Tells when something is written in some folders; stops when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    directories: Vec<PathBuf>,
    written: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches folders; `None` where the system cannot, and then files are looked at by time.
    pub(super) fn over(directories: Vec<PathBuf>) -> Option<Self> {
        let written = Arc::new(Notify::new());
        let wake = Arc::clone(&written);
        let heard = move |event: notify::Result<notify::Event>| {
            // Reading a file makes an event, too: woken by it, we would wake ourselves for ever.
            if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
                wake.notify_one();
            }
        };
        let mut watcher = notify::recommended_watcher(heard)
            .inspect_err(|error| tracing::warn!(%error, "logs are looked at by time only"))
            .ok()?;
        for directory in &directories {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::debug!(%error, ?directory, "this folder is looked at by time only");
            }
        }
        Some(Self { directories, written, _watcher: watcher })
    }

    /// What is watched.
    pub(super) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Returns when something was written since the last return.
    pub(super) async fn woken(&self) {
        self.written.notified().await;
    }
}
