//! Any changes one after another: what was stays what it was.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A change of agencies that are named by where they stand in the list of those that are now.
#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Rename(usize),
    Move(usize, usize),
    Dissolve(usize),
    Merge(usize, usize, bool),
    Split(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..12_usize;
    prop_oneof![
        at().prop_map(Step::Add),
        at().prop_map(Step::Rename),
        (at(), at()).prop_map(|(one, other)| Step::Move(one, other)),
        at().prop_map(Step::Dissolve),
        (at(), at(), any::<bool>()).prop_map(|(one, other, new)| Step::Merge(one, other, new)),
        at().prop_map(Step::Split),
    ]
}

fn change(step: &Step, number: usize, live: &[String]) -> Change {
    let code = |at: usize| live[at % live.len()].clone();
    let new = |suffix: &str| Target {
        code: format!("N{number}{suffix}"),
        name: Some("Mới".into()),
        parent: None,
    };
    match step {
        Step::Add(at) => {
            Change::Add {
                code: format!("N{number}"), name: "Thêm".into(), parent: Some(code(*at))
            }
        }
        Step::Rename(at) => Change::Rename {
            agency: code(*at),
            code: format!("R{number}"),
            name: format!("Tên {number}"),
        },
        Step::Move(at, to) => Change::Move { agency: code(*at), parent: Some(code(*to)) },
        Step::Dissolve(at) => Change::Dissolve { agency: code(*at), successor: None },
        Step::Merge(one, other, true) => {
            Change::Merge { agencies: vec![code(*one), code(*other)], into: new("") }
        }
        Step::Merge(one, other, false) => {
            let into = Target { code: code(*other), name: None, parent: None };
            Change::Merge { agencies: vec![code(*one)], into }
        }
        Step::Split(at) => {
            let part =
                |suffix| Part { into: new(suffix), machines: Vec::new(), agencies: Vec::new() };
            Change::Split { agency: code(*at), parts: vec![part("a"), part("b")] }
        }
    }
}

impl World {
    async fn live(&self) -> Vec<String> {
        let all = self.kept.fleet.agencies(&Agencies::All).await.unwrap();
        let live = all.into_iter().filter(|view| view.agency.valid_until.is_none());
        live.map(|view| view.agency.code).collect()
    }

    fn today(&self) -> String {
        let at = jiff::Timestamp::from_microsecond(self.clock.clock().now().as_micros()).unwrap();
        at.to_zoned(jiff::tz::TimeZone::system()).date().to_string()
    }

    /// What has to be so after every change.
    async fn is_sound(&self, agents: &[AgentId]) {
        let all = self.kept.fleet.agencies(&Agencies::All).await.unwrap();
        let parents: BTreeMap<i64, Option<i64>> =
            all.iter().map(|view| (view.agency.id, view.agency.parent)).collect();
        let live: BTreeSet<i64> = all
            .iter()
            .filter(|view| view.agency.valid_until.is_none())
            .map(|view| view.agency.id)
            .collect();
        for view in &all {
            let above =
                std::iter::successors(Some(view.agency.id), |id| parents[id]).take(all.len() + 1);
            assert!(above.count() <= all.len(), "{} stands in a circle", view.agency.code);
            let parent = view.agency.parent;
            let is_live = view.agency.valid_until.is_none();
            assert!(!is_live || parent.is_none_or(|id| live.contains(&id)), "{view:?}");
        }
        for agent in agents {
            let who = self.kept.fleet.who(*agent).unwrap();
            let (id, code): (i64, String) = sqlx::query_as(
                "SELECT agency, code FROM agent JOIN agency ON agency.id = agent.agency
                 WHERE agent.id = ?",
            )
            .bind(agent.to_string())
            .fetch_one(self.kept.store.pool())
            .await
            .unwrap();
            assert!(live.contains(&id));
            assert_eq!((who.agency_id, who.agency_code), (id, code), "memory follows");
        }
    }
}

async fn goes_through(steps: &[Step]) {
    let world = World::new().await;
    world.tree(&[("T", ""), ("A", "T"), ("B", "T"), ("A1", "A"), ("A2", "A")]).await;
    let mut agents = Vec::new();
    for code in ["T", "A", "B", "A1", "A2"] {
        agents.push(world.enrol(code, code).await);
    }
    let mut days = vec![(world.today(), world.at(&world.today()).await)];
    for (number, step) in steps.iter().enumerate() {
        world.clock.advance_micros(86_400_000_000);
        let live = world.live().await;
        let change = change(step, number, &live);
        let Ok(outcome) = world.perform(change.clone()).await else {
            let unchanged = days.last().unwrap().1.clone();
            assert_eq!(world.at(&world.today()).await, unchanged, "{change:?} was refused");
            continue;
        };
        world.is_sound(&agents).await;
        for row in outcome.agencies.iter().filter(|row| row.what == "ended") {
            let heir = world.seen_from(row.to.as_ref().unwrap()).await;
            assert!(heir.contains(&row.code), "{} sees what {} was", heir[0], row.code);
        }
        days.push((world.today(), world.at(&world.today()).await));
    }
    for (day, tree) in days {
        assert_eq!(world.at(&day).await, tree, "the tree on {day}");
    }
    let audited = world.count("SELECT COUNT(*) FROM audit WHERE action LIKE 'agenc%'").await;
    assert_eq!(audited, world.count("SELECT COUNT(*) FROM agency_change").await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_was_stays_what_it_was(steps in prop::collection::vec(step(), 1..10)) {
        tokio::runtime::Runtime::new().unwrap().block_on(goes_through(&steps));
    }
}
