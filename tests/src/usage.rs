//! What a program uses, and what it says of itself to Prometheus.

use std::collections::BTreeMap;

/// What a process has used. Source: proc(5).
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Seconds of processor time, threads that ended included.
    pub processor: f64,
    /// The most memory it had, in bytes.
    pub peak: u64,
}

impl Usage {
    /// Of this process; nothing where it is gone.
    pub fn of(pid: u32) -> Self {
        let read =
            |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let status = read("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        let stat = read("stat");
        let words: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks =
            |place: usize| words.get(place).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Self {
            processor: (ticks(11) + ticks(12)) as f64 / per_second,
            peak: peak.unwrap_or_default() * 1024,
        }
    }
}

/// Values of a page of metrics: `name` or `name{label="value"}`.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads a page.
    pub fn read(text: &str) -> Self {
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
    }

    /// A value; 0 where there is none.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The values of a name by its one label.
    pub fn by_label(&self, name: &str) -> Vec<(String, f64)> {
        let label = |(key, value): (&String, &f64)| {
            let label = key.strip_prefix(name)?.strip_prefix('{')?.split('"').nth(1)?;
            Some((label.to_owned(), *value))
        };
        self.0.iter().filter_map(label).collect()
    }
}
