use std::time::Duration;

use soc_event::{Event, Kind, Value, kind};
use tempfile::TempDir;

use super::*;
use crate::sensor::{Observation, Outlet, Position, SystemClock};

mod disk;
mod earlier;
mod model;
mod offline;

pub(super) const ALL: BatchLimits = BatchLimits { events: 4096, bytes: 1 << 20 };

pub(super) fn numbered(lane: Lane, n: u64) -> Observation {
    let event = Event::own(Timestamp::default(), Kind::new("tiny.seen")).with("n", n);
    Observation { lane, event, stays: false }
}

fn log(numbers: std::ops::Range<u64>) -> Delivery {
    let observations = numbers.map(|n| numbered(Lane::Log, n)).collect();
    Delivery { observations, positions: Vec::new() }
}

struct Open {
    spool: Spool,
    thread: Thread,
    outlet: Outlet,
}

fn open_sized(folder: &TempDir, fingerprint: &str, bytes_max: u64) -> Open {
    let (outlet, deliveries) = Outlet::channel();
    let bytes_max = Bytes::kibi(bytes_max / 1024);
    let setup = Setup {
        config: Config { bytes_max },
        fingerprint: fingerprint.to_owned(),
        clock: Arc::new(SystemClock),
        deliveries,
    };
    let (spool, thread) = Spool::open(folder.path(), setup).unwrap();
    Open { spool, thread, outlet }
}

fn open(folder: &TempDir) -> Open {
    open_sized(folder, "one", 1 << 20)
}

impl Open {
    async fn put(&self, delivery: Delivery) {
        self.outlet.send(delivery).await.unwrap();
        self.spool.flush().await.unwrap();
    }

    async fn close(self) {
        self.spool.stop().await;
        self.thread.join();
    }

    async fn events(&self, lane: Lane) -> Vec<Event> {
        match self.spool.batch(lane, ALL).await.unwrap() {
            Some(batch) => events_of(&batch),
            None => Vec::new(),
        }
    }

    async fn acknowledge(&self, batch: &Batch, archived: u64) {
        let (epoch, lane) = (batch.epoch, batch.lane);
        let (first, last, durable) = (batch.first, batch.last(), batch.last());
        let archived = Sequence(archived);
        let taken = Acknowledgement { epoch, lane, first, last, durable, archived };
        self.spool.acknowledge(taken).await.unwrap();
    }
}

pub(super) fn events_of(batch: &Batch) -> Vec<Event> {
    let lines = batch.lines.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
    lines.map(|line| soc_event::wire::decode_event(line, 1).unwrap()).collect()
}

pub(super) fn number(event: &Event) -> u64 {
    event.fields.get("n").and_then(Value::as_i64).unwrap() as u64
}

#[tokio::test]
async fn what_is_on_disk_comes_back_in_order_with_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let mut delivery = log(1..4);
    let position = Position { source: "logfile:/a".into(), bytes: vec![1, 2] };
    delivery.positions.push(position);
    spool.put(delivery).await;
    let epoch = spool.spool.view().borrow().epoch;
    spool.close().await;

    let spool = open(&folder);
    assert_eq!(spool.spool.position("logfile:/a"), Some(vec![1, 2]));
    assert_eq!(spool.spool.position("logfile:/b"), None);
    let batch = spool.spool.batch(Lane::Log, ALL).await.unwrap().unwrap();
    assert_eq!((batch.epoch, batch.first, batch.count), (epoch, Sequence(1), 3));
    assert_eq!(events_of(&batch).iter().map(number).collect::<Vec<_>>(), [1, 2, 3]);
    spool.close().await;
}

#[tokio::test]
async fn a_source_that_is_gone_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    for bytes in [vec![7], Vec::new()] {
        let positions = vec![Position { source: "s".into(), bytes }];
        spool.put(Delivery { observations: Vec::new(), positions }).await;
    }
    assert_eq!(spool.spool.position("s"), None);
    spool.close().await;
    assert_eq!(open(&folder).spool.position("s"), None);
}

#[tokio::test]
async fn batches_keep_to_their_limits_but_hold_at_least_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.put(log(0..10)).await;
    let count = async |limits| spool.spool.batch(Lane::Log, limits).await.unwrap().unwrap().count;
    assert_eq!(count(BatchLimits { events: 4, bytes: 1 << 20 }).await, 4);
    assert_eq!(count(BatchLimits { events: 100, bytes: 1 }).await, 1);
    assert_eq!(count(BatchLimits { events: 0, bytes: 0 }).await, 1);
    assert_eq!(spool.spool.batch(Lane::Alert, ALL).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_acknowledged_is_not_sent_again_and_what_is_archived_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.put(log(0..4)).await;
    spool.put(log(4..10)).await;
    let batch = spool.spool.batch(Lane::Log, ALL).await.unwrap().unwrap();
    // The second commit is archived only in part: it stays whole.
    spool.acknowledge(&batch, 6).await;
    assert_eq!(spool.events(Lane::Log).await, []);
    spool.put(log(10..11)).await;
    let view = spool.spool.view().borrow().lane(Lane::Log);
    assert_eq!((view.unsent, view.kept, view.sent), (1, 7, Sequence(10)));
    spool.close().await;
    let spool = open(&folder);
    assert_eq!(spool.events(Lane::Log).await.iter().map(number).collect::<Vec<_>>(), [10]);
}

#[tokio::test]
async fn alerts_stay_when_there_is_no_room_and_the_gap_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_sized(&folder, "one", 4 * 1024);
    let observations = vec![numbered(Lane::Alert, 1000), numbered(Lane::State, 1001)];
    spool.put(Delivery { observations, positions: Vec::new() }).await;
    for n in 0..200 {
        spool.put(log(n..n + 1)).await;
    }
    let view = spool.spool.view().borrow().clone();
    assert!(view.bytes() <= 4 * 1024, "{view:?}");
    let dropped = view.lane(Lane::Log).dropped;
    assert!(dropped > 0 && view.lane(Lane::Log).unsent + dropped == 200, "{view:?}");
    assert_eq!(view.lane(Lane::Alert).dropped + view.lane(Lane::State).dropped, 0);

    // The collector comes back: there is room again, and the report goes out.
    let batch = spool.spool.batch(Lane::Log, ALL).await.unwrap().unwrap();
    assert_eq!(batch.first, Sequence(dropped + 1), "the oldest went");
    spool.acknowledge(&batch, 200).await;
    spool.put(log(200..201)).await;
    spool.put(log(201..202)).await;
    let alerts = spool.events(Lane::Alert).await;
    let gaps: Vec<&Event> = alerts.iter().filter(|event| event.kind == kind::LOG_GAP).collect();
    let [gap] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(gap.text("log.gap.reason"), Some("spool_full"));
    assert_eq!(gap.text("log.gap.lane"), Some("log"));
    let field = |name: &str| gap.fields[name].as_i64().unwrap() as u64;
    assert_eq!(field("log.gap.count"), dropped);
    assert_eq!((field("log.gap.first"), field("log.gap.last")), (1, dropped));
}

#[tokio::test]
async fn a_gap_is_reported_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_sized(&folder, "one", 1024);
    for n in 0..40 {
        spool.put(log(n..n + 1)).await;
    }
    spool.close().await;
    let spool = open_sized(&folder, "one", 1 << 20);
    spool.put(log(200..201)).await;
    assert_eq!(spool.events(Lane::Alert).await[0].kind, kind::LOG_GAP);
}

#[tokio::test]
async fn sent_events_go_before_unsent_ones() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_sized(&folder, "one", 4 * 1024);
    for n in 0..20 {
        let observations = vec![numbered(Lane::Alert, n)];
        spool.put(Delivery { observations, positions: Vec::new() }).await;
    }
    let batch = spool.spool.batch(Lane::Alert, ALL).await.unwrap().unwrap();
    spool.acknowledge(&batch, 0).await;
    for n in 0..30 {
        spool.put(log(n..n + 1)).await;
    }
    let view = spool.spool.view().borrow().clone();
    assert_eq!(view.dropped(), 0, "{view:?}");
    assert!(view.lane(Lane::Alert).kept < 20, "{view:?}");
    assert_eq!(view.lane(Lane::Log).unsent, 30);
}

#[tokio::test]
async fn no_lane_is_pushed_below_its_part_by_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_sized(&folder, "one", 16 * 1024);
    for lane in [Lane::Log, Lane::State, Lane::Alert] {
        for n in 0..300 {
            let observations = vec![numbered(lane, n)];
            spool.put(Delivery { observations, positions: Vec::new() }).await;
        }
    }
    let view = spool.spool.view().borrow().clone();
    assert!(view.bytes() <= 16 * 1024, "{view:?}");
    for lane in Lane::ALL {
        assert!(view.lane(lane).bytes > 16 * 1024 / 8 - 200, "{lane:?}: {view:?}");
    }
    assert!(view.lane(Lane::Alert).bytes > 16 * 1024 / 2, "{view:?}");
}

#[tokio::test]
async fn other_hardware_begins_a_new_epoch_and_keeps_what_is_unsent() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.put(log(0..3)).await;
    let before = spool.spool.view().borrow().epoch;
    spool.close().await;
    let same = open(&folder);
    assert_eq!(same.spool.view().borrow().epoch, before);
    same.close().await;
    let moved = open_sized(&folder, "two", 1 << 20);
    assert_ne!(moved.spool.view().borrow().epoch, before);
    assert_eq!(moved.events(Lane::Log).await.len(), 3);
}

#[tokio::test]
async fn a_disk_that_was_rolled_back_begins_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.put(log(0..3)).await;
    let batch = spool.spool.batch(Lane::Log, ALL).await.unwrap().unwrap();
    let (epoch, lane, first, last) = (batch.epoch, batch.lane, batch.first, batch.last());
    let (durable, archived) = (Sequence(50), Sequence(0));
    let claim = Acknowledgement { epoch, lane, first, last, durable, archived };
    spool.spool.acknowledge(claim).await.unwrap();
    let again = spool.spool.batch(Lane::Log, ALL).await.unwrap().unwrap();
    assert_ne!(again.epoch, batch.epoch);
    assert_eq!(again.lines, batch.lines);
}

#[tokio::test]
async fn a_refused_event_is_set_aside_and_the_lane_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.put(log(0..3)).await;
    let epoch = spool.spool.view().borrow().epoch;
    for sequence in [Sequence(1), Sequence(1), Sequence(3)] {
        spool.spool.refuse(epoch, Lane::Log, sequence, "bad".into()).await.unwrap();
    }
    assert_eq!(spool.events(Lane::Log).await.iter().map(number).collect::<Vec<_>>(), [1, 2]);
    let view = spool.spool.view().borrow().lane(Lane::Log);
    assert_eq!((view.refused, view.kept), (1, 3), "only the head of a lane can be refused");
    spool.close().await;
    // An episode of an earlier run is reported with the first commit.
    let spool = open(&folder);
    spool.put(log(3..4)).await;
    let gap = spool.events(Lane::Alert).await.remove(0);
    assert_eq!(gap.text("log.gap.reason"), Some("refused"));
    assert_eq!(gap.fields["log.gap.count"].as_i64(), Some(1));
}

#[tokio::test]
async fn refused_reports_breed_no_reports() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let event = Event::own(Timestamp::default(), kind::LOG_GAP);
    let observations = vec![Observation::alert(event)];
    spool.put(Delivery { observations, positions: Vec::new() }).await;
    let epoch = spool.spool.view().borrow().epoch;
    spool.spool.refuse(epoch, Lane::Alert, Sequence(1), "no".into()).await.unwrap();
    spool.close().await;
    let spool = open(&folder);
    spool.put(log(0..1)).await;
    assert_eq!(spool.events(Lane::Alert).await, []);
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.put(log(0..3)).await;
    let before = spool.spool.view().borrow().epoch;
    spool.close().await;
    let file = folder.path().join(FILE);
    std::fs::write(&file, vec![0x5a; 8192]).unwrap();
    let spool = open(&folder);
    spool.put(log(3..4)).await;
    assert_ne!(spool.spool.view().borrow().epoch, before);
    let gap = spool.events(Lane::Alert).await.remove(0);
    assert_eq!(gap.text("log.gap.reason"), Some("spool_damaged"));
    assert_eq!(gap.fields["log.gap.count"], Value::Null);
    let aside = std::fs::read(folder.path().join("spool.redb.damaged")).unwrap();
    assert_eq!(aside, vec![0x5a; 8192]);
}

#[tokio::test]
async fn two_agents_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(&folder);
    let (_outlet, deliveries) = Outlet::channel();
    let (config, clock) = (Config::default(), Arc::new(SystemClock));
    let setup = Setup { config, fingerprint: "one".into(), clock, deliveries };
    let error = Spool::open(folder.path(), setup).err().unwrap();
    assert!(matches!(error, Error::InUse(_)), "{error}");
}

#[tokio::test]
async fn the_collectors_time_is_kept_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    spool.spool.keep_learned(Timestamp::from_micros(42)).await;
    spool.put(log(0..1)).await;
    spool.close().await;
    assert_eq!(open(&folder).spool.learned(), Some(Timestamp::from_micros(42)));
}

#[tokio::test]
async fn a_single_event_is_on_disk_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder);
    let mut view = spool.spool.view();
    spool.outlet.send(log(0..1)).await.unwrap();
    let committed = view.wait_for(|view| view.unsent() == 1);
    tokio::time::timeout(Duration::from_secs(10), committed).await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_else_can_read_what_is_spooled() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _spool = open(&folder);
    let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
