use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use soc_event::{Event, Timestamp, Value, kind};
use sysinfo::{MemoryRefreshKind, System};

use super::Vitals;
use super::disk::{self, Disk};
use crate::sensor::{Root, read};

/// What is kept from one heartbeat to the next.
#[derive(Debug)]
pub(super) struct Pulse {
    root: Root,
    /// `None` where the system cannot be asked.
    system: Option<System>,
    processor: Option<Processor>,
    agent: Option<(Instant, Duration)>,
}

impl Pulse {
    pub(super) fn new(root: Root) -> Self {
        Self { root, system: System::new().ok(), processor: None, agent: None }
    }

    /// The `host.heartbeat` of now.
    pub(super) fn event(&mut self, vitals: &Vitals, now: Timestamp) -> Event {
        let memory = self.system.as_mut().map(|system| {
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            (system.total_memory(), system.available_memory())
        });
        let used = memory.map(|(total, free)| total.saturating_sub(free));
        let (spool_bytes, spool_events, spool_dropped) = vitals.spool();
        let event = Event::own(now, kind::HOST_HEARTBEAT)
            .with("host.cpu.usage", self.processor_usage())
            .with("host.load.1", load(&self.root))
            .with("host.memory.used.bytes", used)
            .with("host.memory.total.bytes", memory.map(|(total, _)| total))
            .with("host.uptime_s", uptime_s(&self.root))
            .with("host.boot_time", boot_time(&self.root).map(|time| time.to_string()))
            .with("host.clock.offset_us", vitals.clock_offset_us())
            .with("agent.memory.bytes", agent_memory(&self.root))
            .with("agent.cpu.usage", self.agent_usage())
            .with("agent.spool.bytes", spool_bytes)
            .with("agent.spool.events", spool_events)
            .with("agent.spool.dropped", spool_dropped)
            .with("agent.uplink.connections", vitals.connections())
            .with("agent.sensors", vitals.sensors());
        with_disks(event, &disk::all(&self.root))
    }

    /// Share of the time since the last look in which processors worked, of all together.
    fn processor_usage(&mut self) -> Option<f64> {
        let text = read::text(&self.root.path("/proc/stat")).ok()?;
        let now = Processor::parse(&text)?;
        let before = self.processor.replace(now)?;
        now.usage_since(before)
    }

    /// Share of one processor this program used since the last look.
    fn agent_usage(&mut self) -> Option<f64> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let used =
            Duration::new(u64::try_from(used.tv_sec).ok()?, u32::try_from(used.tv_nsec).ok()?);
        let now = Instant::now();
        let (then, before) = self.agent.replace((now, used))?;
        let wall = now.saturating_duration_since(then).as_secs_f64();
        (wall > 0.0).then(|| used.saturating_sub(before).as_secs_f64() / wall)
    }
}

/// Adds the list of disks and the fullest of them.
pub(super) fn with_disks(event: Event, disks: &[Disk]) -> Event {
    let list = |value: fn(&Disk) -> Value| Value::List(disks.iter().map(value).collect());
    let fullest =
        disks.iter().max_by(|left, right| left.used_share().total_cmp(&right.used_share()));
    event
        .with("host.disk.path", fullest.map(|disk| disk.path.clone()))
        .with("host.disk.used.pct", fullest.map(Disk::used_share))
        .with("host.disks.path", list(|disk| disk.path.clone().into()))
        .with("host.disks.total.bytes", list(|disk| disk.usable().into()))
        .with("host.disks.free.bytes", list(|disk| disk.free.into()))
}

/// Ticks the processors spent, all together. Source: proc_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Processor {
    pub(super) total: u64,
    pub(super) idle: u64,
}

impl Processor {
    /// Reads `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; time of guests
    /// is already counted as that of users.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Option<Vec<u64>> =
            line.split_ascii_whitespace().take(8).map(|word| word.parse().ok()).collect();
        let ticks = ticks?;
        let idle = ticks.get(3)?.saturating_add(ticks.get(4).copied().unwrap_or(0));
        let total = ticks.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
        Some(Self { total, idle })
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of ticks needs no exact count")]
    pub(super) fn usage_since(self, before: Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total).filter(|total| *total > 0)?;
        let idle = self.idle.saturating_sub(before.idle).min(total);
        Some(1.0 - idle as f64 / total as f64)
    }
}

/// When the machine started. Source: proc_stat(5), `btime`.
pub(super) fn boot_time(root: &Root) -> Option<Timestamp> {
    let text = read::text(&root.path("/proc/stat")).ok()?;
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    let seconds: i64 = seconds.trim().parse().ok()?;
    Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
}

fn uptime_s(root: &Root) -> Option<f64> {
    let text = read::text(&root.path("/proc/uptime")).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn load(root: &Root) -> Option<f64> {
    let text = read::text(&root.path("/proc/loadavg")).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Memory of this program that is in use, in bytes. Source: proc_pid_status(5), `VmRSS`.
fn agent_memory(root: &Root) -> Option<u64> {
    let text = read::text(&root.path("/proc/self/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
