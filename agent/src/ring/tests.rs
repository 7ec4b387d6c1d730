use std::collections::BTreeMap;

use proptest::prelude::*;
use soc_event::{Event, Timestamp, kind};

use super::*;

fn event(n: u64) -> Event {
    let time =
        Timestamp::from_micros(1_795_341_600_000_000 + i64::try_from(n).unwrap() * 1_000_000);
    Event::own(time, kind::LOG).with("n", n).with("message", format!("line {n}"))
}

fn number(event: &Event) -> u64 {
    event.fields["n"].as_i64().and_then(|n| u64::try_from(n).ok()).unwrap()
}

/// All numbers that are in the ring up to a mark, in a range of numbers.
fn numbers(folder: &Path, end: Mark, from: u64, to: u64) -> Vec<u64> {
    let (reader, mut at, mut found) = (Reader::new(folder.to_owned()), Mark::default(), Vec::new());
    let (from, to) = (event(from).time, event(to).time);
    while let Some(frame) = reader.next(at, end, from, to) {
        at = frame.next;
        let inside = frame.events.iter().filter(|it| (from..to).contains(&it.time));
        found.extend(inside.map(number));
    }
    found
}

fn staying(numbers: std::ops::Range<u64>) -> Delivery {
    let observations = numbers.map(|n| Observation::log(event(n)).that_stays()).collect();
    let positions = vec![Position { source: "logfile:a".into(), bytes: vec![1] }];
    Delivery { observations, positions }
}

#[tokio::test]
async fn what_stays_is_taken_out_and_its_place_travels_with_the_positions() {
    let folder = tempfile::tempdir().unwrap();
    let (outlet, mut spool) = Outlet::channel();
    let (sensors, deliveries) = Outlet::channel();
    let path = folder.path().join("ring");
    let stage = tokio::spawn(run(Config::default(), path.clone(), None, deliveries, outlet));
    let mut mixed = staying(0..3);
    mixed.observations.push(Observation::alert(event(99)));
    sensors.send(mixed).await.unwrap();
    let came = spool.recv().await.unwrap();
    assert_eq!(came.observations, [Observation::alert(event(99))]);
    assert_eq!(came.positions[0].source, "logfile:a");
    let mark = Mark::decode(&came.positions[1].bytes).unwrap();
    assert_eq!(numbers(&path, mark, 0, 100), [0, 1, 2]);
    assert_eq!(numbers(&path, mark, 1, 2), [1]);
    // A delivery of which nothing stays goes through as it is.
    let plain = Delivery { observations: vec![Observation::log(event(7))], positions: Vec::new() };
    sensors.send(plain.clone()).await.unwrap();
    assert_eq!(spool.recv().await.unwrap(), plain);
    drop(sensors);
    stage.await.unwrap();
}

#[test]
fn the_oldest_goes_when_the_cap_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path().to_owned(), 40_000, None);
    let mut end = Mark::default();
    for n in 0..2_000 {
        end = writer.append(&frame::encode(&[event(n)]).unwrap()).unwrap();
    }
    let bytes: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes < 48_000, "{bytes}");
    let kept = numbers(folder.path(), end, 0, 3_000);
    assert!(kept.len() > 100 && kept.len() < 2_000, "{}", kept.len());
    assert_eq!(kept, (2_000 - kept.len() as u64..2_000).collect::<Vec<_>>());
    let (oldest, is_whole) = Reader::new(folder.path().to_owned()).oldest().unwrap();
    assert_eq!((oldest, is_whole), (event(kept[0]).time, false));
}

#[test]
fn a_damaged_frame_ends_its_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path().to_owned(), 8 * 1_000, None);
    let mut end = Mark::default();
    for n in 0..20 {
        end = writer.append(&frame::encode(&[event(n)]).unwrap()).unwrap();
    }
    let before = numbers(folder.path(), end, 0, 100);
    assert_eq!(before.len(), 20);
    let first = reader::path(folder.path(), reader::files(folder.path())[0]);
    let mut bytes = std::fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&first, bytes).unwrap();
    let after = numbers(folder.path(), end, 0, 100);
    assert!(!after.is_empty() && after.len() < 20 && after.last() == Some(&19), "{after:?}");
}

#[derive(Clone, Debug)]
enum Step {
    /// So many lines stay; the spool commits them.
    Commit(u64),
    /// So many lines stay; power is cut before the spool commits.
    Lose(u64),
    /// Power is cut in the middle of writing.
    Tear(u64, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..5_u64).prop_map(Step::Commit),
        1 => (1..5_u64).prop_map(Step::Lose),
        1 => (1..5_u64, 0..400_usize).prop_map(|(lines, bytes)| Step::Tear(lines, bytes)),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn every_line_is_there_once_whatever_happens_to_power(steps in steps(), cap in 2_000..200_000_u64) {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("ring");
        let start = |committed| Writer::new(folder.clone(), cap, committed);
        // What the log has, and how far the spool knows that it was read.
        let (mut read, mut committed) = (0, None);
        let mut writer = start(committed);
        for step in steps {
            let (Step::Commit(lines) | Step::Lose(lines) | Step::Tear(lines, _)) = step;
            let events: Vec<Event> = (read..read + lines).map(event).collect();
            let mark = writer.append(&frame::encode(&events).unwrap()).unwrap();
            match step {
                Step::Commit(_) => (read, committed) = (read + lines, Some(mark)),
                Step::Lose(_) => writer = start(committed),
                Step::Tear(_, bytes) => {
                    let path = reader::path(&folder, mark.file);
                    let length = std::fs::metadata(&path).unwrap().len();
                    let floor = committed.filter(|kept: &Mark| kept.file == mark.file);
                    let kept = length.saturating_sub(bytes as u64).max(floor.map_or(0, |it| it.offset));
                    std::fs::File::options().write(true).open(&path).unwrap().set_len(kept).unwrap();
                    writer = start(committed);
                }
            }
        }
        let kept = numbers(&folder, committed.unwrap_or_default(), 0, 1_000);
        // The oldest may have gone; the rest has no hole and nothing twice.
        let first = read.saturating_sub(kept.len() as u64);
        prop_assert_eq!(&kept, &(first..read).collect::<Vec<_>>());
        prop_assert!(cap < 60_000 || first == 0);
    }

    #[test]
    fn any_bytes_are_a_frame_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let mut file = b"SOCR".to_vec();
        file.extend(&bytes);
        std::fs::write(reader::path(folder.path(), 1), file).unwrap();
        let end = Mark { file: 9, offset: 0 };
        let _ = numbers(folder.path(), end, 0, 1_000);
        prop_assert_eq!(Mark::decode(&bytes).is_some(), bytes.len() == 16);
    }
}

#[test]
fn positions_of_other_sources_say_nothing() {
    struct Some7(BTreeMap<String, Vec<u8>>);
    impl Positions for Some7 {
        fn position(&self, source: &str) -> Option<Vec<u8>> {
            self.0.get(source).cloned()
        }
    }
    let mark = Mark { file: 7, offset: 9 };
    let position = mark.position();
    let positions = Some7([(position.source, position.bytes)].into());
    assert_eq!(Mark::committed(&positions), Some(mark));
    assert_eq!(Mark::committed(&Some7(BTreeMap::new())), None);
}
