use std::sync::{Arc, Mutex};

use soc_event::{Event, kind};
use tokio::sync::watch;

use super::*;
use crate::ring;
use crate::sensor::{Clock, Outlet, Positions, Root};

#[derive(Clone, Debug, Default)]
struct Committed(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Committed {
    fn commit(&self, delivery: &Delivery) {
        let mut kept = self.0.lock().unwrap();
        for one in &delivery.positions {
            kept.insert(one.source.clone(), one.bytes.clone());
        }
    }
}

impl Positions for Committed {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(source).cloned()
    }
}

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn at(seconds: i64) -> Timestamp {
    let begin: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    begin.plus_micros(seconds * 1_000_000)
}

fn line(path: &str, seconds: i64) -> Observation {
    let event = Event::own(at(seconds), kind::LOG).with("log.file.path", path);
    Observation::log(event.with("n", seconds)).that_stays()
}

/// A ring in which two logs left a line a second for ten seconds.
async fn filled(folder: &std::path::Path, committed: &Committed) {
    let (outlet, mut spool) = Outlet::channel();
    let (sensors, deliveries) = Outlet::channel();
    let stage = ring::run(ring::Config::default(), ring::folder(folder), None, deliveries, outlet);
    let stage = tokio::spawn(stage);
    for second in 0..10 {
        let observations = vec![line("/var/log/a.log", second), line("/var/log/b.log", second)];
        sensors.send(Delivery { observations, positions: Vec::new() }).await.unwrap();
        committed.commit(&spool.recv().await.unwrap());
    }
    drop(sensors);
    stage.await.unwrap();
}

fn ask(id: &str, source: &str, from: i64, to: i64) -> Ask {
    Ask { id: id.into(), source: source.into(), from: at(from), to: at(to) }
}

/// Runs the sensor until it has nothing more to say; the spool commits the first `deliveries` of
/// what it says and then the agent is killed.
async fn run(
    folder: &std::path::Path,
    committed: &Committed,
    asks: Vec<Ask>,
    deliveries: usize,
) -> Vec<String> {
    let (outlet, mut spool) = Outlet::channel();
    let (_stop, stop) = watch::channel(false);
    let context = Context {
        root: Root::new(folder),
        clock: Arc::new(At(at(3600))),
        positions: Arc::new(committed.clone()),
        outlet,
        stop,
    };
    let followed = vec!["/var/log/*.log".to_owned()];
    let sensor = Asked::new(asks, followed, ring::folder(folder));
    let running = tokio::spawn(Box::new(sensor).run(context));
    let mut seen = Vec::new();
    for _ in 0..deliveries {
        let Some(delivery) = spool.recv().await else { break };
        committed.commit(&delivery);
        for Observation { event, stays, .. } in delivery.observations {
            assert!(!stays, "an answer is sent");
            let id = event.text("log.asked.id").unwrap().to_owned();
            match event.kind == kind::LOG_ANSWERED {
                true => seen.push(format!(
                    "{id}: {} complete {}",
                    event.fields["log.asked.count"], event.fields["log.asked.complete"]
                )),
                false => seen.push(format!("{id} {}", event.fields["n"])),
            }
        }
        if seen.last().is_some_and(|last| last.contains("complete")) {
            break;
        }
    }
    running.abort();
    seen
}

#[tokio::test]
async fn a_range_of_a_followed_log_is_answered_once_also_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let committed = Committed::default();
    filled(folder.path(), &committed).await;
    let asks = vec![ask("case-7", "/var/log/a.log", 2, 6)];
    assert_eq!(run(folder.path(), &committed, asks.clone(), 2).await, ["case-7 2", "case-7 3"]);
    let rest = run(folder.path(), &committed, asks.clone(), 100).await;
    assert_eq!(rest, ["case-7 4", "case-7 5", "case-7: 4 complete true"]);
}

#[tokio::test]
async fn logs_that_are_not_followed_are_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let committed = Committed::default();
    filled(folder.path(), &committed).await;
    let asks = vec![ask("x", "/etc/shadow", 0, 100)];
    assert_eq!(run(folder.path(), &committed, asks, 100).await, ["x: 0 complete true"]);
}

#[test]
fn ranges_that_make_no_sense_are_mistakes() {
    assert_eq!(mistakes(&[ask("a", "/var/log/*", 0, 1), ask("b", "journald", 0, 1)]).len(), 0);
    for wrong in [
        vec![ask("", "/a", 0, 1)],
        vec![ask("a b", "/a", 0, 1)],
        vec![ask("a", "a", 0, 1)],
        vec![ask("a", "/a", 1, 1)],
        vec![ask("a", "/a", 0, 1), ask("a", "/b", 0, 1)],
    ] {
        assert_eq!(mistakes(&wrong).len(), 1, "{wrong:?}");
    }
}
