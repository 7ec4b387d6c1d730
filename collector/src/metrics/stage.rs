use std::time::Duration;

use prometheus::{Counter, Opts, Registry};
use rustix::time::{ClockId, clock_gettime};

/// Counts the processor time of one stage on an event's way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stage(Counter);

impl Stage {
    /// A stage by its name, `journal`; each name once a registry.
    ///
    /// # Errors
    /// When the name is registered already.
    pub fn new(registry: &Registry, name: &str) -> prometheus::Result<Self> {
        let options = Opts::new(
            "soc_collector_stage_processor_seconds_total",
            "Processor time of the stages an event goes through.",
        );
        let counter = Counter::with_opts(options.const_label("stage", name))?;
        registry.register(Box::new(counter.clone()))?;
        Ok(Self(counter))
    }

    /// Does the work on this thread, and counts what it took of the processor.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = used();
        let done = work();
        self.0.inc_by(used().saturating_sub(began).as_secs_f64());
        done
    }
}

/// What this thread has used. Source: clock_gettime(2).
fn used() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or_default())
}
