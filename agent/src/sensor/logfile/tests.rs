use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use soc_event::{Value, kind};
use tokio::sync::watch as channel;

use super::set::Set;
use super::*;
use crate::sensor::{DELIVERY_MAX, Delivery, Outlet, Positions, Root, SystemClock};

mod records;

/// Positions as a spool would have committed them.
#[derive(Clone, Debug, Default)]
struct Committed(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Positions for Committed {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(source).cloned()
    }
}

/// A host with logs, and an agent that is started and stopped on it.
struct Host {
    folder: tempfile::TempDir,
    committed: Committed,
    config: Config,
    set: Option<Set>,
    now: Instant,
    seen: Vec<String>,
    /// The events of the lines in `seen`.
    events: Vec<soc_event::Event>,
}

impl Host {
    fn new(patterns: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("var/log")).unwrap();
        let files = patterns.iter().map(|path| Source::new(path)).collect();
        let config = Config { from_beginning: true, files, ..Config::default() };
        let (committed, now) = (Committed::default(), Instant::now());
        let (seen, events) = (Vec::new(), Vec::new());
        Self { folder, committed, config, set: None, now, seen, events }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("var/log").join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn context(&self) -> Context {
        let (_sender, stop) = channel::channel(false);
        Context {
            root: Root::new(self.folder.path()),
            clock: Arc::new(SystemClock),
            positions: Arc::new(self.committed.clone()),
            outlet: Outlet::channel().0,
            stop,
        }
    }

    fn commit(&mut self, delivery: Delivery) {
        assert!(delivery.observations.len() <= DELIVERY_MAX);
        let mut committed = self.committed.0.lock().unwrap();
        for position in delivery.positions {
            match position.bytes.is_empty() {
                true => committed.remove(&position.source),
                false => committed.insert(position.source, position.bytes),
            };
        }
        for observation in delivery.observations {
            let event = observation.event;
            let is_line = event.kind == kind::LOG;
            self.events.extend(is_line.then(|| event.clone()));
            let gap = format!("gap: {}", event.text("log.gap.reason").unwrap_or_default());
            self.seen.push(if is_line { event.raw.unwrap() } else { gap });
        }
    }

    /// Reads until nothing is left and waits for what may belong to it; what was handed over is
    /// committed.
    fn read(&mut self) -> Vec<String> {
        // Discovery is due every two seconds.
        self.read_every(Duration::from_secs(2))
    }

    /// The same within a moment.
    fn read_at_once(&mut self) -> Vec<String> {
        self.read_every(Duration::from_millis(1))
    }

    /// The events of what is new.
    fn events(&mut self) -> Vec<soc_event::Event> {
        self.events.clear();
        self.read();
        std::mem::take(&mut self.events)
    }

    fn read_every(&mut self, step: Duration) -> Vec<String> {
        let context = self.context();
        let start = || Set::new(self.config.clone(), Arc::default(), &context);
        let mut set = self.set.take().unwrap_or_else(start);
        loop {
            self.now += step;
            set.discover_soon();
            let pass = set.pass(self.now);
            let goes_on = pass.more || (pass.waits && step > Duration::from_secs(1));
            self.commit(pass.delivery);
            if !goes_on {
                break;
            }
        }
        self.set = Some(set);
        std::mem::take(&mut self.seen)
    }

    fn stop(&mut self) {
        self.set = None;
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

fn host() -> Host {
    Host::new(&["/var/log/a.log"])
}

const NOTHING: [&str; 0] = [];

#[test]
fn lines_are_read_once_and_half_lines_wait() {
    let mut host = host();
    assert_eq!(host.read(), NOTHING);
    host.write("a.log", "one\n\ntwo\nthr");
    assert_eq!(host.read(), ["one", "two"]);
    assert_eq!(host.read(), NOTHING);
    host.write("a.log", "ee\r\n");
    assert_eq!(host.read(), ["three\r"].map(|line| line.trim_end()));
}

#[test]
fn a_file_with_a_date_in_its_name_is_forgotten_when_it_is_gone() {
    let mut host = Host::new(&["/var/log/*.log"]);
    let knows = |host: &Host, name: &str| {
        let source = format!("logfile:/var/log/{name}");
        host.committed.0.lock().unwrap().contains_key(&source)
    };
    host.write("access-2026-11-22.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.write("access-2026-11-23.log", "two\n");
    assert_eq!(host.read(), ["two"]);
    fs::remove_file(host.path("access-2026-11-22.log")).unwrap();
    for seconds in [61, 1, 3601] {
        assert!(knows(&host, "access-2026-11-22.log"));
        host.wait(seconds);
        assert_eq!(host.read(), NOTHING);
    }
    assert!(!knows(&host, "access-2026-11-22.log"));
    assert!(knows(&host, "access-2026-11-23.log"));
    host.write("access-2026-11-22.log", "three\n");
    host.write("access-2026-11-23.log", "four\n");
    let mut seen = host.read();
    seen.sort();
    assert_eq!(seen, ["four", "three"]);
}

#[test]
fn long_lines_fill_a_delivery_sooner_and_none_is_lost() {
    let mut host = host();
    let line = |n: usize| format!("{n} {}\n", "x".repeat(60_000));
    host.write("a.log", (0..100).map(line).collect::<String>());
    let context = host.context();
    let mut set = Set::new(host.config.clone(), Arc::default(), &context);
    let mut count = 0;
    loop {
        host.now += Duration::from_secs(2);
        let pass = set.pass(host.now);
        let raw = |it: &crate::sensor::Observation| it.event.raw.as_ref().map_or(0, String::len);
        let bytes: usize = pass.delivery.observations.iter().map(raw).sum();
        assert!(bytes <= 256 * 1024, "{bytes}");
        count += pass.delivery.observations.len();
        if !pass.more {
            break;
        }
    }
    assert_eq!(count, 100);
}

#[test]
fn files_there_at_the_very_first_start_are_read_from_their_end() {
    let mut host = Host::new(&["/var/log/*.log"]);
    host.config.from_beginning = false;
    host.write("a.log", "old\nhalf");
    assert_eq!(host.read(), NOTHING);
    host.write("a.log", " line\nnew\n");
    host.write("b.log", "first\n");
    let mut lines = host.read();
    lines.sort();
    assert_eq!(lines, ["first", "half line", "new"]);
    // What appears while the agent is down is new, too.
    host.stop();
    host.write("c.log", "second\n");
    assert_eq!(host.read(), ["second"]);
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let mut host = host();
    host.write("a.log", "one\ntwo\n");
    assert_eq!(host.read(), ["one", "two"]);
    host.stop();
    host.write("a.log", "three\n");
    assert_eq!(host.read(), ["three"]);
}

#[test]
fn rotation_by_rename_finishes_the_old_file_first() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.write("a.log", "two\n");
    host.rename("a.log", "a.log.1");
    host.write("a.log", "three\n");
    assert_eq!(host.read(), ["two", "three"]);
    // The daemon still has the old file open for a while.
    host.write("a.log.1", "late\n");
    host.write("a.log", "four\n");
    assert_eq!(host.read(), ["late", "four"]);
    host.wait(61);
    assert_eq!(host.read(), NOTHING);
    host.stop();
    host.write("a.log", "five\n");
    assert_eq!(host.read(), ["five"]);
}

#[test]
fn several_rotations_between_two_looks_lose_nothing() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    rotate_thrice(&host);
    assert_eq!(host.read(), ["two", "three", "four", "five"]);
}

#[test]
fn several_rotations_while_stopped_lose_nothing() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.stop();
    rotate_thrice(&host);
    assert_eq!(host.read(), ["two", "three", "four", "five"]);
    host.stop();
    assert_eq!(host.read(), NOTHING);
}

fn rotate_thrice(host: &Host) {
    let newest = File::open(host.path("a.log")).unwrap().metadata().unwrap().modified().unwrap();
    let at = |name: &str, seconds: u64| {
        let file = OpenOptions::new().append(true).open(host.path(name)).unwrap();
        file.set_modified(newest + Duration::from_secs(seconds)).unwrap();
    };
    host.write("a.log", "two\n");
    host.rename("a.log", "a.log.3");
    at("a.log.3", 1);
    host.write("a.log.2", "three\n");
    at("a.log.2", 2);
    host.write("a.log.1", "four\n");
    at("a.log.1", 3);
    host.write("a.log", "five\n");
    at("a.log", 4);
}

#[test]
fn a_dated_name_is_found_after_a_restart() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.stop();
    host.write("a.log", "two\n");
    host.rename("a.log", "a.log-20261122");
    host.write("a.log", "three\n");
    assert_eq!(host.read(), ["two", "three"]);
}

#[test]
fn what_was_compressed_before_it_was_read_is_a_gap() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.stop();
    fs::remove_file(host.path("a.log")).unwrap();
    host.write("a.log.1.gz", "\u{1f}");
    host.write("a.log", "another beginning\n");
    assert_eq!(host.read(), ["gap: rotated_unread", "another beginning"]);
    assert_eq!(host.read(), NOTHING);
}

const LONG: &str = "a first line that is long enough to know a copy of its file by\n";

#[test]
fn copy_and_truncation_loses_nothing() {
    let mut host = host();
    host.write("a.log", LONG);
    assert_eq!(host.read().len(), 1);
    host.write("a.log", "two\n");
    fs::copy(host.path("a.log"), host.path("a.log.1")).unwrap();
    File::create(host.path("a.log")).unwrap();
    host.write("a.log", "three\n");
    assert_eq!(host.read(), ["two", "three"]);
}

#[test]
fn copy_and_truncation_while_stopped_loses_nothing() {
    let mut host = host();
    host.write("a.log", LONG);
    assert_eq!(host.read().len(), 1);
    host.stop();
    host.write("a.log", "two\n");
    fs::copy(host.path("a.log"), host.path("a.log.1")).unwrap();
    File::create(host.path("a.log")).unwrap();
    host.write("a.log", format!("another {LONG}three\n"));
    assert_eq!(host.read(), ["two", &format!("another {}", LONG.trim()), "three"]);
}

#[test]
fn emptying_without_a_copy_is_told_and_followed() {
    let mut host = host();
    host.write("a.log", "one\ntwo\n");
    assert_eq!(host.read().len(), 2);
    File::create(host.path("a.log")).unwrap();
    assert_eq!(host.read(), ["gap: truncated"]);
    host.write("a.log", "three\n");
    assert_eq!(host.read(), ["three"]);
    // Refilled before anybody looked, and longer than before.
    File::create(host.path("a.log")).unwrap();
    host.write("a.log", "other\nlines\nagain\n");
    assert_eq!(host.read(), ["gap: truncated", "other", "lines", "again"]);
}

#[test]
fn deletion_and_recreation_is_followed() {
    let mut host = host();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
    host.write("a.log", "two\n");
    fs::remove_file(host.path("a.log")).unwrap();
    // The handle is still open, so nothing is lost.
    assert_eq!(host.read(), ["two"]);
    host.write("a.log", "three\n");
    assert_eq!(host.read(), ["three"]);
}

#[test]
fn the_last_half_line_of_a_rotated_file_is_handed_over_when_it_is_quiet() {
    let mut host = host();
    host.write("a.log", "one\nhalf");
    assert_eq!(host.read(), ["one"]);
    host.wait(20);
    assert_eq!(host.read(), NOTHING, "nothing says that it will not be continued");
    host.rename("a.log", "a.log.1");
    host.write("a.log", "two\n");
    let mut lines = host.read();
    host.wait(6);
    lines.extend(host.read());
    lines.sort();
    assert_eq!(lines, ["half", "two"]);
    host.stop();
    assert_eq!(host.read(), NOTHING);
}

#[test]
fn links_are_followed_to_where_they_lead() {
    let mut host = host();
    fs::create_dir(host.path("data")).unwrap();
    host.write("data/x.log", "one\n");
    std::os::unix::fs::symlink("data/x.log", host.path("a.log")).unwrap();
    assert_eq!(host.read(), ["one"]);
    host.write("data/y.log", "two\n");
    fs::remove_file(host.path("a.log")).unwrap();
    std::os::unix::fs::symlink("data/y.log", host.path("a.log")).unwrap();
    assert_eq!(host.read(), ["two"]);
    let watched = host.set.as_ref().unwrap().directories();
    assert!(watched.iter().any(|folder| folder.ends_with("data")), "{watched:?}");
}

#[test]
fn a_file_is_followed_under_one_name_only() {
    let mut host = Host::new(&["/var/log/*"]);
    host.write("a.log", "one\n");
    fs::hard_link(host.path("a.log"), host.path("b.log")).unwrap();
    assert_eq!(host.read(), ["one"]);
    host.rename("a.log", "a.log.1");
    host.write("a.log", "two\n");
    host.write("c.log.gz", "zip\n");
    assert_eq!(host.read(), ["two"]);
    host.stop();
    assert_eq!(host.read(), NOTHING);
}

#[test]
fn long_lines_are_cut_and_flagged() {
    let mut host = host();
    let long = "x".repeat(200_000);
    host.write("a.log", &long);
    assert_eq!(host.read(), NOTHING);
    host.write("a.log", format!("{long}\nshort\n"));
    let context = host.context();
    let mut set = host.set.take().unwrap();
    let pass = set.pass(host.now);
    let events: Vec<_> = pass.delivery.observations.iter().map(|it| &it.event).collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].raw.as_ref().unwrap().len(), 64 * 1024);
    assert_eq!(events[0].fields.get("log.truncated"), Some(&Value::Boolean(true)));
    assert_eq!(events[1].raw.as_deref(), Some("short"));
    assert_eq!(events[1].fields.get("log.offset").and_then(Value::as_i64), Some(400_001));
    drop(context);
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_flagged() {
    let mut host = host();
    host.write("a.log", b"ok\nbad \xff\xfe\n\0\0\0hole\n");
    let context = host.context();
    let mut set = Set::new(host.config.clone(), Arc::default(), &context);
    let events: Vec<_> =
        set.pass(host.now).delivery.observations.into_iter().map(|it| it.event).collect();
    assert!(!events[0].fields.contains_key("event.original_encoding"));
    assert_eq!(events[1].raw.as_deref(), Some("bad \u{fffd}\u{fffd}"));
    assert_eq!(events[1].text("event.original_encoding"), Some("invalid-utf8"));
    assert_eq!(events[2].raw.as_deref(), Some("hole"));
    host.set = Some(set);
}

#[test]
fn many_lines_come_in_deliveries_of_bounded_size() {
    let mut host = host();
    let lines: Vec<String> = (0..1000).map(|number| format!("line {number}")).collect();
    host.write("a.log", lines.join("\n") + "\n");
    assert_eq!(host.read(), lines);
}

#[test]
fn what_was_read_but_not_committed_is_read_again() {
    let mut host = host();
    host.write("a.log", "one\ntwo\n");
    let context = host.context();
    let _lost = Set::new(host.config.clone(), Arc::default(), &context).pass(host.now);
    assert_eq!(host.read(), ["one", "two"]);
}

#[test]
fn pipes_and_devices_are_refused() {
    let mut host = Host::new(&["/var/log/*.log"]);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        host.path("pipe.log"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("/dev/zero", host.path("zero.log")).unwrap();
    host.write("a.log", "one\n");
    assert_eq!(host.read(), ["one"]);
}

#[test]
fn a_position_that_makes_no_sense_is_told() {
    let mut host = host();
    host.write("a.log", "one\n");
    host.committed.0.lock().unwrap().insert("logfile:/var/log/a.log".to_owned(), vec![9, 9]);
    assert_eq!(host.read(), ["gap: invalid_position"]);
    host.write("a.log", "two\n");
    assert_eq!(host.read(), ["two"]);
}

#[test]
fn logs_are_looked_at_once_for_the_report() {
    let host = host();
    let failed = "Nov 22 09:00:00 s sshd[1]: Failed password for root from 192.0.2.7 port 1 ssh2\n";
    host.write("a.log", failed.repeat(3) + "plain\n");
    let seen = observe(&Root::new(host.folder.path()), &host.config, &SystemClock);
    assert_eq!((seen[0].lines, seen[0].lines_parsed, seen[0].logins_failed), (4, 3, 3));
    assert_eq!(seen[0].path, "/var/log/a.log");
}

/// What can happen to a log.
#[derive(Clone, Debug)]
enum Act {
    Write(u8),
    Rotate,
    CopyTruncate,
    Read,
    Quiet,
    Restart,
    LoseThenRestart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..5_u8).prop_map(Act::Write),
        1 => Just(Act::Rotate),
        1 => Just(Act::CopyTruncate),
        3 => Just(Act::Read),
        1 => Just(Act::Quiet),
        1 => Just(Act::Restart),
        1 => Just(Act::LoseThenRestart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happens to the file and to the agent, every line comes exactly once and in order.
    #[test]
    fn every_line_exactly_once(acts in prop::collection::vec(act(), 1..40)) {
        let mut host = host();
        let (mut written, mut read, mut clock) = (0_u32, Vec::new(), 0_u64);
        let mut rotations = 0;
        host.write("a.log", "");
        read.extend(host.read());
        for act in acts {
            match act {
                Act::Write(lines) => for _ in 0..lines {
                    host.write("a.log", format!("line number {written:>8} of the log that is followed\n"));
                    written += 1;
                },
                Act::Rotate => {
                    shift(&host, &mut rotations);
                    host.rename("a.log", "a.log.1");
                    host.write("a.log", "");
                }
                // Two copies without a byte between are the same; the next line tells them apart.
                Act::CopyTruncate => if fs::metadata(host.path("a.log")).unwrap().len() > 0 {
                    shift(&host, &mut rotations);
                    fs::copy(host.path("a.log"), host.path("a.log.1")).unwrap();
                    File::create(host.path("a.log")).unwrap();
                },
                Act::Read => read.extend(host.read()),
                // Long enough to let rotated files go.
                Act::Quiet => {
                    read.extend(host.read());
                    host.wait(70);
                    read.extend(host.read());
                }
                Act::Restart => host.stop(),
                Act::LoseThenRestart => {
                    let context = host.context();
                    let _lost = Set::new(host.config.clone(), Arc::default(), &context).pass(host.now);
                    host.stop();
                }
            }
            // File systems keep times by ticks: each act gets a later one than the one before.
            clock += 1;
            touch(&host, clock);
        }
        read.extend(host.read());
        let expected: Vec<String> =
            (0..written).map(|it| format!("line number {it:>8} of the log that is followed")).collect();
        prop_assert_eq!(read, expected);
    }
}

/// Moves rotated files one number up.
fn shift(host: &Host, rotations: &mut u32) {
    for number in (1..=*rotations).rev() {
        host.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1));
    }
    *rotations += 1;
}

/// Gives the log a time of modification of its own if it was written since the last call.
fn touch(host: &Host, clock: u64) {
    let base = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    for name in ["a.log.1", "a.log"] {
        let Ok(file) = OpenOptions::new().append(true).open(host.path(name)) else { continue };
        if file.metadata().unwrap().modified().unwrap() < base {
            let later = u64::from(name == "a.log");
            file.set_modified(base + Duration::from_secs(2 * clock + later)).unwrap();
        }
    }
}

#[tokio::test]
async fn the_running_sensor_hears_of_new_lines() {
    let host = host();
    let (outlet, mut deliveries) = Outlet::channel();
    let (stop, stopped) = channel::channel(false);
    let context = Context { outlet, stop: stopped, ..host.context() };
    let sensor = Box::new(Logfile::new(host.config.clone(), Arc::default()));
    let running = tokio::spawn(sensor.run(context));
    // The first delivery holds the marks of the patterns: the sensor is watching.
    assert!(deliveries.recv().await.unwrap().observations.is_empty());
    host.write("a.log", "one\n");
    let delivery = loop {
        let delivery = deliveries.recv().await.unwrap();
        if !delivery.observations.is_empty() {
            break delivery;
        }
    };
    assert_eq!(delivery.observations[0].event.raw.as_deref(), Some("one"));
    assert_eq!(delivery.positions.len(), 1);
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

#[test]
fn configuration_is_read_and_mistakes_are_told() {
    let text = "from_beginning = true\n[[files]]\npath = \"/srv/app.log\"\nproduct = \"app\"\n\
                [[files]]\npath = \"relative.log\"\nformat = \"plain\"\n";
    let config: Config = toml::from_str(text).unwrap();
    assert_eq!(config.mistakes().len(), 1);
    let profile = config.files[0].profile("/srv/app.log");
    assert_eq!(profile.logsource.product.as_deref(), Some("app"));
    assert_eq!(config.files[1].profile("").format, Format::Plain);
    assert!(toml::from_str::<Config>("file = []").is_err());
    assert_eq!(Config::default().syslog_paths().len(), 4);
}
