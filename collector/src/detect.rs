//! Reads the journal in order, evaluates every event and raises alerts.
//!
//! Promise: the same journal and the same rules give the same alerts, each exactly once, wherever
//! the process is killed and however many threads evaluate: alerts, the windows of correlations and
//! the checkpoint `detect` are committed in one transaction, and a batch whose transaction failed is
//! committed again as it was.
//!
//! | what fails | what happens |
//! |---|---|
//! | evaluating one event | counted, logged, the next event |
//! | reading the journal, writing SQL | counted, logged, tried again with growing pauses |
//! | events of the journal are damaged | they alone are left out, counted, logged |
//! | the checkpoint is beyond the journal (it was begun anew) | logged; from the first event on |
//! | rules change | taken over between two batches; windows of unchanged rules go on |
//! | an event is too much for a rule | the rule is parked from there on, kept with the checkpoint, and the journal is told (`rule.parked`) |
//! | windows have to be given up | counted; the journal is told (`rule.evicted`), once an hour a rule and agency |
//!
//! What exceptions hide (room `tuning`) becomes no finding; it is counted with the checkpoint.
//!
//! Never: changes an event, knows who is to be told, waits for a person.

use std::collections::HashMap;
use std::sync::Arc;

use soc_rules::RuleUse;
use tokio::sync::watch;

use crate::alert::Alerts;
use crate::fleet::Fleet;
use crate::journal::{Journal, Position};
use crate::live::Bus;
use crate::rulebook::Rulebook;
use crate::store::Store;
use crate::tuning::{InForce, Tuning};

pub(crate) use finding::{grouped, happened, joined, level, said};
pub use metrics::Metrics;
pub use parking::Parking;
pub(crate) use subject::{Machines, Subject, agent_of};

mod batch;
mod engine;
mod finding;
mod findings;
mod labels;
mod line;
mod metrics;
mod own;
mod parking;
mod run;
mod state;
mod subject;
mod tally;
mod windows;
mod worker;

/// Name of the checkpoint and of the reader.
pub const READER: &str = "detect";

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Detect {
    journal: Journal,
    store: Store,
    alerts: Alerts,
    fleet: Fleet,
    rulebook: Rulebook,
    bus: Bus,
    metrics: Metrics,
    tally: tally::Tally,
    progress: Arc<watch::Sender<Position>>,
    /// Changes when a parked rule is to be asked again.
    unparked: Arc<watch::Sender<u64>>,
    /// What is held back of what rules find.
    in_force: Arc<watch::Sender<Arc<InForce>>>,
    tuning: Option<Tuning>,
    /// How many evaluate.
    threads: usize,
}

/// Why a step did not succeed; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("reading the journal: {0}")]
    Journal(#[from] crate::journal::Error),
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("alerts: {0}")]
    Alert(#[from] crate::alert::Error),
    #[error("a thread of evaluation ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl Detect {
    /// Opens the room; its metrics go into the registry.
    ///
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn new(
        journal: Journal,
        store: Store,
        alerts: Alerts,
        fleet: Fleet,
        rulebook: Rulebook,
        bus: Bus,
        registry: &prometheus::Registry,
    ) -> prometheus::Result<Self> {
        let metrics = Metrics::new(registry)?;
        journal.add_reader(READER);
        let progress = Arc::new(watch::Sender::new(Position(0)));
        Ok(Self {
            journal,
            store,
            alerts,
            fleet,
            rulebook,
            bus,
            metrics,
            tally: tally::Tally::default(),
            progress,
            unparked: Arc::default(),
            in_force: Arc::new(watch::Sender::new(Arc::default())),
            tuning: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// The same, holding back what operators hold back.
    pub fn with_tuning(mut self, tuning: &Tuning) -> Self {
        self.in_force = tuning.in_force();
        self.tuning = Some(tuning.clone());
        self
    }

    /// The same with so many threads that evaluate, instead of one a core.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// What each rule in force cost and gave since the start, by its id.
    pub fn costs(&self) -> HashMap<String, RuleUse> {
        self.tally.all()
    }

    /// The first position not yet evaluated; moves while there is work.
    pub fn progress(&self) -> watch::Receiver<Position> {
        self.progress.subscribe()
    }

    /// Whether it evaluates, now or soon: else nobody has to wait for it.
    pub fn is_running(&self) -> bool {
        self.progress.borrow().0 > 0
    }

    /// Brings the metrics that are differences up to date.
    pub fn measure(&self) {
        let end = self.journal.end().borrow().0;
        self.metrics.lag(end.saturating_sub(self.progress.borrow().0));
    }
}

#[cfg(test)]
mod tests;
