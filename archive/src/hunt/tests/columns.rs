//! What a file's columns are like is nothing to a question: lists, numbers, empty ones, zones.

use super::*;

/// 1,000 events of which each has a list, every second a number and few a text; one has a word.
fn mixed() -> Place {
    let mut place = Place::new();
    let event = |n: u64| {
        let last = if n == 700 { "Quetzal" } else { "none" };
        let tags = ["all", last].map(soc_event::Value::from).to_vec();
        let mut event = login(n).with("tags", soc_event::Value::List(tags));
        if n.is_multiple_of(2) {
            event = event.with("code", i64::try_from(n).unwrap_or(0) + 4000);
        }
        if n > 900 {
            event = event.with("seldom", "word of few");
        }
        row(n + 1, "A", "web-01", event)
    };
    place.add(1, "A", (0..1000).map(event).collect());
    place
}

#[test]
fn a_word_is_found_in_lists_numbers_and_columns_of_few() {
    let (engine, place) = (engine(), mixed());
    let held = |name: &str| {
        let mut columns = place.files.iter().flat_map(|file| &file.facts.columns);
        columns.find(|(column, _)| column == name).map(|(_, held)| *held)
    };
    assert_eq!(held("tags"), Some(crate::ColumnType::Texts));
    assert_eq!(held("code"), Some(crate::ColumnType::Integer));
    let check = |query: &str, expected: usize| {
        let told = ask(&engine, request(Language::Search, query), place.source(Vec::new()));
        assert_eq!((told.error, told.rows.len()), (None, expected), "{query}");
    };
    check("quetzal", 1);
    check("tags:quetzal", 1);
    check("*etza*", 1);
    check("que?zal", 1);
    check("4900", 1);
    check("\"word of few\"", 99);
    check("quetzal OR 4900", 2);
    check("nowhere", 0);
}

#[test]
fn hours_are_those_of_utc() {
    let (engine, place) = (engine(), mixed());
    let hour = |row: &Row| (row.event.time.as_micros() / 3_600_000_000) % 24;
    let counted = count(&place, &[], |row| hour(row) == 12);
    assert_ne!(counted, json!([[0]]));
    let check = |condition: &str| {
        let sql = format!("SELECT count(*) FROM events WHERE {condition}");
        assert_eq!(json!(rows(&engine, &place, &[], &sql)), counted, "{condition}");
    };
    let begin = at(0).as_micros() / 86_400_000_000 * 86_400_000_000 + 12 * 3_600_000_000;
    let begin = Timestamp::from_micros(begin);
    check(&format!("date_trunc('hour', time) = to_timestamp('{begin}')"));
    check("date_part('hour', time) = 12");
    check("extract(hour FROM time) = 12");
    let told = rows(
        &engine,
        &place,
        &[],
        "SELECT date_trunc('day', time) AS d FROM events GROUP BY d ORDER BY d LIMIT 1",
    );
    assert_eq!(told, [[json!(begin.plus_micros(-12 * 3_600_000_000).to_string())]]);
}

#[test]
fn files_within_the_range_and_across_its_ends_are_counted_alike() {
    let (engine, (place, tail)) = (engine(), filled());
    let check = |from: i64, to: i64| {
        let mut request = request(Language::Sql, "SELECT count(*) FROM events");
        (request.from, request.to) = (at(from), at(to));
        let told = ask(&engine, request, place.source(tail.clone()));
        let is_in = |row: &Row| row.event.time >= at(from) && row.event.time < at(to);
        assert_eq!(json!(told.rows), count(&place, &tail, is_in), "{from}..{to}");
    };
    check(0, 500);
    check(0, 499);
    check(1, 500);
    check(120, 121);
    check(600, 700);
}
