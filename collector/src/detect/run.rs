//! The loop: wakes when the journal has grown, and outlives every failure.

use std::time::Duration;

use tokio::sync::watch;

use super::batch::BATCH_MAX;
use super::engine::{Digest, Engine};
use super::{Detect, Error, READER};
use crate::journal::Position;
use crate::live::Notice;
use crate::stop::stopped;

/// A checkpoint that moved over events without findings is written after so long: a crash before
/// that evaluates them again, to the same result.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(1);
/// Pause after the first failure; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What the loop carries along.
pub(super) struct Reader {
    pub(super) engine: Engine,
    /// The first position not yet evaluated.
    pub(super) next: Position,
    /// The checkpoint as it is on disk.
    pub(super) saved: Position,
    /// The journal may not know yet what detect itself has to say.
    pub(super) untold: bool,
}

impl Detect {
    /// Evaluates until told to stop; what was begun is committed before it returns.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut pause = PAUSE;
        while !*shutdown.borrow() {
            match self.follow(shutdown.clone(), &mut pause).await {
                Ok(()) => return,
                Err(error) => self.rest(&error, &mut pause, &mut shutdown).await,
            }
        }
    }

    /// Reads on from the checkpoint; returns when told to stop.
    async fn follow(
        &self,
        mut shutdown: watch::Receiver<bool>,
        pause: &mut Duration,
    ) -> Result<(), Error> {
        let mut books = self.rulebook.changes();
        let mut unparked = self.unparked.subscribe();
        let mut in_force = self.in_force.subscribe();
        let mut end = self.journal.end();
        let mut reader = self.begin().await?;
        loop {
            if books.has_changed().unwrap_or(false)
                || unparked.has_changed().unwrap_or(false)
                || in_force.has_changed().unwrap_or(false)
            {
                books.mark_unchanged();
                unparked.mark_unchanged();
                in_force.mark_unchanged();
                reader.engine = self.engine().await?;
            }
            let waiting = *end.borrow_and_update() > reader.next;
            if *shutdown.borrow() {
                return self.save(&mut reader).await;
            }
            if waiting {
                reader = self.step(reader, &shutdown).await?;
                *pause = PAUSE;
                continue;
            }
            let unsaved = reader.next != reader.saved || reader.untold;
            tokio::select! {
                () = stopped(&mut shutdown) => {}
                _ = end.changed() => {}
                _ = books.changed() => books.mark_changed(),
                _ = unparked.changed() => unparked.mark_changed(),
                _ = in_force.changed() => in_force.mark_changed(),
                () = tokio::time::sleep(CHECKPOINT_AFTER), if unsaved => {
                    self.save(&mut reader).await?;
                    self.tell_now(&mut reader).await;
                }
            }
        }
    }

    pub(super) async fn begin(&self) -> Result<Reader, Error> {
        let end = *self.journal.end().borrow();
        let mut next = self.checkpoint().await?;
        if next > end {
            tracing::warn!(
                checkpoint = next.0,
                end = end.0,
                "the journal was begun anew: evaluation begins with its first event"
            );
            next = Position::FIRST;
            self.begin_anew(next).await?;
        }
        self.progress.send_replace(next);
        self.journal.set_low_water(READER, next);
        Ok(Reader { engine: self.engine().await?, next, saved: next, untold: true })
    }

    pub(super) async fn engine(&self) -> Result<Engine, Error> {
        let book = self.rulebook.current();
        let (parked, windows) = (self.still_parked(&book).await?, self.windows().await?);
        let (threads, in_force) = (self.threads, self.in_force.borrow().clone());
        let stage = self.metrics.evaluating.clone();
        let make = move || Engine::new(book, in_force, windows, parked, threads).measured_by(stage);
        let engine = tokio::task::spawn_blocking(make).await?;
        let ruleset = &engine.book().ruleset;
        let ids = ruleset.rules().iter().map(|rule| rule.id.as_str()).collect();
        self.tally.keep(&ids);
        self.metrics.keep(&ids);
        tracing::info!(version = ruleset.version(), "rules in force");
        Ok(engine)
    }

    async fn step(
        &self,
        reader: Reader,
        shutdown: &watch::Receiver<bool>,
    ) -> Result<Reader, Error> {
        let (engine, digest) = self.digest(reader.engine, reader.next, BATCH_MAX).await?;
        let digest = digest?;
        let mut reader = Reader { engine, ..reader };
        let next = digest.next;
        reader.next = next;
        if digest.matters() {
            self.commit_surely(&digest, next, shutdown.clone()).await?;
            reader.saved = next;
            self.journal.set_low_water(READER, next);
        }
        if !(digest.parked.is_empty() && digest.evictions.is_empty()) {
            reader.untold = true;
            self.tell_now(&mut reader).await;
        }
        if !digest.parked.is_empty() {
            self.metrics.parked(reader.engine.parked());
            self.bus.tell(Notice::Rules);
        }
        self.progress.send_replace(next);
        Ok(reader)
    }

    /// Tries again until it is written, for the engine has moved on already; gives up only when
    /// told to stop, and then the next start evaluates the batch again from the checkpoint.
    async fn commit_surely(
        &self,
        digest: &Digest,
        next: Position,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let mut pause = PAUSE;
        loop {
            match self.commit(digest, next).await {
                Ok(raised) => {
                    self.alerts.announce(&raised);
                    return Ok(());
                }
                Err(error) if *shutdown.borrow() => return Err(error),
                Err(error) => self.rest(&error, &mut pause, &mut shutdown).await,
            }
        }
    }

    async fn save(&self, reader: &mut Reader) -> Result<(), Error> {
        if reader.next != reader.saved {
            self.commit(&Digest::default(), reader.next).await?;
            reader.saved = reader.next;
            self.journal.set_low_water(READER, reader.next);
        }
        Ok(())
    }

    /// What cannot be told now is told later: evaluation does not wait for it.
    async fn tell_now(&self, reader: &mut Reader) {
        if !reader.untold {
            return;
        }
        match self.tell().await {
            Ok(()) => reader.untold = false,
            Err(error) => {
                self.metrics.failed();
                tracing::error!(%error, "detect: what it has to say is told later");
            }
        }
    }

    async fn rest(
        &self,
        error: &Error,
        pause: &mut Duration,
        shutdown: &mut watch::Receiver<bool>,
    ) {
        self.metrics.failed();
        tracing::error!(%error, retry_after = ?pause, "detect: tried again");
        tokio::select! {
            () = stopped(shutdown) => {}
            () = tokio::time::sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(PAUSE_MAX);
    }
}
