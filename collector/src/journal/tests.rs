mod damage;
mod form;

use std::collections::BTreeMap;

use proptest::prelude::*;
use soc_event::{AgentId, Envelope, Kind, Logsource, RunId};

use super::writer::own_envelope;
use super::*;

const NO_MINIMUM: Config = Config {
    retention: Duration::from_secs(30 * 86_400),
    bytes_max: 20 << 30,
    cache_bytes: 4 << 20,
    disk_free_bytes_min: 0,
};

fn open(file: &Path) -> Journal {
    Journal::open(file, &NO_MINIMUM, &prometheus::Registry::new()).unwrap()
}

fn agent(number: u8) -> AgentId {
    AgentId::from_random([number; 16])
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn envelope(agent: AgentId, lane: Lane, first: u64) -> Envelope {
    Envelope {
        agent,
        lane,
        run: RunId(1),
        fingerprint: "f".into(),
        ..own_envelope(Epoch(42), Sequence(first), 0, now())
    }
}

/// The event that an agent gave this sequence: always the same one.
fn event(lane: Lane, sequence: u64) -> Event {
    let kind = if lane == Lane::State { "host.heartbeat" } else { "log" };
    Event::new(now(), Kind::from_name(kind), Logsource::default())
        .with("sequence", sequence)
        .with("message", format!("line {sequence} of {}", lane.as_str()))
}

fn batch(agent: AgentId, lane: Lane, sequences: std::ops::Range<u64>) -> Batch {
    let events: Vec<Event> = sequences.clone().map(|number| event(lane, number)).collect();
    Batch::encode(envelope(agent, lane, sequences.start), &events, now()).unwrap()
}

#[tokio::test]
async fn gives_back_what_was_appended_with_dense_positions() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    let one = journal.append(batch(agent(1), Lane::Log, 1..4)).await.unwrap();
    assert_eq!((one.last(), one.new_events()), (Sequence(3), 3));
    journal.append(batch(agent(2), Lane::Log, 1..3)).await.unwrap();
    let entries = journal.read(Position::FIRST, 100).unwrap().entries;
    let positions: Vec<u64> = entries.iter().map(|entry| entry.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    assert_eq!(entries[1].event, event(Lane::Log, 2));
    assert_eq!(entries[4].id.agent, agent(2));
    assert_eq!(*journal.end().borrow(), Position(6));
    assert_eq!(journal.read(Position(2), 2).unwrap().entries, entries[1..3]);
    assert_eq!(journal.get(Position(4)).unwrap().as_ref(), Some(&entries[3]));
    assert_eq!(journal.get(Position(6)).unwrap(), None);
}

#[tokio::test]
async fn repeats_are_stored_once_whole_or_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    let mut new = Vec::new();
    for sequences in [1..4, 1..4, 2..6, 3..4, 1..7] {
        let durable = journal.append(batch(agent(1), Lane::Log, sequences)).await.unwrap();
        new.push((durable.new_events(), durable.last().0));
    }
    assert_eq!(new, [(3, 3), (0, 3), (2, 5), (0, 5), (1, 6)]);
    let stored: Vec<u64> = journal
        .read(Position::FIRST, 100)
        .unwrap()
        .entries
        .iter()
        .map(|entry| entry.id.sequence.0)
        .collect();
    assert_eq!(stored, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn gaps_in_sequences_leave_no_gap_in_positions() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    journal.append(batch(agent(1), Lane::Log, 1..3)).await.unwrap();
    let durable = journal.append(batch(agent(1), Lane::Log, 10..12)).await.unwrap();
    assert_eq!(durable.last(), Sequence(11));
    assert_eq!(journal.read(Position::FIRST, 100).unwrap().entries.len(), 4);
}

#[tokio::test]
async fn the_same_id_with_another_content_is_a_conflict_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    journal.append(batch(agent(1), Lane::Log, 1..5)).await.unwrap();
    let other = |first: u64, numbers: &[u64]| {
        let events: Vec<Event> = numbers.iter().map(|n| event(Lane::Log, *n)).collect();
        Batch::encode(envelope(agent(1), Lane::Log, first), &events, now()).unwrap()
    };
    // The copy went its own way after 2; it sends from there, or from the start, or beyond.
    for batch in [other(3, &[103]), other(1, &[1, 2, 103]), other(4, &[104, 105, 106])] {
        let error = journal.append(batch).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error}");
    }
    assert_eq!(*journal.end().borrow(), Position(5));
    // The rightful owner goes on.
    assert_eq!(journal.append(batch(agent(1), Lane::Log, 4..7)).await.unwrap().new_events(), 2);
}

#[tokio::test]
async fn an_agent_that_begins_epochs_without_end_is_stopped_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    let of_epoch = |number: u8, epoch: u64| {
        let envelope = Envelope { epoch: Epoch(epoch), ..envelope(agent(number), Lane::Log, 1) };
        Batch::encode(envelope, &[event(Lane::Log, 1)], now()).unwrap()
    };
    let mut waiting = tokio::task::JoinSet::new();
    for epoch in 0..1024 {
        let (journal, batch) = (journal.clone(), of_epoch(1, epoch));
        waiting.spawn(async move { journal.append(batch).await.unwrap() });
    }
    waiting.join_all().await;
    let error = journal.append(of_epoch(1, 1024)).await.unwrap_err();
    assert!(matches!(error, Error::TooManyEpochs { .. }), "{error}");
    assert_eq!(journal.append(of_epoch(1, 7)).await.unwrap().new_events(), 0);
    assert_eq!(journal.append(of_epoch(2, 1024)).await.unwrap().new_events(), 1);
}

#[tokio::test]
async fn own_events_have_ids_of_their_own_that_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    for round in 1..=3 {
        let journal = open(&file);
        let event = Event::own(now(), soc_event::kind::AGENT_SILENT);
        journal.append_own(vec![event.clone(), event]).await.unwrap();
        let entries = journal.read(Position::FIRST, 100).unwrap().entries;
        assert_eq!(entries.len(), 2 * round);
        let id = entries.last().unwrap().id;
        assert_eq!(
            (id.agent, id.lane, id.sequence.0),
            (AgentId::COLLECTOR, Lane::Alert, 2 * round as u64)
        );
    }
}

#[tokio::test]
async fn recent_events_of_one_agent_come_newest_first_and_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    for step in 0..3 {
        journal.append(batch(agent(1), Lane::Log, step * 2 + 1..step * 2 + 3)).await.unwrap();
        journal.append(batch(agent(1), Lane::State, step + 1..step + 2)).await.unwrap();
        journal.append(batch(agent(2), Lane::Log, step + 1..step + 2)).await.unwrap();
    }
    let positions = |before: Option<u64>, limit, kind| -> Vec<u64> {
        let before = before.map(Position);
        let found = journal.recent(agent(1), before, limit, kind).unwrap();
        found.iter().map(|entry| entry.position.0).collect()
    };
    assert_eq!(positions(None, 4, None), [11, 10, 9, 7]);
    assert_eq!(positions(Some(10), 2, None), [9, 7]);
    assert_eq!(positions(None, 9, Some("host.")), [11, 7, 3]);
    assert_eq!(positions(Some(1), 9, None), [0; 0]);
}

#[tokio::test]
async fn retention_stops_at_the_slowest_reader() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    for step in 0..4 {
        journal.append(batch(agent(1), Lane::Log, step * 10 + 1..step * 10 + 11)).await.unwrap();
    }
    let later = now().plus_micros(40 * 86_400 * 1_000_000);
    assert_eq!(journal.retain(later).unwrap(), 0, "no reader has spoken");
    journal.set_low_water("detect", Position(35));
    journal.set_low_water("fleet", Position(21));
    assert_eq!(journal.retain(later).unwrap(), 20);
    assert_eq!(journal.read(Position::FIRST, 1).unwrap().entries[0].position, Position(21));
    journal.set_low_water("fleet", Position(41));
    assert_eq!(journal.retain(now()).unwrap(), 0, "young enough");
    assert_eq!(journal.retain(later).unwrap(), 10, "detect is inside the last block");
    // What was removed is still known as stored.
    assert_eq!(journal.append(batch(agent(1), Lane::Log, 1..41)).await.unwrap().new_events(), 0);
}

#[tokio::test]
async fn over_its_size_the_oldest_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { bytes_max: 0, ..NO_MINIMUM };
    let file = folder.path().join("journal");
    let journal = Journal::open(&file, &config, &prometheus::Registry::new()).unwrap();
    journal.append(batch(agent(1), Lane::Log, 1..11)).await.unwrap();
    journal.set_low_water("detect", Position(11));
    assert_eq!(journal.retain(now()).unwrap(), 10);
    let durable = journal.append(batch(agent(1), Lane::Log, 11..12)).await.unwrap();
    assert_eq!(durable.new_events(), 1);
    assert_eq!(journal.get(Position(11)).unwrap().unwrap().id.sequence, Sequence(11));
}

#[tokio::test]
async fn a_reader_that_is_only_announced_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    journal.append(batch(agent(1), Lane::Log, 1..11)).await.unwrap();
    let later = now().plus_micros(40 * 86_400 * 1_000_000);
    journal.add_reader("detect");
    journal.set_low_water("fleet", Position(11));
    assert_eq!(journal.retain(later).unwrap(), 0);
    journal.set_low_water("detect", Position(11));
    journal.add_reader("detect");
    assert_eq!(journal.retain(later).unwrap(), 10);
}

#[tokio::test]
async fn takes_nothing_when_the_disk_is_nearly_full() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { disk_free_bytes_min: u64::MAX, ..NO_MINIMUM };
    let file = folder.path().join("journal");
    let journal = Journal::open(&file, &config, &prometheus::Registry::new()).unwrap();
    let error = journal.append(batch(agent(1), Lane::Log, 1..2)).await.unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(journal.check_space().is_err());
    assert_eq!(journal.read(Position::FIRST, 1).unwrap().entries, []);
}

#[test]
fn another_format_or_another_process_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let journal = open(&file);
    let registry = prometheus::Registry::new();
    let second = Journal::open(&file, &NO_MINIMUM, &registry).unwrap_err();
    assert!(matches!(second, Error::InUse(_)), "{second}");
    drop(journal);
    let database = redb::Database::open(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(tables::META).unwrap().insert("format", 9).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let other = Journal::open(&file, &NO_MINIMUM, &registry).unwrap_err();
    assert!(matches!(other, Error::Format { found: 9, expected: 1, .. }), "{other}");
    std::fs::write(&file, b"no database at all, but long enough to be looked at").unwrap();
    assert!(matches!(Journal::open(&file, &NO_MINIMUM, &registry), Err(Error::Storage(_))));
}

#[test]
fn a_block_cut_anywhere_is_damaged_and_does_not_panic() {
    let bytes = batch(agent(1), Lane::Log, 1..5).to_bytes();
    assert!(block::Block::open(1, &bytes).is_ok());
    for cut in 0..bytes.len() {
        assert!(block::Block::open(1, &bytes[..cut]).is_err(), "cut at {cut}");
    }
}

/// What happens to a journal.
#[derive(Clone, Debug)]
enum Action {
    /// A batch beginning so far before or after what the agent last sent; then that is its place.
    Append { agent: u8, lane: Lane, back: u64, count: u64 },
    /// Several at once, so that they are one commit.
    Together { agent: u8, counts: Vec<u64> },
    /// The process dies: what is on disk is all there is.
    Crash,
}

fn action() -> impl Strategy<Value = Action> {
    let lane = prop::sample::select(Lane::ALL.to_vec());
    prop_oneof![
        6 => (0..3_u8, lane, 0..12_u64, 1..20_u64)
            .prop_map(|(agent, lane, back, count)| Action::Append { agent, lane, back, count }),
        2 => (0..3_u8, prop::collection::vec(1..5_u64, 1..6))
            .prop_map(|(agent, counts)| Action::Together { agent, counts }),
        1 => Just(Action::Crash),
    ]
}

/// Runs the actions; the model is a list of ids in the order of positions.
async fn run_model(actions: Vec<Action>) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = folder.path().join("journal");
    let mut journal = open(&file);
    let mut model: Vec<EventId> = Vec::new();
    let mut marks: BTreeMap<(u8, Lane), u64> = BTreeMap::new();
    for (step, action) in actions.into_iter().enumerate() {
        match action {
            Action::Append { agent: number, lane, back, count } => {
                let mark = marks.entry((number, lane)).or_default();
                let first = (*mark + 1).saturating_sub(back).max(1);
                let sent = batch(agent(number), lane, first..first + count);
                let ids = (0..count as u32).map(|index| sent.envelope().id(index));
                model.extend(ids.filter(|id| id.sequence.0 > *mark));
                *mark = (*mark).max(first + count - 1);
                assert_eq!(journal.append(sent).await.unwrap().last().0, *mark);
            }
            Action::Together { agent: number, counts } => {
                let mark = marks.entry((number, Lane::Log)).or_default();
                let mut waiting = tokio::task::JoinSet::new();
                for count in counts {
                    // Each begins at the same place: whatever their order, each id is stored once.
                    let sent = batch(agent(number), Lane::Log, *mark + 1..*mark + 1 + count);
                    let journal = journal.clone();
                    waiting.spawn(async move { (count, journal.append(sent).await.unwrap()) });
                }
                let done = waiting.join_all().await;
                let longest = done.iter().map(|(count, _)| *count).max().unwrap();
                let id = |sequence| EventId {
                    agent: agent(number),
                    epoch: Epoch(42),
                    lane: Lane::Log,
                    sequence: Sequence(sequence),
                };
                model.extend((*mark + 1..=*mark + longest).map(id));
                *mark += longest;
            }
            Action::Crash => {
                // The file as a dead process leaves it: copied while it is still open.
                let copy = folder.path().join(format!("journal-{step}"));
                std::fs::copy(&file, &copy).unwrap();
                journal = open(&copy);
                file = copy;
            }
        }
        let entries = journal.read(Position::FIRST, usize::MAX).unwrap().entries;
        let stored: Vec<EventId> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(stored, model);
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry.position.0, index as u64 + 1);
            assert_eq!(entry.event, event(entry.id.lane, entry.id.sequence.0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_stored_exactly_once_whatever_happens(
        actions in prop::collection::vec(action(), 1..24),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run_model(actions));
    }
}
