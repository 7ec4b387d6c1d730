use super::*;

#[tokio::test]
async fn what_changed_is_counted_as_the_lists_behind_it_show_it() {
    let mut world = World::new().await;
    let old = world.enrol("old").await;
    world.says(old, &[protected("A"), heartbeat(0)]).await;
    world.project().await;
    world.wait(Duration::from_secs(3600)).await;
    let since = world.clock.clock().now();
    world.wait(Duration::from_secs(60)).await;
    let new = world.enrol("new").await;
    world.says(new, &[antivirus("A", "weak"), port(kind::PORT_OPENED, 22)]).await;
    world.says(old, &[antivirus("A", "off")]).await;
    world.project().await;
    let changes = world.fleet.changes(&Agencies::All, since).await.unwrap();
    // The port was opened by the machine's clock, which is an hour behind.
    assert_eq!(
        changes,
        FleetChanges { new_machines: 1, silent_machines: 0, unprotected_machines: 1, new_ports: 0 }
    );
    let names = async |change: MachineChange| {
        let filter =
            MachineFilter { changed: Some((change, since)), ..MachineFilter::of(Agencies::All) };
        let page = PageRequest::default();
        let page = world.fleet.machines(&filter, MachineOrder::default(), &page).await.unwrap();
        page.items.into_iter().map(|row| row.hostname).collect::<Vec<_>>()
    };
    assert_eq!(names(MachineChange::New).await, ["new"]);
    assert_eq!(names(MachineChange::Unprotected).await, ["old"], "`new` never was protected");
    assert!(names(MachineChange::Silent).await.is_empty());
    let ports = world.fleet.changes(&Agencies::All, begin()).await.unwrap().new_ports;
    assert_eq!(ports, 1);
    let other = world.fleet.changes(&Agencies::Of([77].into()), begin()).await.unwrap();
    assert_eq!((other.new_machines, other.new_ports), (0, 0));
}

#[tokio::test]
async fn protection_that_came_back_is_not_lost() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    for state in ["protected", "off", "weak", "protected"] {
        let said = if state == "protected" { protected("A") } else { antivirus("A", state) };
        world.says(agent, &[said]).await;
        world.project().await;
        let lost = world.fleet.changes(&Agencies::All, begin()).await.unwrap().unprotected_machines;
        assert_eq!(lost == 1, state != "protected", "{state}");
    }
}

#[tokio::test]
async fn products_are_counted_by_version() {
    let mut world = World::new().await;
    for (host, version, state) in
        [("a", "1.4", "protected"), ("b", "1.4", "off"), ("c", "1.5", "protected")]
    {
        let agent = world.enrol(host).await;
        let said =
            if state == "protected" { protected("ClamAV") } else { antivirus("ClamAV", state) };
        let said = said.with("antivirus.engine.version", version);
        world.says(agent, &[said]).await;
    }
    world.project().await;
    let found = world.fleet.antivirus_products(&Agencies::All).await.unwrap().items;
    let short: Vec<_> =
        found.iter().map(|one| (one.version.as_deref(), one.machines, one.protected)).collect();
    assert_eq!(short, [(Some("1.4"), 2, 1), (Some("1.5"), 1, 1)]);
}
