use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use soc_event::{AgentId, Epoch, Event, EventId, Kind, Lane, Logsource, Sequence, Timestamp};

use super::*;
use crate::store::{Folder, path};
use crate::{Effort, Row, pack};

mod columns;

const BEGIN: i64 = 1_795_000_000_000_000;

fn row(position: u64, agency: &str, host: &str, event: Event) -> Row {
    Row {
        position,
        received: event.time,
        agency: agency.into(),
        host: host.into(),
        id: EventId {
            agent: AgentId::from_random([7; 16]),
            epoch: Epoch(1),
            lane: Lane::Log,
            sequence: Sequence(position),
        },
        event,
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN + minute * 60_000_000)
}

/// Logins as sshd writes them; every tenth fails, one in 300 has odd fields.
fn login(number: u64) -> Event {
    let minute = i64::try_from(number % 500).unwrap_or(0);
    let source = Logsource::service("linux", "sshd");
    let user = ["root", "alice", "bob"][usize::try_from(number % 3).unwrap_or(0)];
    let ip = format!("10.0.{}.{}", number % 7, number % 250);
    let verb = if number.is_multiple_of(10) { "Failed" } else { "Accepted" };
    let mut event = Event::new(at(minute), Kind::from_name("log"), source)
        .with("user.name", user)
        .with("source.ip", ip.as_str())
        .with("source.port", i64::try_from(number % 60000).unwrap_or(0));
    if number.is_multiple_of(300) {
        event = event.with("source.port", "none").with("rare.field", "Quýt");
    }
    event.raw = Some(format!("sshd[{number}]: {verb} password for {user} from {ip} port 1"));
    event
}

struct Place {
    _folder: tempfile::TempDir,
    store: Folder,
    files: Vec<FileRef>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Folder::open(folder.path()).expect("store");
        Self { _folder: folder, store, files: Vec::new() }
    }

    fn add(&mut self, agency: i64, code: &str, rows: Vec<Row>) {
        let packed = pack(&rows, Effort::Fresh).expect("packed");
        let (file, words) = path(code, packed.facts.received.0, &packed.facts.sha256);
        self.store.put(&file, &packed.parquet).expect("put");
        self.store.put(&words, &packed.words).expect("put");
        let agency_code = code.to_owned();
        self.files.push(FileRef { path: file, words, agency, agency_code, facts: packed.facts });
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

fn request(language: Language, query: &str) -> Request {
    Request {
        query: query.to_owned(),
        language,
        from: at(0),
        to: at(100_000),
        agencies: Agencies::All,
        limit: None,
        chosen: Chosen::Events,
    }
}

#[derive(Debug, Default)]
struct Told {
    sql: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    end: Option<(bool, Completeness)>,
    error: Option<Error>,
    notes: Vec<String>,
}

fn ask(engine: &Engine, request: Request, source: Source) -> Told {
    let mut answer = engine.run(request, source);
    let mut told = Told::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    while let Some(part) = runtime.block_on(answer.next()) {
        match part {
            Part::Begin { sql, columns, notes } => {
                told.sql = sql;
                told.notes = notes;
                told.columns = columns.fields().iter().map(|field| field.name().clone()).collect();
            }
            Part::Rows(batch) => told.rows.extend(super::json(&batch)),
            Part::End { is_cut, completeness, .. } => told.end = Some((is_cut, completeness)),
            Part::Failed(error) => told.error = Some(error),
            Part::Waiting(_) | Part::Progress { .. } => {}
        }
    }
    told
}

fn rows(engine: &Engine, place: &Place, tail: &[(i64, Row)], sql: &str) -> Vec<Vec<Value>> {
    let told = ask(engine, request(Language::Sql, sql), place.source(tail.to_vec()));
    assert_eq!(told.error, None, "{sql}");
    told.rows
}

fn engine() -> Engine {
    Engine::new(Limits { threads: 2, ..Limits::default() }, || {}).expect("engine")
}

/// 3,000 logins of agency 1 in files, 300 in the tail; 500 of agency 2 with other names.
fn filled() -> (Place, Vec<(i64, Row)>) {
    let mut place = Place::new();
    for part in 0..3 {
        let rows =
            (0..1000).map(|n| row(part * 1000 + n + 1, "A", "web-01", login(part * 1000 + n)));
        place.add(1, "A", rows.collect());
    }
    let secret = |n: u64| {
        let mut event = login(n).with("secret.field", "hidden");
        event.raw = Some(format!("secret{n} of the other agency"));
        row(10_000 + n, "B", "secret-host", event)
    };
    place.add(2, "B", (0..500).map(secret).collect());
    let tail = (0..300).map(|n| (1, row(20_000 + n, "A", "db-01", login(n))));
    let hidden = (500..510).map(|n| (2, secret(n)));
    (place, tail.chain(hidden).collect())
}

#[test]
fn files_and_tail_are_one_table() {
    let (engine, (place, tail)) = (engine(), filled());
    let check = |sql: &str, expected: Value| {
        assert_eq!(json!(rows(&engine, &place, &tail, sql)), expected, "{sql}");
    };
    check("SELECT count(*) FROM events", json!([[3810]]));
    check(
        "SELECT host, count(*) AS n FROM events GROUP BY host ORDER BY n DESC",
        json!([["web-01", 3000], ["secret-host", 510], ["db-01", 300]]),
    );
    check(
        "SELECT count(*) FROM events WHERE source.ip = '10.0.1.1'",
        count(&place, &tail, |row| row.event.text("source.ip") == Some("10.0.1.1")),
    );
    check(
        "SELECT count(*) FROM events WHERE cidr_match(source.ip, '10.0.3.0/24')",
        count(&place, &tail, |row| {
            row.event.text("source.ip").is_some_and(|ip| ip.starts_with("10.0.3."))
        }),
    );
    check(
        "SELECT count(*) FROM events WHERE has_word('FAILED')",
        count(&place, &tail, |row| {
            row.event.raw.as_ref().is_some_and(|raw| raw.contains("Failed"))
        }),
    );
    check("SELECT DISTINCT rare.field FROM events WHERE rare.field = 'Quýt'", json!([["Quýt"]]));
    check("SELECT count(*) FROM events WHERE has_word('quýt')", json!([[13]]));
    check("SELECT count(*) FROM events WHERE field('source.port') = 'none'", json!([[13]]));
    check(
        "SELECT count(*) FROM events WHERE source.port < 100",
        count(&place, &tail, |row| {
            row.event.fields.get("source.port").and_then(|v| v.as_i64()).is_some_and(|p| p < 100)
        }),
    );
    check("SELECT count(*) FROM events WHERE nothing.like.that IS NOT NULL", json!([[0]]));
}

/// The plain way to the same number.
fn count(place: &Place, tail: &[(i64, Row)], is_good: impl Fn(&Row) -> bool) -> Value {
    let mut all = tail.iter().filter(|(_, row)| is_good(row)).count();
    for file in &place.files {
        let bytes = place.store.get(&file.path).expect("bytes");
        let rows = crate::unpack(bytes).expect("unpacked");
        all += rows.filter(|row| is_good(row.as_ref().expect("row"))).count();
    }
    json!([[all]])
}

#[test]
fn a_search_finds_what_its_sql_says() {
    let (engine, (place, tail)) = (engine(), filled());
    let check = |query: &str, expected: usize| {
        let told = ask(&engine, request(Language::Search, query), place.source(tail.clone()));
        assert_eq!(told.error, None, "{query}");
        assert_eq!(told.columns[..5], ["time", "host", "kind", "text", "position"], "{query}");
        assert_eq!(told.rows.len(), expected, "{query}: {}", told.sql);
    };
    check("sshd 2999", 1);
    check("\"secret7 of the other\"", 1);
    check("host:db*", 300);
    check("user:root AND failed AND host:db-01", 10);
    check("source.port:none", 13);
    check("_exists_:secret.field", 510);
    check("NOT host:web-01 NOT host:secret-host", 300);
    check("*cret50*", 11);
    check("port:[1 TO 2] host:web-01", 2);
}

#[test]
fn a_histogram_counts_what_the_question_finds() {
    let (engine, (place, tail)) = (engine(), filled());
    let total = |language, query: &str| {
        let request = Request { chosen: Chosen::Histogram(600), ..request(language, query) };
        let told = ask(&engine, request, place.source(tail.clone()));
        assert_eq!(told.error, None, "{query}");
        assert!(told.rows.len() > 10, "{query}: {:?}", told.rows);
        told.rows.iter().map(|row| row[1].as_i64().unwrap_or(0)).sum::<i64>()
    };
    assert_eq!(total(Language::Search, "host:db-01"), 300);
    assert_eq!(total(Language::Sql, "SELECT time FROM events WHERE host = 'db-01';"), 300);
}

#[test]
fn nobody_sees_another_agency() {
    let (engine, (place, tail)) = (engine(), filled());
    let of = |language, query: &str| {
        let agencies = Agencies::Of(BTreeSet::from([1]));
        let request = Request { agencies, ..request(language, query) };
        ask(&engine, request, place.source(tail.clone()))
    };
    for sql in [
        "SELECT * FROM events",
        "SELECT DISTINCT host, agency FROM events",
        "SELECT min(host), max(host), max(raw), max(secret.field) FROM events",
        "SELECT count(*) FROM events WHERE agency = 'B' OR true",
        "SELECT * FROM events WHERE has_word('hidden') OR host = 'secret-host'",
        "EXPLAIN SELECT * FROM events WHERE host = 'x'",
        "EXPLAIN ANALYZE SELECT count(*) FROM events",
        "SHOW COLUMNS FROM events",
        "SELECT CAST(raw AS BIGINT) FROM events",
        "SELECT secret.field FROM events GROUP BY 1",
        "SELECT a.host FROM events a JOIN events b ON a.position <> b.position LIMIT 5",
    ] {
        let told = of(Language::Sql, sql);
        let all = format!("{:?}", (&told.columns, &told.rows, &told.end, &told.error));
        let all = all.replace("secret.field", "");
        assert!(!all.contains("secret") && !all.contains("hidden"), "{sql}: {all}");
        assert!(!all.contains("agency=B"), "{sql}: {all}");
    }
    let told = of(Language::Sql, "SELECT count(*) FROM events");
    assert_eq!(json!(told.rows), json!([[3300]]));
    assert_eq!(told.end.expect("end").1.files, 3);
    assert!(of(Language::Search, "hidden").rows.is_empty());
    // Fields of another agency are not even columns.
    let told = of(Language::Sql, "SELECT * FROM events LIMIT 1");
    assert!(!told.columns.contains(&"secret.field".to_owned()));
}

#[test]
fn one_event_is_found_by_its_place() {
    let (place, _) = filled();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let store = place.store.objects();
    let find = |position| runtime.block_on(event(&store, &place.files, position)).expect("read");
    assert_eq!(find(1234), Some(row(1234, "A", "web-01", login(1233))));
    assert_eq!(find(10_001).map(|row| row.host.to_string()), Some("secret-host".to_owned()));
    assert_eq!(find(9_999), None);
}

#[test]
fn a_range_always_bounds_the_answer() {
    let (engine, (place, tail)) = (engine(), filled());
    let bounded = Request {
        from: at(10),
        to: at(12),
        ..request(Language::Sql, "SELECT count(*) FROM events WHERE true OR time > '1990-01-01'")
    };
    let told = ask(&engine, bounded, place.source(tail.clone()));
    let expected = count(&place, &tail, |row| row.event.time >= at(10) && row.event.time < at(12));
    assert_eq!(json!(told.rows), expected);
}

#[test]
fn the_greedy_is_stopped_alone_and_told_why() {
    let limits = Limits {
        memory: 2 * 1024 * 1024,
        time: Duration::from_secs(2),
        rows: 100,
        ..Limits::default()
    };
    let engine = Engine::new(limits, || {}).expect("engine");
    let (place, tail) = filled();
    let sort = "SELECT a.raw, b.raw FROM events a, events b ORDER BY a.raw, b.raw";
    let told = ask(&engine, request(Language::Sql, sort), place.source(tail.clone()));
    assert!(matches!(told.error, Some(Error::Limit(_))), "{:?}", told.error);
    let long = "SELECT count(*) FROM generate_series(1, 100000000000)";
    let told = ask(&engine, request(Language::Sql, long), place.source(tail.clone()));
    assert!(matches!(told.error, Some(Error::Limit(_))), "{:?}", told.error);
    let told = ask(&engine, request(Language::Sql, "SELECT raw FROM events"), place.source(tail));
    assert_eq!(told.rows.len(), 100);
    assert!(told.end.expect("end").0, "it says that it was cut");
}

#[test]
fn damaged_and_missing_files_are_named_and_the_rest_is_answered() {
    let (engine, (mut place, tail)) = (engine(), filled());
    let broken = place.files[0].clone();
    let mut bytes = place.store.get(&broken.path).expect("bytes").to_vec();
    let middle = bytes.len() / 2;
    bytes[4..middle].fill(0xA5);
    place.store.put(&broken.path, &bytes).expect("put");
    place.store.delete(&place.files[1].path.clone()).expect("delete");
    place.files.remove(3);
    let sql = "SELECT count(*), count(raw), max(raw), min(source.ip) FROM events";
    let told = ask(&engine, request(Language::Sql, sql), place.source(tail));
    assert_eq!(told.error, None);
    assert_eq!(told.rows[0][0], json!(1310));
    let missing = told.end.expect("end").1.missing;
    let paths: BTreeSet<&str> = missing.iter().map(|file| file.path.as_str()).collect();
    let expected = BTreeSet::from([place.files[0].path.as_str(), place.files[1].path.as_str()]);
    assert_eq!(paths, expected, "{missing:?}");
}

#[test]
fn mistakes_are_explained() {
    let (engine, (place, tail)) = (engine(), filled());
    let wrong = |sql: &str| {
        let told = ask(&engine, request(Language::Sql, sql), place.source(tail.clone()));
        match told.error {
            Some(Error::Question { what, .. }) => what,
            other => panic!("{sql}: {other:?}"),
        }
    };
    assert!(wrong("SELECT * FROM nowhere").contains("there are events"));
    assert!(wrong("SELECT no_such_function(raw) FROM events").contains("no_such_function"));
    assert!(wrong("SELECT cidr_match(source.ip, 'x') FROM events").contains("10.0.0.0/8"));
    wrong("SELECT host, count(*) FROM events");
    wrong("SELECT 1 INTO x FROM events");
    wrong("SELECT repeat(raw, 100000000) FROM events");
    wrong("SELECT array_repeat(raw, 100000000) FROM events");
    wrong("SELECT range(0, 10000000000) FROM events");
}

#[test]
fn filters_reach_the_files() {
    let (engine, (place, tail)) = (engine(), filled());
    let sql = "EXPLAIN SELECT raw FROM events WHERE host = 'web-01' AND has_word('2999')";
    let told = ask(&engine, request(Language::Sql, sql), place.source(tail));
    let text = told.rows.iter().map(|row| row[1].to_string()).collect::<String>();
    assert!(text.contains("predicate="), "{text}");
    assert!(text.contains("host"), "{text}");
    // One of four files has the word.
    assert_eq!(text.matches(".parquet").count(), 1, "{text}");
}

#[test]
fn others_wait_their_turn_and_go_on_when_one_is_stopped() {
    let engine = Engine::new(Limits { at_once: 1, ..Limits::default() }, || {}).expect("engine");
    let (place, tail) = filled();
    let long = "SELECT count(*) FROM generate_series(1, 100000000000)";
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let mut first = engine.run(request(Language::Sql, long), place.source(tail.clone()));
    assert!(matches!(runtime.block_on(first.next()), Some(Part::Begin { .. })));
    let count = "SELECT count(*) FROM events";
    let mut second = engine.run(request(Language::Sql, count), place.source(tail));
    assert!(matches!(runtime.block_on(second.next()), Some(Part::Waiting(0))));
    drop(first);
    assert!(matches!(runtime.block_on(second.next()), Some(Part::Begin { .. })));
}
