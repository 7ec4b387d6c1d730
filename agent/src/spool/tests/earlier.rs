//! Spools of the first format.

use redb::{Database, ReadableDatabase, ReadableTableMetadata};

use super::disk::{Chance, Disk};
use super::*;
use crate::spool::store::Store;
use crate::spool::tables::{LANES, MARKS, NAMES, ROWS, StoreError};

/// A spool as the first format had it: so many events a lane, the first ones sent.
fn write_earlier(database: &Database, count: u64, sent: u64) {
    let transaction = database.begin_write().unwrap();
    {
        let mut events = transaction.open_table(crate::spool::earlier::EVENTS).unwrap();
        let mut lanes = transaction.open_table(LANES).unwrap();
        for lane in Lane::ALL {
            let mut bytes = 0;
            for n in 1..=count {
                let line = soc_event::wire::encode_event(&numbered(lane, n).event);
                events.insert((lane.index(), n), line.as_bytes()).unwrap();
                bytes += line.len() as u64 + 32;
            }
            lanes.insert(lane.index(), (count, sent, 0, count, bytes, 7, 3)).unwrap();
        }
        transaction.open_table(MARKS).unwrap().insert("epoch", 99).unwrap();
        transaction.open_table(NAMES).unwrap().insert("fingerprint", "one").unwrap();
    }
    transaction.commit().unwrap();
}

fn numbers(store: &mut Store, lane: Lane) -> Vec<u64> {
    let batch = store.batch(lane, ALL).unwrap();
    batch.map(|batch| events_of(&batch).iter().map(number).collect()).unwrap_or_default()
}

#[test]
fn a_spool_of_the_first_format_is_taken_over_whole() {
    let disk = Disk::default();
    write_earlier(&disk.database().unwrap(), 3000, 1000);
    let mut store = Store::new(disk.database().unwrap(), "one", 1 << 30).unwrap();
    assert_eq!(store.ledger().epoch, Epoch(99), "ids go on");
    for lane in Lane::ALL {
        assert_eq!(numbers(&mut store, lane), (1001..=3000).collect::<Vec<_>>());
        let book = store.ledger().lane(lane);
        assert_eq!((book.kept, book.dropped, book.refused), (3000, 7, 3));
        assert!(book.bytes < 3000 * 20, "compressed: {}", book.bytes);
    }
}

#[test]
fn a_power_cut_while_taking_over_loses_nothing() {
    let disk = Disk::default();
    write_earlier(&disk.database().unwrap(), 2000, 0);
    for operations in (0..200).step_by(11) {
        let disk = disk.survivor();
        disk.power_fails_after(operations);
        let taken = disk.database().map(|database| Store::new(database, "one", 1 << 30));
        if let Ok(Err(error)) = &taken {
            assert!(matches!(error, StoreError::Io(_)), "{error}");
        }
        drop(taken);
        disk.cut_power(Chance(operations as u64 * 7919 + 1));
        let disk = disk.survivor();
        let mut store = Store::new(disk.database().unwrap(), "one", 1 << 30).unwrap();
        for lane in Lane::ALL {
            assert_eq!(numbers(&mut store, lane), (1..=2000).collect::<Vec<_>>(), "{operations}");
        }
    }
}

#[test]
fn the_old_table_is_gone_afterwards() {
    let disk = Disk::default();
    write_earlier(&disk.database().unwrap(), 10, 0);
    drop(Store::new(disk.database().unwrap(), "one", 1 << 30).unwrap());
    let database = disk.database().unwrap();
    let transaction = database.begin_read().unwrap();
    assert!(transaction.open_table(crate::spool::earlier::EVENTS).is_err());
    assert_eq!(transaction.open_table(ROWS).unwrap().len().unwrap(), 3);
}
