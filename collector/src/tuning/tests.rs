use std::collections::BTreeSet;

use soc_archive::Agencies;
use soc_event::{AgentId, Event, Timestamp, kind};

use super::*;
use crate::access::Caller;
use crate::alert::tests::finding;
use crate::alert::{Finding, State, Verdict};
use crate::clock::SetClock;
use crate::journal;
use crate::seen::Seen;

const NOW: i64 = 1_800_000_000_000_000;

struct Fixture {
    tuning: Tuning,
    clock: SetClock,
    _folder: tempfile::TempDir,
}

/// Agencies 1, 2 below 1, 3; a machine of agency 2.
async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
    for sql in [
        "INSERT INTO agency (id, code, name, parent)
         VALUES (1, 'A', 'A', NULL), (2, 'B', 'B', 1), (3, 'C', 'C', NULL)",
        "INSERT INTO agent (id, agency, hostname, fingerprint, os, version, key_hash, enrolled_at,
             certificate_expires_at)
         VALUES ('07070707-0707-0707-0707-070707070707', 2, 'pc-01', '', '', '', x'', 0, 0)",
    ] {
        sqlx::query(sql).execute(store.pool()).await.unwrap();
    }
    let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
    let journal = Journal::open(&folder.path().join("journal.redb"), &config, &registry).unwrap();
    let (clock, bus) = (SetClock::at(Timestamp::from_micros(NOW)), Bus::default());
    let alerts = Alerts::new(store.clone(), clock.clock(), bus.clone(), &registry).unwrap();
    let rooms = Rooms { store, journal, alerts, clock: clock.clock(), bus };
    let tuning = Tuning::open(rooms, &registry).await.unwrap();
    Fixture { tuning, clock, _folder: folder }
}

fn an() -> Caller {
    Caller { who: "an".into(), address: "local".into() }
}

fn from_address(value: &str) -> Draft {
    let condition = Condition { field: "source.ip".into(), how: How::Equals, value: value.into() };
    let (rule, why) = (Some("r".into()), "máy quét của Sở".into());
    Draft { rule, conditions: vec![condition], why, ..Draft::default() }
}

async fn raise(fixture: &Fixture, found: &[Finding]) -> Vec<String> {
    let Tuning { store, alerts, .. } = &fixture.tuning;
    let mut tx = store.write().await.unwrap();
    let raised = alerts.raise(&mut tx, found).await.unwrap();
    tx.commit().await.unwrap();
    raised.into_iter().map(|raised| raised.id).collect()
}

/// Which exception hides an event with this address, of the machine, received so many days from now.
fn hides(fixture: &Fixture, rule: &str, agency: i64, days: i64) -> Option<i64> {
    let in_force = fixture.tuning.in_force.borrow().clone();
    let received = Timestamp::from_micros(NOW + days * DAY_US);
    let agent = AgentId::from_bytes([7; 16]).to_string();
    let numbers = in_force.may_hide(Found { rule, agent: &agent, agency, received });
    let event = Event::own(received, kind::LOG).with("source.ip", "192.0.2.7");
    in_force.hiding(&numbers, &Seen(&event))
}

#[tokio::test]
async fn an_exception_hides_in_its_scope_and_time_and_only_its_rule() {
    let fixture = fixture().await;
    let except =
        async |draft: Draft| fixture.tuning.except(&draft, &Agencies::All, &an()).await.unwrap();
    let below = except(Draft { agency: Some(1), ..from_address("192.0.2.7") }).await;
    assert_eq!(hides(&fixture, "r", 2, 1), Some(below), "of an agency below");
    assert_eq!(hides(&fixture, "r", 3, 1), None);
    assert_eq!(hides(&fixture, "other", 2, 1), None);
    assert_eq!(hides(&fixture, "r", 2, -1), None, "received before it was made");
    assert_eq!(hides(&fixture, "r", 2, 90), None, "after its end");
    let machine = Some(AgentId::from_bytes([7; 16]));
    let here = except(Draft { machine, rule: None, ..from_address("192.0.2.7") }).await;
    assert_eq!(hides(&fixture, "other", 3, 1), Some(here));
    assert_eq!(hides(&fixture, "r", 2, 1), Some(below), "the oldest of several");
    except(from_address("192.0.2.8")).await;
    assert_eq!(hides(&fixture, "r", 3, 1), Some(here));
}

#[tokio::test]
async fn an_exception_is_renewed_ended_and_never_by_who_saw_another_version() {
    let fixture = fixture().await;
    let (tuning, all) = (&fixture.tuning, &Agencies::All);
    let id = tuning.except(&from_address("192.0.2.7"), all, &an()).await.unwrap();
    let renewal = |version| Renewal { until: None, why: "vẫn đúng".into(), version };
    tuning.renew(id, &renewal(1), all, &an()).await.unwrap();
    let stale = tuning.renew(id, &renewal(1), all, &an()).await;
    assert!(matches!(stale, Err(Error::Changed)));
    fixture.clock.advance_micros(100 * DAY_US);
    let state = async || tuning.exception(id, all).await.unwrap().state;
    assert_eq!(state().await, ExceptionState::Expired);
    tuning.renew(id, &renewal(2), all, &an()).await.unwrap();
    assert_eq!(state().await, ExceptionState::InForce);
    assert_eq!(hides(&fixture, "r", 1, 101), Some(id));
    assert_eq!(hides(&fixture, "r", 1, 95), None, "it hid nothing then, and does not in hindsight");
    let end = |version| End { why: "máy quét đã bỏ".into(), version };
    tuning.end(id, &end(3), all, &an()).await.unwrap();
    assert_eq!(state().await, ExceptionState::Ended);
    assert_eq!(hides(&fixture, "r", 1, 101), None);
    assert!(matches!(tuning.end(id, &end(4), all, &an()).await, Err(Error::Over)));
    assert!(matches!(tuning.renew(id, &renewal(4), all, &an()).await, Err(Error::Over)));
    let history = tuning.exception(id, all).await.unwrap().history;
    let actions: Vec<&str> = history.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["made", "renewed", "renewed", "ended"]);
    let deeds: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE subject = 'exception 1'")
        .fetch_one(tuning.store.pool())
        .await
        .unwrap();
    assert_eq!(deeds, 4);
}

#[tokio::test]
async fn made_from_an_alert_it_can_close_it_and_stands_in_its_history() {
    let fixture = fixture().await;
    let (tuning, all) = (&fixture.tuning, &Agencies::All);
    let id = raise(&fixture, &[finding("r", "192.0.2.7", 1)]).await.remove(0);
    let draft = Draft {
        alert: Some(id.clone()),
        close: Some(Verdict::FalsePositive),
        ..from_address("192.0.2.7")
    };
    let exception = tuning.except(&draft, all, &an()).await.unwrap();
    let (alert, _) = tuning.alerts.get(&id, all).await.unwrap();
    assert_eq!(alert.row.state, State::Closed);
    assert_eq!(alert.row.verdict, Some(Verdict::FalsePositive));
    assert_eq!(alert.history[1].action, "excepted");
    assert_eq!(alert.history[1].about, Some(exception.to_string()));
    // It is closed already: nothing is done, the exception is not made.
    assert!(matches!(tuning.except(&draft, all, &an()).await, Err(Error::Alert(_))));
    let filter = ExceptionFilter::default();
    assert_eq!(tuning.exceptions(&filter, all, None, 10).await.unwrap().2, 1);
}

#[tokio::test]
async fn a_preview_counts_what_would_have_been_hidden_and_says_what_is_not_known() {
    let fixture = fixture().await;
    let all = &Agencies::All;
    let mut found: Vec<Finding> =
        (1..=6).map(|n| finding("r", if n < 4 { "192.0.2.7" } else { "192.0.2.9" }, n)).collect();
    found.push(finding("other", "192.0.2.7", 7));
    let ids = raise(&fixture, &found).await;
    let draft = Draft { alert: Some(ids[0].clone()), ..from_address("192.0.2.7") };
    let preview = fixture.tuning.preview(&draft, all).await.unwrap();
    assert_eq!((preview.of, preview.alerts, preview.hits), (2, 1, 3));
    assert_eq!((preview.uncertain, preview.levels.high, preview.own), (1, 1, Some(true)));
    let wide = Draft { rule: None, ..draft };
    assert_eq!(fixture.tuning.preview(&wide, all).await.unwrap().alerts, 2);
    let other = Draft { alert: Some(ids[1].clone()), ..from_address("192.0.2.7") };
    assert_eq!(fixture.tuning.preview(&other, all).await.unwrap().own, Some(false));
    let unseen = Agencies::Of(BTreeSet::from([3]));
    assert_eq!(fixture.tuning.preview(&wide, &unseen).await.unwrap().of, 0);
}

#[tokio::test]
async fn a_week_before_its_end_the_journal_is_told_once() {
    let fixture = fixture().await;
    let tuning = &fixture.tuning;
    tuning.except(&from_address("192.0.2.7"), &Agencies::All, &an()).await.unwrap();
    let told = async || {
        tuning.look().await.unwrap();
        tuning.journal.end().borrow().0 - 1
    };
    assert_eq!(told().await, 0);
    fixture.clock.advance_micros(84 * DAY_US);
    assert_eq!(told().await, 1);
    assert_eq!(told().await, 1);
    let renewal = Renewal { until: None, why: "x".into(), version: 1 };
    tuning.renew(1, &renewal, &Agencies::All, &an()).await.unwrap();
    assert_eq!(told().await, 1);
    fixture.clock.advance_micros(84 * DAY_US);
    assert_eq!(told().await, 2, "it ends another time now");
}

#[tokio::test]
async fn a_rule_is_off_where_the_nearest_agency_says_so() {
    let fixture = fixture().await;
    let tuning = &fixture.tuning;
    let switch = async |agency, enabled| {
        let switch = Switch { agency, enabled, why: "ồn".into() };
        tuning.switch("r", &switch, &Agencies::All, &an()).await.unwrap();
        let in_force = tuning.in_force.borrow().clone();
        [0, 1, 2, 3].map(|agency| in_force.is_on("r", agency))
    };
    assert_eq!(switch(Some(1), Some(false)).await, [true, false, false, true]);
    assert_eq!(switch(Some(2), Some(true)).await, [true, false, true, true]);
    assert_eq!(switch(None, Some(false)).await, [false, false, true, false]);
    assert_eq!(switch(Some(1), None).await, [false, false, true, false]);
    assert_eq!(tuning.settings(&Agencies::All).await.unwrap().len(), 2);
    let own = Agencies::Of(BTreeSet::from([3]));
    for agency in [None, Some(1), Some(0)] {
        let switch = Switch { agency, enabled: Some(true), why: "x".into() };
        let refused = tuning.switch("r", &switch, &own, &an()).await;
        assert!(matches!(refused, Err(Error::Refused(_))));
    }
}

#[tokio::test]
async fn nobody_hides_or_sees_exceptions_of_agencies_that_are_not_theirs() {
    let fixture = fixture().await;
    let tuning = &fixture.tuning;
    let own = Agencies::Of(BTreeSet::from([3]));
    let draft = |agency| Draft { agency, ..from_address("192.0.2.7") };
    for agency in [None, Some(1), Some(99)] {
        let refused = tuning.except(&draft(agency), &own, &an()).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{agency:?}");
    }
    let machine = Some(AgentId::from_bytes([7; 16]));
    let refused = tuning.except(&Draft { machine, ..draft(None) }, &own, &an()).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
    let theirs = tuning.except(&draft(Some(1)), &Agencies::All, &an()).await.unwrap();
    let everywhere = tuning.except(&draft(None), &Agencies::All, &an()).await.unwrap();
    assert!(matches!(tuning.exception(theirs, &own).await, Err(Error::NotFound)));
    assert!(tuning.exception(everywhere, &own).await.is_ok(), "it hides theirs too");
    let end = End { why: "x".into(), version: 1 };
    let refused = tuning.end(everywhere, &end, &own, &an()).await;
    assert!(matches!(refused, Err(Error::NotFound)));
    let filter = ExceptionFilter::default();
    assert_eq!(tuning.exceptions(&filter, &own, None, 10).await.unwrap().2, 1);
}
