use super::*;
use crate::access::Caller;

fn an() -> Caller {
    Caller { who: "an".into(), address: "192.0.2.9".into() }
}

fn every() -> PortFilter {
    PortFilter::of(Agencies::All)
}

fn name(port: i64) -> PortName {
    let (transport, scope) = ("tcp".to_owned(), "any".to_owned());
    PortName { transport, scope, port, executable: "/usr/sbin/x".into() }
}

fn opened(number: i64, reachable: &str) -> Event {
    own(0, kind::PORT_OPENED)
        .with("network.transport", "tcp")
        .with("port.scope", "any")
        .with("server.port", number)
        .with("process.executable", "/usr/sbin/x")
        .with("port.reachable", reachable)
}

async fn listed(world: &World, filter: PortFilter) -> Vec<OpenPort> {
    world.project().await;
    let page = PageRequest::default();
    let page = world.fleet.open_ports(&filter, PortOrder::default(), &page).await.unwrap();
    assert_eq!(page.total, page.items.len() as i64);
    page.items
}

fn numbers(ports: &[OpenPort]) -> Vec<i64> {
    ports.iter().map(|port| port.name.port).collect()
}

/// Two machines in one agency and one in an agency below it.
async fn three() -> (World, [AgentId; 3]) {
    let mut world = World::new().await;
    let (one, two) = (world.enrol("a").await, world.enrol("b").await);
    world.fleet.add_agency("BELOW", "Xã", Some("LOCAL")).await.unwrap();
    let token = world.fleet.create_token("BELOW", 1, None, "test").await.unwrap();
    let three = world.enrol_with(&token, "c").await.unwrap();
    world.says(one, &[opened(22, "yes"), opened(80, "no")]).await;
    world.says(two, &[opened(22, "no")]).await;
    world.says(three, &[opened(22, "unknown"), opened(5555, "yes")]).await;
    (world, [one, two, three])
}

#[tokio::test]
async fn each_port_stands_once_with_its_machines_agencies_and_firewalls() {
    let (world, [one, ..]) = three().await;
    let all = listed(&world, every()).await;
    assert_eq!(numbers(&all), [22, 80, 5555]);
    let ssh = &all[0];
    assert_eq!((ssh.machines, ssh.agencies, ssh.reachable, ssh.blocked), (3, 2, 1, 1));
    assert_eq!((all[1].hostname.as_str(), &all[1].machine), ("a", &one.to_string()));
    let rare = PortFilter { rare: true, ..every() };
    assert_eq!(numbers(&listed(&world, rare).await), [80, 5555]);
    let found = PortFilter { q: Some("5555".into()), ..every() };
    assert_eq!(numbers(&listed(&world, found).await), [5555]);
    let later = begin().plus_micros(1);
    let new = PortFilter { since: Some(later), ..every() };
    assert!(listed(&world, new).await.is_empty());
    let below = world.fleet.agency("BELOW").await.unwrap().id;
    let agencies = Agencies::Of([below].into());
    let of = PortFilter { agencies: agencies.clone(), ..every() };
    assert_eq!(numbers(&listed(&world, of).await), [22, 5555]);
    let page = PageRequest::default();
    let machines = world.fleet.port_machines(&name(22), &agencies, &page).await.unwrap();
    assert_eq!((machines.total, machines.items[0].hostname.as_str()), (1, "c"));
    assert_eq!(machines.items[0].reachable.as_deref(), Some("unknown"));
}

#[tokio::test]
async fn pages_join_in_every_order() {
    let (world, _) = three().await;
    world.project().await;
    for by in [PortSort::Port, PortSort::Machines, PortSort::First, PortSort::Program] {
        for down in [false, true] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = PageRequest { limit: 1, cursor };
                let order = PortOrder { by, down };
                let filter = every();
                let page = world.fleet.open_ports(&filter, order, &page).await.unwrap();
                seen.extend(numbers(&page.items));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen.first() == Some(&22), down == (by == PortSort::Machines), "{by:?}");
            seen.sort_unstable();
            assert_eq!(seen, [22, 80, 5555]);
        }
    }
}

#[tokio::test]
async fn approved_for_many_at_once_or_not_at_all() {
    let (world, [one, two, three]) = three().await;
    world.project().await;
    let fleet = &world.fleet;
    let local = fleet.agency("LOCAL").await.unwrap().id;
    let below = fleet.agency("BELOW").await.unwrap().id;
    let request = |ports: &[i64], machines: &[AgentId], agencies: &[i64]| ApproveMany {
        ports: ports.iter().map(|port| name(*port)).collect(),
        machines: machines.iter().map(ToString::to_string).collect(),
        agencies: agencies.to_vec(),
        note: "checked".into(),
    };
    let lacking = PortFilter { approvals: Some(PortApprovals::Lacking), ..every() };
    let stranger = AgentId::from_bytes([9; 16]);
    for refused in [
        request(&[22], &[one, stranger], &[]),
        request(&[22], &[one], &[9999]),
        request(&[22], &[], &[]),
        request(&[], &[one], &[]),
    ] {
        let answer = fleet.approve_many(&refused, &Agencies::All, &an()).await;
        assert!(matches!(answer, Err(Error::Refused(_))), "{refused:?}");
    }
    let foreign = request(&[22], &[three, two], &[]);
    let answer = fleet.approve_many(&foreign, &Agencies::Of([below].into()), &an()).await;
    assert!(matches!(answer, Err(Error::Refused(_))));
    assert_eq!(numbers(&listed(&world, lacking.clone()).await), [22, 80, 5555]);

    let approve = async |request: ApproveMany| {
        fleet.approve_many(&request, &Agencies::All, &an()).await.unwrap().approved
    };
    assert_eq!(approve(request(&[22, 80], &[one, two], &[])).await, 4);
    let all = listed(&world, every()).await;
    assert_eq!((all[0].approved, all[0].machines), (2, 3));
    assert_eq!(numbers(&listed(&world, lacking.clone()).await), [22, 5555]);
    // What an agency approves holds in those below it.
    assert_eq!(approve(request(&[22, 5555], &[], &[local])).await, 2);
    assert!(listed(&world, lacking).await.is_empty());
    let page = PageRequest::default();
    let machines = fleet.port_machines(&name(5555), &Agencies::All, &page).await.unwrap();
    assert!(machines.items[0].approved);
    let deeds: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM audit WHERE action = 'ports approved'")
            .fetch_one(fleet.0.store.pool())
            .await
            .unwrap();
    assert_eq!(deeds, 3, "one for each place");
}
