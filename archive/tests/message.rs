//! A message that ends its line is kept once, and nobody who asks sees a difference: answers from
//! files are those from the same events in memory and from files of the layout before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, UInt32Array};
use datafusion::arrow::datatypes::{Schema, UInt32Type};
use datafusion::arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};
use soc_archive::hunt::{self, Chosen, Engine, Language, Limits, Part, Request, Source};
use soc_archive::scan::{self, Scan, Wanted};
use soc_archive::store::{Folder, path};
use soc_archive::{
    Agencies, Effort, Error, FileRef, Row, batches, layout, merge, pack, rows_of, unpack,
};
use soc_event::{
    AgentId, Epoch, Event, EventId, Lane, Logsource, Sequence, Timestamp, Value, kind,
};

const BEGIN: i64 = 1_795_000_000_000_000;

fn row(position: u64, raw: Option<String>, message: Option<Value>) -> Row {
    let id = EventId {
        agent: AgentId::COLLECTOR,
        epoch: Epoch(7),
        lane: Lane::Log,
        sequence: Sequence(position),
    };
    let time = Timestamp::from_micros(BEGIN + i64::try_from(position).unwrap());
    let mut event = Event::own(time, kind::LOG).with("process.pid", position % 9);
    event.logsource = Logsource::service("linux", "sshd");
    event.raw = raw;
    if position % 4 == 1 {
        event = event.with("message_at", format!("place{}", position % 3));
    }
    if let Some(message) = message {
        event.fields.insert("message".to_owned(), message);
    }
    Row { position, received: time, agency: "A".into(), host: "h".into(), id, event }
}

/// Messages of all sorts, in turn.
fn sorts(position: u64) -> Row {
    let text = |text: &str| Some(Value::from(text));
    let user = format!("user{}", position % 5);
    let message = format!("Failed password for {user}");
    let vietnamese = "Đăng nhập thất bại";
    let (raw, message) = match position % 12 {
        0 => (Some(message.clone()), text(&message)),
        1 => (Some("line without".to_owned()), None),
        2 => (None, text("only a message")),
        3 => (Some("a line".to_owned()), text("")),
        4 => (Some("zz another line".to_owned()), text("aa its own message")),
        5 => (Some(format!("Nov 22 h sshd[{position}]: {vietnamese}")), text(vietnamese)),
        6 => (Some(format!("tháng 11 sshd: {vietnamese}")), text(vietnamese)),
        7 => (Some("xinside word".to_owned()), text("inside word")),
        8 => (Some("number 17".to_owned()), Some(Value::from(17_u64))),
        9 => (Some("list a".to_owned()), Some(Value::from(vec!["a".to_owned()]))),
        // Beyond what the column of messages itself has, from least to greatest.
        10 => (Some("sudo: Ừ, khoá máy".to_owned()), text("Ừ, khoá máy")),
        _ => (Some(format!("<34>Nov 22 h sshd[{position}]: {message}")), text(&message)),
    };
    row(position, raw, message)
}

fn many() -> Vec<Row> {
    (1..=2400).map(sorts).collect()
}

/// The same rows as a file of version 1, in which each message stands in its own column.
fn of_version_1(rows: &[Row]) -> Bytes {
    let columns = pack(rows, Effort::Fresh).unwrap().facts.columns;
    let mut written: Option<ArrowWriter<Vec<u8>>> = None;
    for batch in batches(rows, &soc_archive::Layout::new(columns)).unwrap() {
        let batch = with_messages(&batch);
        let writer = written
            .get_or_insert_with(|| ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap());
        writer.write(&batch).unwrap();
    }
    let mut writer = written.unwrap();
    let version = KeyValue::new(layout::KEY.to_owned(), "1".to_owned());
    writer.append_key_value_metadata(version);
    writer.append_key_value_metadata(KeyValue::new(layout::MIXED.to_owned(), mixed(rows)));
    writer.into_inner().unwrap().into()
}

fn mixed(rows: &[Row]) -> String {
    let mut messages = rows.iter().filter_map(|row| row.event.fields.get("message"));
    let is_mixed = messages.any(|message| message.as_text().is_none());
    if is_mixed { "[\"message\"]" } else { "[]" }.to_owned()
}

fn with_messages(batch: &RecordBatch) -> RecordBatch {
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
    let at = batch.column_by_name(layout::MESSAGE_AT).unwrap().as_primitive::<UInt32Type>();
    let (own, raw) = (text("message"), text("raw"));
    let whole = (0..batch.num_rows()).map(|row| match at.is_valid(row) {
        true => Some(&raw.value(row)[usize::try_from(at.value(row)).unwrap()..]),
        false => own.is_valid(row).then(|| own.value(row)),
    });
    let whole: ArrayRef = Arc::new(whole.collect::<StringArray>());
    let schema = batch.schema();
    let all = schema.fields().iter().cloned().zip(batch.columns().to_vec());
    let all = all.filter(|(field, _)| field.name() != layout::MESSAGE_AT);
    let (fields, columns): (Vec<_>, Vec<_>) = all
        .map(|(field, column)| {
            let is_it = field.name() == "message";
            (field, if is_it { whole.clone() } else { column })
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

struct Place {
    _folder: tempfile::TempDir,
    store: Folder,
    files: Vec<FileRef>,
}

impl Place {
    /// Rows in one file, as this version writes it or as the one before did.
    fn new(rows: Vec<Row>, is_before: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::open(folder.path()).unwrap();
        let mut packed = pack(&rows, Effort::Fresh).unwrap();
        if is_before {
            packed.parquet = of_version_1(&rows);
            packed.facts.sha256 = Sha256::digest(&packed.parquet).into();
            packed.facts.bytes = packed.parquet.len() as u64;
        }
        let (file, words) = path("A", packed.facts.received.0, &packed.facts.sha256);
        store.put(&file, &packed.parquet).unwrap();
        store.put(&words, &packed.words).unwrap();
        let agency_code = "A".to_owned();
        let file = FileRef { path: file, words, agency: 1, agency_code, facts: packed.facts };
        Self { _folder: folder, store, files: vec![file] }
    }

    fn source(&self, tail: Vec<(i64, Row)>) -> Source {
        Source {
            files: self.files.clone(),
            store: self.store.objects(),
            tail: Arc::new(tail),
            missing: Vec::new(),
            tables: BTreeMap::new(),
            lease: Box::new(()),
        }
    }
}

fn ask(engine: &Engine, language: Language, query: &str, source: Source) -> serde_json::Value {
    let request = Request {
        query: query.to_owned(),
        language,
        from: Timestamp::from_micros(BEGIN),
        to: Timestamp::from_micros(BEGIN + 1_000_000),
        agencies: Agencies::All,
        limit: None,
        chosen: Chosen::Events,
    };
    let mut answer = engine.run(request, source);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut rows = Vec::new();
    while let Some(part) = runtime.block_on(answer.next()) {
        match part {
            Part::Rows(batch) => rows.extend(hunt::json(&batch)),
            Part::Failed(error) => panic!("{query}: {error}"),
            _ => {}
        }
    }
    json!(rows)
}

fn messages_by_scan(place: &Place, texts: bool) -> BTreeMap<u64, Option<Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wanted = Wanted { field: Arc::new(|name| name == "message"), texts, product: None };
    let mut found = BTreeMap::new();
    runtime.block_on(async {
        let file = &place.files[0];
        let mut scan = Scan::open(place.store.objects(), file, wanted).await.unwrap();
        while let Some(block) = scan.next().await.unwrap() {
            for row in block.rows() {
                let message = row.field("message").map(|held| held.value());
                let listed = row.fields().find(|(name, _)| *name == "message");
                assert_eq!(listed.map(|(_, held)| held.value()), message);
                assert!(texts || row.raw().is_none(), "nobody asked for the line");
                found.insert(row.position(), message);
            }
        }
    });
    found
}

#[test]
fn a_message_stands_once_in_a_file() {
    let packed = pack(&many(), Effort::Fresh).unwrap();
    let columns = ["message", "message_at"];
    let (mut own, mut cut) = (0, 0);
    for batch in soc_archive::read(packed.parquet, Some(&columns), 1000).unwrap() {
        let batch = batch.unwrap();
        let [message, at] = batch.columns() else { panic!("two columns") };
        assert!((0..at.len()).all(|row| message.is_null(row) || at.is_null(row)));
        own += message.len() - message.null_count();
        cut += at.len() - at.null_count();
    }
    // Five of twelve end their lines; of those that do not, four are texts (one behind letters
    // that are not ASCII).
    assert_eq!((own, cut), (800, 1000));
}

#[test]
fn files_of_version_1_are_read() {
    let rows = many();
    let found: Vec<Row> = unpack(of_version_1(&rows)).unwrap().map(Result::unwrap).collect();
    assert_eq!(found, rows);
    let merged = merge(vec![of_version_1(&rows)], Effort::Fresh, 10_000).unwrap();
    let anew = pack(&rows, Effort::Fresh).unwrap();
    assert_eq!(merged[0].facts.columns, anew.facts.columns);
    let found = unpack(merged[0].parquet.clone()).unwrap().map(Result::unwrap);
    assert!(found.eq(unpack(anew.parquet).unwrap().map(Result::unwrap)));
}

#[test]
fn a_place_that_is_not_in_the_line_is_damage() {
    let rows = many();
    let columns = pack(&rows, Effort::Fresh).unwrap().facts.columns;
    let batch = batches(&rows, &soc_archive::Layout::new(columns)).unwrap().remove(0);
    let place = batch.schema().index_of(layout::MESSAGE_AT).unwrap();
    // Past the end of every line; where there is no line; within a letter; beside a message.
    for (at, rows) in [(10_000, 9..10), (0, 1..2), (19, 4..5), (0, 3..4)] {
        let mut columns = batch.columns().to_vec();
        columns[place] = Arc::new(UInt32Array::from(vec![at; batch.num_rows()]));
        let wrong = RecordBatch::try_new(batch.schema(), columns).unwrap();
        let found = rows_of(&wrong.slice(rows.start, rows.len()));
        assert!(matches!(found, Err(Error::Damaged(_))), "{at} {rows:?}: {found:?}");
    }
}

#[test]
fn a_look_back_sees_every_message() {
    let wanted: BTreeMap<u64, Option<Value>> =
        many().iter().map(|row| (row.position, row.event.fields.get("message").cloned())).collect();
    for is_before in [false, true] {
        let place = Place::new(many(), is_before);
        assert_eq!(messages_by_scan(&place, false), wanted);
        assert_eq!(messages_by_scan(&place, true), wanted);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let positions = BTreeSet::from([10, 11, 12, 17]);
        let store = place.store.objects();
        let picked = runtime.block_on(scan::pick(&*store, &place.files[0], positions)).unwrap();
        assert_eq!(picked, [10, 11, 12, 17].map(sorts));
        let one = runtime.block_on(hunt::event(&store, &place.files, 11)).unwrap();
        assert_eq!(one, Some(sorts(11)));
    }
}

#[test]
fn hunts_for_messages_find_the_same() {
    hunts_find_the_same(&many());
}

/// Then a message is its column or its line, and what is known of the column could mislead.
#[test]
fn hunts_for_messages_that_are_all_texts_find_the_same() {
    let is_text =
        |row: &Row| row.event.fields.get("message").is_none_or(|held| held.as_text().is_some());
    hunts_find_the_same(&many().into_iter().filter(is_text).collect::<Vec<_>>());
}

fn hunts_find_the_same(rows: &[Row]) {
    let engine = Engine::new(Limits::default(), || {}).unwrap();
    let files = [false, true].map(|is_before| Place::new(rows.to_vec(), is_before));
    let tail: Vec<(i64, Row)> = rows.iter().map(|row| (1, row.clone())).collect();
    let check = |language, query: &str, is_some: bool| {
        let [now, before] = [0, 1].map(|n| ask(&engine, language, query, files[n].source(vec![])));
        assert_eq!(now, before, "{query}");
        let zero = [json!([]), json!([[0]])].contains(&now);
        assert_eq!(!zero, is_some, "{query}: {now}");
        now
    };
    let in_memory = |query: &str| {
        let source = Source { files: Vec::new(), ..files[0].source(tail.clone()) };
        ask(&engine, Language::Sql, query, source)
    };
    for query in [
        "SELECT position, message FROM events WHERE message = 'Failed password for user3' ORDER BY 1",
        "SELECT position FROM events WHERE message = 'aa its own message' ORDER BY position",
        "SELECT position, raw FROM events WHERE message = 'Đăng nhập thất bại' ORDER BY position",
        "SELECT position FROM events WHERE message = 'Ừ, khoá máy' ORDER BY position",
        "SELECT position FROM events WHERE message > 'Ừ' ORDER BY position",
        "SELECT position FROM events WHERE message = '' ORDER BY position",
        "SELECT position FROM events WHERE message IN ('only a message', 'inside word') ORDER BY 1",
        "SELECT position FROM events WHERE message LIKE 'Failed%user2' ORDER BY position",
        "SELECT position FROM events WHERE message >= 'F' AND message < 'G' ORDER BY position",
        "SELECT count(*) FROM events WHERE message IS NULL",
        "SELECT count(message), count(DISTINCT message), min(message), max(message) FROM events",
        "SELECT message, count(*) FROM events GROUP BY message ORDER BY 2, 1",
        "SELECT message, position FROM events ORDER BY message DESC, position LIMIT 7",
        "SELECT count(*) FROM events WHERE has_word(message, 'password')",
        "SELECT count(*) FROM events WHERE contains_i(message, 'NHẬP')",
        "SELECT count(*) FROM events WHERE has_word('inside')",
        "SELECT count(*) FROM events WHERE has_word('user3')",
        "SELECT count(*) FROM events WHERE contains_i('word for USER')",
        "SELECT count(*) FROM events WHERE field('message') = 'inside word'",
        "SELECT count(*) FROM events WHERE message_at = 'place1'",
    ] {
        let found = check(Language::Sql, query, true);
        assert_eq!(found, in_memory(query), "{query}");
    }
    check(Language::Sql, "SELECT count(*) FROM events WHERE message = 'nothing like it'", false);
    // In files these look at text by text.
    let begins = "SELECT count(*) FROM events WHERE startswith_i(everything, 'inside')";
    check(Language::Sql, begins, true);
    check(
        Language::Sql,
        "SELECT count(*) FROM events WHERE equals_i(everything, 'inside word')",
        true,
    );
    check(Language::Sql, "SELECT * FROM events ORDER BY position", true);
    check(Language::Sql, "SELECT position, everything FROM events ORDER BY position", true);
    let all =
        "SELECT count(*), min(message), max(message) FROM events WHERE message LIKE 'Failed%'";
    let both = files.iter().flat_map(|place| place.files.clone()).collect();
    files[0].store.put(&files[1].files[0].path, &of_version_1(rows)).unwrap();
    let found = ask(&engine, Language::Sql, all, Source { files: both, ..files[0].source(tail) });
    assert_eq!(found, json!([[1200, "Failed password for user0", "Failed password for user4"]]));
    for query in ["message:inside*", "message:password", "\"password for user4\"", "thất"] {
        check(Language::Search, query, true);
    }
}

/// A message that ends its line, or nearly.
fn message() -> impl Strategy<Value = (Option<String>, Option<Value>)> {
    let text =
        || prop_oneof!["[a-c ]{0,3}", "\\PC{0,4}", Just(String::new()), Just("Đăng".to_owned())];
    (text(), text(), text(), 0..7).prop_map(|(head, message, other, sort)| {
        let value = Some(Value::from(message.as_str()));
        match sort {
            0 => (Some(format!("{head}{message}{other}")), value),
            1 => (None, value),
            2 => (Some(head), None),
            3 => (Some(format!("{head}1")), Some(Value::from(1_u64))),
            _ => (Some(format!("{head}{message}")), value),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_packed_is_unpacked_whatever_ends_the_line(
        messages in prop::collection::vec(message(), 1..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let numbered = (1..).zip(messages);
        let rows: Vec<Row> = numbered.map(|(at, (raw, text))| row(at, raw, text)).collect();
        let packed = pack(&rows, Effort::Fresh).unwrap();
        let layout = soc_archive::Layout::new(packed.facts.columns.clone());
        let found: Vec<Row> = unpack(packed.parquet).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&found, &rows);
        let found = batches(&rows, &layout).unwrap();
        let found = found.iter().flat_map(|batch| rows_of(batch).unwrap());
        prop_assert_eq!(&found.collect::<Vec<_>>(), &rows);
        let cut = cut.index(rows.len());
        let parts = [&rows[..cut], &rows[cut..]].into_iter().filter(|part| !part.is_empty());
        let files =
            parts.map(|part| pack(part, Effort::Fresh).unwrap().parquet).collect();
        let merged = merge(files, Effort::Fresh, 1000).unwrap();
        let found = unpack(merged[0].parquet.clone()).unwrap().map(Result::unwrap);
        prop_assert_eq!(found.collect::<Vec<_>>(), rows);
    }
}
