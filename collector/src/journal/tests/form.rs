//! Batches stored as they came, and what readers see who want little of lines of logs.

use soc_event::wire;

use super::*;

/// The batch as an agent would send it, in so many frames.
fn sent(sequences: std::ops::Range<u64>, between: &str, frames: usize) -> (Vec<u8>, Vec<u8>) {
    let mut envelope = envelope(agent(1), Lane::Log, sequences.start);
    envelope.count = u32::try_from(sequences.clone().count()).unwrap();
    let lines: Vec<String> =
        sequences.map(|n| between.to_owned() + &wire::encode_event(&event(Lane::Log, n))).collect();
    let bytes = wire::encode_batch(&envelope, lines.iter().map(String::as_str));
    let mut compressor = zstd::bulk::Compressor::with_dictionary(3, wire::DICTIONARY).unwrap();
    let step = bytes.len().div_ceil(frames);
    let packed = bytes.chunks(step).flat_map(|part| compressor.compress(part).unwrap()).collect();
    (packed, bytes)
}

#[tokio::test]
async fn a_batch_stored_as_it_came_is_read_as_any_other() {
    for (between, frames) in [("", 1), ("", 3), ("\n", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("journal"));
        let append = async |sequences: std::ops::Range<u64>| {
            let (packed, bytes) = sent(sequences, between, frames);
            let batch = Batch::decode_packed(packed, &bytes, now()).unwrap();
            journal.append(batch).await.unwrap().new_events()
        };
        assert_eq!(append(1..4).await, 3);
        assert_eq!(append(1..4).await, 0, "a repeat");
        assert_eq!(append(2..7).await, 3, "a repeat in part");
        let entries = journal.read(Position::FIRST, 100).unwrap().entries;
        let found: Vec<Event> = entries.iter().map(|entry| entry.event.clone()).collect();
        let wanted: Vec<Event> = (1..7).map(|n| event(Lane::Log, n)).collect();
        assert_eq!(found, wanted, "{between:?} {frames}");
        assert_eq!(journal.get(Position(2)).unwrap().unwrap().id.sequence, Sequence(2));
    }
}

#[tokio::test]
async fn an_id_of_a_batch_stored_as_it_came_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    let (packed, bytes) = sent(1..4, "", 1);
    journal.append(Batch::decode_packed(packed, &bytes, now()).unwrap()).await.unwrap();
    let other = [event(Lane::Log, 103)];
    let other = Batch::encode(envelope(agent(1), Lane::Log, 3), &other, now()).unwrap();
    let error = journal.append(other).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}

#[tokio::test]
async fn of_lines_of_logs_a_sight_is_one_without_content() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    journal.append(batch(agent(1), Lane::Log, 1..400)).await.unwrap();
    journal.append(batch(agent(2), Lane::State, 1..3)).await.unwrap();
    let mut odd = event(Lane::Log, 1).with("path", "\",\"kind\":\"log\",");
    odd.kind = Kind::new("log.anomaly");
    let odd = [odd];
    let batch = Batch::encode(envelope(agent(3), Lane::Alert, 1), &odd, now()).unwrap();
    journal.append(batch).await.unwrap();
    let stretch = journal.sights(Position::FIRST, 1000).unwrap();
    assert_eq!((stretch.next, stretch.damaged), (Position(403), 0));
    let seen: Vec<_> = stretch
        .entries
        .iter()
        .map(|entry| (entry.position.0, entry.id.agent, entry.event.fields.len()))
        .collect();
    assert_eq!(
        seen,
        [(1, agent(1), 0), (400, agent(2), 2), (401, agent(2), 2), (402, agent(3), 3)]
    );
    assert!(stretch.entries.iter().all(|entry| entry.received == now()));
}
