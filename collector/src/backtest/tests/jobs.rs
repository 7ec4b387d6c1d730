//! Asking, stopping, going on, and what is told.

use super::*;

const FAILED: &str = "11111111-1111-4111-8111-111111111111";
const BRUTE: &str = "22222222-2222-4222-8222-222222222222";

/// Failures of one source, one a minute, archived in sets of `set`.
async fn failures(fixture: &mut Fixture, count: i64, set: i64) {
    for number in 0..count {
        let event = login(NOW - (count - number) * MINUTE, 1, "root", "failure");
        fixture.append(u8::try_from(number % 3).unwrap(), &[event]).await;
        if number % set == set - 1 {
            fixture.rooms.archive.catch_up().await.unwrap();
        }
    }
}

async fn ask(fixture: &Fixture, ask: Ask) -> Backtest {
    let ids = fixture.room.ask(ask, fixture.always(), &fixture.caller()).await.unwrap();
    fixture.look_back().await;
    fixture.room.show(&ids[0]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_says_how_often_it_would_have_fired_where_and_when_and_raises_nothing() {
    let mut fixture = Fixture::new(RULES).await;
    failures(&mut fixture, 50, 20).await;
    let view = ask(&fixture, Ask::Rule(FAILED.into())).await;
    assert_eq!((view.state, view.matches, view.hosts), (State::Done, 50, 3), "{view:?}");
    assert_eq!((view.events_done, view.events_total), (50, 50));
    assert_eq!(view.first, Some(Timestamp::from_micros(NOW - 50 * MINUTE)));
    assert_eq!(view.last, Some(Timestamp::from_micros(NOW - MINUTE)));
    assert_eq!(view.by_day.iter().map(|day| day.count).sum::<u64>(), 50);
    assert_eq!(view.samples.len(), SAMPLES_MAX);
    assert_eq!(view.samples[0].position, 1);
    assert_eq!(view.samples[0].fields["user.name"], "root".into());
    assert_eq!(view.rule.as_deref(), Some(FAILED));
    assert!(view.sentence.starts_with("would have fired 50 times on 3 hosts, first on 20"));
    let brute = ask(&fixture, Ask::Rule(BRUTE.into())).await;
    assert_eq!((brute.state, brute.matches > 10, brute.samples.len()), (State::Done, true, 32));
    assert!(fixture.alerted().await.is_empty());
    let deeds: Vec<String> = sqlx::query_scalar("SELECT action FROM audit")
        .fetch_all(fixture.rooms.store.pool())
        .await
        .unwrap();
    assert_eq!(deeds, ["look back asked", "look back asked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_takes_the_place_of_a_rule_and_may_rest_on_others() {
    let mut fixture = Fixture::new(RULES).await;
    failures(&mut fixture, 12, 5).await;
    let text = RULES.split("---").nth(1).unwrap().replace("gte: 3", "gte: 6");
    let draft =
        |text: &str| Ask::Draft(vec![DraftFile { path: "mine.yml".into(), text: text.into() }]);
    // A window of five minutes holds six events of one a minute; twice in twelve minutes.
    let view = ask(&fixture, draft(&text)).await;
    assert_eq!((view.state, view.matches, view.rule), (State::Done, 2, None), "{:?}", view.error);
    let broken = text.replace("type: event_count", "type: event_cuont");
    let refused = fixture.room.ask(draft(&broken), fixture.always(), &fixture.caller()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.starts_with("mine.yml:"), "{why}");
    let refused = fixture.room.ask(draft("\n"), fixture.always(), &fixture.caller()).await;
    assert!(matches!(refused, Err(Error::Draft(_))), "{refused:?}");
    let (always, caller) = (fixture.always(), fixture.caller());
    let refused = fixture.room.ask(Ask::Rule("none".into()), always, &caller).await;
    assert!(matches!(refused, Err(Error::NoSuchRule(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_after_any_step_it_goes_on_to_the_same_result() {
    let mut fixture = Fixture::new(RULES).await;
    failures(&mut fixture, 40, 4).await;
    let whole = ask(&fixture, Ask::Rule(BRUTE.into())).await;
    let (always, caller) = (fixture.always(), fixture.caller());
    let mut ids = fixture.room.ask(Ask::Rule(BRUTE.into()), always, &caller).await.unwrap();
    let id = ids.remove(0);
    let mut starts = 0;
    while !fixture.room.show(&id).await.unwrap().state.is_over() {
        starts += 1;
        // The collector dies after the first checkpoint of each start.
        let row = fixture.room.next().await.unwrap().unwrap();
        let (room, handle) = (fixture.room.clone(), tokio::runtime::Handle::current());
        let before = row.position;
        let dying = move || super::super::worker::work(&room, &handle, row, &|times| times > 0);
        std::thread::spawn(dying).join().unwrap().unwrap();
        let after: Option<i64> =
            sqlx::query_scalar("SELECT position FROM backtest_pass WHERE ended_at IS NULL")
                .fetch_optional(fixture.rooms.store.pool())
                .await
                .unwrap();
        assert!(after.is_none_or(|after| after > before), "{before} {after:?}");
    }
    assert!(starts > 5, "{starts}");
    let pieces = fixture.room.show(&id).await.unwrap();
    assert_eq!(
        (pieces.matches, pieces.first, pieces.last),
        (whole.matches, whole.first, whole.last)
    );
    assert_eq!((pieces.samples, pieces.by_day), (whole.samples, whole.by_day));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_and_the_rest_is_looked_at() {
    let mut fixture = Fixture::new(RULES).await;
    failures(&mut fixture, 30, 10).await;
    let path: String = sqlx::query_scalar("SELECT path FROM archive_file ORDER BY id LIMIT 1")
        .fetch_one(fixture.rooms.store.pool())
        .await
        .unwrap();
    let file = fixture.rooms.archive.root().join(&path);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let view = ask(&fixture, Ask::Rule(FAILED.into())).await;
    assert_eq!((view.state, view.matches), (State::Done, 20), "{view:?}");
    assert!(view.missing[0].starts_with(&path), "{:?}", view.missing);
    assert_eq!(view.events_done, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_is_stopped_and_one_that_ended_is_forgotten() {
    let mut fixture = Fixture::new(RULES).await;
    failures(&mut fixture, 3, 2).await;
    let (caller, always) = (fixture.caller(), fixture.always());
    let first = fixture.room.ask(Ask::Rule(FAILED.into()), always, &caller).await.unwrap();
    let second = fixture.room.ask(Ask::Rule(BRUTE.into()), always, &caller).await.unwrap();
    fixture.room.stop(&first[0], &caller).await.unwrap();
    fixture.look_back().await;
    assert_eq!(fixture.room.show(&first[0]).await.unwrap().state, State::Stopped);
    assert_eq!(fixture.room.show(&second[0]).await.unwrap().state, State::Done);
    fixture.room.stop(&second[0], &caller).await.unwrap();
    assert!(matches!(fixture.room.show(&second[0]).await, Err(Error::NotFound)));
    let wrong = (always.1, always.0);
    let refused = fixture.room.ask(Ask::Rule(FAILED.into()), wrong, &caller).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
    for _ in 0..WAITING_MAX {
        fixture.room.ask(Ask::Rule(FAILED.into()), always, &caller).await.unwrap();
    }
    let refused = fixture.room.ask(Ask::Rule(FAILED.into()), always, &caller).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_ends_at_event_times_and_a_correlation_sees_what_came_just_before() {
    let mut fixture = Fixture::new(RULES).await;
    failures(&mut fixture, 9, 4).await;
    let caller = fixture.caller();
    // Of failures 9 to 1 minutes ago those 6 to 4 minutes ago; the third of the brute force is in it.
    let range =
        (Timestamp::from_micros(NOW - 7 * MINUTE), Timestamp::from_micros(NOW - 7 * MINUTE));
    let ids = fixture.room.ask(Ask::Rule(BRUTE.into()), range, &caller).await.unwrap();
    let one = fixture.room.ask(Ask::Rule(FAILED.into()), range, &caller).await.unwrap();
    fixture.look_back().await;
    assert_eq!(fixture.room.show(&ids[0]).await.unwrap().matches, 1);
    assert_eq!(fixture.room.show(&one[0]).await.unwrap().matches, 1);
}
