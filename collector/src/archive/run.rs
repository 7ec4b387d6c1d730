//! The loop that follows the journal, and the one that tidies up. Both outlive every failure.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::fresh::Set;
use super::gather::{self, Odd};
use super::manifest::{self, New};
use super::marks::{self, Moved};
use super::{Archive, Error, Inner, READER, notice};
use crate::journal::Position;
use crate::stop::stopped;

/// Pause after the first failure; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether there is enough for a set of files.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what can wait is done: merging, checking, retention as far as each is due.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// One set of files, on disk and not yet listed.
struct Made {
    files: Vec<New>,
    odd: Vec<Odd>,
    moved: Moved,
    from: Position,
    next: Position,
}

impl Archive {
    /// Archives and tidies up until told to stop; what was begun is committed before it returns.
    pub async fn run(self, shutdown: watch::Receiver<bool>) {
        let swept = self.sweep().await;
        if let Err(error) = swept {
            self.failed("sweeping", &error);
        }
        tokio::join!(self.follow(shutdown.clone()), self.tidy(shutdown));
    }

    async fn follow(&self, mut shutdown: watch::Receiver<bool>) {
        let mut pause = PAUSE;
        let mut is_careful = false;
        let mut waiting_since = None;
        while !*shutdown.borrow() {
            let done = self.look(&mut waiting_since, is_careful).await;
            let wait = match done {
                Ok(true) => {
                    (pause, is_careful) = (PAUSE, false);
                    continue;
                }
                Ok(false) => LOOK_EVERY,
                Err(error) => {
                    // The next attempt finds out which event it is, if it is one.
                    is_careful = matches!(error, Error::Columns(_) | Error::Thread(_));
                    self.failed("archiving", &error);
                    let wait = pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                    wait
                }
            };
            tokio::select! {
                () = stopped(&mut shutdown) => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Reads what is new, and makes a set of files if enough waits for it; true when it did.
    async fn look(&self, since: &mut Option<Instant>, is_careful: bool) -> Result<bool, Error> {
        let (from, end) = (self.begin().await?, *self.0.journal.end().borrow());
        let waiting = end.0.saturating_sub(from.0);
        self.0.metrics.waiting(waiting);
        if waiting == 0 {
            *since = None;
            return Ok(false);
        }
        let age = since.get_or_insert_with(Instant::now).elapsed();
        let growing = self.0.growing.lock().await;
        let set = self.read_on(from, is_careful).await?;
        let config = &self.0.config;
        let patience = if waiting < config.few { config.wait_for_few } else { config.wait };
        if !set.is_full(config) && age < patience {
            return Ok(false);
        }
        self.put(set, is_careful).await?;
        drop(growing);
        *since = None;
        Ok(true)
    }

    async fn read_on(&self, from: Position, is_careful: bool) -> Result<Set, Error> {
        let this = self.clone();
        let read = move || {
            let Inner { fresh, journal, fleet, folder, config, .. } = &*this.0;
            fresh.read_on((journal, fleet, folder), from, config, is_careful)
        };
        self.quietly(read).await?
    }

    /// The first position that is not archived.
    async fn begin(&self) -> Result<Position, Error> {
        let mut connection = self.0.store.pool().acquire().await?;
        let at = marks::checkpoint(&mut connection).await?;
        self.0.journal.set_low_water(READER, at);
        Ok(at)
    }

    /// Archives all that is in the journal now, without waiting for more. For those who close the
    /// folder behind them, and for tests.
    ///
    /// # Errors
    /// The first failure; what was archived before it stays so.
    pub async fn catch_up(&self) -> Result<(), Error> {
        loop {
            let from = self.begin().await?;
            if from >= *self.0.journal.end().borrow() || self.step(from, false).await? <= from {
                return Ok(());
            }
        }
    }

    /// One set of files of what is in the journal from here on; gives where the next begins.
    pub(super) async fn step(&self, from: Position, is_careful: bool) -> Result<Position, Error> {
        let _growing = self.0.growing.lock().await;
        let set = self.read_on(from, is_careful).await?;
        self.put(set, is_careful).await
    }

    /// A set of files: on disk first, then listed with the checkpoint behind it.
    async fn put(&self, set: Set, is_careful: bool) -> Result<Position, Error> {
        let _writing = self.0.writing.read().await;
        let begun = std::time::Instant::now();
        let this = self.clone();
        let made = self.quietly(move || this.make(&set, is_careful)).await??;
        self.commit(&made).await?;
        let rows = made.files.iter().map(|new| new.file.facts.rows).sum();
        self.0.metrics.archived(rows, begun.elapsed());
        Ok(made.next)
    }

    fn make(&self, set: &Set, is_careful: bool) -> Result<Made, Error> {
        let (files, odd) = gather::write(&self.0.folder, set, is_careful)?;
        Ok(Made { files, odd, moved: set.moved.clone(), from: set.from, next: set.next })
    }

    async fn commit(&self, made: &Made) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        if marks::checkpoint(&mut tx).await? != made.from {
            return Err(Error::Moved);
        }
        manifest::add(&mut tx, &made.files, false, now).await?;
        for Odd { path, reason } in &made.odd {
            notice::write(&mut tx, &notice::damaged(now, path, reason, 1)).await?;
        }
        made.moved.write(&mut tx).await?;
        marks::write_checkpoint(&mut tx, made.next).await?;
        tx.commit().await?;
        self.0.fresh.done(made.next);
        self.0.marks.committed(&made.moved);
        self.0.journal.set_low_water(READER, made.next);
        self.0.changed.notify_one();
        Ok(())
    }

    async fn tidy(&self, mut shutdown: watch::Receiver<bool>) {
        let mut due = super::tidy::Due::default();
        while !*shutdown.borrow() {
            self.tidy_up(&mut due, &shutdown).await;
            tokio::select! {
                () = stopped(&mut shutdown) => {}
                () = tokio::time::sleep(TIDY_EVERY) => {}
                () = self.0.changed.notified() => {}
            }
        }
    }

    /// What could not be done is done later.
    pub(super) fn failed(&self, what: &'static str, error: &Error) {
        self.0.metrics.failed();
        tracing::error!(%error, "archive: {what} failed; tried again later");
    }
}
