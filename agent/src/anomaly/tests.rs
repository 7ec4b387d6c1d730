use soc_formats::text::{self, Moment, Profile};

use super::*;
use crate::sensor::SystemClock;

struct Spool(std::sync::Mutex<Vec<Position>>);

impl Positions for Spool {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        let positions = self.0.lock().unwrap();
        positions
            .iter()
            .rev()
            .find(|position| position.source == source)
            .map(|position| position.bytes.clone())
    }
}

fn line(text: &str) -> Event {
    let zone = TimeZone::UTC;
    let now = crate::sensor::Clock::now(&SystemClock);
    text::line(text, &Profile::of_path("/var/log/auth.log"), Moment::live(now, &zone))
        .with("log.file.path", "/var/log/auth.log")
}

const LOGIN: &str = "<38>1 2026-11-22T10:00:00Z web sshd 7 - - Accepted password for root from 192.0.2.7 port 1 ssh2";

#[test]
fn a_line_shows_what_parsers_understood() {
    let event = line(LOGIN);
    let shown = line::of(&event, event.time).unwrap();
    assert_eq!((shown.source, shown.program), ("/var/log/auth.log", Some("sshd")));
    assert_eq!((shown.user, shown.is_administrator), (Some("root"), true));
    assert_eq!(shown.address, Some("192.0.2.7".parse().unwrap()));
    assert!(shown.is_fresh && !shown.is_failure && shown.message.starts_with("Accepted"));
    let later = event.time.plus_micros(3_600_000_000);
    assert!(!line::of(&event, later).unwrap().is_fresh);
    let failed = line(&LOGIN.replace("Accepted", "Failed"));
    let shown = line::of(&failed, failed.time).unwrap();
    assert_eq!((shown.is_failure, shown.user, shown.address), (true, None, None));
    let cron = line("Nov 22 10:00:00 web CRON[7]: (root) CMD (/usr/bin/backup --all)");
    assert_eq!(line::of(&cron, cron.time).unwrap().pair, Some(("cron", "/usr/bin/backup")));
    assert!(
        line::of(&Event::own(Timestamp::default(), kind::AGENT_STARTED), Timestamp::default())
            .is_none()
    );
    let asked = cron.with("log.asked.id", "a-1");
    assert!(line::of(&asked, asked.time).is_none());
}

#[test]
fn mistakes_in_settings_are_told() {
    let config: Config =
        toml::from_str("warmup_h = 0\nnormal = [\"0123456789abcdef\", \"x\"]\n").unwrap();
    assert_eq!(config.mistakes().len(), 2, "{:?}", config.mistakes());
    assert!(Config::default().mistakes().is_empty());
    assert!(toml::from_str::<Config>("warmup = 3").is_err());
}

/// A stage over a folder, without warm-up, and the spool's end.
fn stage(folder: &std::path::Path, spool: &Arc<Spool>) -> (Stage, mpsc::Receiver<Delivery>) {
    let (outlet, deliveries) = Outlet::channel();
    let stage = Stage {
        config: watch::channel(Config::default()).1,
        state: folder.to_owned(),
        root: Root::new(folder),
        clock: Arc::new(JudgedClock::of_this_machine()),
        positions: spool.clone(),
        outlet,
    };
    (stage, deliveries)
}

#[tokio::test]
async fn deliveries_pass_unchanged_and_what_was_learned_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool(std::sync::Mutex::default()));
    let (sensors, observations) = Outlet::channel();
    let (stage, mut passed) = stage(folder.path(), &spool);
    let running = tokio::spawn(stage.run(observations));
    let delivery = Delivery {
        observations: vec![Observation::log(line(LOGIN))],
        positions: vec![Position { source: "logfile:/a".into(), bytes: vec![1] }],
    };
    sensors.send(delivery.clone()).await.unwrap();
    assert_eq!(passed.recv().await.unwrap(), delivery);
    drop(sensors);
    running.await.unwrap();
    let (_, detector) = Memory::open(folder.path(), Settings::default(), &*spool).await;
    assert_eq!(detector.sources(), 1);
}

#[tokio::test]
async fn line_position_and_anomaly_are_one_delivery_and_told_once_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool(std::sync::Mutex::default()));
    let at_once = Settings { warmup_s: 0, ..Settings::default() };
    let mut judge = stage(folder.path(), &spool).0.judge(at_once).await;
    let mut delivery = Delivery {
        observations: vec![Observation::log(line(LOGIN))],
        positions: vec![Position { source: "logfile:/a".into(), bytes: vec![1] }],
    };
    judge.add_to(&mut delivery);
    assert_eq!((delivery.observations.len(), delivery.positions.len()), (2, 2));
    let anomaly = &delivery.observations[1].event;
    assert_eq!(anomaly.kind, kind::LOG_ANOMALY);
    assert_eq!(anomaly.text("anomaly.kind"), Some("first_seen"));
    assert_eq!(anomaly.text("anomaly.field"), Some("administrator.network"));
    assert_eq!(anomaly.text("anomaly.value"), Some("root@192.0.2.0/24"));
    assert_eq!(anomaly.text("source.ip"), Some("192.0.2.7"));
    spool.0.lock().unwrap().extend(delivery.positions.clone());

    // A crash: nothing was saved, the spool has what was told.
    let at_once = Settings { warmup_s: 0, ..Settings::default() };
    let mut judge = stage(folder.path(), &spool).0.judge(at_once).await;
    let mut again =
        Delivery { observations: vec![Observation::log(line(LOGIN))], positions: Vec::new() };
    judge.add_to(&mut again);
    let repeated = again
        .observations
        .iter()
        .filter(|one| one.event.text("anomaly.id") == anomaly.text("anomaly.id"));
    assert_eq!(repeated.count(), 0);
}

#[tokio::test]
async fn a_damaged_file_is_learned_anew() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool(std::sync::Mutex::default()));
    for bytes in [&b""[..], b"12345678", b"12345678\x28\xb5\x2f\xfd garbage", &[0; 4096]] {
        std::fs::write(folder.path().join(memory::FILE), bytes).unwrap();
        let (_, detector) = Memory::open(folder.path(), Settings::default(), &*spool).await;
        assert_eq!(detector.sources(), 0);
    }
}
