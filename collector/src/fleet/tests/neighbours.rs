use super::*;
use crate::access::Caller;

const PRINTER: &str = "00:1b:a9:00:00:01";
const LAPTOP: &str = "52:54:00:00:00:02";

fn seen(mac: &str, ip: &str) -> Event {
    own(0, kind::NETWORK_NEIGHBOUR)
        .with("neighbour.mac", mac)
        .with("neighbour.ip", vec![ip])
        .with("neighbour.seen_by", vec!["arp", "<script>"])
        .with("neighbour.gateway", false)
        .with("neighbour.first_seen", "2026-11-22T09:00:00Z")
        .with("neighbour.last_seen", "2026-11-22T10:00:00Z")
}

fn inventory(mac: &str, ip: &str) -> Event {
    own(0, kind::HOST_INVENTORY).with("host.mac", vec![mac]).with("host.ip", vec![ip])
}

fn caller() -> Caller {
    Caller { who: "an".into(), address: "127.0.0.1".into() }
}

impl World {
    async fn neighbours(&self, coverage: NeighbourCoverage) -> Vec<Neighbour> {
        self.project().await;
        let filter = NeighbourFilter { coverage, ..NeighbourFilter::of(Agencies::All) };
        self.fleet.neighbours(&filter, &PageRequest::default()).await.unwrap().items
    }

    async fn without(&self) -> Vec<String> {
        let found = self.neighbours(NeighbourCoverage::Without).await;
        let macs: Vec<String> = found.into_iter().map(|it| it.mac).collect();
        let counts = self.fleet.without_agent(&Agencies::All).await.unwrap();
        let count = usize::try_from(counts.values().sum::<i64>()).unwrap();
        assert_eq!(count, macs.len(), "the count is that of the list");
        self.fleet.count_neighbours().await.unwrap();
        let shown = self.fleet.overview(&Agencies::All).await.unwrap().antivirus.without_agent;
        assert_eq!(
            shown.unwrap_or_default(),
            i64::try_from(count).unwrap(),
            "the overview shows it"
        );
        macs
    }
}

#[tokio::test]
async fn what_several_agents_see_is_one_neighbour() {
    let mut world = World::new().await;
    let (a, b) = (world.enrol("a").await, world.enrol("b").await);
    world.says(a, &[seen(PRINTER, "192.0.2.7").with("neighbour.vendor", "Brother")]).await;
    let named = seen(PRINTER, "192.0.2.8").with("neighbour.name", "in-tang-2");
    let later = named.with("neighbour.first_seen", "2026-11-22T08:00:00Z");
    world.says(b, &[later]).await;
    let found = world.neighbours(NeighbourCoverage::Without).await;
    let [printer] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((printer.ip.len(), printer.witnesses.len()), (2, 2));
    assert_eq!(printer.name.as_deref(), Some("in-tang-2"));
    assert_eq!(printer.vendor.as_deref(), Some("Brother"));
    assert_eq!(printer.seen_by, ["arp"], "words of ours only");
    assert_eq!(printer.first_seen, "2026-11-22T08:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn machines_with_an_agent_are_known_by_card_or_by_address_of_their_agency() {
    let mut world = World::new().await;
    world.fleet.ensure_agency("OTHER", "Sở Y tế").await.unwrap();
    let (a, b) = (world.enrol("a").await, world.enrol("b").await);
    let token = world.fleet.create_token("OTHER", 1, None, "test").await.unwrap();
    let far = world.enrol_with(&token, "far").await.unwrap();
    world.says(b, &[inventory("00:11:22:33:44:55", "192.0.2.20")]).await;
    world.says(far, &[inventory(LAPTOP, "192.0.2.99")]).await;
    world
        .says(
            a,
            &[
                seen("00:11:22:33:44:55", "192.0.2.21"),
                seen("02:00:00:00:00:09", "192.0.2.20"),
                seen(LAPTOP, "192.0.2.22"),
                seen(PRINTER, "192.0.2.99"),
            ],
        )
        .await;
    assert_eq!(world.without().await, [PRINTER], "another agency may use the same addresses");
    // A new card: the old address is nobody's any more.
    world.says(b, &[inventory("00:11:22:33:44:66", "192.0.2.20")]).await;
    assert_eq!(world.without().await, ["00:11:22:33:44:55", PRINTER]);
}

#[tokio::test]
async fn what_an_operator_says_is_kept_with_its_reason_audited_and_can_be_taken_back() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[seen(PRINTER, "192.0.2.7"), seen(LAPTOP, "192.0.2.8")]).await;
    let agency = world.neighbours(NeighbourCoverage::All).await[0].agency.id;
    let printer = Some(NeighbourDecision::NotAComputer);
    let decide = |decision, reason: &'static str| {
        let fleet = world.fleet.clone();
        async move { fleet.decide_neighbour(agency, PRINTER, decision, reason, &caller()).await }
    };
    assert!(decide(printer, " ").await.is_err(), "not without a reason");
    decide(printer, "máy in tầng 2").await.unwrap();
    assert_eq!(world.without().await, [LAPTOP]);
    let decided = world.neighbours(NeighbourCoverage::Decided).await;
    let said = decided[0].decided.clone().unwrap();
    assert_eq!((said.by.as_str(), said.reason.as_str()), ("an", "máy in tầng 2"));
    let mut world = world.restart().await;
    assert_eq!(world.without().await, [LAPTOP]);
    world.says(agent, &[seen(PRINTER, "192.0.2.9")]).await;
    assert_eq!(world.without().await, [LAPTOP], "seen again, it stays what it is");
    world.fleet.decide_neighbour(agency, PRINTER, None, "", &caller()).await.unwrap();
    assert_eq!(world.without().await.len(), 2);
    let audit: Vec<(String, String)> =
        sqlx::query_as("SELECT action, detail FROM audit ORDER BY number")
            .fetch_all(world.fleet.0.store.pool())
            .await
            .unwrap();
    assert_eq!(audit[0].0, "neighbour accepted");
    assert_eq!(audit[0].1, "not_a_computer: máy in tầng 2");
    assert_eq!(audit[1].0, "neighbour no longer accepted");
    let wrong = world.fleet.decide_neighbour(agency, "nonsense", None, "", &caller()).await;
    assert!(matches!(wrong, Err(Error::Refused(_))));
}

#[tokio::test]
async fn nonsense_is_no_neighbour_and_nobody_was_seen_tomorrow() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let ahead = seen(LAPTOP, "192.0.2.8").with("neighbour.last_seen", "2099-01-01T00:00:00Z");
    world.says(agent, &[seen("'; DROP TABLE agent", "x"), seen("", "x"), ahead]).await;
    let found = world.neighbours(NeighbourCoverage::All).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].last_seen, begin());
}

#[tokio::test]
async fn neighbours_unseen_for_long_and_beyond_the_limit_are_forgotten() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    let old = seen(PRINTER, "192.0.2.7").with("neighbour.last_seen", "2026-11-10T10:00:00Z");
    world.says(agent, &[old]).await;
    assert!(world.without().await.is_empty(), "not seen this week");
    let many: Vec<Event> =
        (0..20).map(|it| seen(&format!("00:00:00:00:00:{it:02x}"), "192.0.2.7")).collect();
    world.says(agent, &many).await;
    world.project().await;
    world.fleet.prune_neighbours(5).await.unwrap();
    assert_eq!(world.without().await.len(), 5);
}
