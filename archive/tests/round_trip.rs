//! What was packed is unpacked exactly as it was.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use proptest::prelude::*;
use soc_archive::{Effort, Row, batches, merge, pack, rows_of, unpack, verify};
use soc_event::{
    AgentId, Epoch, Event, EventId, Fields, Kind, Lane, Logsource, Sequence, Timestamp, Value,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "\\PC{0,12}",
        any::<String>(),
        Just("x".repeat(70_000)),
        Just(String::new())
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "(a|b|source.ip|Image|EventID)",
        2 => "(time|rest|unknown|host|raw|lane|position||Time)",
        1 => any::<String>(),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(-0.0)),
        text().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => scalar(),
        1 => prop::collection::vec(scalar(), 0..4).prop_map(Value::List),
        1 => prop::collection::vec(text(), 0..4).prop_map(Value::from),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    prop::collection::btree_map(name(), value(), 0..8)
}

prop_compose! {
    fn event()(
        time in any::<i64>(),
        kind in prop_oneof![Just("log".to_owned()), text()],
        product in prop::option::of(text()),
        category in prop::option::of(text()),
        service in prop::option::of("(sshd|sudo)"),
        fields in fields(),
        raw in prop::option::of(text()),
        later in prop::option::of(any::<u64>()),
    ) -> Event {
        let source = Logsource { product, category, service };
        let kind = Kind::from_name(kind);
        let mut event = Event::new(Timestamp::from_micros(time), kind, source);
        event.fields = fields;
        event.raw = raw;
        if let Some(later) = later {
            event.unknown.insert("later".into(), serde_json::json!({"a": [later, null, {"b": 1.5}]}));
        }
        event
    }
}

prop_compose! {
    fn row()(
        received in any::<i64>(),
        host in text(),
        agent in any::<[u8; 16]>(),
        epoch in any::<u64>(),
        sequence in any::<u64>(),
        lane in 0_u8..3,
        event in event(),
    ) -> Row {
        let id = EventId {
            agent: AgentId::from_bytes(agent),
            epoch: Epoch(epoch),
            lane: Lane::from_index(lane).unwrap(),
            sequence: Sequence(sequence),
        };
        let received = Timestamp::from_micros(received);
        Row { position: 0, received, agency: "SO-TTTT".into(), host: host.into(), id, event }
    }
}

/// Rows of which many are alike, so that fields get columns of their own.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    (prop::collection::vec(row(), 1..12), 1_usize..40).prop_map(|(rows, times)| {
        let mut rows: Vec<Row> = rows.iter().cycle().take(rows.len() * times).cloned().collect();
        rows.iter_mut().zip(1..).for_each(|(row, position)| row.position = position);
        rows
    })
}

fn by_position(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.into_iter().collect();
    rows.sort_by_key(|row| row.position);
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_packed_is_unpacked(rows in rows(), settled in any::<bool>()) {
        let effort = if settled { Effort::Settled } else { Effort::Fresh };
        let packed = pack(&rows, effort).unwrap();
        verify(&packed.parquet, &packed.facts.sha256).unwrap();
        let found: Vec<Row> = unpack(packed.parquet).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(packed.facts.rows, rows.len() as u64);
        prop_assert_eq!(by_position(found), rows);
    }

    #[test]
    fn merged_files_hold_what_each_held(rows in rows(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(rows.len());
        let parts = [&rows[..cut], &rows[cut..]].into_iter().filter(|part| !part.is_empty());
        let files =
            parts.map(|part| pack(part, Effort::Fresh).unwrap().parquet).collect();
        let merged = merge(files, Effort::Settled, 100).unwrap();
        let found = merged.into_iter().flat_map(|file| unpack(file.parquet).unwrap());
        prop_assert_eq!(by_position(found.map(Result::unwrap)), rows);
    }

    #[test]
    fn rows_fit_into_any_layout(rows in rows(), other in rows()) {
        let layout = pack(&other, Effort::Fresh).unwrap().facts.columns;
        let layout = soc_archive::Layout::new(layout);
        let found = batches(&rows, &layout).unwrap();
        let found = found.iter().flat_map(|batch| rows_of(batch).unwrap());
        prop_assert_eq!(found.collect::<Vec<_>>(), rows);
    }
}

#[test]
fn an_agency_has_its_own_files() {
    let event = Event::own(Timestamp::default(), soc_event::kind::LOG);
    let id = EventId {
        agent: AgentId::COLLECTOR,
        epoch: Epoch(1),
        lane: Lane::Log,
        sequence: Sequence(1),
    };
    let received = Timestamp::default();
    let row = |agency: &str| {
        let (agency, host): (Arc<str>, Arc<str>) = (agency.into(), "h".into());
        Row { position: 1, received, agency, host, id, event: event.clone() }
    };
    assert!(pack(&[row("A"), row("B")], Effort::Fresh).is_err());
    assert!(pack(&[], Effort::Fresh).is_err());
}
