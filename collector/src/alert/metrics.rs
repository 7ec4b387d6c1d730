use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{Begun, Level, LevelCounts};

/// Upper bounds in seconds: the promise is one second from log line to screen.
const DELAY_BUCKETS: &[f64] = &[0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0];

#[derive(Clone, Debug)]
pub(super) struct Metrics {
    raised: IntCounterVec,
    open: IntGaugeVec,
    delay: Histogram,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let raised = IntCounterVec::new(
            Opts::new("soc_collector_alerts_total", "Alerts raised, repeats not counted."),
            &["level"],
        )?;
        let open = IntGaugeVec::new(
            Opts::new("soc_collector_alerts_open", "Alerts that nobody has taken."),
            &["level"],
        )?;
        let delay = Histogram::with_opts(
            HistogramOpts::new(
                "soc_collector_alert_delay_seconds",
                "From reception of the event to its alert.",
            )
            .buckets(DELAY_BUCKETS.to_vec()),
        )?;
        for level in Level::ALL {
            raised.with_label_values(&[level.as_str()]);
            open.with_label_values(&[level.as_str()]);
        }
        registry.register(Box::new(raised.clone()))?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(delay.clone()))?;
        Ok(Self { raised, open, delay })
    }

    pub(super) fn raised(&self, raised: &Begun) {
        self.raised.with_label_values(&[raised.level.as_str()]).inc();
        self.delay.observe(raised.delay_s);
    }

    pub(super) fn open(&self, counts: &LevelCounts) {
        for level in Level::ALL {
            self.open.with_label_values(&[level.as_str()]).set(counts.of(level));
        }
    }
}
