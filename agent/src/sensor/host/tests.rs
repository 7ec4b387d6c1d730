use soc_event::Value;

use super::disk::Disk;
use super::heartbeat::{Processor, with_disks};
use super::*;
use crate::sensor::{Outlet, Positions, SystemClock};

/// A host made of files.
fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path());
    for (path, text) in files {
        let path = root.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    (folder, root)
}

fn text(event: &Event, name: &str) -> String {
    event.fields.get(name).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn the_inventory_reads_the_files_of_the_host() {
    let (_folder, root) = host(&[
        ("/proc/sys/kernel/hostname", "srv-1\n"),
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        (
            "/etc/os-release",
            "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\n",
        ),
        ("/etc/timezone", "Asia/Ho_Chi_Minh\n"),
        ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
        ("/proc/stat", "cpu  1 2 3 4\nbtime 1795341600\n"),
    ]);
    let event = inventory(&root, Timestamp::default());
    for (name, expected) in [
        ("host.hostname", "srv-1"),
        ("host.id", "0123456789abcdef0123456789abcdef"),
        ("host.os.name", "Debian GNU/Linux"),
        ("host.os.version", "12 (bookworm)"),
        ("host.timezone", "Asia/Ho_Chi_Minh"),
        ("host.virtualization", "kvm"),
        ("host.boot_time", "2026-11-22T10:00:00.000000Z"),
        ("agent.version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(text(&event, name), expected, "{name}");
    }
    assert!(event.fields.get("host.memory.bytes").and_then(Value::as_i64).unwrap() > 0);
    assert!(event.fields.get("host.cpu.count").and_then(Value::as_i64).unwrap() > 0);
}

#[test]
fn what_is_not_known_is_null_and_nothing_is_made_up() {
    let (_folder, root) = host(&[("/etc/machine-id", "uninitialized\n")]);
    let event = inventory(&root, Timestamp::default());
    for name in
        ["host.id", "host.os.name", "host.boot_time", "host.timezone", "host.virtualization"]
    {
        assert_eq!(event.fields.get(name), Some(&Value::Null), "{name}");
    }
    let event = heartbeat(&root, &Vitals::default(), Timestamp::default());
    for name in ["host.cpu.usage", "host.load.1", "host.uptime_s", "host.clock.offset_us"] {
        assert_eq!(event.fields.get(name), Some(&Value::Null), "{name}");
    }
}

#[test]
fn the_heartbeat_tells_what_the_agent_told() {
    let (_folder, root) = host(&[
        ("/proc/loadavg", "0.25 0.10 0.05 1/100 4242\n"),
        ("/proc/uptime", "3600.50 7000.00\n"),
        ("/proc/self/status", "Name:\tagent\nVmRSS:\t    8192 kB\n"),
    ]);
    let vitals = Vitals::default();
    vitals.set_clock_offset_us(-1200);
    vitals.set_spool(4096, 7, 2);
    vitals.set_sensors(vec!["host", "port"]);
    let event = heartbeat(&root, &vitals, Timestamp::default());
    for (name, expected) in [
        ("host.clock.offset_us", "-1200"),
        ("agent.spool.bytes", "4096"),
        ("agent.spool.events", "7"),
        ("agent.spool.dropped", "2"),
        ("agent.sensors", "host, port"),
        ("agent.memory.bytes", "8388608"),
        ("host.load.1", "0.25"),
        ("host.uptime_s", "3600.5"),
    ] {
        assert_eq!(text(&event, name), expected, "{name}");
    }
}

#[test]
fn processor_time_is_the_share_that_was_not_idle() {
    let parse = |text: &str| Processor::parse(text);
    let before = parse("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 1 1 1\n").unwrap();
    let after = parse("cpu  150 0 150 750 150 0 0 0 99 0\n").unwrap();
    assert_eq!((before.total, before.idle), (1000, 800));
    assert_eq!(after.usage_since(before), Some(0.5));
    assert_eq!(before.usage_since(after), None);
    assert_eq!(before.usage_since(before), None);
    assert_eq!(parse("cpu  1 2 x 4\n"), None);
    assert_eq!(parse(""), None);
}

#[test]
fn the_fullest_disk_is_named() {
    let disk = |path: &str, free| Disk {
        path: path.to_owned(),
        kind: "ext4".to_owned(),
        size: 120,
        used: 100 - free,
        free,
    };
    let event = Event::own(Timestamp::default(), soc_event::kind::HOST_HEARTBEAT);
    let event = with_disks(event, &[disk("/", 60), disk("/var", 5)]);
    assert_eq!(event.text("host.disk.path"), Some("/var"));
    assert_eq!(event.fields.get("host.disk.used.pct").and_then(Value::as_f64), Some(0.95));
    assert_eq!(text(&event, "host.disks.path"), "/, /var");
    assert_eq!(text(&event, "host.disks.total.bytes"), "100, 100");
    assert_eq!(text(&event, "host.disks.free.bytes"), "60, 5");
}

struct Nowhere;
impl Positions for Nowhere {
    fn position(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_follow_an_inventory_until_told_to_stop() {
    let (_folder, root) = host(&[]);
    let (outlet, mut deliveries) = Outlet::channel();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let context = Context {
        root,
        clock: Arc::new(SystemClock),
        positions: Arc::new(Nowhere),
        outlet,
        stop: stopped,
    };
    let sensor = Box::new(Host::new(Config::default(), Arc::default()));
    let running = tokio::spawn(sensor.run(context));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let delivery = deliveries.recv().await.unwrap();
        kinds.extend(delivery.observations.into_iter().map(|it| it.event.kind.to_string()));
    }
    assert_eq!(kinds, ["host.inventory", "host.heartbeat", "host.heartbeat"]);
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}
