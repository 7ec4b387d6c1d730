use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// How often files are looked at although every write to them would be told.
const SURE: Duration = Duration::from_secs(30);
/// The same where writes may go untold: another machine's disk, a folder that cannot be watched.
const UNSURE: Duration = Duration::from_secs(2);
/// File systems on which every write is told: ext, XFS, Btrfs, F2FS, ZFS, tmpfs, overlayfs.
/// Source: statfs(2), and zfs_vfsops.c for ZFS.
const TELLING: [u64; 7] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630];

/// Tells when something is written in some folders; stops when dropped.
#[derive(Debug)]
pub(in crate::sensor) struct Watch {
    directories: Vec<PathBuf>,
    patience: Duration,
    written: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches folders; `None` where the system cannot, and then files are looked at by time.
    pub(in crate::sensor) fn over(directories: Vec<PathBuf>) -> Option<Self> {
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
        let mut patience = SURE;
        for directory in &directories {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::debug!(%error, ?directory, "this folder is looked at by time only");
                patience = UNSURE;
            } else if !tells_all(directory) {
                patience = UNSURE;
            }
        }
        Some(Self { directories, patience, written, _watcher: watcher })
    }

    /// How long files may go without being looked at while nothing is told.
    pub(in crate::sensor) fn patience(&self) -> Duration {
        self.patience
    }

    /// What is watched.
    pub(in crate::sensor) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Returns when something was written since the last return.
    pub(in crate::sensor) async fn woken(&self) {
        self.written.notified().await;
    }
}

fn tells_all(directory: &Path) -> bool {
    let found = rustix::fs::statfs(directory).ok();
    let kind = found.and_then(|found| u64::try_from(found.f_type).ok());
    kind.is_some_and(|kind| TELLING.contains(&kind))
}
