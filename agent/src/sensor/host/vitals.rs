use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use crate::sensor::counts::Counts;

/// What the rest of the agent tells the heartbeat: written by spool, uplink and supervisor, read by
/// the `host` sensor. All numbers are the latest known.
#[derive(Debug)]
pub struct Vitals {
    clock_offset_us: AtomicI64,
    spool_bytes: AtomicU64,
    spool_events: AtomicU64,
    spool_dropped: AtomicU64,
    connections: AtomicU64,
    sensors: Mutex<Vec<&'static str>>,
    metrics: OnceLock<SocketAddr>,
    logs: Arc<Counts>,
}

/// No clock is so wrong: the offset is not known yet.
const OFFSET_UNKNOWN: i64 = i64::MIN;

impl Default for Vitals {
    fn default() -> Self {
        Self {
            clock_offset_us: AtomicI64::new(OFFSET_UNKNOWN),
            spool_bytes: AtomicU64::new(0),
            spool_events: AtomicU64::new(0),
            spool_dropped: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            sensors: Mutex::new(Vec::new()),
            metrics: OnceLock::new(),
            logs: Arc::default(),
        }
    }
}

impl Vitals {
    /// This machine's clock minus the collector's, in microseconds.
    pub fn set_clock_offset_us(&self, offset: i64) {
        self.clock_offset_us.store(offset.max(OFFSET_UNKNOWN + 1), Relaxed);
    }

    /// Bytes on disk, events not yet acknowledged, and events dropped since the spool was made.
    pub fn set_spool(&self, bytes: u64, events: u64, dropped: u64) {
        self.spool_bytes.store(bytes, Relaxed);
        self.spool_events.store(events, Relaxed);
        self.spool_dropped.store(dropped, Relaxed);
    }

    /// How often the agent has connected in this run: whoever comes back says how it is.
    pub fn set_connections(&self, connections: u64) {
        self.connections.store(connections, Relaxed);
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// The sensors that run now.
    pub fn set_sensors(&self, names: Vec<&'static str>) {
        *self.sensors.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = names;
    }

    /// Where Prometheus may scrape this agent; said once.
    pub fn set_metrics_address(&self, address: SocketAddr) {
        let _ = self.metrics.set(address);
    }

    /// What became of the lines of each log.
    pub fn logs(&self) -> Arc<Counts> {
        Arc::clone(&self.logs)
    }

    pub(super) fn metrics_address(&self) -> Option<String> {
        self.metrics.get().map(SocketAddr::to_string)
    }

    pub(super) fn clock_offset_us(&self) -> Option<i64> {
        let offset = self.clock_offset_us.load(Relaxed);
        (offset != OFFSET_UNKNOWN).then_some(offset)
    }

    /// Bytes, events, dropped.
    pub(super) fn spool(&self) -> (u64, u64, u64) {
        let spool = (&self.spool_bytes, &self.spool_events, &self.spool_dropped);
        (spool.0.load(Relaxed), spool.1.load(Relaxed), spool.2.load(Relaxed))
    }

    pub(super) fn sensors(&self) -> Vec<&'static str> {
        self.sensors.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
