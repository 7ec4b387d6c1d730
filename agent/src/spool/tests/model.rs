//! The spool against a model of plain vectors, with power cuts at any moment.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::disk::{Chance, Disk};
use super::*;
use crate::sensor::Position;
use crate::spool::lines::Group;
use crate::spool::store::Store;

#[derive(Clone, Debug)]
enum Action {
    /// A delivery of so many events, committed.
    Append(Lane, u8),
    /// The power fails so many disk operations into a commit; of the writes since the last sync
    /// any part reaches the platters.
    AppendAndCut(Lane, u8, u8, u64),
    /// A batch is sent and acknowledged; the collector archives all or nothing of it.
    Deliver(Lane, u8, bool),
    /// A batch is sent and taken, but the answer is lost.
    DeliverUnheard(Lane, u8),
    /// The power fails between commits.
    Cut(u64),
    /// The collector refuses the next event of a lane for good.
    Refuse(Lane),
    /// A clean stop and start.
    Restart,
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![Just(Lane::Alert), Just(Lane::State), Just(Lane::Log)]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (lane(), 1..20_u8).prop_map(|(lane, count)| Action::Append(lane, count)),
        2 => (lane(), 1..20_u8, 0..40_u8, any::<u64>())
            .prop_map(|(l, c, o, w)| Action::AppendAndCut(l, c, o, w)),
        3 => (lane(), 1..30_u8, any::<bool>()).prop_map(|(l, c, a)| Action::Deliver(l, c, a)),
        1 => (lane(), 1..30_u8).prop_map(|(lane, count)| Action::DeliverUnheard(lane, count)),
        1 => any::<u64>().prop_map(Action::Cut),
        1 => lane().prop_map(Action::Refuse),
        1 => Just(Action::Restart),
    ]
}

struct Scene {
    disk: Disk,
    bytes_max: u64,
    store: Option<Store>,
    /// What was written, in order; a source reads on from its committed position.
    written: BTreeMap<Lane, u64>,
    /// The collector: number by epoch, lane and sequence; none is a report of the spool's own.
    collected: BTreeMap<(u64, Lane, u64), Option<u64>>,
}

impl Scene {
    fn new(bytes_max: u64) -> Self {
        let disk = Disk::default();
        let store = Some(open(&disk, bytes_max));
        Self { disk, bytes_max, store, written: BTreeMap::new(), collected: BTreeMap::new() }
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    /// The next events of a source whose read position is its count of events.
    fn group(&mut self, lane: Lane, count: u8) -> Group {
        let from = self.written.get(&lane).copied().unwrap_or(0);
        let upto = from + u64::from(count);
        let source = lane.as_str().to_owned();
        let positions = vec![Position { source, bytes: upto.to_le_bytes().to_vec() }];
        let observations = (from..upto).map(|n| numbered(lane, n)).collect();
        let mut group = Group::default();
        group.add(Delivery { observations, positions });
        group
    }

    fn cut(&mut self, seed: u64) {
        self.disk.cut_power(Chance(seed));
        // The process dies with the power: what it still writes goes nowhere.
        self.disk = self.disk.survivor();
        self.store = Some(open(&self.disk, self.bytes_max));
        self.read_on();
    }

    /// After a start every source reads on from where its position says.
    fn read_on(&mut self) {
        let positions = self.store().positions().unwrap();
        let count = |bytes: &Vec<u8>| u64::from_le_bytes(bytes.as_slice().try_into().unwrap());
        for lane in Lane::ALL {
            let position = positions.get(lane.as_str()).map_or(0, count);
            self.written.insert(lane, position);
        }
    }

    fn deliver(
        &mut self,
        lane: Lane,
        events: u8,
        answer: Option<bool>,
    ) -> Result<(), TestCaseError> {
        let limits = BatchLimits { events: u32::from(events), bytes: 1 << 20 };
        let Some(batch) = self.store().batch(lane, limits).unwrap() else { return Ok(()) };
        for (index, event) in events_of(&batch).iter().enumerate() {
            let key = (batch.epoch.0, lane, batch.first.0 + index as u64);
            let number = event.fields.get("n").and_then(Value::as_i64).map(|n| n as u64);
            let old = self.collected.insert(key, number);
            prop_assert!(old.is_none_or(|old| old == number), "one id, two events");
        }
        let Some(archives) = answer else { return Ok(()) };
        let archived = if archives { batch.last() } else { Sequence(0) };
        let (epoch, first, last) = (batch.epoch, batch.first, batch.last());
        let durable = last;
        let taken = Acknowledgement { epoch, lane, first, last, durable, archived };
        self.store().acknowledge(&taken).unwrap();
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), TestCaseError> {
        match action {
            Action::Append(lane, count) => {
                let group = self.group(lane, count);
                self.store().append(&group, Timestamp::default()).unwrap();
                *self.written.entry(lane).or_default() += u64::from(count);
            }
            Action::AppendAndCut(lane, count, operations, writes) => {
                let group = self.group(lane, count);
                self.disk.power_fails_after(usize::from(operations));
                let appended = self.store().append(&group, Timestamp::default());
                self.cut(writes);
                let is_there = self.written[&lane] >= group_end(&group);
                prop_assert!(appended.is_err() || is_there, "committed, and lost");
            }
            Action::Deliver(lane, events, archives) => {
                self.deliver(lane, events, Some(archives))?;
            }
            Action::DeliverUnheard(lane, events) => self.deliver(lane, events, None)?,
            Action::Cut(seed) => self.cut(seed),
            Action::Refuse(lane) => {
                let next = self.store().ledger().lane(lane).sent.next();
                if next <= self.store().ledger().lane(lane).last {
                    self.store().refuse(lane, next, "no").unwrap();
                }
            }
            Action::Restart => {
                self.store = None;
                self.store = Some(open(&self.disk, self.bytes_max));
                self.read_on();
            }
        }
        Ok(())
    }

    /// In the end everything that was ever committed is with the collector, once and in order, or
    /// was refused or dropped and counted.
    fn check(mut self) -> Result<(), TestCaseError> {
        for lane in Lane::ALL {
            for _ in 0..1000 {
                if self.store().batch(lane, ALL).unwrap().is_none() {
                    break;
                }
                self.deliver(lane, 255, Some(true))?;
            }
            let of_lane = self.collected.iter().filter(|((_, of, _), _)| *of == lane);
            let all: Vec<Option<u64>> = of_lane.map(|(_, number)| *number).collect();
            let numbers: Vec<u64> = all.iter().copied().flatten().collect();
            let written = self.written.get(&lane).copied().unwrap_or(0);
            prop_assert!(numbers.is_sorted_by(|one, next| one < next), "out of order or twice");
            prop_assert!(numbers.last().is_none_or(|last| *last < written));
            let book = self.store().ledger().lane(lane);
            // The spool's own reports have sequences as well, and can be dropped or refused; what
            // was dropped may have arrived unheard.
            prop_assert!(all.len() as u64 + book.dropped + book.refused >= book.last.0);
            if book.dropped + book.refused == 0 {
                prop_assert_eq!(numbers.len() as u64, written);
            }
        }
        Ok(())
    }
}

/// The position a group brings its source to.
fn group_end(group: &Group) -> u64 {
    u64::from_le_bytes(group.positions[0].bytes.as_slice().try_into().unwrap())
}

fn open(disk: &Disk, bytes_max: u64) -> Store {
    Store::new(disk.database().unwrap(), "one", bytes_max).unwrap().packing_at(4)
}

/// How many histories are generated: `HISTORIES=100000` for the long run.
fn histories() -> ProptestConfig {
    let wanted = std::env::var("HISTORIES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: wanted.unwrap_or(64), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(histories())]
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(
        actions in prop::collection::vec(action(), 1..40),
        // Room for all, or for next to nothing.
        bytes_max in prop_oneof![3 => Just(1_u64 << 30), 1 => Just(2048_u64)],
    ) {
        let mut scene = Scene::new(bytes_max);
        for action in actions {
            scene.act(action)?;
        }
        scene.check()?;
    }
}
