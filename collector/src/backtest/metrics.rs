use prometheus::{IntCounter, IntGauge, Registry};

/// What looking back costs.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Rows shown to rules, or passed over as none of theirs.
    pub events: IntCounter,
    /// Passes that ended, however.
    pub passes: IntCounter,
    /// Passes that could not go on and were tried again.
    pub failures: IntCounter,
    /// Whether one runs.
    pub running: IntGauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            events: IntCounter::new(
                "soc_collector_backtest_events_total",
                "Stored events that rules have looked back at.",
            )?,
            passes: IntCounter::new(
                "soc_collector_backtest_passes_total",
                "Passes over stored events that ended.",
            )?,
            failures: IntCounter::new(
                "soc_collector_backtest_failures_total",
                "Passes that could not go on and were tried again.",
            )?,
            running: IntGauge::new(
                "soc_collector_backtest_running",
                "Whether rules are looking back now.",
            )?,
        };
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.passes.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.running.clone()))?;
        Ok(metrics)
    }
}
