use super::*;

#[tokio::test]
async fn events_projected_twice_change_nothing() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[heartbeat(0), port(kind::PORT_OPENED, 22)]).await;
    let before = world.machine(agent).await;
    let ports = world.ports(agent, true).await;
    assert_eq!(world.fleet.step(Position::FIRST).await.unwrap(), Position(3));
    assert_eq!(world.machine(agent).await, before);
    assert_eq!(world.ports(agent, true).await, ports);
}

#[tokio::test]
async fn an_agent_unheard_is_silent_once_until_it_is_heard_again() {
    let mut world = World::new().await;
    let agent = world.enrol("pc-01").await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    world.fleet.heard(agent);
    world.wait(SILENCE - Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 0);
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 1);
    assert_eq!(world.tell_silences().await, 0, "before it is projected");
    assert_eq!(world.state(agent).await, State::Silent);
    world.wait(SILENCE).await;
    assert_eq!(world.tell_silences().await, 0, "still the same silence");
    let told = world.silences();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event.text("agent.id"), Some(agent.to_string().as_str()));
    assert_eq!(told[0].event.text("host.hostname"), Some("pc-01"));
    assert_eq!(told[0].event.text("agency.name"), Some("Sở Thông tin"));
    assert_eq!(told[0].event.fields["agent.silent_s"], Value::from(85_i64));
    // A second silence is another one.
    world.fleet.heard(agent);
    world.says(agent, &[heartbeat(300)]).await;
    assert_eq!(world.state(agent).await, State::Online);
    world.wait(SILENCE).await;
    assert_eq!(world.tell_silences().await, 1);
}

#[tokio::test]
async fn after_a_restart_nobody_is_silent_before_time_and_no_silence_is_told_twice() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let gone = world.enrol("b").await;
    world.says(gone, &[heartbeat(0)]).await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    world.wait(SILENCE).await;
    world.fleet.heard(agent);
    assert_eq!(world.tell_silences().await, 1);
    // Killed before the projection has met agent.silent.
    let world = world.restart().await;
    world.wait(SILENCE - Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 0, "too early");
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(world.tell_silences().await, 1, "the other one, unheard since the restart");
    assert_eq!(world.silences().len(), 2);
    assert_eq!(world.state(gone).await, State::Silent);
    let world = world.restart().await;
    world.wait(SILENCE * 2).await;
    assert_eq!(world.tell_silences().await, 0);
}

#[tokio::test]
async fn nobody_is_judged_while_the_projection_is_behind() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    world.says(agent, &[stopped(1, "stop")]).await;
    world.wait(SILENCE).await;
    let end = *world.journal.end().borrow();
    assert_eq!(world.fleet.tell_silences(Position(2), end).await.unwrap(), 0);
    assert_eq!(world.tell_silences().await, 0, "it had said goodbye");
    assert_eq!(world.state(agent).await, State::Stopped);
}

#[tokio::test]
async fn a_goodbye_is_told_from_silence_and_only_a_sign_of_life_ends_it() {
    let log = |seconds: i64| {
        Event::new(begin().plus_micros(seconds * 1_000_000), kind::LOG, Default::default())
    };
    let check = async |events: &[Event], expected: State| {
        let mut world = World::new().await;
        let agent = world.enrol("a").await;
        world.says(agent, events).await;
        assert_eq!(world.state(agent).await, expected, "{events:?}");
        // The same, each in a batch of its own.
        let other = world.enrol("b").await;
        for event in events {
            world.says(other, std::slice::from_ref(event)).await;
            world.project().await;
        }
        assert_eq!(world.state(other).await, expected, "{events:?}");
    };
    check(&[heartbeat(0), stopped(10, "stop")], State::Stopped).await;
    check(&[heartbeat(0), stopped(10, "shutdown")], State::Stopped).await;
    check(&[heartbeat(0), stopped(10, "sleep")], State::Asleep).await;
    check(&[stopped(10, "stop"), heartbeat(9), log(20)], State::Stopped).await;
    check(&[stopped(10, "sleep"), heartbeat(11)], State::Online).await;
    // The clock was reset by the reboot.
    check(&[stopped(10, "shutdown"), own(-900_000_000, kind::AGENT_STARTED)], State::Online).await;
    check(
        &[own(0, kind::AGENT_STARTED), stopped(10, "stop"), own(20, kind::AGENT_STARTED)],
        State::Online,
    )
    .await;
}

#[tokio::test]
async fn browsers_are_told_after_the_commit_once_per_machine() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let mut notices = world.bus.listen();
    world.says(agent, &[heartbeat(0), heartbeat(1), port(kind::PORT_OPENED, 22)]).await;
    world.project().await;
    let id = agent.to_string();
    assert!(matches!(notices.try_recv(), Ok(Notice::Machine { id: told, .. }) if told == id));
    assert!(notices.try_recv().is_err());
}

#[tokio::test]
async fn the_running_fleet_projects_what_arrives_and_stops_when_told() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(world.fleet.clone().run(shutdown));
    let mut notices = world.bus.listen();
    world.says(agent, &[heartbeat(0)]).await;
    assert!(matches!(notices.recv().await, Ok(Notice::Machine { .. })));
    assert_eq!(world.fleet.machine(agent).await.unwrap().unwrap().row.state, State::Online);
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_journal_begun_anew_is_projected_from_its_first_event() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let (open, listen) = (kind::PORT_OPENED, kind::PORT_LISTENING);
    world.says(agent, &[heartbeat(0), heartbeat(1), port(open, 23)]).await;
    world.project().await;
    // Somebody deleted the journal and kept the rest.
    let World { folder, clock, journal, fleet, bus, .. } = world;
    fleet.0.store.close().await;
    drop((journal, fleet, bus));
    std::fs::remove_file(folder.path().join("journal")).unwrap();
    let (journal, fleet, bus) = super::open(folder.path(), &clock).await;
    let mut world = World { folder, clock, journal, fleet, bus, sequence: 3 };
    assert_eq!(world.fleet.checkpoint().await.unwrap(), Position::FIRST);
    // Its positions are lower than those before, and yet later.
    world.says(agent, &[in_snapshot(port(listen, 22), "S1", 1)]).await;
    assert_eq!(world.ports(agent, false).await, [(22, false)]);
}
