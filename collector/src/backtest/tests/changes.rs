//! What looks back by itself.

use std::collections::BTreeSet;

use soc_rules::{Options, Ruleset};

use super::*;
use crate::rulebook::Sources;

const LISTED: &str = r"
title: Known address
id: 66666666-6666-4666-8666-666666666666
logsource: {product: linux}
detection:
  selection: {source.ip|expand: '%bad%'}
  condition: selection
level: high
";

fn book(text: &str, bad: &[&str]) -> Arc<Book> {
    let mut options = Options::default();
    options.placeholders.insert("bad".into(), bad.iter().map(ToString::to_string).collect());
    let sources = Sources::of("test.yml", text);
    let (ruleset, problems) = Ruleset::load_with(sources.iter(), options.clone());
    assert_eq!(problems, []);
    Arc::new(Book { ruleset, problems, options, sources })
}

/// Titles and reasons of what has looked back or waits, since the last call.
async fn news(fixture: &Fixture) -> BTreeSet<(String, String)> {
    fixture.room.compare().await.unwrap();
    let views = fixture.room.list().await.unwrap();
    sqlx::query("DELETE FROM backtest_pass").execute(fixture.rooms.store.pool()).await.unwrap();
    views.into_iter().map(|view| (view.title, view.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_new_or_say_something_else_look_back_and_at_the_first_start_none_does() {
    let fixture = Fixture::new(RULES).await;
    let pairs = |list: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        list.iter().map(|(title, reason)| ((*title).into(), (*reason).into())).collect()
    };
    assert_eq!(news(&fixture).await, pairs(&[]), "there is nothing older");
    assert_eq!(news(&fixture).await, pairs(&[]), "nothing has changed");
    let more = format!("{RULES}---{LISTED}");
    fixture.turn.send_replace(book(&more, &["192.0.2.1"]));
    assert_eq!(news(&fixture).await, pairs(&[("Known address", "rule_added")]));
    fixture.turn.send_replace(book(&more, &["192.0.2.1", "192.0.2.2"]));
    assert_eq!(news(&fixture).await, pairs(&[("Known address", "list_changed")]));
    // What rests on a rule changes with it.
    let changed = more.replace("event.outcome: failure", "event.outcome: denied");
    fixture.turn.send_replace(book(&changed, &["192.0.2.1", "192.0.2.2"]));
    let resting = [("Brute force", "rule_changed"), ("Only a few", "rule_changed")];
    let resting: Vec<_> = resting.into_iter().chain([("Failed login", "rule_changed")]).collect();
    assert_eq!(news(&fixture).await, pairs(&resting));
    // Somebody is in the middle of writing.
    fixture.turn.send_replace(book(LISTED, &["192.0.2.1", "192.0.2.2"]));
    assert_eq!(news(&fixture).await, pairs(&[]));
    fixture.turn.send_replace(book(&changed, &["192.0.2.1", "192.0.2.2"]));
    assert_eq!(news(&fixture).await, pairs(&[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_pack_is_one_pass_and_finds_what_lies_back() {
    let mut fixture = Fixture::new(LISTED.replace("|expand: '%bad%'", ": x").as_str()).await;
    fixture.room.compare().await.unwrap();
    for number in 0..6_i64 {
        let event = login(NOW - (6 - number) * MINUTE, 1, "root", "failure");
        fixture.append(1, &[event]).await;
    }
    fixture.rooms.archive.catch_up().await.unwrap();
    fixture.turn.send_replace(book(&format!("{RULES}---{LISTED}"), &["192.0.2.1"]));
    fixture.look_back().await;
    let passes: i64 =
        sqlx::query_scalar("SELECT count(*) FROM backtest_pass WHERE reason = 'rule_added'")
            .fetch_one(fixture.rooms.store.pool())
            .await
            .unwrap();
    assert_eq!(passes, 1);
    let views = fixture.room.list().await.unwrap();
    let of = |title: &str| views.iter().find(|view| view.title == title).unwrap();
    assert_eq!((of("Known address").matches, of("Failed login").matches), (6, 6));
    assert_eq!(of("Known address").reason, "rule_changed");
    assert!(views.iter().all(|view| view.state == State::Done && view.who.is_empty()));
}
