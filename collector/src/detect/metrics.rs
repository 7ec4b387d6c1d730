use std::collections::HashSet;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

use crate::metrics::Stage;

use super::engine::Digest;
use super::labels::ByRule;

/// What detect counts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: IntCounter,
    findings: IntCounter,
    skipped: IntCounter,
    failures: IntCounter,
    evicted: IntCounter,
    lag: IntGauge,
    parked: IntGauge,
    matches: ByRule,
    cost: ByRule,
    batch: Histogram,
    /// Reading and evaluating, on whichever thread.
    pub(super) evaluating: Stage,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let batch = Histogram::with_opts(HistogramOpts::new(
            "soc_collector_detect_batch_seconds",
            "Reading and evaluating one batch of events.",
        ))?;
        registry.register(Box::new(batch.clone()))?;
        Ok(Self {
            events: counter("soc_collector_detect_events_total", "Events evaluated.")?,
            findings: counter(
                "soc_collector_detect_findings_total",
                "Matches that made or repeated an alert.",
            )?,
            skipped: counter(
                "soc_collector_detect_skipped_events_total",
                "Events that could not be read or evaluated.",
            )?,
            failures: counter(
                "soc_collector_detect_failures_total",
                "Failures of journal or database; tried again.",
            )?,
            evicted: counter(
                "soc_collector_correlation_evicted_total",
                "Events and groups of correlations given up for lack of room.",
            )?,
            lag: gauge(
                "soc_collector_detect_lag_events",
                "Events in the journal that are not yet evaluated.",
            )?,
            parked: gauge(
                "soc_collector_rules_parked",
                "Rules that are not asked because an event was too much for them.",
            )?,
            matches: ByRule::new(
                registry,
                "soc_collector_rule_matches_total",
                "Events that a rule matched, also where they made no alert.",
            )?,
            cost: ByRule::new(
                registry,
                "soc_collector_rule_cost_total",
                "Steps of work that evaluating a rule took; about a nanosecond each.",
            )?,
            batch,
            evaluating: Stage::new(registry, "detect")?,
        })
    }

    pub(super) fn evaluated(&self, digest: &Digest, took: Duration) {
        self.events.inc_by(digest.events);
        self.findings.inc_by(digest.findings.count());
        self.skipped.inc_by(digest.failed);
        self.evicted.inc_by(digest.evicted);
        self.batch.observe(took.as_secs_f64());
        let costs = || digest.costs.iter();
        self.matches.add(costs().map(|(rule, sum)| (rule.as_str(), sum.matched)));
        self.cost.add(costs().map(|(rule, sum)| (rule.as_str(), sum.steps)));
    }

    pub(super) fn parked(&self, rules: usize) {
        self.parked.set(i64::try_from(rules).unwrap_or(i64::MAX));
    }

    /// Other rules are in force.
    pub(super) fn keep(&self, rules: &HashSet<&str>) {
        self.matches.keep(rules);
        self.cost.keep(rules);
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    pub(super) fn lag(&self, events: u64) {
        self.lag.set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}
