use super::*;

/// The same rules and one more, which never fires.
fn with_another(number: usize) -> String {
    format!(
        "{RULES}---\ntitle: Another {number}\nid: 33333333-3333-4333-8333-333333333333\n\
         logsource: {{product: other}}\ndetection:\n  selection: {{a: {number}}}\n  \
         condition: selection\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn rules_loaded_anew_in_the_middle_of_a_window_change_no_alert(
        events in prop::collection::vec((0_i64..300, 0_u8..4, any::<bool>()), 1..60),
        plan in prop::collection::vec((1_usize..9, any::<bool>()), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let outcome = |failed: bool| if failed { "failure" } else { "success" };
            let events: Vec<Event> =
                events.iter().map(|(at, ip, bad)| login(*at, *ip, outcome(*bad))).collect();
            let (mut steady, mut reloaded) = (Fixture::new().await, Fixture::new().await);
            steady.append(&events).await;
            reloaded.append(&events).await;
            evaluate(&steady.detect, std::iter::empty()).await;
            let detect = &mut reloaded.detect;
            let mut reader = detect.begin().await.unwrap();
            for (number, (size, reload)) in plan.into_iter().chain([(100, true)]).enumerate() {
                if reload {
                    detect.rulebook = Rulebook::of("test.yml", &with_another(number));
                    reader.engine = detect.engine().await.unwrap();
                }
                let (engine, digest) =
                    detect.digest(reader.engine, reader.next, size).await.unwrap();
                let digest = digest.unwrap();
                detect.commit(&digest, digest.next).await.unwrap();
                let next = digest.next;
                reader = super::super::run::Reader { engine, next, saved: next, untold: false };
            }
            prop_assert_eq!(steady.alerts().await, reloaded.alerts().await);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn rules_that_change_while_it_runs_lose_no_event_and_no_window() {
    let mut fixture = Fixture::new().await;
    let (books, rulebook) = Rulebook::turning(RULES);
    fixture.detect.rulebook = rulebook;
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(fixture.detect.clone().run(shutdown));
    for at in 0..60 {
        fixture.append(&[login(at, 9, "failure")]).await;
        books.send_replace(Rulebook::of("test.yml", &with_another(at as usize)).current());
    }
    let mut progress = fixture.detect.progress();
    progress.wait_for(|position| *position == Position(61)).await.unwrap();
    stop.send_replace(true);
    running.await.unwrap();
    let counts: Vec<i64> = fixture.alerts().await.iter().map(|alert| alert.3).collect();
    assert_eq!(counts, [60, 20], "sixty failures; of three each, a brute force");
}
