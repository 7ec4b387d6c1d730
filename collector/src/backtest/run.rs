//! The loop: one pass after the other, and an eye on what changes.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::job::PassRow;
use super::worker::{Outcome, work};
use super::{Backtests, Error, Running};
use crate::stop::stopped;

/// Pause after the first failure; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A pass that failed so often in a row is given up.
const FAILURES_MAX: u32 = 8;

impl Backtests {
    /// Looks back whenever there is something to look for, until told to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut books = self.0.rooms.rulebook.changes();
        books.mark_changed();
        let (mut pause, mut failures) = (PAUSE, 0);
        while !*shutdown.borrow() {
            if books.has_changed().unwrap_or(false) {
                books.mark_unchanged();
                if let Err(error) = self.compare().await {
                    tracing::error!(%error, "look back: rules that changed could not be noted");
                    books.mark_changed();
                }
            }
            match self.step(&shutdown).await {
                Ok(true) => (pause, failures) = (PAUSE, 0),
                Ok(false) => tokio::select! {
                    () = stopped(&mut shutdown) => {}
                    () = self.0.wake.notified() => {}
                    _ = books.changed() => books.mark_changed(),
                    // What could not be noted is tried again.
                    () = tokio::time::sleep(PAUSE_MAX) => {}
                },
                Err((pass, error)) => {
                    self.0.metrics.failures.inc();
                    failures += 1;
                    tracing::error!(%error, pass, retry_after = ?pause, "look back: tried again");
                    if failures >= FAILURES_MAX {
                        self.give_up(pass, &error).await;
                        (pause, failures) = (PAUSE, 0);
                    }
                    tokio::select! {
                        () = stopped(&mut shutdown) => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Does what is next; false when there is nothing.
    async fn step(&self, shutdown: &watch::Receiver<bool>) -> Result<bool, (i64, Error)> {
        let Some(row) = self.next().await.map_err(|error| (0, error))? else { return Ok(false) };
        let pass = row.id;
        self.0.metrics.running.set(1);
        let done = self.on_a_thread(row, shutdown.clone()).await;
        self.0.metrics.running.set(0);
        *self.running() = Running::default();
        if done.map_err(|error| (pass, error))? == Outcome::Over {
            self.0.metrics.passes.inc();
            self.tell();
        }
        Ok(true)
    }

    async fn on_a_thread(
        &self,
        row: PassRow,
        shutdown: watch::Receiver<bool>,
    ) -> Result<Outcome, Error> {
        let (answer, answered) = oneshot::channel();
        let (room, handle) = (self.clone(), Handle::current());
        let thread = std::thread::Builder::new().name("look-back".into());
        let work = move || {
            let _ = answer.send(work(&room, &handle, row, &|_| *shutdown.borrow()));
        };
        thread.spawn(work)?;
        let ended = || std::io::Error::other("the thread ended; the log says more");
        answered.await.map_err(|_| ended())?
    }

    async fn give_up(&self, pass: i64, error: &Error) {
        let why = error.to_string();
        if let Err(error) = self.finish(pass, &std::collections::BTreeMap::new(), Some(&why)).await
        {
            tracing::error!(%error, pass, "look back: giving up could not be noted");
        }
        self.tell();
    }

    pub(super) fn tell(&self) {
        self.0.rooms.bus.tell(crate::live::Notice::Backtest);
    }
}
