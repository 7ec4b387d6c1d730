//! One batch: read, evaluate, commit.

use std::time::Instant;

use super::engine::{Digest, Engine};
use super::own::write_evictions;
use super::parking::write_parkings;
use super::state::{write_checkpoint, write_windows};
use super::{Detect, Error};
use crate::alert::Raised;
use crate::journal::Position;
use crate::tuning;

/// Events of one transaction at the most.
pub(super) const BATCH_MAX: usize = 8192;

impl Detect {
    /// Reads and evaluates what waits, away from the runtime's threads.
    pub(super) async fn digest(
        &self,
        mut engine: Engine,
        from: Position,
        events_max: usize,
    ) -> Result<(Engine, Result<Digest, Error>), Error> {
        let (journal, fleet) = (self.journal.clone(), self.fleet.clone());
        let stage = self.metrics.evaluating.clone();
        let work = move || {
            let lines = match journal.lines(from, events_max) {
                Ok(lines) => lines,
                Err(error) => return (engine, Err(error.into())),
            };
            let digest = engine.digest(&lines, &|agent, position| fleet.who_at(agent, position));
            journal.count_damaged(digest.damaged);
            (engine, Ok(digest))
        };
        let began = Instant::now();
        let done = tokio::task::spawn_blocking(move || stage.measure(work)).await?;
        if let (_, Ok(digest)) = &done {
            self.metrics.evaluated(digest, began.elapsed());
            self.tally.add(&digest.costs);
        }
        Ok(done)
    }

    /// All of it or nothing: alerts, what was hidden, windows, what is parked, checkpoint.
    pub(super) async fn commit(
        &self,
        digest: &Digest,
        next: Position,
    ) -> Result<Vec<Raised>, Error> {
        let mut tx = self.store.write().await?;
        let raised = self.alerts.raise_repeats(&mut tx, digest.findings.all()).await?;
        tuning::write_hidden(&mut tx, digest.hidden.iter()).await?;
        write_windows(&mut tx, &digest.changes).await?;
        write_parkings(&mut tx, &digest.parked).await?;
        if let Some(received) = digest.received {
            write_evictions(&mut tx, &digest.evictions, received).await?;
        }
        write_checkpoint(&mut tx, next).await?;
        tx.commit().await?;
        if let Some(tuning) = &self.tuning {
            tuning.count_hidden(digest.hidden.values());
        }
        Ok(raised)
    }
}
