use super::*;

#[tokio::test]
async fn the_latest_heartbeat_and_inventory_are_shown() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    assert_eq!(world.state(agent).await, State::Never);
    let inventory = own(0, kind::HOST_INVENTORY)
        .with("host.hostname", "pc-01")
        .with("host.os.name", "Debian GNU/Linux")
        .with("host.os.version", "12")
        .with("host.ip", vec!["192.0.2.5", "2001:db8::5"])
        .with("agent.version", "0.2.0");
    let offset = heartbeat(3600).with("host.clock.offset_us", 3_600_000_000_i64);
    world.says(agent, &[inventory, offset, heartbeat(-15)]).await;
    let machine = world.machine(agent).await;
    assert_eq!(machine.row.hostname, "pc-01");
    assert_eq!(machine.row.os, "Debian GNU/Linux 12");
    assert_eq!(machine.row.ip, ["192.0.2.5", "2001:db8::5"]);
    assert_eq!(machine.row.agent_version, "0.2.0");
    assert_eq!((machine.row.cpu, machine.row.memory_used), (Some(0.25), Some(0.25)));
    assert_eq!(machine.row.clock_offset_us, Some(3_600_000_000), "the last that was known");
    assert_eq!(machine.inventory.unwrap()["host.hostname"], json!("pc-01"));
    assert_eq!(machine.heartbeat.unwrap()["time"], json!("2026-11-22T09:59:45.000000Z"));
    assert_eq!(world.fleet.who(agent).unwrap().hostname, "pc-01");
    let points = world.fleet.heartbeats(agent, begin().plus_micros(-60_000_000), begin());
    let at: Vec<Timestamp> = points.await.unwrap().items.iter().map(|point| point.at).collect();
    assert_eq!(at, [begin().plus_micros(-15_000_000), begin()], "by the collector's clock");
}

#[tokio::test]
async fn many_heartbeats_are_averaged_to_a_chart() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let beats: Vec<Event> = (0..1500).map(|step| heartbeat(step - 1500)).collect();
    world.says(agent, &beats).await;
    world.project().await;
    let from = begin().plus_micros(-1_500_000_000);
    let points = world.fleet.heartbeats(agent, from, begin()).await.unwrap().items;
    assert!(points.len() <= 500 && points.len() >= 450, "{}", points.len());
    assert_eq!(points[0].cpu, Some(0.25));
}

#[tokio::test]
async fn machines_are_found_by_text_agency_state_and_antivirus() {
    let mut world = World::new().await;
    world.fleet.add_agency("UNIT", "Phòng", Some("LOCAL")).await.unwrap();
    let unit = world.fleet.agency("UNIT").await.unwrap();
    let top = world.enrol("alpha_1").await;
    let token = world.fleet.create_token("UNIT", 5, None, "test").await.unwrap();
    let below = world.enrol_with(&token, "beta").await.unwrap();
    world.enrol_with(&token, "alphaX1").await.unwrap();
    world.says(top, &[heartbeat(0), antivirus("A", "weak")]).await;
    world.says(below, &[stopped(0, "sleep")]).await;
    world.project().await;
    let find = async |filter: MachineFilter| -> Vec<String> {
        let page = PageRequest::default();
        let page = world.fleet.machines(&filter, MachineOrder::default(), &page);
        page.await.unwrap().items.into_iter().map(|row| row.hostname).collect()
    };
    let base = || MachineFilter::of(Agencies::All);
    let q = |q: &str| MachineFilter { q: Some(q.into()), ..base() };
    let agency = |code: &str| MachineFilter { agency: Some(code.into()), ..base() };
    assert_eq!(find(base()).await, ["alpha_1", "alphaX1", "beta"]);
    assert_eq!(find(q("ALPHA")).await, ["alpha_1", "alphaX1"]);
    assert_eq!(find(q("a_1")).await, ["alpha_1"], "the sign is a sign, not a pattern");
    assert_eq!(find(q("'; DROP TABLE agent; --")).await, [""; 0]);
    assert_eq!(find(agency("LOCAL")).await.len(), 3, "with those below");
    assert_eq!(find(agency("UNIT")).await, ["alphaX1", "beta"]);
    let states = vec![State::Asleep, State::Online];
    assert_eq!(find(MachineFilter { states, ..base() }).await, ["alpha_1", "beta"]);
    let antivirus = vec![AntivirusState::Weak];
    assert_eq!(find(MachineFilter { antivirus, ..base() }).await, ["alpha_1"]);
    let unit = Agencies::Of([unit.id].into());
    assert_eq!(find(MachineFilter { agencies: unit.clone(), ..base() }).await, ["alphaX1", "beta"]);
    assert_eq!(world.fleet.overview(&unit).await.unwrap().machines.total, 2);
    let none = MachineFilter::of(Agencies::Of([].into()));
    assert_eq!(find(none).await, [""; 0], "no agency, no machine");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    let token = world.fleet.create_token("LOCAL", 5, None, "test").await.unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        world.enrol_with(&token, name).await.unwrap();
    }
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 2, cursor };
        let filter = MachineFilter::of(Agencies::All);
        let page = world.fleet.machines(&filter, MachineOrder::default(), &page).await.unwrap();
        assert_eq!(page.total, 5);
        names.extend(page.items.into_iter().map(|row| row.hostname));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn events_of_strangers_and_hostile_text_break_nothing() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(AgentId::from_random([9; 16]), &[heartbeat(0)]).await;
    let evil = "\u{202e}<script>\u{0}'\"; DROP TABLE agent;\u{1b}[2J";
    let events = [
        own(0, kind::HOST_INVENTORY).with("host.hostname", evil).with("host.ip", 7_u64),
        antivirus(evil, evil),
        port(kind::PORT_OPENED, 22).with("process.name", evil).with("port.scope", evil),
        own(0, kind::PORT_OPENED),
        own(0, kind::PORT_LISTENING).with("port.snapshot", 3_u64),
        own(0, kind::HOST_HEARTBEAT).with("host.cpu.usage", "much"),
        own(0, kind::AGENT_STOPPED).with("agent.stop.reason", Value::Null),
    ];
    world.says(agent, &events).await;
    let machine = world.machine(agent).await;
    assert_eq!(machine.row.hostname, evil);
    assert_eq!(machine.row.ip, ["7"]);
    assert_eq!(machine.row.antivirus.product.as_deref(), Some(evil));
    world.fleet.count().await.unwrap();
}
