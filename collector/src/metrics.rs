//! Metrics of the process, and how they are written for Prometheus.
//!
//! One registry is made at start and passed to every room, which registers what it counts. Names
//! begin with `soc_collector_`, but for the process' own, which have the names every client library
//! gives them. No text from an agent becomes a label.

use prometheus::{GaugeVec, Opts, Registry, TextEncoder};

mod process;
mod stage;

pub use stage::Stage;

/// Media type of [`text`]. Source: Prometheus, "Exposition formats", text format 0.0.4.
pub const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A registry with what every process has: build, memory, processor time, open files.
///
/// # Errors
/// Never in practice: the names are distinct.
pub fn registry() -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let build = GaugeVec::new(
        Opts::new("soc_collector_build_info", "Which version runs; always 1."),
        &["version"],
    )?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    registry.register(Box::new(build))?;
    registry.register(Box::new(process::Process::new()?))?;
    Ok(registry)
}

/// All metrics in the text format.
///
/// # Errors
/// When a room registered something that cannot be written.
pub fn text(registry: &Registry) -> prometheus::Result<String> {
    TextEncoder::new().encode_to_string(&registry.gather())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_process_tells_its_memory_and_open_files() {
        let text = super::text(&super::registry().unwrap()).unwrap();
        for name in ["process_resident_memory_bytes", "process_open_fds"] {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            assert!(value > 0.0, "{line}");
        }
        assert!(text.contains("soc_collector_build_info{version=\""));
    }
}
