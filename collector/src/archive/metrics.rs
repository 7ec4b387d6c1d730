use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

use crate::metrics::Stage;

/// What the archive tells Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    waiting: IntGauge,
    files: IntGauge,
    rows: IntGauge,
    bytes: IntGauge,
    raw_bytes: IntGauge,
    damaged_files: IntGauge,
    full_in_seconds: IntGauge,
    archived: IntCounter,
    merged: IntCounter,
    expired: IntCounter,
    damaged: IntCounter,
    checked: IntCounter,
    failures: IntCounter,
    seconds: Histogram,
    /// Whatever its threads do.
    pub(super) working: Stage,
}

/// What there is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    pub(super) files: i64,
    pub(super) rows: i64,
    pub(super) bytes: i64,
    pub(super) raw_bytes: i64,
    pub(super) damaged_files: i64,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "soc_collector_archive_write_seconds",
                "Time from reading the journal to the manifest of one set of files.",
            )
            .buckets(prometheus::exponential_buckets(0.01, 2.0, 14)?),
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let full_in_seconds = gauge(
            "soc_collector_archive_full_in_seconds",
            "Time until the disk is full by its trend, in whole days; -1 where it does not fill or that is not known yet.",
        )?;
        full_in_seconds.set(-1);
        Ok(Self {
            waiting: gauge(
                "soc_collector_archive_waiting_events",
                "Events of the journal that are not archived yet.",
            )?,
            files: gauge("soc_collector_archive_files", "Files of the archive.")?,
            rows: gauge("soc_collector_archive_events", "Events in the archive.")?,
            bytes: gauge("soc_collector_archive_bytes", "Bytes of the archive on disk.")?,
            raw_bytes: gauge(
                "soc_collector_archive_raw_bytes",
                "Bytes of the archive's events as text.",
            )?,
            damaged_files: gauge(
                "soc_collector_archive_damaged_files",
                "Files of the archive that cannot be read and are missing in answers.",
            )?,
            full_in_seconds,
            archived: counter("soc_collector_archive_archived_events_total", "Events archived.")?,
            merged: counter(
                "soc_collector_archive_merged_files_total",
                "Files that were merged into larger ones.",
            )?,
            expired: counter(
                "soc_collector_archive_expired_files_total",
                "Files deleted because they were kept long enough.",
            )?,
            damaged: counter(
                "soc_collector_archive_damaged_total",
                "Files found damaged, or without their filter of words.",
            )?,
            checked: counter(
                "soc_collector_archive_checked_files_total",
                "Files read and found to be what was written.",
            )?,
            failures: counter(
                "soc_collector_archive_failures_total",
                "Steps of the archive that failed and are tried again.",
            )?,
            seconds,
            working: Stage::new(registry, "archive")?,
        })
    }

    pub(super) fn waiting(&self, events: u64) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    pub(super) fn amount(&self, amount: Amount) {
        self.files.set(amount.files);
        self.rows.set(amount.rows);
        self.bytes.set(amount.bytes);
        self.raw_bytes.set(amount.raw_bytes);
        self.damaged_files.set(amount.damaged_files);
    }

    pub(super) fn full_in_days(&self, days: Option<i64>) {
        self.full_in_seconds.set(days.map_or(-1, |days| days.saturating_mul(86_400)));
    }

    pub(super) fn archived(&self, rows: u64, took: Duration) {
        self.archived.inc_by(rows);
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn merged(&self, files: usize) {
        self.merged.inc_by(u64::try_from(files).unwrap_or(u64::MAX));
    }

    pub(super) fn expired(&self, files: usize) {
        self.expired.inc_by(u64::try_from(files).unwrap_or(u64::MAX));
    }

    pub(super) fn damaged(&self) {
        self.damaged.inc();
    }

    pub(super) fn checked(&self) {
        self.checked.inc();
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}
