//! One batch: read, evaluate, commit.

use std::time::Instant;

use super::engine::{Digest, Engine};
use super::state::{write_checkpoint, write_windows};
use super::{Detect, Error};
use crate::alert::Raised;
use crate::journal::{Entry, Journal, Position};

/// Events of one transaction at the most.
pub(super) const BATCH_MAX: usize = 2000;

impl Detect {
    /// Reads and evaluates what waits, away from the runtime's threads.
    pub(super) async fn digest(
        &self,
        mut engine: Engine,
        from: Position,
        events_max: usize,
    ) -> Result<(Engine, Result<Digest, Error>), Error> {
        let (journal, fleet) = (self.journal.clone(), self.fleet.clone());
        let work = move || {
            let entries = match read(&journal, from, events_max) {
                Ok(Readable::Entries(entries)) => entries,
                Ok(Readable::Skip(digest)) => return (engine, Ok(digest)),
                Err(error) => return (engine, Err(error.into())),
            };
            let digest = engine.digest(&entries, &|agent| fleet.who(agent));
            (engine, Ok(digest))
        };
        let began = Instant::now();
        let done = tokio::task::spawn_blocking(work).await?;
        if let (_, Ok(digest)) = &done {
            self.metrics.evaluated(digest, began.elapsed());
        }
        Ok(done)
    }

    /// All of it or nothing: alerts, windows, checkpoint.
    pub(super) async fn commit(
        &self,
        digest: &Digest,
        next: Position,
    ) -> Result<Vec<Raised>, Error> {
        let mut tx = self.store.write().await?;
        let raised = self.alerts.raise(&mut tx, &digest.findings).await?;
        write_windows(&mut tx, &digest.changes).await?;
        write_checkpoint(&mut tx, next).await?;
        tx.commit().await?;
        Ok(raised)
    }
}

/// What the journal gives at a place.
enum Readable {
    Entries(Vec<Entry>),
    /// A damaged block begins here: nothing in it can be evaluated.
    Skip(Digest),
}

/// Reads up to a damaged block, or past it: what the disk has lost must not stop the rest.
fn read(
    journal: &Journal,
    from: Position,
    events_max: usize,
) -> Result<Readable, crate::journal::Error> {
    let damaged = match journal.read(from, events_max) {
        Err(crate::journal::Error::Damaged { position, .. }) => position,
        entries => return entries.map(Readable::Entries),
    };
    if let Some(before) = damaged.checked_sub(from.0).filter(|before| *before > 0) {
        let before = usize::try_from(before).unwrap_or(events_max).min(events_max);
        return journal.read(from, before).map(Readable::Entries);
    }
    let next = after_damage(journal, from);
    let failed = next.0.saturating_sub(from.0);
    tracing::error!(from = from.0, events = failed, "journal damaged; these events are skipped");
    Ok(Readable::Skip(Digest { next: Some(next), failed, ..Digest::default() }))
}

/// The first position after a damaged block, found by halving.
fn after_damage(journal: &Journal, from: Position) -> Position {
    let (mut bad, mut good) = (from.0, journal.end().borrow().0);
    while good.saturating_sub(bad) > 1 {
        let middle = bad + (good - bad) / 2;
        match journal.read(Position(middle), 1) {
            Ok(_) => good = middle,
            Err(_) => bad = middle,
        }
    }
    Position(good.max(from.0.saturating_add(1)))
}
