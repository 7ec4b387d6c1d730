//! The process' own metrics. Source: proc_pid_stat(5), proc_pid_status(5); names as in
//! Prometheus, "Writing client libraries", section "Process metrics".

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

/// Unit of the times in `/proc/self/stat`: USER_HZ, 100 on every architecture this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Read anew whenever metrics are gathered.
pub(super) struct Process {
    cpu: Counter,
    resident: Gauge,
    virtual_memory: Gauge,
    open_files: Gauge,
    open_files_max: Gauge,
    threads: Gauge,
    started: Gauge,
}

impl Process {
    pub(super) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?,
            resident: Gauge::new(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
            )?,
            virtual_memory: Gauge::new(
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
            )?,
            open_files: Gauge::new("process_open_fds", "Number of open file descriptors.")?,
            open_files_max: Gauge::new(
                "process_max_fds",
                "Maximum number of open file descriptors.",
            )?,
            threads: Gauge::new("process_threads", "Number of threads of the process.")?,
            started: Gauge::new(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
        })
    }

    fn read(&self) {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (status, stat) = (text("/proc/self/status"), text("/proc/self/stat"));
        self.resident.set(kib(&status, "VmRSS:") * 1024.0);
        self.virtual_memory.set(kib(&status, "VmSize:") * 1024.0);
        self.threads.set(kib(&status, "Threads:"));
        self.open_files_max.set(open_files_max(&text("/proc/self/limits")));
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.open_files.set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
        let seconds = cpu_seconds(&stat) - self.cpu.get();
        if seconds > 0.0 {
            self.cpu.inc_by(seconds);
        }
        self.started.set(started(&stat, &text("/proc/stat")));
    }

    fn all(&self) -> [&dyn Collector; 7] {
        [
            &self.cpu,
            &self.resident,
            &self.virtual_memory,
            &self.open_files,
            &self.open_files_max,
            &self.threads,
            &self.started,
        ]
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read();
        self.all().into_iter().flat_map(Collector::collect).collect()
    }
}

/// The number after a name in `/proc/self/status`.
fn kib(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

fn open_files_max(limits: &str) -> f64 {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// Field `number` of `/proc/self/stat`, counted from 1 as the manual does; the name in brackets
/// may hold anything.
fn stat_field(stat: &str, number: usize) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = after_name.split_whitespace().nth(number.saturating_sub(3));
    field.and_then(|field| field.parse().ok()).unwrap_or(0.0)
}

fn cpu_seconds(stat: &str) -> f64 {
    (stat_field(stat, 14) + stat_field(stat, 15)) / TICKS_PER_SECOND
}

fn started(stat: &str, system: &str) -> f64 {
    let boot = system.lines().find_map(|line| line.strip_prefix("btime "));
    let boot: f64 = boot.and_then(|text| text.trim().parse().ok()).unwrap_or(0.0);
    boot + stat_field(stat, 22) / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_moves_no_field() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 9 0 3000 0 0";
        assert!((cpu_seconds(stat) - 4.0).abs() < 1e-9);
        assert!((started(stat, "cpu 1\nbtime 1000\n") - 1030.0).abs() < 1e-9);
        assert!(cpu_seconds("").abs() < 1e-9);
    }
}
