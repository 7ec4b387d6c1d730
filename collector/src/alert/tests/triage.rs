use std::collections::BTreeSet;

use soc_event::Value;

use super::*;
use crate::silence::{self, Silences};

async fn one(fixture: &Fixture, id: &str) -> Alert {
    fixture.alerts.get(id, &Agencies::All).await.unwrap().0
}

async fn count(fixture: &Fixture, filter: Filter) -> i64 {
    fixture.alerts.list(&filter, None, 10).await.unwrap().2
}

#[tokio::test]
async fn a_verdict_is_kept_until_the_alert_is_reopened_and_stands_in_its_history() {
    let fixture = fixture().await;
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    let benign = Change::of(Action::Close(Verdict::Benign)).with("bản vá");
    operate(&fixture.alerts, &id, benign).await.unwrap();
    let alert = one(&fixture, &id).await;
    assert_eq!((alert.row.verdict, alert.row.version), (Some(Verdict::Benign), 2));
    assert_eq!(alert.history[1].about.as_deref(), Some("benign"));
    let verdicts = |verdict| Filter { verdicts: vec![verdict], ..Filter::of(Agencies::All) };
    assert_eq!(count(&fixture, verdicts(Verdict::Benign)).await, 1);
    assert_eq!(count(&fixture, verdicts(Verdict::FalsePositive)).await, 0);
    operate(&fixture.alerts, &id, Change::of(Action::Reopen)).await.unwrap();
    assert_eq!(one(&fixture, &id).await.row.verdict, None);
}

#[tokio::test]
async fn the_second_of_two_people_changes_nothing() {
    let fixture = fixture().await;
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    let seen = Some(one(&fixture, &id).await.row.version);
    operate(&fixture.alerts, &id, Change { version: seen, ..Change::of(Action::Acknowledge) })
        .await
        .unwrap();
    let late = operate(&fixture.alerts, &id, Change { version: seen, ..close("done") }).await;
    assert!(matches!(late, Err(Error::Changed)), "{late:?}");
    // Seen again is nothing that somebody did.
    raise(&fixture, &[finding("r", "a", 2)]).await;
    assert_eq!(one(&fixture, &id).await.row.version, 2);
}

#[tokio::test]
async fn an_alert_is_given_to_an_operator_and_back_to_the_queue() {
    let fixture = fixture().await;
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    let to = |name: &str| Change::of(Action::Assign(Some(name.to_owned())));
    let unknown = operate(&fixture.alerts, &id, to("nobody")).await;
    assert!(matches!(unknown, Err(Error::NoOperator)));
    sqlx::query(
        "INSERT INTO operator (name, password, role, whole, must_change, created_at)
         VALUES ('binh', '', 'handler', 1, 0, 0), ('look', '', 'viewer', 1, 0, 0),
             ('other', '', 'officer', 0, 0, 0)",
    )
    .execute(fixture.store.pool())
    .await
    .unwrap();
    for name in ["look", "other"] {
        let refused = operate(&fixture.alerts, &id, to(name)).await;
        assert!(matches!(refused, Err(Error::NoOperator)), "{name}");
    }
    operate(&fixture.alerts, &id, to("binh")).await.unwrap();
    let mine = Filter { assignee: Some(Assignee::Is("binh".into())), ..Filter::of(Agencies::All) };
    assert_eq!(count(&fixture, mine.clone()).await, 1);
    operate(&fixture.alerts, &id, Change::of(Action::Acknowledge)).await.unwrap();
    assert_eq!(one(&fixture, &id).await.row.assignee.as_deref(), Some("an"));
    operate(&fixture.alerts, &id, Change::of(Action::Assign(None))).await.unwrap();
    let row = one(&fixture, &id).await.row;
    assert_eq!((row.state, row.assignee), (State::Open, None));
    let nobody = Filter { assignee: Some(Assignee::Nobody), ..Filter::of(Agencies::All) };
    assert_eq!((count(&fixture, nobody).await, count(&fixture, mine).await), (1, 0));
}

#[tokio::test]
async fn bulk_work_is_one_transaction_and_says_what_it_could_not_do() {
    let fixture = fixture().await;
    let found: Vec<Finding> =
        (1..=5).map(|number| finding("r", &number.to_string(), number)).collect();
    let ids: Vec<String> =
        raise(&fixture, &found).await.into_iter().map(|raised| raised.id).collect();
    operate(&fixture.alerts, &ids[0], close("alone")).await.unwrap();
    let all = |which| fixture.alerts.operate_all(which, &ALL, &Agencies::All, &CALLER);
    static ALL: std::sync::LazyLock<Change> =
        std::sync::LazyLock::new(|| Change::of(Action::Close(Verdict::FalsePositive)).with("x"));
    static CALLER: std::sync::LazyLock<crate::access::Caller> = std::sync::LazyLock::new(an);
    let open = || Filter { states: vec![State::Open], ..Filter::of(Agencies::All) };
    let stale = all(Which::Matching(Box::new(open()), 5)).await;
    assert!(matches!(stale, Err(Error::CountChanged(4))), "{stale:?}");
    let done = all(Which::Ids(vec![ids[0].clone(), ids[1].clone(), "none".into()])).await.unwrap();
    let refused: Vec<bool> = done.iter().map(|outcome| outcome.refused.is_some()).collect();
    assert_eq!(refused, [true, false, true]);
    let done = all(Which::Matching(Box::new(open()), 3)).await.unwrap();
    assert!(done.len() == 3 && done.iter().all(|outcome| outcome.refused.is_none()));
    let noise = fixture.alerts.noise(Timestamp::from_micros(0), &Agencies::All).await;
    let expected = Noise { alerts: 5, hits: 5, closed: 5, false_positives: 4, benign: 0 };
    assert_eq!(noise.unwrap()["r"], expected);
    let deeds: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = 'alert closed'")
        .fetch_one(fixture.store.pool())
        .await
        .unwrap();
    assert_eq!(deeds, 5);
}

#[tokio::test]
async fn whose_agency_may_not_be_seen_has_no_alerts() {
    let fixture = fixture().await;
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    let other = Agencies::Of(BTreeSet::from([2]));
    let Fixture { alerts, .. } = &fixture;
    assert_eq!(alerts.list(&Filter::of(other.clone()), None, 10).await.unwrap().2, 0);
    assert!(matches!(alerts.get(&id, &other).await, Err(Error::NotFound)));
    assert!(matches!(alerts.related(&id, &other).await, Err(Error::NotFound)));
    let taken = alerts.operate(&id, &Change::of(Action::Acknowledge), &other, &an()).await;
    assert!(matches!(taken, Err(Error::NotFound)));
    let none = alerts.operate_all(Which::Ids(vec![id]), &close("x"), &other, &an()).await.unwrap();
    assert!(none[0].refused.is_some());
    assert_eq!(alerts.unclosed(&other).await.unwrap(), Unclosed::default());
    let always = (Timestamp::from_micros(0), Timestamp::from_micros(NOW));
    assert!(alerts.techniques(&other, always).await.unwrap().is_empty());
    assert!(alerts.noise(always.0, &other).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_search_finds_with_and_without_marks() {
    let fixture = fixture().await;
    raise(&fixture, &[finding("r", "a", 1)]).await;
    for (text, found) in [("dang nhap", 1), ("Đăng nhập", 1), ("DÒ MAT khẩu", 1), ("dang nhan", 0)]
    {
        let search = Filter { search: Some(text.into()), ..Filter::of(Agencies::All) };
        assert_eq!(count(&fixture, search).await, found, "{text}");
    }
    let technique = |id: &str| Filter { technique: Some(id.into()), ..Filter::of(Agencies::All) };
    assert_eq!(count(&fixture, technique("T1110")).await, 1);
    assert_eq!(count(&fixture, technique("T1111")).await, 0);
}

#[tokio::test]
async fn alerts_about_the_same_user_or_address_within_a_day_are_related() {
    let fixture = fixture().await;
    let of = |number: u64, agent: u8, user: &str, hours: i64| {
        let mut found = finding("r", &format!("192.0.2.{number}"), number);
        found.agent = AgentId::from_bytes([agent; 16]);
        found.at = found.at.plus_micros(hours * 3_600_000_000);
        found.event.fields.insert("user.name".into(), Value::from(user));
        found
    };
    let all = [of(1, 1, "Root", 0), of(2, 2, "root", 5), of(3, 3, "root", 30), of(4, 4, "an", 1)];
    let ids: Vec<String> =
        raise(&fixture, &all).await.into_iter().map(|raised| raised.id).collect();
    let related = fixture.alerts.related(&ids[0], &Agencies::All).await.unwrap();
    assert_eq!(related.len(), 1, "{related:?}");
    assert_eq!(related[0].alert.id, ids[1]);
    assert_eq!(related[0].shared, [Shared { kind: EntityKind::User, value: "root".into() }]);
}

#[tokio::test]
async fn risk_adds_up_and_is_gone_with_a_verdict_that_takes_it_away() {
    let fixture = fixture().await;
    let mut found = finding("r", "a", 1);
    found.event.fields.insert("user.name".into(), "root".into());
    let raised = raise(&fixture, &[found, finding("r", "b", 2)]).await;
    let agent = AgentId::from_bytes([7; 16]).to_string();
    let risk = async || {
        let risk = fixture.alerts.risk_by_machine(&[&agent]).await.unwrap();
        risk.get(&agent).copied().unwrap_or_default()
    };
    assert!((risk().await - 60.0).abs() < 0.2);
    let users = fixture.alerts.risky_users(&Agencies::All, 10).await.unwrap();
    assert!(users.len() == 1 && (users[0].risk - 30.0).abs() < 0.2, "{users:?}");
    let wrong = Change::of(Action::Close(Verdict::FalsePositive)).with("x");
    operate(&fixture.alerts, &raised[0].id, wrong).await.unwrap();
    assert!((risk().await - 30.0).abs() < 0.2);
    assert!(fixture.alerts.risky_users(&Agencies::All, 10).await.unwrap().is_empty());
    operate(&fixture.alerts, &raised[0].id, Change::of(Action::Reopen)).await.unwrap();
    assert!((risk().await - 60.0).abs() < 0.2);
    operate(&fixture.alerts, &raised[0].id, close("true")).await.unwrap();
    assert!((risk().await - 60.0).abs() < 0.2);
}

#[tokio::test]
async fn planned_work_is_no_work_until_it_is_seen_after_its_end() {
    let fixture = fixture().await;
    let clock = SetClock::at(Timestamp::from_micros(NOW)).clock();
    let silences = Silences::new(fixture.store.clone(), clock, Bus::default());
    let hour = 3_600_000_000;
    let draft = silence::Draft {
        machine: None,
        agency: None,
        rule: Some("r".into()),
        from: Timestamp::from_micros(NOW - hour),
        until: Timestamp::from_micros(NOW + hour),
        why: "thay máy chủ".into(),
    };
    silences.add(&draft, &Agencies::All, &an()).await.unwrap();
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    raise(&fixture, &[finding("other", "a", 2)]).await;
    let silenced = |silenced| Filter { silenced, ..Filter::of(Agencies::All) };
    assert_eq!(count(&fixture, silenced(Silenced::No)).await, 1);
    assert_eq!(count(&fixture, silenced(Silenced::Only)).await, 1);
    assert_eq!(count(&fixture, silenced(Silenced::All)).await, 2);
    let unclosed = fixture.alerts.unclosed(&Agencies::All).await.unwrap();
    assert_eq!(unclosed.open.high, 1);
    assert_eq!(silences.list(&Agencies::All).await.unwrap()[0].alerts, 1);
    // Seen again meanwhile it stays so; seen again afterwards it is work.
    raise(&fixture, &[finding("r", "a", 3)]).await;
    assert!(one(&fixture, &id).await.row.silence.unwrap().until.is_some());
    let mut later = finding("r", "a", 4);
    later.at = Timestamp::from_micros(NOW + hour + 1);
    raise(&fixture, &[later]).await;
    assert_eq!(one(&fixture, &id).await.row.silence.unwrap().until, None);
    assert_eq!(count(&fixture, silenced(Silenced::No)).await, 2);
}
