use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use soc_event::{Event, Kind, RunId, Timestamp, kind};
use tokio::sync::mpsc;

use super::*;
use crate::sensor::{Delivery, Error, Observation, Outlet, Positions, Root, Running, SystemClock};
use crate::status::SensorState;

#[derive(Clone, Copy)]
enum Habit {
    Works,
    Panics,
    Fails,
    Unavailable,
    NeverThere,
    Hangs,
}

struct Tiny(Habit, Arc<AtomicU32>);

impl Sensor for Tiny {
    fn name(&self) -> &'static str {
        "tiny"
    }

    fn hangs_after(&self) -> Option<Duration> {
        matches!(self.0, Habit::Hangs).then_some(Duration::from_secs(60))
    }

    fn run(self: Box<Self>, mut context: Context) -> Running {
        Box::pin(async move {
            let start = self.1.fetch_add(1, Ordering::Relaxed);
            match self.0 {
                Habit::Panics if start == 0 => panic!("out of {}", "luck"),
                Habit::Fails if start < 2 => {
                    let source = std::io::Error::other("gone");
                    return Err(Error::Io { what: "/proc".into(), source });
                }
                Habit::Unavailable if start == 0 => return Err(Error::Unavailable("no".into())),
                Habit::NeverThere => return Err(Error::Unavailable("no".into())),
                Habit::Hangs if start == 0 => std::future::pending().await,
                _ => {}
            }
            let event = Event::own(Timestamp::default(), Kind::new("tiny.seen"));
            let observations = vec![Observation::state(event)];
            context.outlet.send(Delivery { observations, positions: Vec::new() }).await?;
            let _ = context.stop.wait_for(|stop| *stop).await;
            Ok(())
        })
    }
}

struct Nowhere;

impl Positions for Nowhere {
    fn position(&self, _source: &str) -> Option<Vec<u8>> {
        None
    }
}

struct Scene {
    deliveries: mpsc::Receiver<Delivery>,
    running: Arc<Mutex<Vec<&'static str>>>,
    board: Board,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    effective: watch::Sender<Arc<Effective>>,
    shed: watch::Sender<Shed>,
    starts: Arc<AtomicU32>,
}

fn start(habit: Habit) -> Scene {
    let (outlet, deliveries) = Outlet::channel();
    let (stop, stopped) = watch::channel(false);
    let board = Board::new(RunId(1));
    let starts = Arc::new(AtomicU32::new(0));
    let counted = starts.clone();
    let running: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let told = running.clone();
    let effective = watch::channel(Arc::new(Effective::default())).0;
    let shed = watch::channel(Shed::new()).0;
    let supervisor = Supervisor {
        build: Arc::new(move |_| vec![Box::new(Tiny(habit, starts.clone()))]),
        context: Context {
            root: Root::default(),
            clock: Arc::new(SystemClock),
            positions: Arc::new(Nowhere),
            outlet,
            stop: stopped.clone(),
        },
        board: board.clone(),
        running: Arc::new(move |names| *told.lock().unwrap() = names),
        effective: effective.subscribe(),
        shed: shed.subscribe(),
    };
    let task = tokio::spawn(supervisor.run(stopped));
    Scene { deliveries, running, board, stop, task, effective, shed, starts: counted }
}

impl Scene {
    async fn next_event(&mut self) -> Event {
        self.deliveries.recv().await.unwrap().observations.remove(0).event
    }
}

#[tokio::test(start_paused = true)]
async fn a_sensor_that_panics_is_reported_and_started_again() {
    let mut scene = start(Habit::Panics);
    let failed = scene.next_event().await;
    assert_eq!(failed.kind, kind::AGENT_SENSOR_FAILED);
    assert_eq!(failed.text("agent.sensor"), Some("tiny"));
    assert_eq!(failed.text("error.message"), Some("panicked: out of luck"));
    assert_eq!(scene.next_event().await.kind.as_str(), "tiny.seen");
    assert_eq!(*scene.running.lock().unwrap(), ["tiny"]);
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_counted() {
    let mut scene = start(Habit::Fails);
    for count in [1, 2] {
        let failed = scene.next_event().await;
        assert_eq!(failed.fields["agent.sensor.restarts"].as_i64(), Some(count));
        assert_eq!(failed.text("error.message"), Some("/proc: gone"));
    }
    assert_eq!(scene.next_event().await.kind.as_str(), "tiny.seen");
    assert_eq!(scene.board.report().sensors["tiny"].restarts, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_looked_for_seldom_and_without_noise() {
    let before = tokio::time::Instant::now();
    let mut scene = start(Habit::Unavailable);
    assert_eq!(scene.next_event().await.kind.as_str(), "tiny.seen");
    assert!(before.elapsed() >= Duration::from_secs(60));
    let entry = scene.board.report().sensors["tiny"].clone();
    assert_eq!((entry.state, entry.restarts), (SensorState::Running, 0), "it is no failure");
}

#[tokio::test(start_paused = true)]
async fn what_is_never_there_is_never_reported_as_failed() {
    let mut scene = start(Habit::NeverThere);
    let day = tokio::time::sleep(Duration::from_secs(86_400));
    tokio::select! {
        () = day => {}
        delivery = scene.deliveries.recv() => panic!("{delivery:?}"),
    }
    let entry = scene.board.report().sensors["tiny"].clone();
    assert_eq!((entry.state, entry.why.as_deref()), (SensorState::Unavailable, Some("no")));
    assert!(scene.running.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_sensors_have_ended_when_the_supervisor_has() {
    let mut scene = start(Habit::Works);
    scene.next_event().await;
    scene.stop.send_replace(true);
    scene.task.await.unwrap();
    assert_eq!(scene.board.report().sensors["tiny"].state, SensorState::Stopped);
    assert!(scene.running.lock().unwrap().is_empty());
    assert!(scene.deliveries.recv().await.is_none(), "nobody holds the outlet any more");
}

fn configured(text: &str) -> Arc<Effective> {
    Arc::new(Effective { tables: text.parse().unwrap(), ..Effective::default() })
}

#[tokio::test(start_paused = true)]
async fn a_sensor_that_hangs_is_started_again() {
    let mut scene = start(Habit::Hangs);
    let failed = scene.next_event().await;
    assert_eq!(failed.text("error.message"), Some("it hung: no sign of life for 60 s"));
    assert_eq!(scene.next_event().await.kind.as_str(), "tiny.seen");
}

#[tokio::test(start_paused = true)]
async fn only_a_sensor_whose_configuration_changed_is_started_again() {
    let mut scene = start(Habit::Works);
    scene.next_event().await;
    scene.effective.send_replace(configured("[other]\nx = 1\n"));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(scene.starts.load(Ordering::Relaxed), 1);
    scene.effective.send_replace(configured("[tiny]\nx = 1\n"));
    assert_eq!(scene.next_event().await.kind.as_str(), "tiny.seen");
    assert_eq!(scene.starts.load(Ordering::Relaxed), 2);
    assert_eq!(scene.board.report().sensors["tiny"].restarts, 0, "it has not failed");
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_stops_and_comes_back() {
    let mut scene = start(Habit::Works);
    scene.next_event().await;
    assert!(scene.board.report().sensors["tiny"].last_event.is_some());
    scene.shed.send_modify(|shed| {
        shed.insert("tiny".into(), "too fat".into());
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let entry = scene.board.report().sensors["tiny"].clone();
    assert_eq!((entry.state, entry.why.as_deref()), (SensorState::Shed, Some("too fat")));
    assert!(scene.running.lock().unwrap().is_empty());
    scene.shed.send_modify(Shed::clear);
    scene.next_event().await;
    assert_eq!(*scene.running.lock().unwrap(), ["tiny"]);
}
