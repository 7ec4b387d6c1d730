use redb::ReadableTable as _;

use super::*;

/// Puts other bytes in the place of a stored block.
fn damage(file: &Path, position: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let database = redb::Database::open(file).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut blocks = transaction.open_table(tables::BLOCKS).unwrap();
        let mut bytes = blocks.get(position).unwrap().unwrap().value().to_vec();
        change(&mut bytes);
        blocks.insert(position, bytes.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn exactly_what_is_damaged_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let journal = open(&file);
    for step in 0..5 {
        journal.append(batch(agent(1), Lane::Log, step * 10 + 1..step * 10 + 11)).await.unwrap();
    }
    drop(journal);
    // The second and fourth of five: what lies between is as good as what lies around.
    damage(&file, 11, |bytes| bytes.truncate(20));
    damage(&file, 31, |bytes| {
        let last = bytes.len() - 9;
        bytes[last] ^= 0xff;
    });
    let registry = prometheus::Registry::new();
    let journal = Journal::open(&file, &NO_MINIMUM, &registry).unwrap();
    let good: Vec<u64> = (1..11).chain(21..31).chain(41..51).collect();
    for (from, size) in [(1, 100), (1, 7), (11, 100), (15, 3), (30, 1), (35, 100), (41, 2)] {
        let (mut next, mut read) = (Position(from), Vec::new());
        while next < Position(51) {
            let stretch = journal.read(next, size).unwrap();
            assert!(stretch.next > next && stretch.entries.len() <= size);
            read.extend(stretch.entries.iter().map(|entry| entry.position.0));
            next = stretch.next;
        }
        let expected: Vec<u64> = good.iter().copied().filter(|at| *at >= from).collect();
        assert_eq!(read, expected, "from {from}, {size} at a time");
    }
    assert_eq!(journal.read(Position(1), 100).unwrap().damaged, 20);
    assert_eq!(journal.read(Position(35), 100).unwrap().damaged, 6);
    let metrics = crate::metrics::text(&registry).unwrap();
    assert!(metrics.contains("soc_collector_journal_damaged_events_total"), "{metrics}");
    // Nothing else stands still for it: views, agents that send again, retention.
    assert_eq!(journal.recent(agent(1), None, 100, None).unwrap().len(), 30);
    assert!(matches!(journal.get(Position(12)), Err(Error::Damaged { position: 11, .. })));
    assert_eq!(journal.append(batch(agent(1), Lane::Log, 8..21)).await.unwrap().new_events(), 0);
    journal.set_low_water("detect", Position(51));
    let later = now().plus_micros(40 * 86_400 * 1_000_000);
    assert_eq!(journal.retain(later).unwrap(), 50);
    assert_eq!(journal.read(Position(1), 100).unwrap().next, Position(51));
}

#[tokio::test]
async fn one_reading_is_bounded_in_bytes_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal"));
    let long = "x".repeat(200 << 10);
    for step in 0..4 {
        let events: Vec<Event> = (1..21)
            .map(|number| event(Lane::Log, step * 20 + number).with("long", long.as_str()))
            .collect();
        let envelope = envelope(agent(1), Lane::Log, step * 20 + 1);
        journal.append(Batch::encode(envelope, &events, now()).unwrap()).await.unwrap();
    }
    let (mut next, mut read, mut readings) = (Position(1), 0, 0);
    while next < Position(81) {
        let stretch = journal.read(next, usize::MAX).unwrap();
        let bytes = stretch.entries.len() * (200 << 10);
        assert!(bytes <= reader::READ_BYTES_MAX + (256 << 10), "{bytes}");
        (next, read, readings) = (stretch.next, read + stretch.entries.len(), readings + 1);
    }
    assert_eq!((read, readings), (80, 2));
}
