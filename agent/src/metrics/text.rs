//! Prometheus' text format. Source: prometheus.io/docs/instrumenting/exposition_formats.

use std::fmt::Write as _;

use crate::sensor::counts::Count;
use crate::status::{LaneReport, Report, SensorState};

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: f64) {
        let _ = match label {
            Some((label, text)) => writeln!(self.0, "{name}{{{label}=\"{text}\"}} {value}"),
            None => writeln!(self.0, "{name} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(name, None, value);
    }

    fn by_lane(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        report: &Report,
        value: impl Fn(&LaneReport) -> f64,
    ) {
        self.family(name, kind, help);
        for lane in &report.spool.lanes {
            self.sample(name, Some(("lane", lane.lane.as_str())), value(lane));
        }
    }
}

pub(super) fn render(report: &Report) -> String {
    let mut text = Text(String::with_capacity(4096));
    text.family("soc_agent_build_info", "gauge", "Version of the agent, always 1.");
    text.sample("soc_agent_build_info", Some(("version", env!("CARGO_PKG_VERSION"))), 1.0);
    spool(&mut text, report);
    uplink(&mut text, report);
    clock(&mut text, report);
    sensors(&mut text, report);
    logs(&mut text, report);
    text.0
}

fn spool(text: &mut Text, report: &Report) {
    let gauge = |name, help| (name, "gauge", help);
    let counter = |name, help| (name, "counter", help);
    let unsent = gauge("soc_agent_spool_unsent_events", "Events that wait to be sent.");
    text.by_lane(unsent, report, |lane| lane.unsent as f64);
    let kept = gauge("soc_agent_spool_events", "Events kept, sent or not.");
    text.by_lane(kept, report, |lane| lane.kept as f64);
    let bytes = gauge("soc_agent_spool_bytes", "Bytes of events kept.");
    text.by_lane(bytes, report, |lane| lane.bytes as f64);
    let spooled = counter("soc_agent_spooled_events_total", "Events spooled in this epoch's file.");
    text.by_lane(spooled, report, |lane| lane.last as f64);
    let dropped = counter("soc_agent_dropped_events_total", "Events dropped for lack of room.");
    text.by_lane(dropped, report, |lane| lane.dropped as f64);
    let refused = counter("soc_agent_refused_events_total", "Events the collector refused.");
    text.by_lane(refused, report, |lane| lane.refused as f64);
    let writable = f64::from(u8::from(report.spool.trouble.is_none()));
    text.one("soc_agent_spool_writable", "gauge", "Whether the spool can be written.", writable);
}

fn uplink(text: &mut Text, report: &Report) {
    let uplink = &report.uplink;
    let connected = f64::from(u8::from(uplink.connected));
    text.one("soc_agent_connected", "gauge", "Whether the collector is connected.", connected);
    let seconds =
        |time: Option<soc_event::Timestamp>| time.map(|time| time.as_micros() as f64 / 1_000_000.0);
    if let Some(time) = seconds(uplink.last_ack) {
        let help = "When the collector last acknowledged, by this machine's clock.";
        text.one("soc_agent_last_ack_timestamp_seconds", "gauge", help, time);
    }
    if let Some(time) = seconds(uplink.certificate_expires) {
        let help = "When the agent's certificate ends.";
        text.one("soc_agent_certificate_expiry_timestamp_seconds", "gauge", help, time);
    }
    let help = "Batches the collector took.";
    text.one("soc_agent_sent_batches_total", "counter", help, uplink.batches as f64);
    let help = "Bytes of batches sent, compressed.";
    text.one("soc_agent_sent_bytes_total", "counter", help, uplink.bytes as f64);
    let help = "Connections that failed or broke.";
    text.one("soc_agent_connection_failures_total", "counter", help, uplink.failures as f64);
}

fn clock(text: &mut Text, report: &Report) {
    if let Some(offset) = report.clock.offset_us {
        let help = "This machine's clock minus the collector's.";
        text.one("soc_agent_clock_offset_seconds", "gauge", help, offset as f64 / 1_000_000.0);
    }
}

fn sensors(text: &mut Text, report: &Report) {
    let (name, help) = ("soc_agent_sensor_running", "Whether a sensor runs.");
    text.family(name, "gauge", help);
    for (sensor, entry) in &report.sensors {
        let running = f64::from(u8::from(entry.state == SensorState::Running));
        text.sample(name, Some(("sensor", sensor)), running);
    }
    let (name, help) = ("soc_agent_sensor_restarts_total", "Restarts of a sensor that failed.");
    text.family(name, "counter", help);
    for (sensor, entry) in &report.sensors {
        text.sample(name, Some(("sensor", sensor)), f64::from(entry.restarts));
    }
}

/// Of all logs together: their names come from outside and are no labels.
fn logs(text: &mut Text, report: &Report) {
    let sum = |of: fn(&Count) -> u64| report.logs.values().map(of).sum::<u64>() as f64;
    for (name, help, value) in [
        ("soc_agent_log_records_total", "Records of logs that were read.", sum(|one| one.read)),
        (
            "soc_agent_log_unparsed_records_total",
            "Records not written as their log should be.",
            sum(|one| one.unparsed),
        ),
        (
            "soc_agent_log_filtered_records_total",
            "Records left out by filters.",
            sum(|one| one.filtered),
        ),
        (
            "soc_agent_log_kept_records_total",
            "Records kept on this machine only.",
            sum(|one| one.kept),
        ),
    ] {
        text.one(name, "counter", help, value);
    }
}
