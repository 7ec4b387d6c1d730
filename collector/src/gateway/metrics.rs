use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use soc_event::Cause;

use crate::metrics::Stage;

/// What the gateway tells Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    taken: IntCounter,
    rejected: IntCounterVec,
    connections: IntGauge,
    refused: IntCounterVec,
    enrolments: IntCounterVec,
    /// Unpacking and checking batches.
    pub(super) checking: Stage,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| {
            IntCounterVec::new(Opts::new(name, help), &[label])
        };
        let this = Self {
            taken: IntCounter::new(
                "soc_collector_batches_received_total",
                "Batches that were acknowledged.",
            )?,
            rejected: counters(
                "soc_collector_batches_rejected_total",
                "Requests of agents that were refused, by cause.",
                "cause",
            )?,
            connections: IntGauge::new(
                "soc_collector_agent_connections",
                "Open connections at the agents' door.",
            )?,
            refused: counters(
                "soc_collector_agent_connections_refused_total",
                "Connections closed before the first request, by the limit that was reached.",
                "limit",
            )?,
            enrolments: counters(
                "soc_collector_enrolments_total",
                "Enrolments that were asked for, by outcome.",
                "outcome",
            )?,
            checking: Stage::new(registry, "gateway")?,
        };
        for cause in Cause::ALL {
            this.rejected.with_label_values(&[cause.as_str()]);
        }
        registry.register(Box::new(this.taken.clone()))?;
        registry.register(Box::new(this.rejected.clone()))?;
        registry.register(Box::new(this.connections.clone()))?;
        registry.register(Box::new(this.refused.clone()))?;
        registry.register(Box::new(this.enrolments.clone()))?;
        Ok(this)
    }

    pub(super) fn taken(&self) {
        self.taken.inc();
    }

    pub(super) fn rejected(&self, cause: Cause) {
        self.rejected.with_label_values(&[cause.as_str()]).inc();
    }

    pub(super) fn connected(&self) {
        self.connections.inc();
    }

    pub(super) fn disconnected(&self) {
        self.connections.dec();
    }

    pub(super) fn connection_refused(&self, limit: &'static str) {
        self.refused.with_label_values(&[limit]).inc();
    }

    pub(super) fn enrolled(&self, good: bool) {
        let outcome = if good { "enrolled" } else { "refused" };
        self.enrolments.with_label_values(&[outcome]).inc();
    }
}
