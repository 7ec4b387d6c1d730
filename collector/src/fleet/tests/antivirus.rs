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
    check(&mut world, antivirus("B", "protected"), "protected", Some("B")).await;
    let antivirus_now = world.machine(agent).await.row.antivirus;
    assert_eq!(antivirus_now.reasons, ["signatures_outdated"]);
    assert_eq!(antivirus_now.signatures_age_days, Some(20.0));
    let overview = world.fleet.overview(Scope::All).await.unwrap();
    assert_eq!((overview.antivirus.protected, overview.signatures_outdated), (1, 1));
    assert_eq!(overview.antivirus.coverage, Some(1.0));
    check(&mut world, antivirus("none", "missing"), "missing", None).await;
    assert_eq!(world.machine(agent).await.antivirus_products.len(), 1);
}

#[tokio::test]
async fn a_product_that_is_no_longer_told_of_is_forgotten() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[antivirus("A", "protected"), antivirus("B", "weak")]).await;
    world.clock.advance_micros(27 * 3_600 * 1_000_000);
    world.says(agent, &[antivirus("B", "weak")]).await;
    assert_eq!(world.machine(agent).await.row.antivirus.state, AntivirusState::Weak);
}
