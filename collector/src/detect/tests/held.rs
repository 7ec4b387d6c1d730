use soc_archive::Agencies;

use super::*;
use crate::access::Caller;
use crate::tuning::{Condition, Draft, How, Rooms, Switch, Tuning};

/// The same stage, with a room that holds back.
async fn holding() -> (Fixture, Tuning) {
    let mut fixture = Fixture::new().await;
    let Detect { store, journal, alerts, .. } = fixture.detect.clone();
    let rooms = Rooms { store, journal, alerts, clock: clock(), bus: fixture.bus.clone() };
    let tuning = Tuning::open(rooms, &prometheus::Registry::new()).await.unwrap();
    fixture.detect = fixture.detect.clone().with_tuning(&tuning);
    (fixture, tuning)
}

fn an() -> Caller {
    Caller { who: "an".into(), address: "local".into() }
}

/// Failed logins from one address.
fn scanner(rule: &str) -> Draft {
    let value = "192.0.2.1".into();
    let condition = Condition { field: "source.ip".into(), how: How::Equals, value };
    let (rule, why) = (Some(rule.to_owned()), "scanner".into());
    Draft { rule, conditions: vec![condition], why, ..Draft::default() }
}

const FAILED: &str = "11111111-1111-4111-8111-111111111111";
const BRUTE: &str = "22222222-2222-4222-8222-222222222222";

async fn hidden(tuning: &Tuning) -> i64 {
    tuning.exception(1, &Agencies::All).await.unwrap().hidden
}

#[tokio::test]
async fn what_an_exception_hides_is_counted_and_no_alert_and_correlations_go_on() {
    let (mut fixture, tuning) = holding().await;
    tuning.except(&scanner(FAILED), &Agencies::All, &an()).await.unwrap();
    let events: Vec<Event> =
        (0..3).flat_map(|at| [login(at, 1, "failure"), login(at, 2, "failure")]).collect();
    fixture.append(&events).await;
    evaluate(&fixture.detect, std::iter::empty()).await;
    let fingerprints = fixture.alerts().await;
    assert_eq!(fingerprints.len(), 3, "failures of one address, a brute force of each");
    assert_eq!(hidden(&tuning).await, 3);
}

#[tokio::test]
async fn a_correlation_is_hidden_by_the_event_that_made_it_fire() {
    let (mut fixture, tuning) = holding().await;
    tuning.except(&scanner(BRUTE), &Agencies::All, &an()).await.unwrap();
    let events: Vec<Event> = (0..3).map(|at| login(at, 1, "failure")).collect();
    fixture.append(&events).await;
    evaluate(&fixture.detect, std::iter::empty()).await;
    assert_eq!((fixture.alerts().await.len(), hidden(&tuning).await), (1, 1));
}

#[tokio::test]
async fn an_exception_made_while_it_runs_hides_what_comes_next() {
    let (mut fixture, tuning) = holding().await;
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(fixture.detect.clone().run(shutdown));
    fixture.append(&[login(0, 1, "failure")]).await;
    let mut progress = fixture.detect.progress();
    progress.wait_for(|position| *position == Position(2)).await.unwrap();
    tuning.except(&scanner(FAILED), &Agencies::All, &an()).await.unwrap();
    fixture.append(&[login(1, 1, "failure")]).await;
    progress.wait_for(|position| *position == Position(3)).await.unwrap();
    let off = Switch { agency: None, enabled: Some(false), why: "x".into() };
    tuning.switch(FAILED, &off, &Agencies::All, &an()).await.unwrap();
    fixture.append(&[login(90, 2, "failure")]).await;
    progress.wait_for(|position| *position == Position(4)).await.unwrap();
    stop.send_replace(true);
    running.await.unwrap();
    let counts: Vec<i64> = fixture.alerts().await.iter().map(|alert| alert.3).collect();
    assert_eq!((counts, hidden(&tuning).await), (vec![1], 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn killed_at_any_moment_as_much_is_hidden(
        events in prop::collection::vec((0_i64..300, 0_u8..4, any::<bool>()), 1..60),
        plan in prop::collection::vec((1_usize..9, any::<bool>()), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let outcome = |failed: bool| if failed { "failure" } else { "success" };
            let events: Vec<Event> =
                events.iter().map(|(at, ip, bad)| login(*at, *ip, outcome(*bad))).collect();
            let ((mut straight, one), (mut killed, other)) = (holding().await, holding().await);
            for tuning in [&one, &other] {
                tuning.except(&scanner(FAILED), &Agencies::All, &an()).await.unwrap();
            }
            straight.append(&events).await;
            killed.append(&events).await;
            evaluate(&straight.detect, std::iter::empty()).await;
            evaluate(&killed.detect, plan.into_iter()).await;
            prop_assert_eq!(straight.alerts().await, killed.alerts().await);
            prop_assert_eq!(hidden(&one).await, hidden(&other).await);
            Ok(())
        })?;
    }
}
