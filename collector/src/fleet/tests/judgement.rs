use super::*;
use crate::access::Caller;

fn by(port: Event, name: &str) -> Event {
    port.with("process.executable", name)
}

fn caller() -> Caller {
    Caller { who: "an".into(), address: "192.0.2.9".into() }
}

fn machine_only(ports: Vec<PortName>) -> Approve {
    Approve { ports, agency: false, note: "our web server".into() }
}

impl World {
    /// What the journal has been told: port, change, approval, and machines of agency and fleet.
    async fn judged(&self) -> Vec<String> {
        self.project().await;
        let end = *self.journal.end().borrow();
        self.fleet.tell_ports(end).await.unwrap();
        self.project().await;
        let mut told: Vec<_> =
            self.journal.recent(AgentId::COLLECTOR, None, 1000, Some("port.judged")).unwrap();
        told.sort_by_key(|entry| entry.position);
        let text = |entry: &Entry, name: &str| {
            entry.event.fields.get(name).map(Value::to_string).unwrap_or_default()
        };
        let line = |entry: &Entry| {
            [
                "server.port",
                "port.change",
                "port.approval",
                "port.rarity.agency",
                "port.rarity.fleet",
            ]
            .map(|name| text(entry, name))
            .join(" ")
        };
        told.iter().map(line).collect()
    }
}

#[tokio::test]
async fn each_port_that_opens_is_judged_once_with_its_rarity() {
    let mut world = World::new().await;
    let (a, b) = (world.enrol("a").await, world.enrol("b").await);
    let listen = kind::PORT_LISTENING;
    world.says(a, &[in_snapshot(port(listen.clone(), 22), "S1", 1)]).await;
    world.says(b, &[port(kind::PORT_OPENED, 22), port(kind::PORT_OPENED, 4444)]).await;
    let expected = ["22 found none 1 1", "22 opened none 2 2", "4444 opened none 1 1"];
    assert_eq!(world.judged().await, expected);
    assert_eq!(world.judged().await, expected, "told once");
    // The day's snapshot tells it again, because nobody approved it; a closing is not judged.
    world.says(a, &[in_snapshot(port(listen, 22), "S2", 1)]).await;
    world.says(b, &[port(kind::PORT_CLOSED, 4444)]).await;
    assert_eq!(world.judged().await[3..], ["22 listening none 2 2"]);
}

#[tokio::test]
async fn what_is_approved_is_told_as_approved_and_everything_else_is_not() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let other = world.enrol("b").await;
    let sshd = |kind| by(port(kind, 22), "/usr/sbin/sshd");
    world.says(agent, &[sshd(kind::PORT_OPENED)]).await;
    assert_eq!(world.judged().await, ["22 opened none 1 1"]);
    let approved = world.fleet.approve_ports(agent, &machine_only(vec![]), &caller()).await;
    assert_eq!(approved.unwrap().approved, 1);
    let again = world.fleet.approve_ports(agent, &machine_only(vec![]), &caller()).await.unwrap();
    assert_eq!(again.approved, 0, "approved already");
    // A restart, another program on its port, another port, and another machine.
    world.says(agent, &[sshd(kind::PORT_CLOSED), sshd(kind::PORT_OPENED)]).await;
    world
        .says(agent, &[by(port(kind::PORT_OPENED, 22), "/tmp/sshd"), port(kind::PORT_OPENED, 80)])
        .await;
    world.says(other, &[sshd(kind::PORT_OPENED)]).await;
    let judged = world.judged().await;
    assert_eq!(
        judged[1..],
        [
            "22 opened approved 1 1",
            "22 opened unapproved 1 1",
            "80 opened unapproved 1 1",
            "22 opened none 2 2"
        ]
    );
    // What is approved is not told again by the day's snapshot.
    world.says(agent, &[in_snapshot(sshd(kind::PORT_LISTENING), "S1", 1)]).await;
    assert_eq!(world.judged().await.len(), judged.len());
}

#[tokio::test]
async fn an_approval_survives_is_on_record_and_can_be_taken_back() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[port(kind::PORT_OPENED, 22)]).await;
    world.project().await;
    let for_agency = Approve { ports: vec![], agency: true, note: "baseline of November".into() };
    world.fleet.approve_ports(agent, &for_agency, &caller()).await.unwrap();
    let mut world = world.restart().await;
    let shown = world.fleet.ports(agent, false).await.unwrap().items;
    let approval = shown[0].approval.clone().unwrap();
    assert_eq!((approval.by.as_str(), approval.note.as_str()), ("an", "baseline of November"));
    assert_eq!(approval.agency.as_deref(), Some("LOCAL"));
    assert_eq!((shown[0].machines_agency, shown[0].machines_fleet), (1, 1));
    // A machine of the agency that comes later has it, too.
    let later = world.enrol("later").await;
    world.says(later, &[port(kind::PORT_OPENED, 22)]).await;
    assert_eq!(world.judged().await.last().unwrap(), "22 opened approved 2 2");
    world.fleet.revoke_approval(approval.id, &Agencies::All, &caller()).await.unwrap();
    assert!(world.fleet.revoke_approval(approval.id, &Agencies::All, &caller()).await.is_err());
    assert_eq!(world.fleet.ports(agent, false).await.unwrap().items[0].approval, None);
    let deeds: Vec<(String, String)> =
        sqlx::query_as("SELECT action, detail FROM audit ORDER BY number")
            .fetch_all(world.fleet.0.store.pool())
            .await
            .unwrap();
    assert_eq!(deeds[0].0, "ports approved");
    assert!(deeds[0].1.contains("baseline of November"), "{deeds:?}");
    assert_eq!(deeds[1].0, "port approval taken back");
}

#[tokio::test]
async fn a_collector_killed_between_judging_and_telling_tells_each_port_once() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[port(kind::PORT_OPENED, 22)]).await;
    world.project().await;
    // Judged, not told.
    let mut world = world.restart().await;
    assert_eq!(world.judged().await.len(), 1);
    world.says(agent, &[port(kind::PORT_OPENED, 23)]).await;
    world.project().await;
    let end = *world.journal.end().borrow();
    world.fleet.tell_ports(end).await.unwrap();
    // Told, and the projection does not know it yet.
    let world = world.restart().await;
    let checkpoint = world.fleet.checkpoint().await.unwrap();
    world.fleet.tell_ports(checkpoint).await.unwrap();
    assert_eq!(world.judged().await.len(), 2);
}

#[tokio::test]
async fn a_firewall_that_opens_is_told_and_one_that_closes_is_not() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let reach = |kind, reachable: &str| port(kind, 22).with("port.reachable", reachable);
    world.says(agent, &[reach(kind::PORT_OPENED, "no")]).await;
    world.says(agent, &[reach(kind::PORT_LISTENING, "yes")]).await;
    world.says(agent, &[reach(kind::PORT_LISTENING, "no")]).await;
    assert_eq!(world.judged().await, ["22 opened none 1 1", "22 altered none 1 1"]);
    let shown = world.fleet.ports(agent, false).await.unwrap().items;
    assert_eq!(shown[0].fields["port.reachable"], "no");
}

#[tokio::test]
async fn connections_are_summed_up_by_program_and_destination() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let to = |place: &str, count: u64| {
        own(60, kind::CONNECTION_OUTBOUND)
            .with("process.executable", "/usr/bin/curl")
            .with("destination.ip", place)
            .with("destination.port", 443_u16)
            .with("network.transport", "tcp")
            .with("connection.count", count)
    };
    let new = to("198.51.100.7", 0).with("connection.first_seen", true);
    world.says(agent, &[new, to("198.51.100.7", 3), to("203.0.113.9", 1)]).await;
    world.project().await;
    let shown = world.fleet.connections(agent).await.unwrap().items;
    let lines: Vec<_> = shown
        .iter()
        .map(|one| (one.destination.as_deref().unwrap(), one.count, one.is_new))
        .collect();
    assert_eq!(lines, [("198.51.100.7", 3, true), ("203.0.113.9", 1, false)]);
}
