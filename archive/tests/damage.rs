//! A file that is not what was written is an error, never a panic and never another answer.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bytes::Bytes;
use proptest::prelude::*;
use soc_archive::{Effort, Error, Packed, Row, Words, pack, read, unpack, verify};
use soc_event::{AgentId, Epoch, Event, EventId, Lane, Sequence, Timestamp, kind};

fn packed() -> Packed {
    let row = |position: u64| {
        let id = EventId {
            agent: AgentId::COLLECTOR,
            epoch: Epoch(7),
            lane: Lane::Log,
            sequence: Sequence(position),
        };
        let time = Timestamp::from_micros(1_800_000_000_000_000);
        let mut event = Event::own(time, kind::LOG)
            .with("source.ip", "192.0.2.7")
            .with("user.name", format!("user{}", position % 5))
            .with("process.pid", position);
        event.raw = Some(format!("Failed password for user{} from 192.0.2.7", position % 5));
        Row { position, received: time, agency: "A".into(), host: "h".into(), id, event }
    };
    pack(&(1..=300).map(row).collect::<Vec<_>>(), Effort::Fresh).unwrap()
}

/// Reads all there is, as every reader does, without having looked at the hash.
fn read_all(file: Bytes) -> Result<Vec<Row>, Error> {
    unpack(file)?.collect()
}

fn is_told(result: Result<Vec<Row>, Error>) -> bool {
    matches!(result, Ok(_) | Err(Error::Damaged(_)))
}

#[test]
fn a_flipped_bit_or_a_cut_is_named_by_the_hash() {
    let Packed { parquet, facts, .. } = packed();
    assert!(verify(&parquet, &facts.sha256).is_ok());
    for place in (0..parquet.len()).step_by(97) {
        let mut bytes = parquet.to_vec();
        bytes[place] ^= 1;
        assert!(matches!(verify(&bytes, &facts.sha256), Err(Error::Damaged(_))));
    }
    assert!(verify(&parquet[..parquet.len() - 1], &facts.sha256).is_err());
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = packed().parquet;
    for end in (0..whole.len()).step_by(53) {
        assert!(matches!(read_all(whole.slice(..end)), Err(Error::Damaged(_))), "{end}");
    }
}

#[test]
fn another_programs_parquet_is_refused() {
    use datafusion::arrow::{array::Int64Array, record_batch::RecordBatch};
    let column = std::sync::Arc::new(Int64Array::from(vec![1])) as _;
    let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let file = Bytes::from(writer.into_inner().unwrap());
    assert!(matches!(unpack(file), Err(Error::Damaged(_))));
}

#[test]
fn a_projection_gives_the_columns_that_are_there() {
    let names = ["position", "user.name", "not.there"];
    let batches = read(packed().parquet, Some(&names), 100).unwrap();
    let batches: Vec<_> = batches.map(Result::unwrap).collect();
    let fields = batches[0].schema();
    let names: Vec<_> = fields.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["position", "user.name"]);
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 300);
}

#[test]
fn a_filter_cut_anywhere_is_an_error() {
    let whole = packed().words;
    for end in 0..whole.len() {
        assert!(matches!(Words::open(whole.slice(..end)), Err(Error::Damaged(_))), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        at_end in any::<bool>(),
    ) {
        let mut bytes = packed().parquet.to_vec();
        let length = bytes.len();
        // Most of what can contradict itself is in the footer.
        let from = if at_end { length - length / 3 } else { 0 };
        for (place, byte) in changes {
            bytes[from + place.index(length - from)] = byte;
        }
        prop_assert!(is_told(read_all(bytes.into())));
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read_all(bytes.clone().into()).is_err());
        let mut filter = b"socword1".to_vec();
        filter.extend(bytes);
        if let Ok(words) = Words::open(filter.into()) {
            words.may_hold(0, "word");
        }
    }
}
