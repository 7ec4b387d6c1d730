mod triage;

use soc_archive::Agencies;
use soc_event::{AgentId, Epoch, Event, EventId, Lane, Sequence, Timestamp, kind};

use super::*;
use crate::access::Caller;
use crate::clock::SetClock;

pub(crate) const NOW: i64 = 1_800_000_000_000_000;

pub(crate) struct Fixture {
    pub(crate) alerts: Alerts,
    store: Store,
    bus: Bus,
    _folder: tempfile::TempDir,
}

pub(crate) async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
    let clock = SetClock::at(Timestamp::from_micros(NOW)).clock();
    let bus = Bus::default();
    let alerts = Alerts::new(store.clone(), clock, bus.clone(), &Registry::new()).unwrap();
    Fixture { alerts, store, bus, _folder: folder }
}

pub(crate) fn finding(rule: &str, source: &str, sequence: u64) -> Finding {
    let agent = AgentId::from_bytes([7; 16]);
    let event_id =
        EventId { agent, epoch: Epoch(1), lane: Lane::Log, sequence: Sequence(sequence) };
    let at = Timestamp::from_micros(NOW - 1_000_000 + i64::try_from(sequence).unwrap());
    let event = Event::own(at, kind::LOG).with("source.ip", source);
    let machine = MachineRef { id: agent, hostname: "pc-01".into() };
    let title =
        Text { en: "Somebody guesses".into(), vi: Some("Dò mật khẩu ĐĂNG NHẬP".into()) };
    Finding {
        rule: rule.into(),
        level: Level::High,
        said: Said { title, tags: vec!["attack.t1110".into()], ..Said::default() },
        agent,
        hostname: machine.hostname.clone(),
        agency: AgencyRef { id: 1, code: "LOCAL".into(), name: "Local".into() },
        group: vec![("source.ip".into(), source.into())],
        predicates: Vec::new(),
        correlation: None,
        event: EventView::new(sequence, &event_id, at, &event, machine),
        event_id,
        positions: vec![sequence],
        at,
        received: at,
        late: false,
    }
}

pub(crate) async fn raise(fixture: &Fixture, findings: &[Finding]) -> Vec<Raised> {
    let mut tx = fixture.store.write().await.unwrap();
    let raised = fixture.alerts.raise(&mut tx, findings).await.unwrap();
    tx.commit().await.unwrap();
    raised
}

pub(crate) fn an() -> Caller {
    Caller { who: "an".into(), address: "192.0.2.9".into() }
}

pub(crate) async fn operate(alerts: &Alerts, id: &str, change: Change) -> Result<(), Error> {
    alerts.operate(id, &change, &Agencies::All, &an()).await
}

pub(crate) fn close(why: &str) -> Change {
    Change::of(Action::Close(Verdict::TruePositive)).with(why)
}

#[tokio::test]
async fn repeats_are_counted_on_the_alert_that_is_not_closed() {
    let fixture = fixture().await;
    let first = raise(&fixture, &[finding("r", "a", 1), finding("r", "a", 2)]).await;
    assert_eq!(first.len(), 1);
    assert!(first[0].begun.is_some());
    let again: Vec<Finding> = (3..60).map(|n| finding("r", "a", n)).collect();
    assert!(raise(&fixture, &again).await[0].begun.is_none());
    raise(&fixture, &[finding("r", "b", 60)]).await;
    let (rows, next, total) =
        fixture.alerts.list(&Filter::of(Agencies::All), None, 10).await.unwrap();
    assert_eq!((rows.len(), next, total), (2, None, 2));
    assert_eq!((rows[1].count, rows[1].number), (59, 1));
    let (alert, positions) = fixture.alerts.get(&first[0].id, &Agencies::All).await.unwrap();
    assert_eq!(positions.len(), EVENTS_MAX);
    assert_eq!(alert.events[0].position, 1);
}

#[tokio::test]
async fn after_closing_the_same_thing_is_a_new_alert_and_the_old_one_stays_closed() {
    let fixture = fixture().await;
    let Fixture { alerts, .. } = &fixture;
    let old = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    operate(alerts, &old, Change::of(Action::Acknowledge)).await.unwrap();
    assert_eq!(
        alerts.get(&old, &Agencies::All).await.unwrap().0.row.assignee.as_deref(),
        Some("an")
    );
    operate(alerts, &old, close("blocked")).await.unwrap();
    let new = raise(&fixture, &[finding("r", "a", 2)]).await[0].clone();
    assert!(new.begun.is_some() && new.id != old);
    let reopened = operate(alerts, &old, Change::of(Action::Reopen)).await;
    assert!(matches!(reopened, Err(Error::SeenAgain(2))));
    operate(alerts, &new.id, close("the same")).await.unwrap();
    operate(alerts, &old, Change::of(Action::Reopen)).await.unwrap();
    let (alert, _) = alerts.get(&old, &Agencies::All).await.unwrap();
    let actions: Vec<&str> = alert.history.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["raised", "acknowledged", "closed", "reopened"]);
    assert_eq!((alert.row.state, alert.row.assignee), (State::Open, None));
}

#[tokio::test]
async fn the_same_event_read_twice_is_one_alert() {
    let fixture = fixture().await;
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    operate(&fixture.alerts, &id, close("done")).await.unwrap();
    let again = raise(&fixture, &[finding("r", "a", 1)]).await;
    assert_eq!((again[0].id.as_str(), again[0].begun.is_some()), (id.as_str(), false));
    let (_, _, total) = fixture.alerts.list(&Filter::of(Agencies::All), None, 10).await.unwrap();
    assert_eq!(total, 1);
}

#[tokio::test]
async fn what_a_state_does_not_allow_is_refused_and_nothing_is_written() {
    let fixture = fixture().await;
    let Fixture { alerts, .. } = &fixture;
    let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
    let refused = operate(alerts, &id, close("  ")).await;
    assert!(matches!(refused, Err(Error::CommentMissing)));
    let long = "x".repeat(COMMENT_MAX + 1);
    let refused = operate(alerts, &id, Change::of(Action::Comment).with(&long)).await;
    assert!(matches!(refused, Err(Error::CommentTooLong)));
    let refused = operate(alerts, &id, Change::of(Action::Reopen)).await;
    assert!(matches!(refused, Err(Error::Conflict("open"))));
    let refused = operate(alerts, "0123", Change::of(Action::Comment).with("x")).await;
    assert!(matches!(refused, Err(Error::NotFound)));
    assert_eq!(alerts.get(&id, &Agencies::All).await.unwrap().0.history.len(), 1);
}

#[tokio::test]
async fn filters_narrow_and_pages_join() {
    let fixture = fixture().await;
    let Fixture { alerts, .. } = &fixture;
    let all: Vec<Finding> = (1..=25).map(|n| finding("r", &format!("192.0.2.{n}"), n)).collect();
    raise(&fixture, &all).await;
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let (rows, next, total) =
            alerts.list(&Filter::of(Agencies::All), cursor, 10).await.unwrap();
        assert_eq!(total, 25);
        seen.extend(rows.into_iter().map(|row| row.number));
        cursor = next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<i64>>());
    let find = |search: &str| Filter { search: Some(search.into()), ..Filter::of(Agencies::All) };
    for (filter, expected) in [
        (find("đăng nhập"), 25),
        (find("192.0.2.25"), 1),
        (find("#7"), 1),
        (find("%"), 0),
        (Filter { levels: vec![Level::Low, Level::High], ..Filter::of(Agencies::All) }, 25),
        (Filter { states: vec![State::Closed], ..Filter::of(Agencies::All) }, 0),
        (Filter { agencies: Agencies::Of([1, 2].into()), ..Filter::of(Agencies::All) }, 25),
        (Filter { agencies: Agencies::Of([].into()), ..Filter::of(Agencies::All) }, 0),
        (Filter { machine: Some(AgentId::COLLECTOR), ..Filter::of(Agencies::All) }, 0),
        (Filter { from: Some(Timestamp::from_micros(NOW)), ..Filter::of(Agencies::All) }, 0),
    ] {
        let (_, _, total) = alerts.list(&filter, None, 10).await.unwrap();
        assert_eq!(total, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_timeline_holds_every_step_and_every_alert_once() {
    let fixture = fixture().await;
    raise(&fixture, &[finding("r", "a", 1), finding("r", "b", 2)]).await;
    let (from, to) = (Timestamp::from_micros(NOW - 3_600_000_000), Timestamp::from_micros(NOW));
    let timeline = fixture.alerts.timeline(&Agencies::All, from, to, 7).await.unwrap();
    assert_eq!(timeline.buckets.len(), 7);
    let high: i64 = timeline.buckets.iter().map(|bucket| bucket.counts.high).sum();
    assert_eq!((high, timeline.buckets[6].counts.high), (2, 2));
    assert_eq!(fixture.alerts.unclosed(&Agencies::All).await.unwrap().open.high, 2);
}

#[tokio::test]
async fn a_timeline_counts_what_the_list_of_the_same_time_and_agency_shows() {
    let fixture = fixture().await;
    let alerts = &fixture.alerts;
    let hour = 3_600_000_000;
    // Began long ago and was seen again lately; began and ended long ago; of another agency.
    let mut old = finding("r", "a", 1);
    old.at = Timestamp::from_micros(NOW - 50 * hour);
    let mut again = finding("r", "a", 2);
    again.at = Timestamp::from_micros(NOW - hour);
    let mut over = finding("r", "b", 3);
    over.at = Timestamp::from_micros(NOW - 50 * hour);
    let mut other = finding("r", "c", 4);
    other.agency.id = 7;
    raise(&fixture, &[old, again, over, other]).await;
    let some = |ids: &[i64]| Agencies::Of(ids.iter().copied().collect());
    for agencies in [Agencies::All, some(&[1]), some(&[7]), some(&[])] {
        for (from, to) in [(-60, 0), (-24, 0), (-60, -24), (-2, -1), (-1, 1)] {
            let from = Timestamp::from_micros(NOW + from * hour);
            let to = Timestamp::from_micros(NOW + to * hour);
            let timeline = alerts.timeline(&agencies, from, to, 9).await.unwrap();
            let counted: i64 = timeline.buckets.iter().map(|bucket| bucket.counts.high).sum();
            let filter = Filter { from: Some(from), to: Some(to), ..Filter::of(agencies.clone()) };
            let (_, _, listed) = alerts.list(&filter, None, 10).await.unwrap();
            assert_eq!(counted, listed, "{filter:?}");
        }
        let unclosed = alerts.unclosed(&agencies).await.unwrap().open.high;
        let all = Filter::of(agencies);
        assert_eq!(unclosed, alerts.list(&all, None, 10).await.unwrap().2);
    }
}

#[tokio::test]
async fn who_watches_is_told_after_the_commit() {
    let fixture = fixture().await;
    let mut listener = fixture.bus.listen();
    let raised = raise(&fixture, &[finding("r", "a", 1)]).await;
    assert!(listener.try_recv().is_err());
    fixture.alerts.announce(&raised);
    let notice = listener.try_recv().unwrap();
    assert_eq!(notice, Notice::Alert { id: raised[0].id.clone(), agency: 1 });
}

#[tokio::test]
async fn groups_that_a_machine_makes_up_without_end_are_counted_on_one_alert() {
    let fixture = fixture().await;
    let many: Vec<Finding> =
        (0..GROUPS_MAX + 100).map(|n| finding("r", &format!("made-up-{n}"), n as u64)).collect();
    let (some, rest) = many.split_at(900);
    raise(&fixture, some).await;
    raise(&fixture, rest).await;
    // What has an alert is counted there; another rule and another machine have room of their own.
    let mut elsewhere = finding("r", "x", 2001);
    elsewhere.agent = AgentId::from_random([9; 16]);
    raise(&fixture, &[finding("r", "made-up-3", 2000), finding("other", "x", 2002), elsewhere])
        .await;
    let (rows, _, total) =
        fixture.alerts.list(&Filter::of(Agencies::All), None, 2000).await.unwrap();
    assert_eq!(total, GROUPS_MAX + 1 + 2);
    let together: Vec<i64> =
        rows.iter().filter(|row| row.group.is_empty()).map(|row| row.count).collect();
    assert_eq!(together, [100]);
    assert_eq!(rows.iter().map(|row| row.count).sum::<i64>(), GROUPS_MAX + 103);
}
