//! What is done when there is time, each as often as it is due.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Archive, Error};

/// How often files are looked for that no manifest lists.
const SWEEP_EVERY: Duration = Duration::from_secs(6 * 3600);
/// How often retention looks for what was kept long enough, and the disk is looked at.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);
/// The same while the disk is nearly full.
const HURRY_EVERY: Duration = Duration::from_secs(60);
/// How often one file is read to see whether it still is what was written.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// How often files and bytes are counted for metrics.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// When what was done last.
#[derive(Debug, Default)]
pub(super) struct Due {
    swept: Option<Instant>,
    retained: Option<Instant>,
    checked: Option<Instant>,
    counted: Option<Instant>,
}

fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let is_due = last.is_none_or(|last| last.elapsed() >= every);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

impl Archive {
    pub(super) async fn tidy_up(&self, due: &mut Due, shutdown: &watch::Receiver<bool>) {
        self.note("telling", self.tell().await);
        self.note("deleting", self.delete_ended().await);
        self.note("merging", self.merge_all(shutdown).await);
        let is_short = self.lacking_bytes().is_ok_and(|lacking| lacking > 0);
        let every = if is_short { HURRY_EVERY } else { RETAIN_EVERY };
        if is_due(&mut due.retained, every) {
            self.note("looking at the disk", self.look_at_disk().await);
            self.note("retention", self.retain().await.map(|_| ()));
        }
        if is_due(&mut due.checked, CHECK_EVERY) {
            self.note("checking a file", self.check_one().await);
        }
        // The first sweep was made before anything was written.
        if due.swept.is_none() {
            due.swept = Some(Instant::now());
        } else if is_due(&mut due.swept, SWEEP_EVERY) {
            self.note("sweeping", self.sweep().await);
        }
        if is_due(&mut due.counted, COUNT_EVERY) {
            self.note("counting", self.count().await);
        }
    }

    fn note(&self, what: &'static str, done: Result<(), Error>) {
        if let Err(error) = done {
            self.failed(what, &error);
        }
    }
}
