//! The report for people on a terminal.

use std::fmt::Write as _;

use soc_event::Timestamp;

use super::{Report, SensorReport, SensorState};
use crate::sensor::counts::Count;
use crate::uplink::LogsWait;

/// The report as lines of text. `is_running`: whether the process still lives; `now`: the system's
/// clock. Text from outside is shown without control characters.
pub fn page(report: &Report, is_running: bool, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<15}{}", printable(&value));
    };
    line("agent", agent(report, is_running, now));
    line("enrolled as", report.agent.map_or("not enrolled yet".into(), |id| id.to_string()));
    line("collector", report.collector.clone().unwrap_or_else(|| "none".into()));
    line("connection", connection(report, now));
    if let Some(expires) = report.uplink.certificate_expires {
        line("certificate", format!("until {}", day(expires)));
    }
    line("clock", clock(report));
    if let Some(trouble) = &report.spool.trouble {
        let what = match trouble.starts_with(crate::spool::IN_MEMORY) {
            true => "NO DISK",
            false => "CANNOT BE WRITTEN, sensors wait",
        };
        line("spool", format!("{what}: {trouble}"));
    }
    for lane in &report.spool.lanes {
        let name = format!("spool {}", lane.lane.as_str());
        let (unsent, kept, kib) = (lane.unsent, lane.kept, lane.bytes / 1024);
        let mut value = format!("{unsent} to send, {kept} kept ({kib} KiB)");
        if lane.dropped + lane.refused > 0 {
            let _ = write!(value, ", {} dropped, {} refused", lane.dropped, lane.refused);
        }
        line(&name, value);
    }
    line("configuration", configuration(report));
    if let Some(not_kept) = &report.configuration.not_kept {
        line("", format!("NOT KEPT: {not_kept}"));
    }
    line("sent today", sent_today(report));
    line("uses", uses(report));
    for (sensor, entry) in &report.sensors {
        line("sensor", format!("{sensor}: {}", of_sensor(entry, now)));
    }
    for (log, count) in &report.logs {
        line("log", format!("{log}: {}", lines(count)));
    }
    text
}

/// `120 read, 3 not written as expected, 5 left out by filters, 80 kept on this machine`
fn lines(count: &Count) -> String {
    let mut text = format!("{} read", count.read);
    for (number, what) in [
        (count.unparsed, "not written as expected"),
        (count.filtered, "left out by filters"),
        (count.kept, "kept on this machine"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    text
}

fn configuration(report: &Report) -> String {
    let of = &report.configuration;
    match (of.version, of.is_on_trial) {
        (0, _) => "this machine's file alone".to_owned(),
        (_, true) => format!("{} of the collector, on trial", of.label),
        (_, false) => format!("{} of the collector", of.label),
    }
}

fn sent_today(report: &Report) -> String {
    let kib = report.uplink.today.bytes.div_ceil(1024);
    match report.uplink.logs_wait {
        None => format!("{kib} KiB"),
        Some(LogsWait::Hours) => format!("{kib} KiB; logs wait for their hours"),
        Some(LogsWait::Budget) => format!("{kib} KiB; logs wait for tomorrow's budget"),
    }
}

fn uses(report: &Report) -> String {
    let own = &report.own;
    if own.memory_max == 0 {
        return "not measured yet".to_owned();
    }
    let mib = |bytes: u64| format!("{}.{}", bytes >> 20, (bytes >> 10 & 1023) * 10 / 1024);
    let (cpu, most) = (own.cpu_permyriad, own.cpu_max_pct);
    let mut text = format!("{} of {} MiB, ", mib(own.memory), own.memory_max >> 20);
    let _ = write!(text, "{}.{:02} of {most} % of a core", cpu / 100, cpu % 100);
    text
}

fn of_sensor(entry: &SensorReport, now: Timestamp) -> String {
    let mut value = match entry.state {
        SensorState::Running => "running",
        SensorState::Unavailable => "nothing to watch here",
        SensorState::Failed => "FAILED, will be started again",
        SensorState::Stopped => "stopped",
        SensorState::Off => "off",
        SensorState::Shed => "SHED to stay within the caps",
    }
    .to_owned();
    let because = entry.why.as_ref().filter(|_| entry.state != SensorState::Running);
    if let Some(why) = because {
        let _ = write!(value, " ({why})");
    }
    let _ = write!(value, ", by {}", entry.by);
    if let Some(time) = entry.last_event {
        let _ = write!(value, ", last event {}", ago(time, now));
    }
    if entry.restarts > 0 {
        let _ = write!(value, ", restarted {} times", entry.restarts);
    }
    value
}

fn agent(report: &Report, is_running: bool, now: Timestamp) -> String {
    let Report { version, pid, written, .. } = report;
    let ago = ago(*written, now);
    if is_running {
        format!("soc-agent {version} running, process {pid} (as of {ago})")
    } else {
        format!("NOT RUNNING (soc-agent {version} was last seen {ago})")
    }
}

fn connection(report: &Report, now: Timestamp) -> String {
    let uplink = &report.uplink;
    let mut text = if uplink.connected { "connected" } else { "NOT CONNECTED" }.to_owned();
    if let Some(problem) = &uplink.problem {
        let _ = write!(text, ": {problem}");
    }
    match uplink.last_ack {
        Some(time) => text + &format!("; last acknowledged {}", ago(time, now)),
        None => text + "; nothing acknowledged yet",
    }
}

fn clock(report: &Report) -> String {
    match report.clock.offset_us {
        None => "not compared with the collector yet".to_owned(),
        Some(offset) => {
            let seconds = offset as f64 / 1_000_000.0;
            let side = if offset < 0 { "behind" } else { "ahead of" };
            let wrong = if seconds.abs() > 60.0 { "WRONG: " } else { "" };
            format!("{wrong}{:.3} s {side} the collector", seconds.abs())
        }
    }
}

fn ago(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_micros().saturating_sub(time.as_micros()) / 1_000_000;
    match seconds {
        ..0 => format!("at {time}"),
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        _ => format!("at {time}"),
    }
}

fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
