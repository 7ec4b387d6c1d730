use super::*;

#[tokio::test]
async fn a_token_lets_in_as_many_as_it_says() {
    let world = World::new().await;
    let token = world.fleet.create_token("LOCAL", 2, None, "test").await.unwrap();
    let first = world.enrol_with(&token, "a").await.unwrap();
    assert_eq!(world.enrol_with(&token, "a").await.unwrap(), first, "the answer was lost");
    assert_ne!(world.enrol_with(&token, "b").await.unwrap(), first);
    assert!(matches!(world.enrol_with(&token, "c").await, Err(Error::Token)));
    assert!(matches!(world.enrol_with("soc-00", "c").await, Err(Error::Token)));
    assert_eq!(world.enrol_with(&token, "a").await.unwrap(), first, "also when it is used up");
}

#[tokio::test]
async fn an_expired_token_lets_nobody_in() {
    let world = World::new().await;
    let soon = begin().plus_micros(1);
    let token = world.fleet.create_token("LOCAL", 1, Some(soon), "test").await.unwrap();
    world.clock.advance_micros(1);
    assert!(matches!(world.enrol_with(&token, "a").await, Err(Error::Token)));
    assert!(matches!(
        world.fleet.create_token("NONE", 1, None, "test").await,
        Err(Error::NoSuchAgency(_))
    ));
}

#[tokio::test]
async fn a_failed_signature_does_not_use_the_token() {
    let world = World::new().await;
    let token = world.fleet.create_token("LOCAL", 1, None, "test").await.unwrap();
    let application = Application {
        token: token.clone(),
        hostname: "a".into(),
        fingerprint: String::new(),
        os: String::new(),
        version: String::new(),
        key_hash: [0; 32],
    };
    let fail = |_| Err(crate::pki::Error::NotAnAgent("test"));
    assert!(matches!(world.fleet.enrol(&application, fail).await, Err(Error::Pki(_))));
    assert!(world.enrol_with(&token, "a").await.is_ok());
}

#[tokio::test]
async fn a_grant_asked_for_again_replaces_the_one_before() {
    let world = World::new().await;
    let agent = world.enrol("a").await;
    let lost = world.fleet.grant(agent, RunId(7)).await.unwrap().unwrap();
    let grant = world.fleet.grant(agent, RunId(7)).await.unwrap().unwrap();
    assert!(matches!(world.enrol_with(&lost, "b").await, Err(Error::Token)));
    let clone = world.enrol_with(&grant, "b").await.unwrap();
    assert_eq!(world.fleet.who(clone), world.fleet.who(clone));
    assert_eq!(world.fleet.who(clone).unwrap().agency_code, "LOCAL");
    let again = world.fleet.grant(agent, RunId(7)).await.unwrap().unwrap();
    assert!(world.enrol_with(&again, "c").await.is_ok(), "used, but its answer was lost");
}

#[tokio::test]
async fn a_removed_agent_may_not_speak_and_is_not_counted() {
    let mut world = World::new().await;
    let agent = world.enrol("a").await;
    world.says(agent, &[heartbeat(0)]).await;
    world.project().await;
    assert_eq!(world.fleet.standing(agent), Standing::Good);
    assert!(world.fleet.revoke(agent).await.unwrap());
    assert_eq!(world.fleet.standing(agent), Standing::Removed);
    world.wait(SILENCE).await;
    assert_eq!(world.tell_silences().await, 0);
    assert_eq!(world.fleet.overview(&Agencies::All).await.unwrap().machines.total, 0);
    let world = world.restart().await;
    assert_eq!(world.fleet.standing(agent), Standing::Removed);
    assert_eq!(world.fleet.standing(AgentId::from_random([9; 16])), Standing::Removed);
}

#[tokio::test]
async fn codes_are_unique_and_look_like_codes() {
    let world = World::new().await;
    world.fleet.add_agency("A", "Sở A", None).await.unwrap();
    assert!(matches!(world.fleet.add_agency("A", "x", None).await, Err(Error::Refused(_))));
    assert!(matches!(world.fleet.add_agency("a b", "x", None).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn an_accusation_is_told_once_also_when_the_collector_is_killed_in_between() {
    let world = World::new().await;
    let agent = world.enrol("a").await;
    let row = RunRow {
        run: RunId(7),
        fingerprint: "copy".into(),
        first_connection: 1,
        state: RunState::Accused,
    };
    world.fleet.set_runs(agent, std::slice::from_ref(&row)).await.unwrap();
    // Killed before it was told.
    let world = world.restart().await;
    assert_eq!(world.fleet.runs(agent).await.unwrap()[0].state, RunState::Clone);
    // Killed after it was told, before that was noted.
    world.fleet.set_runs(agent, &[row]).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.fleet.runs(agent).await.unwrap()[0].state, RunState::Clone);
    let told = world.journal.recent(AgentId::COLLECTOR, None, 9, Some("agent.cloned")).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event.text("agent.fingerprint.other"), Some("copy"));
}

#[tokio::test]
async fn so_many_machines_come_out_of_one_identity_and_no_more() {
    let world = World::new().await;
    let (agent, other) = (world.enrol("a").await, world.enrol("b").await);
    for run in 0..256 {
        assert!(world.fleet.grant(agent, RunId(run)).await.unwrap().is_some(), "{run}");
    }
    assert_eq!(world.fleet.grant(agent, RunId(999)).await.unwrap(), None);
    // The answer to one that was granted before may have been lost.
    assert!(world.fleet.grant(agent, RunId(7)).await.unwrap().is_some());
    assert!(world.fleet.grant(other, RunId(7)).await.unwrap().is_some());
}
