use soc_archive::{FileFacts, FileRef};
use soc_event::Timestamp;

use super::*;

/// A file of so many rows, each of ten bytes.
fn listed(id: i64, rows: u64, is_settled: bool) -> Listed {
    let moment = Timestamp::default();
    let facts = FileFacts {
        sha256: [0; 32],
        bytes: rows * 10,
        words_sha256: [0; 32],
        words_bytes: 0,
        rows,
        time: (moment, moment),
        received: (moment, moment),
        position: (1, 2),
        columns: Vec::new(),
    };
    let (path, words) = (String::new(), String::new());
    let file = FileRef { path, words, agency: 1, agency_code: String::new(), facts };
    let (date, state) = ("2026-11-22".into(), "live".into());
    Listed { id, number: 1, date, raw_bytes: 0, is_settled, chain: [0; 32], state, file }
}

fn chosen(files: &[(u64, bool)], is_over: bool) -> Vec<i64> {
    let files: Vec<Listed> =
        (0..).zip(files).map(|(id, (rows, is_settled))| listed(id, *rows, *is_settled)).collect();
    choose(&files, is_over).iter().map(|listed| listed.id).collect()
}

#[test]
fn files_of_today_wait_until_there_are_eight_of_a_size() {
    let fresh = |count: usize, rows: u64| vec![(rows, false); count];
    assert_eq!(chosen(&fresh(7, 100), false), [0_i64; 0]);
    assert_eq!(chosen(&fresh(8, 100), false), (0..8).collect::<Vec<i64>>());
    let mixed = [fresh(7, 100), fresh(7, 10_000)].concat();
    assert_eq!(chosen(&mixed, false), [0_i64; 0]);
    assert_eq!(chosen(&fresh(9, ROWS_FULL), false), [0_i64; 0], "large enough");
}

#[test]
fn a_day_that_is_over_becomes_few_settled_files_and_then_rests() {
    assert_eq!(chosen(&[(10, false), (20, false)], true), [0, 1]);
    assert_eq!(chosen(&[(10, true), (20, false)], true), [0, 1]);
    assert_eq!(chosen(&[(10, false)], true), [0], "alone, but packed in haste");
    assert_eq!(chosen(&[(ROWS_MAX, false)], true), [0]);
    assert_eq!(chosen(&[(10, true)], true), [0_i64; 0]);
    assert_eq!(chosen(&[(ROWS_FULL, true), (10, true)], true), [0_i64; 0]);
    assert_eq!(chosen(&[(10, true), (10, true)], true), [0, 1]);
}

#[test]
fn no_merge_is_larger_than_a_file_may_be() {
    let nearly = ROWS_FULL - 1;
    assert_eq!(chosen(&[(nearly, true), (nearly, true), (nearly, true)], true), [0, 1]);
    // What is settled and fits nowhere is left alone.
    assert_eq!(chosen(&[(nearly, true), (ROWS_MAX, true), (5, true)], true), [0, 2]);
}
