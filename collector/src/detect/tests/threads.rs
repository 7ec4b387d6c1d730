use super::*;

/// Logins of several machines, in batches of different sizes.
async fn logins(fixture: &mut Fixture) {
    for batch in 0..9_i64 {
        let outcome = |at: i64| if at % 3 == 0 { "success" } else { "failure" };
        let at = |number: i64| batch * 100 + number;
        let events: Vec<Event> = (0..batch * 60 + 1)
            .map(|number| login(at(number) % 700, (number % 7) as u8, outcome(at(number))))
            .collect();
        fixture.append(&events).await;
    }
}

#[tokio::test]
async fn however_many_threads_evaluate_the_alerts_and_figures_are_the_same() {
    let mut alone = Fixture::new().await;
    alone.detect = alone.detect.with_threads(1);
    logins(&mut alone).await;
    evaluate(&alone.detect, std::iter::empty()).await;
    let expected = alone.alerts().await;
    assert!(expected.len() > 7, "{expected:?}");
    for threads in [2, 3, 8] {
        let mut several = Fixture::new().await;
        several.detect = several.detect.with_threads(threads);
        logins(&mut several).await;
        evaluate(&several.detect, [(2000, false), (1, false), (777, true)].into_iter()).await;
        assert_eq!(several.alerts().await, expected, "{threads} threads");
        let (one, many) = (alone.detect.costs(), several.detect.costs());
        assert!(one.values().all(|cost| cost.matched > 0) && one.len() == 2, "{one:?}");
        // What was evaluated again after the kill was work, and is counted as such.
        assert!(one.iter().all(|(rule, cost)| many[rule].matched >= cost.matched), "{many:?}");
    }
}
