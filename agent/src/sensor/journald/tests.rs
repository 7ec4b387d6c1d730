use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use soc_event::{Timestamp, Value};

use super::*;
use crate::sensor::{Clock, Outlet, Positions};

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
}

struct Stored(Option<&'static str>);
impl Positions for Stored {
    fn position(&self, _: &str) -> Option<Vec<u8>> {
        self.0.map(|cursor| cursor.as_bytes().to_vec())
    }
}

const LINE: &str = r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795341600000000","MESSAGE":"Failed password for root from 192.0.2.7 port 22 ssh2","SYSLOG_IDENTIFIER":"sshd","_PID":"71","_HOSTNAME":"srv","PRIORITY":"6","SYSLOG_FACILITY":"4","_SYSTEMD_UNIT":"ssh.service"}"#;

#[test]
fn the_journal_is_left_alone_where_its_lines_are_followed_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path());
    let files = vec!["/var/log/syslog".to_owned()];
    let check = |enabled: Enabled, expected: Result<(), &str>| {
        let found = observe(&root, &Config { enabled }, files.clone(), Fixed.now());
        assert_eq!(found, expected.map_err(str::to_owned));
    };
    check(Enabled::Auto, Err("systemd-journald does not run"));
    std::fs::create_dir_all(folder.path().join("run/systemd/journal/socket")).unwrap();
    check(Enabled::Auto, Ok(()));
    std::fs::create_dir_all(folder.path().join("var/log")).unwrap();
    let file = std::fs::File::create(folder.path().join("var/log/syslog")).unwrap();
    let written = |hours: u64| {
        let now = u64::try_from(Fixed.now().as_micros() / 1_000_000).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(now - hours * 3600);
        file.set_modified(time).unwrap();
    };
    written(25);
    check(Enabled::Auto, Ok(()));
    written(1);
    check(Enabled::Auto, Err("the same lines are followed in /var/log/syslog"));
    check(Enabled::On, Ok(()));
    check(Enabled::Off, Err("switched off"));
}

/// Runs the sensor with a program in place of `journalctl`, until it ends.
async fn run(script: &str, cursor: Option<&'static str>) -> (Vec<Delivery>, Result<(), Error>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("run/systemd/journal/socket")).unwrap();
    let program = program(folder.path(), script);
    let (outlet, mut receiver) = Outlet::channel();
    let (_stop, stop) = tokio::sync::watch::channel(false);
    let context = Context {
        root: Root::new(folder.path()),
        clock: Arc::new(Fixed),
        positions: Arc::new(Stored(cursor)),
        outlet,
        stop,
    };
    let sensor = Journald::new(Config { enabled: Enabled::On }, Vec::new()).with_program(program);
    let result = Box::new(sensor).run(context).await;
    let mut deliveries = Vec::new();
    while let Ok(delivery) = receiver.try_recv() {
        deliveries.push(delivery);
    }
    (deliveries, result)
}

fn program(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("journalctl");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn entries_come_with_the_cursor_of_the_last() {
    let second = LINE.replace("i=2", "i=3");
    let script = format!("printf '%s\\n' '{LINE}' '{second}'");
    let (deliveries, result) = run(&script, None).await;
    let events: usize = deliveries.iter().map(|it| it.observations.len()).sum();
    assert_eq!(events, 2);
    let last = deliveries.last().unwrap().positions.last().unwrap();
    assert_eq!((&*last.source, &*last.bytes), ("journald", &b"s=1;i=3"[..]));
    assert!(matches!(result, Err(Error::Io { .. })), "its end is a failure: it should follow");
}

#[tokio::test]
async fn the_program_is_started_with_fixed_arguments() {
    let script = r#"printf '{"__CURSOR":"c","MESSAGE":"%s"}\n' "$*""#;
    let (deliveries, _) = run(script, Some("s=9")).await;
    let raw = deliveries[0].observations[0].event.raw.as_deref();
    assert_eq!(
        raw,
        Some("--follow --output=json --all --no-pager --quiet --lines=all --after-cursor=s=9")
    );
}

#[tokio::test]
async fn a_cursor_the_journal_does_not_know_is_told() {
    let (deliveries, _) = run("exit 1", Some("gone")).await;
    let event = &deliveries[0].observations[0].event;
    assert_eq!(event.text("log.gap.reason"), Some("invalid_position"));
    assert!(deliveries[0].positions[0].bytes.is_empty());
}

#[tokio::test]
async fn what_is_no_entry_is_a_gap() {
    let (deliveries, _) = run("echo nonsense", None).await;
    let event = &deliveries[0].observations[0].event;
    assert_eq!(event.text("log.gap.reason"), Some("line_too_long"));
    assert_eq!(event.fields.get("log.gap.bytes").and_then(Value::as_i64), Some(9));
}
