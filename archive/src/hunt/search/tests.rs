use proptest::prelude::*;

use super::*;
use crate::hunt::statement::{self, Known};

fn fields() -> BTreeMap<String, ColumnType> {
    let all = [
        ("user.name", ColumnType::Text),
        ("destination.port", ColumnType::Integer),
        ("source.ip", ColumnType::Text),
    ];
    all.into_iter().map(|(name, held)| (name.to_owned(), held)).collect()
}

fn check(query: &str, expected: &str) {
    let search = parse::parse(query).expect(query);
    assert_eq!(translate::condition(&search, &fields()).expect(query), expected, "{query}");
}

fn wrong(query: &str, position: usize) {
    let failed = parse::parse(query).and_then(|search| translate::condition(&search, &fields()));
    match failed {
        Err(Error::Question { position: Some(at), .. }) => assert_eq!(at, position, "{query}"),
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn words_are_looked_for_everywhere_and_fields_where_they_are() {
    check("", "true");
    check("*", "true");
    check("root", "has_word('root')");
    check("\"accepted password\"", "has_word('accepted password')");
    check("*part*", "contains_i('part')");
    check("adm?n", "like_i('*adm?n*')");
    check("host:web*", "like_i(host, 'web*')");
    check("kind:log", "equals_i(kind, 'log')");
    check("source.ip:10.0.0.0/8", "cidr_match(\"source.ip\", '10.0.0.0/8')");
    check("destination.port:22", "\"destination.port\" = 22");
    check("user.name:=root", "equals_i(\"user.name\", 'root')");
    check("user.name:=\"a b*\"", "equals_i(\"user.name\", 'a b*')");
    check("_exists_:user.name", "field('user.name') IS NOT NULL");
    check("it's", "has_word('it''s')");
    check("C:\\Windows\\cmd.exe", "has_word('C:\\Windows\\cmd.exe')");
    check("http://a/b", "has_word('http://a/b')");
    check("2001:db8::1", "has_word('2001:db8::1')");
    check("aa:bb:cc:dd:ee:ff", "has_word('aa:bb:cc:dd:ee:ff')");
    check("12:30:01", "has_word('12:30:01')");
}

#[test]
fn ranges_are_numbers_or_times() {
    check("destination.port:>1024", "\"destination.port\" > 1024");
    check(
        "destination.port:[20 TO 25]",
        "(\"destination.port\" >= 20 AND \"destination.port\" <= 25)",
    );
    check("time:>=2026-11-22T10:00:00Z", "time >= to_timestamp('2026-11-22T10:00:00.000000Z')");
}

#[test]
fn and_binds_before_or_and_brackets_before_both() {
    check("a b OR c", "((has_word('a') AND has_word('b')) OR has_word('c'))");
    check("a AND (b OR c)", "(has_word('a') AND (has_word('b') OR has_word('c')))");
    check("a -b", "(has_word('a') AND (has_word('b')) IS NOT TRUE)");
    check("NOT a", "(has_word('a')) IS NOT TRUE");
    check("kind:(x OR y)", "(equals_i(kind, 'x') OR equals_i(kind, 'y'))");
}

#[test]
fn short_names_stand_for_several_fields() {
    let search = parse::parse("user:root").expect("search");
    let sql = translate::condition(&search, &fields()).expect("sql");
    assert!(sql.contains("has_word(\"user.name\", 'root') OR"), "{sql}");
    assert!(sql.contains("has_word(\"TargetUserName\", 'root')"), "{sql}");
    assert!(sql.contains("has_word(\"user\", 'root')"), "{sql}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    wrong("a \"b", 2);
    wrong("(a", 0);
    wrong("a )", 2);
    wrong("user: ", 0);
    wrong("a AND", 3);
    wrong("OR a", 0);
    wrong("port:>x", 5);
    wrong("time:>yesterday", 5);
    wrong("port:[1 25]", 5);
    wrong(&"(".repeat(100), 16);
}

proptest! {
    #[test]
    fn every_text_is_a_search_that_is_sql_or_a_mistake(query in ".{0,80}") {
        if let Ok(sql) = sql(&query, &fields(), &Chosen::Events, 10) {
            let columns = fields().into_iter().map(|(name, held)| (name, schema::arrow(held)));
            let fixed = schema::fixed().into_iter().map(|(name, held)| (name.to_owned(), held));
            let events = fixed.chain(columns).collect();
            let known = Known { tables: [("events".to_owned(), events)].into() };
            let read = statement::read(&sql, &known);
            prop_assert!(read.is_ok(), "{query}: {sql}: {read:?}");
        }
    }

    #[test]
    fn what_looks_like_a_search_is_sql_or_a_mistake(
        query in r#"(([a-z.]{1,5}:)?(=|>|<=|-|NOT )?("[^"]{0,5}"|[a-z0-9*?\\'/]{1,6}|\[1 TO 2\]) ?(AND|OR|\(|\))? ?){0,6}"#
    ) {
        if let Ok(sql) = sql(&query, &fields(), &Chosen::Histogram(60), 10) {
            let known = Known { tables: [("events".to_owned(), Default::default())].into() };
            let read = statement::read(&sql, &known);
            prop_assert!(read.is_ok(), "{query}: {sql}: {read:?}");
        }
    }
}
