//! The reorganisation of 2025, with invented agencies: three levels become two.

use super::*;
use crate::alert::tests::finding;

const DISTRICTS: usize = 3;
const COMMUNES: usize = 4;

/// `TINH` with departments, districts and communes, and `BEN`, the province that joins it.
async fn provinces(world: &World) -> BTreeMap<String, Vec<AgentId>> {
    let mut tree = vec![("TINH".to_owned(), String::new()), ("BEN".into(), String::new())];
    for province in ["TINH", "BEN"] {
        for department in ["SO-TC", "SO-YT"] {
            tree.push((format!("{province}.{department}"), province.into()));
        }
    }
    for district in 1..=DISTRICTS {
        tree.push((format!("H{district}"), "TINH".into()));
        for commune in 1..=COMMUNES {
            tree.push((format!("X{district}{commune}"), format!("H{district}")));
        }
    }
    tree.push(("BEN.H1".into(), "BEN".into()));
    tree.push(("BEN.X1".into(), "BEN.H1".into()));
    let tree: Vec<(&str, &str)> =
        tree.iter().map(|(code, parent)| (code.as_str(), parent.as_str())).collect();
    world.tree(&tree).await;
    let mut machines: BTreeMap<String, Vec<AgentId>> = BTreeMap::new();
    for (code, _) in tree {
        for number in 0..2 {
            let agent = world.enrol(code, &format!("{code}-{number}")).await;
            machines.entry(code.to_owned()).or_default().push(agent);
        }
    }
    machines
}

async fn raised(world: &World, code: &str, sequence: u64) {
    let mut found = finding("rule", code, sequence);
    let agency = world.kept.fleet.agency(code).await.unwrap();
    found.agency = crate::alert::AgencyRef { id: agency.id, code: agency.code, name: agency.name };
    let mut tx = world.kept.store.write().await.unwrap();
    world.kept.alerts.raise(&mut tx, &[found]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn alerts_seen_from(world: &World, code: &str) -> Vec<String> {
    let agencies = world.kept.fleet.visible(&[world.id(code).await]).await.unwrap();
    let filter = alert::Filter::of(Agencies::Of(agencies));
    let (rows, ..) = world.kept.alerts.list(&filter, None, 100).await.unwrap();
    let mut codes: Vec<String> = rows.into_iter().map(|row| row.agency.code).collect();
    codes.sort();
    codes
}

async fn happens(world: &World) {
    for district in 1..=DISTRICTS {
        world.perform(dissolve(&format!("H{district}"))).await.unwrap();
        let [a, b, c, d] = [1, 2, 3, 4].map(|commune| format!("X{district}{commune}"));
        let new = format!("PX{district}");
        world.perform(merge(&[&a, &b], &new, Some("Phường mới"))).await.unwrap();
        // One takes the other in and goes on.
        world.perform(merge(&[&c, &d], &c, None)).await.unwrap();
    }
    for department in ["SO-TC", "SO-YT"] {
        let into = format!("TINH.{department}");
        world.perform(merge(&[&format!("BEN.{department}")], &into, None)).await.unwrap();
    }
    world.perform(dissolve("BEN.H1")).await.unwrap();
    world.perform(merge(&["BEN"], "TINH", None)).await.unwrap();
    let name = "Tỉnh mới".to_owned();
    let change = Change::Rename { agency: "TINH".into(), code: "TINH-M".into(), name };
    world.perform(change).await.unwrap();
}

#[tokio::test]
async fn yesterday_still_reads_right() {
    let mut world = World::new().await;
    let machines = provinces(&world).await;
    for agents in machines.values() {
        world.says_something(agents[0]).await;
    }
    for (sequence, code) in (1..).zip(["X11", "X12", "H1", "BEN.SO-TC", "BEN"]) {
        raised(&world, code, sequence).await;
    }
    let yesterday = world.at("2025-06-30").await;
    world.clock.advance_micros(86_400_000_000);
    happens(&world).await;
    for agents in machines.values() {
        world.says_something(agents[0]).await;
    }
    let world = world.restart().await;

    assert_eq!(world.at("2025-06-30").await, yesterday, "the tree as it was");
    let today: BTreeMap<String, String> = world.at("2025-07-01").await.into_iter().collect();
    assert_eq!(today.len(), 1 + 1 + 2 + 2 * DISTRICTS + 1, "{today:?}");
    assert!(
        today
            .iter()
            .all(|(code, above)| ["TINH-M", "LOCAL"].contains(&code.as_str()) || above == "TINH-M"),
        "{today:?}"
    );

    // Machines are the successors', and so is what they send from now on.
    assert_eq!(world.code_of(machines["X11"][0]).await, "PX1");
    assert_eq!(world.code_of(machines["X14"][1]).await, "X13");
    assert_eq!(world.code_of(machines["H2"][0]).await, "TINH-M");
    assert_eq!(world.code_of(machines["BEN.SO-YT"][0]).await, "TINH.SO-YT");
    assert_eq!(world.code_of(machines["BEN.X1"][0]).await, "BEN.X1");
    let archived: BTreeMap<String, i64> = world.archived().await.into_iter().collect();
    for (code, events) in [("X11", 1), ("H1", 1), ("BEN", 1), ("PX1", 2), ("X13", 3)] {
        assert_eq!(archived.get(code), Some(&events), "{code}: {archived:?}");
    }
    // The province's own before and after, four districts' and the other province's after.
    assert_eq!(archived["TINH-M"], 2 + 4 + 1, "{archived:?}");

    // Who may see a successor sees what was before; others see no more than theirs.
    assert_eq!(world.seen_from("PX1").await, ["PX1", "X11", "X12"]);
    assert_eq!(world.seen_from("X13").await, ["X13", "X14"]);
    assert_eq!(world.seen_from("TINH.SO-TC").await, ["BEN.SO-TC", "TINH.SO-TC"]);
    assert_eq!(world.seen_from("X11").await, ["X11"]);
    assert_eq!(
        world.seen_from("TINH-M").await.len() + 1,
        world.kept.fleet.agencies(&Agencies::All).await.unwrap().len()
    );
    assert_eq!(alerts_seen_from(&world, "PX1").await, ["X11", "X12"]);
    assert_eq!(alerts_seen_from(&world, "TINH.SO-TC").await, ["BEN.SO-TC"]);
    assert_eq!(alerts_seen_from(&world, "TINH-M").await.len(), 5);

    let past =
        world.kept.fleet.agency_past(world.id("TINH-M").await, &Agencies::All).await.unwrap();
    assert_eq!(past.changes[0].code.as_deref(), Some("TINH"), "{:?}", past.changes[0]);
    assert_eq!(past.changes[0].decision, "NQ 1685/2025");
    let predecessors: Vec<&str> = past.predecessors.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(predecessors, ["BEN", "H1", "H2", "H3"]);
    assert_eq!(world.code_at(&machines, "X12").await, "X12");
}

impl World {
    /// Whose the first event of a machine is read as.
    async fn code_at(&self, machines: &BTreeMap<String, Vec<AgentId>>, code: &str) -> String {
        let at = crate::journal::Position::FIRST;
        self.kept.fleet.who_at(machines[code][0], at).who.unwrap().agency_code
    }
}
