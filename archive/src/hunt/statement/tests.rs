use super::*;

fn known() -> Known {
    let events = [
        ("time", Arrow::Utf8View),
        ("host", Arrow::Utf8View),
        ("raw", Arrow::Utf8View),
        ("source.ip", Arrow::Utf8View),
        ("destination.port", Arrow::Int64),
        ("TargetUserName", Arrow::Utf8View),
    ];
    let alerts = [("id", Arrow::Int64), ("title", Arrow::Utf8View)];
    let columns = |list: &[(&str, Arrow)]| {
        list.iter().map(|(name, held)| ((*name).to_owned(), held.clone())).collect()
    };
    let tables = [("events", columns(&events)), ("alerts", columns(&alerts))];
    Known { tables: tables.into_iter().map(|(name, held)| (name.to_owned(), held)).collect() }
}

fn check(sql: &str, expected: &str, rare: &[&str]) {
    let prepared = read(sql, &known()).expect(sql);
    assert_eq!(prepared.statement.to_string(), expected, "{sql}");
    assert_eq!(prepared.rare, rare.iter().map(|name| (*name).to_owned()).collect(), "{sql}");
}

#[test]
fn names_with_dots_are_fields_unless_a_table_is_called_so() {
    check("SELECT source.ip FROM Events", r#"SELECT "source.ip" FROM "events""#, &[]);
    check(
        "SELECT e.source.ip, e.host FROM events e",
        r#"SELECT "e"."source.ip", "e"."host" FROM "events" e"#,
        &[],
    );
    check("SELECT targetusername FROM events", r#"SELECT "TargetUserName" FROM "events""#, &[]);
    check(
        "SELECT url.path AS p FROM events WHERE p = 'x'",
        r#"SELECT "url.path" AS p FROM "events" WHERE "p" = 'x'"#,
        &["url.path"],
    );
    check(
        "WITH t AS (SELECT host FROM events) SELECT t.host FROM t",
        r#"WITH t AS (SELECT "host" FROM "events") SELECT "t"."host" FROM t"#,
        &[],
    );
}

#[test]
fn functions_of_one_piece_look_at_everything_and_field_is_a_column() {
    check(
        "SELECT 1 FROM events WHERE has_word('root') AND field('EventID') = '4624'",
        concat!(
            r#"SELECT 1 FROM "events" WHERE has_word("everything", 'root') AND "#,
            r#""field(EventID)" = '4624'"#
        ),
        &["everything", "field(EventID)"],
    );
}

#[test]
fn a_text_that_is_compared_with_a_number_is_no_error() {
    check(
        "SELECT 1 FROM events WHERE port > 1024 AND destination.port = 22",
        concat!(
            r#"SELECT 1 FROM "events" WHERE TRY_CAST("port" AS DOUBLE) > 1024 AND "#,
            r#""destination.port" = 22"#
        ),
        &["port"],
    );
}

#[test]
fn what_does_not_only_read_is_refused() {
    for sql in [
        "DROP TABLE events",
        "INSERT INTO events VALUES (1)",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/'",
        "CREATE TABLE x AS SELECT 1",
        "COPY events TO '/tmp/x'",
        "SET datafusion.execution.batch_size = 1",
        "DELETE FROM events",
        "SELECT 1; SELECT 2",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM read_parquet('x')",
        "EXPLAIN DELETE FROM events",
        "",
        ";",
    ] {
        assert!(matches!(read(sql, &known()), Err(Error::Question { .. })), "{sql}");
    }
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let Err(Error::Question { position, what }) =
        read("SELECT host\nFROM events WHERE )", &known())
    else {
        panic!("accepted")
    };
    assert_eq!(position, Some(30), "{what}");
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(matches!(read(&deep, &known()), Err(Error::Question { .. })));
    let long = format!("SELECT 1{}", "+1".repeat(BYTES_MAX));
    assert!(matches!(read(&long, &known()), Err(Error::Question { .. })));
}
