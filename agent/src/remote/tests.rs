use std::time::Duration;

use soc_event::{Event, Layer, RunId, kind};

use super::*;
use crate::config::Local;
use crate::sensor::{Delivery, Outlet, SystemClock};
use crate::status::{Board, SensorReport, SensorState};

struct Scene {
    offers: Offers,
    rooms: Rooms,
    board: Board,
    deliveries: mpsc::Receiver<Delivery>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

fn start(folder: &tempfile::TempDir, local: &str) -> Scene {
    let (offers, offered) = Offers::channel();
    let board = Board::new(RunId(1));
    board.change(|report| report.uplink.connected = true);
    let (outlet, deliveries) = Outlet::channel();
    let local = Local::parse(local).unwrap();
    let (state, clock) = (folder.path().to_owned(), Arc::new(SystemClock));
    let remote = Remote::start(local, state, offers.clone(), board.clone(), outlet, clock);
    let rooms = remote.rooms();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(remote.run(offered, stopped));
    Scene { offers, rooms, board, deliveries, stop, task }
}

fn configuration(version: u64, text: &str) -> Configuration {
    let layers = vec![Layer { scope: "fleet".into(), text: text.into() }];
    Configuration { version, label: version.to_string(), layers }
}

impl Scene {
    async fn offer(&self, configuration: Configuration) {
        self.offers.offer(configuration.version, configuration).await;
    }

    async fn outcome(&mut self) -> (u64, String, Option<String>) {
        let event: Event = self.deliveries.recv().await.unwrap().observations.remove(0).event;
        assert_eq!(event.kind, kind::AGENT_CONFIGURATION);
        let version = event.fields["configuration.version"].as_i64().unwrap() as u64;
        let text = |name| event.text(name).map(str::to_owned);
        (version, text("configuration.outcome").unwrap(), text("configuration.reason"))
    }

    fn heartbeat_s(&self) -> u64 {
        self.rooms.effective.borrow().config.sensor.host.heartbeat_s
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    fn acknowledges(&self) {
        self.board.change(|report| report.uplink.batches += 1);
    }
}

const GOOD: &str = "[host]\nheartbeat_s = 30\n";

#[tokio::test(start_paused = true)]
async fn a_configuration_is_applied_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = start(&folder, "");
    scene.offer(configuration(7, GOOD)).await;
    assert_eq!(scene.outcome().await, (7, "applied".into(), None));
    assert_eq!((scene.heartbeat_s(), scene.offers.running()), (30, 7));
    assert!(scene.board.report().configuration.is_on_trial);
    scene.acknowledges();
    tokio::time::sleep(Duration::from_secs(310)).await;
    assert!(!scene.board.report().configuration.is_on_trial);
    scene.stop().await;
    let scene = start(&folder, "");
    assert_eq!((scene.heartbeat_s(), scene.offers.running()), (30, 7));
    assert!(!scene.board.report().configuration.is_on_trial);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_is_refused_with_the_reason_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = start(&folder, "");
    scene.offer(configuration(7, "[metrics]\nlisten = \"127.0.0.1:1\"\n")).await;
    let (version, outcome, reason) = scene.outcome().await;
    assert_eq!((version, outcome.as_str()), (7, "refused"));
    assert!(reason.unwrap().contains("metrics.listen is set on the machine itself only"));
    assert_eq!((scene.heartbeat_s(), scene.offers.running()), (15, 0));
    // The same version is not asked for again, another one is.
    scene.offers.want(7);
    let again = tokio::time::timeout(Duration::from_secs(60), scene.offers.wanted()).await;
    assert!(again.is_err());
    scene.offers.want(8);
    assert_eq!(scene.offers.wanted().await, 8);
}

#[tokio::test(start_paused = true)]
async fn a_sensor_that_fails_again_and_again_brings_the_last_good_one_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = start(&folder, "");
    scene.offer(configuration(7, GOOD)).await;
    scene.acknowledges();
    scene.outcome().await;
    tokio::time::sleep(Duration::from_secs(310)).await;
    scene.offer(configuration(8, "[host]\nheartbeat_s = 60\n")).await;
    scene.outcome().await;
    scene.board.change(|report| {
        let why = Some("no such thing".to_owned());
        let entry = SensorReport { restarts: 3, why, ..SensorReport::of(SensorState::Failed) };
        report.sensors.insert("port".into(), entry);
    });
    let (version, outcome, reason) = scene.outcome().await;
    assert_eq!((version, outcome.as_str()), (8, "rolled_back"));
    assert_eq!(reason.unwrap(), "the sensor port failed 3 times: no such thing");
    assert_eq!((scene.heartbeat_s(), scene.offers.running()), (30, 7));
    scene.stop().await;
    assert_eq!(start(&folder, "").heartbeat_s(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_cannot_be_heard_any_more_brings_the_last_good_one_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = start(&folder, "");
    scene.offer(configuration(7, GOOD)).await;
    scene.outcome().await;
    let (_, outcome, reason) = scene.outcome().await;
    assert_eq!(outcome, "rolled_back");
    assert!(reason.unwrap().contains("acknowledged nothing"));
    assert_eq!(scene.heartbeat_s(), 15);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_survive_its_trial_starts_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = start(&folder, "");
    scene.offer(configuration(7, GOOD)).await;
    scene.stop().await;
    for _ in 0..2 {
        let scene = start(&folder, "");
        assert_eq!(scene.heartbeat_s(), 30, "it may have been a power cut");
        // The start is on disk once it asks for news.
        scene.offer(configuration(7, GOOD)).await;
        scene.stop().await;
    }
    let mut scene = start(&folder, "");
    assert_eq!((scene.heartbeat_s(), scene.offers.running()), (15, 0));
    assert_eq!(scene.outcome().await.1, "rolled_back");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_listen_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let scene = start(&folder, "[remote]\nenabled = false\n");
    scene.offer(configuration(7, GOOD)).await;
    assert_eq!((scene.heartbeat_s(), scene.offers.running()), (15, 0));
    scene.stop().await;
    assert!(!folder.path().join("configuration.json").exists());
}

#[tokio::test(start_paused = true)]
async fn no_configuration_any_more_is_the_machines_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = start(&folder, "");
    scene.offer(configuration(7, GOOD)).await;
    scene.outcome().await;
    scene.offer(Configuration::default()).await;
    assert_eq!(scene.outcome().await, (0, "applied".into(), None));
    assert_eq!(scene.heartbeat_s(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("configuration.json"), "{\"good\":7").unwrap();
    assert_eq!(start(&folder, "").heartbeat_s(), 15);
}
