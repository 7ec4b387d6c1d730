use super::*;

#[tokio::test]
async fn the_best_product_decides_and_unknown_is_never_healthy() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let check = async |world: &mut World, said: Event, expected: &str, product: Option<&str>| {
        world.says(agent, &[said]).await;
        let antivirus = world.machine(agent).await.row.antivirus;
        assert_eq!(antivirus.state.as_str(), expected);
        assert_eq!(antivirus.product.as_deref(), product);
    };
    assert_eq!(world.machine(agent).await.row.antivirus.state, AntivirusState::Unknown);
    check(&mut world, antivirus("none", "missing"), "missing", None).await;
    check(&mut world, antivirus("A", "off"), "off", Some("A")).await;
    check(&mut world, antivirus("B", "perfect!"), "unknown", Some("B")).await;
    check(&mut world, antivirus("A", "weak"), "weak", Some("A")).await;
    // A word that speaks against itself is not believed.
    check(&mut world, antivirus("A", "protected"), "weak", Some("A")).await;
    let antivirus_now = world.machine(agent).await.row.antivirus;
    assert_eq!(antivirus_now.reasons, ["signatures_outdated"]);
    assert_eq!(antivirus_now.signatures_age_days, Some(20.0));
    let overview = world.fleet.overview(&Agencies::All).await.unwrap();
    assert_eq!((overview.antivirus.weak, overview.signatures_outdated), (1, 1));
    check(&mut world, protected("B"), "protected", Some("B")).await;
    let overview = world.fleet.overview(&Agencies::All).await.unwrap();
    assert_eq!(overview.antivirus.coverage, Some(1.0));
    assert!(overview.antivirus.weak_reasons.is_empty());
    check(&mut world, antivirus("none", "missing"), "missing", None).await;
    assert_eq!(world.machine(agent).await.antivirus_products.len(), 1);
}

#[tokio::test]
async fn a_product_that_is_no_longer_told_of_is_forgotten() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[protected("A"), antivirus("B", "weak")]).await;
    world.clock.advance_micros(27 * 3_600 * 1_000_000);
    world.says(agent, &[antivirus("B", "weak")]).await;
    assert_eq!(world.machine(agent).await.row.antivirus.state, AntivirusState::Weak);
}

#[tokio::test]
async fn what_was_true_when_it_was_said_grows_old() {
    const DAY: i64 = 86_400_000_000;
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let passive = antivirus("B", "weak").with("antivirus.mode", "passive");
    world.says(agent, &[protected("A"), passive]).await;
    world.project().await;
    assert!(world.fleet.age_antivirus().await.unwrap().is_empty());
    world.clock.advance_micros(7 * DAY);
    assert_eq!(world.fleet.age_antivirus().await.unwrap(), [agent.to_string()]);
    let now = world.machine(agent).await.row.antivirus;
    assert_eq!(
        (now.state, &*now.reasons),
        (AntivirusState::Weak, &["signatures_outdated".to_owned()][..])
    );
    world.clock.advance_micros(24 * DAY);
    assert_eq!(world.fleet.age_antivirus().await.unwrap(), [agent.to_string()]);
    let now = world.machine(agent).await.row.antivirus;
    assert_eq!(
        (now.state, &*now.reasons),
        (AntivirusState::Unknown, &["not_heard".to_owned()][..])
    );
    assert!(world.fleet.age_antivirus().await.unwrap().is_empty());
}

#[tokio::test]
async fn weak_machines_are_counted_and_found_by_reason() {
    let mut world = World::new().await;
    let (one, two) = (world.enrol("one").await, world.enrol("two").await);
    let reasons = vec!["realtime_off", "signatures_outdated", "made \"up\""];
    world.says(one, &[antivirus("A", "weak").with("antivirus.reasons", reasons)]).await;
    world.says(two, &[antivirus("A", "weak")]).await;
    world.project().await;
    let counted = |counts: &[ReasonCount]| -> Vec<(String, i64)> {
        counts.iter().map(|it| (it.reason.clone(), it.machines)).collect()
    };
    let expected = [("signatures_outdated", 2), ("other", 1), ("realtime_off", 1)];
    let expected = expected.map(|(reason, count)| (reason.to_owned(), count));
    let overview = world.fleet.overview(&Agencies::All).await.unwrap();
    assert_eq!(counted(&overview.antivirus.weak_reasons), expected);
    let agencies = world.fleet.agencies(&Agencies::All).await.unwrap();
    let of_agencies = agencies.iter().find(|it| it.machines == 2).unwrap();
    assert_eq!(counted(&of_agencies.antivirus.weak_reasons), expected);
    assert_eq!((of_agencies.antivirus.weak, of_agencies.antivirus.protected), (2, 0));
    let antivirus_reason = Some("realtime_off".to_owned());
    let filter = MachineFilter { antivirus_reason, ..MachineFilter::of(Agencies::All) };
    let found = world
        .fleet
        .machines(&filter, MachineOrder::default(), &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(found.items.iter().map(|row| &*row.hostname).collect::<Vec<_>>(), ["one"]);
}

#[tokio::test]
async fn the_last_self_test_is_shown() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    assert_eq!(world.machine(agent).await.antivirus_selftest, None);
    for caught in ["no", "yes"] {
        let test = own(0, kind::ANTIVIRUS_SELFTEST).with("antivirus.selftest.caught", caught);
        world.says(agent, &[test]).await;
        let shown = world.machine(agent).await.antivirus_selftest.unwrap();
        assert_eq!(shown["antivirus.selftest.caught"], caught);
    }
}
