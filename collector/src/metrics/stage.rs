use std::time::Duration;

use prometheus::{Counter, Opts, Registry};

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

/// What this thread has used; nothing where the system does not say. Source: proc(5),
/// `/proc/pid/task/tid/schedstat`: nanoseconds on a processor first.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_work_takes_of_the_processor_is_counted() {
        let registry = Registry::new();
        let stage = Stage::new(&registry, "test").unwrap();
        let sum: u64 = stage.measure(|| (0..2_000_000).map(std::hint::black_box).sum());
        assert_eq!(sum, 1_999_999_000_000);
        assert!(stage.0.get() > 0.0);
        assert!(Stage::new(&registry, "test").is_err(), "a name is there once");
        assert!(Stage::new(&registry, "other").is_ok());
    }
}
