use super::*;

#[tokio::test]
async fn a_complete_snapshot_closes_what_is_not_in_it() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let other = world.enrol("b").await;
    world.says(other, &[port(kind::PORT_OPENED, 22)]).await;
    let (open, listen) = (kind::PORT_OPENED, kind::PORT_LISTENING);
    world.says(agent, &[port(open.clone(), 22), port(open.clone(), 23)]).await;
    // The second event of the snapshot has not come yet.
    world.says(agent, &[in_snapshot(port(listen.clone(), 22), "S1", 2)]).await;
    assert_eq!(world.ports(agent, false).await, [(22, false), (23, false)]);
    // Opened after the snapshot was taken: not in it, and yet open.
    world.says(agent, &[port(open, 99), in_snapshot(port(listen, 80), "S1", 2)]).await;
    assert_eq!(world.ports(agent, false).await, [(22, false), (80, false), (99, false)]);
    assert_eq!(world.ports(agent, true).await.last(), Some(&(23, true)));
    assert_eq!(world.ports(other, false).await, [(22, false)]);
    // Nothing is open any more.
    world.says(agent, &[in_snapshot(own(60, kind::PORT_LISTENING), "S2", 0)]).await;
    assert_eq!(world.ports(agent, false).await, []);
}

#[tokio::test]
async fn a_snapshot_that_lost_an_event_closes_nothing() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[port(kind::PORT_OPENED, 23)]).await;
    let listen = kind::PORT_LISTENING;
    world.says(agent, &[in_snapshot(port(listen.clone(), 22), "S1", 3)]).await;
    world.says(agent, &[in_snapshot(port(listen, 80), "S2", 2)]).await;
    assert_eq!(world.ports(agent, false).await.len(), 3);
}

#[tokio::test]
async fn a_port_that_closes_and_opens_again_has_a_history() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let (open, close) = (kind::PORT_OPENED, kind::PORT_CLOSED);
    world.says(agent, &[port(open.clone(), 22), port(open.clone(), 22)]).await;
    assert_eq!(world.ports(agent, true).await, [(22, false)]);
    world.says(agent, &[port(close.clone(), 22), port(close, 22), port(open, 22)]).await;
    assert_eq!(world.ports(agent, true).await, [(22, false), (22, true)]);
    let row = world.machine(agent).await.row;
    assert_eq!((row.open_ports, row.open_ports_lan), (1, 1));
}

#[tokio::test]
async fn a_machine_keeps_so_many_ports_and_open_ones_first() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let other = world.enrol("b").await;
    let (open, close) = (kind::PORT_OPENED, kind::PORT_CLOSED);
    world.says(other, &[port(open.clone(), 1)]).await;
    let events: Vec<Event> = (1..=5).map(|number| port(open.clone(), number)).collect();
    world.says(agent, &events).await;
    world.says(agent, &[port(close.clone(), 4), port(close, 5)]).await;
    world.project().await;
    world.fleet.prune_ports(4).await.unwrap();
    let expected = [(1, false), (2, false), (3, false), (5, true)];
    assert_eq!(world.ports(agent, true).await, expected);
    assert_eq!(world.ports(other, true).await.len(), 1);
}
