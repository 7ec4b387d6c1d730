use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use soc_event::Lane;

use crate::metrics::Stage;

use super::space::Space;
use super::{Durable, Error, Position};

/// What the journal tells Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    received: IntCounterVec,
    removed: IntCounter,
    bytes: IntGauge,
    position: IntGauge,
    commit: Histogram,
    lag: IntGaugeVec,
    disk_free: IntGauge,
    disk_total: IntGauge,
    damaged: IntCounter,
    /// Commits.
    pub(super) writing: Stage,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let this = Self {
            writing: Stage::new(registry, "journal")?,
            received: IntCounterVec::new(
                Opts::new(
                    "soc_collector_events_received_total",
                    "Events stored in the journal, by lane; repeats are not counted.",
                ),
                &["lane"],
            )?,
            removed: IntCounter::new(
                "soc_collector_journal_removed_events_total",
                "Events removed from the journal because of age or size.",
            )?,
            bytes: IntGauge::new(
                "soc_collector_journal_bytes",
                "Bytes of the batches in the journal, compressed.",
            )?,
            position: IntGauge::new(
                "soc_collector_journal_position",
                "Position after the last event of the journal.",
            )?,
            commit: Histogram::with_opts(
                HistogramOpts::new(
                    "soc_collector_journal_commit_seconds",
                    "Time from the first batch of a group to its fsync.",
                )
                .buckets(prometheus::exponential_buckets(0.001, 2.0, 12)?),
            )?,
            lag: IntGaugeVec::new(
                Opts::new(
                    "soc_collector_reader_lag_events",
                    "Events of the journal that a reader has not done yet.",
                ),
                &["reader"],
            )?,
            disk_free: IntGauge::new(
                "soc_collector_disk_free_bytes",
                "Free space on the disk of the journal.",
            )?,
            disk_total: IntGauge::new(
                "soc_collector_disk_total_bytes",
                "Size of the disk of the journal.",
            )?,
            damaged: IntCounter::new(
                "soc_collector_journal_damaged_events_total",
                "Events that a reader had to leave out because what is stored of them is damaged.",
            )?,
        };
        for lane in Lane::ALL {
            this.received.with_label_values(&[lane.as_str()]);
        }
        registry.register(Box::new(this.received.clone()))?;
        registry.register(Box::new(this.removed.clone()))?;
        registry.register(Box::new(this.bytes.clone()))?;
        registry.register(Box::new(this.position.clone()))?;
        registry.register(Box::new(this.commit.clone()))?;
        registry.register(Box::new(this.lag.clone()))?;
        registry.register(Box::new(this.disk_free.clone()))?;
        registry.register(Box::new(this.disk_total.clone()))?;
        registry.register(Box::new(this.damaged.clone()))?;
        Ok(this)
    }

    pub(super) fn committed(&self, took: Duration, results: &[Result<Durable, Error>]) {
        self.commit.observe(took.as_secs_f64());
        for durable in results.iter().flatten() {
            self.received.with_label_values(&[durable.lane.as_str()]).inc_by(durable.new);
        }
    }

    pub(super) fn stored(&self, end: Position, bytes: u64) {
        self.position.set(signed(end.0));
        self.bytes.set(signed(bytes));
    }

    pub(super) fn lag(&self, reader: &str, done: Position, end: Position) {
        self.lag.with_label_values(&[reader]).set(signed(end.0.saturating_sub(done.0)));
    }

    /// So that the reader is there before it has done anything.
    pub(super) fn reader(&self, reader: &str) {
        self.lag.with_label_values(&[reader]);
    }

    pub(super) fn removed(&self, events: u64) {
        self.removed.inc_by(events);
    }

    pub(super) fn disk(&self, space: Space) {
        self.disk_free.set(signed(space.free_bytes));
        self.disk_total.set(signed(space.total_bytes));
    }

    pub(super) fn damaged(&self, events: u64) {
        self.damaged.inc_by(events);
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
