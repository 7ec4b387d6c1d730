use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::Elapsed;
use crate::gateway_double::{Gateway, in_year};
use crate::sensor::Clock;

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A machine whose clock shows this year, with a program built in 2025.
fn clock_in(year: i64) -> Arc<JudgedClock> {
    let elapsed: Elapsed = Arc::new(|| std::time::Duration::from_secs(5));
    Arc::new(JudgedClock::new(Arc::new(Fixed(in_year(year))), elapsed, in_year(2025)))
}

fn enrolment(gateway: &Gateway, token: &str) -> Enrolment {
    Enrolment {
        collector: gateway.address(),
        token: token.to_owned(),
        ca_pin: gateway.pin(),
        hostname: "pc-01".to_owned(),
        fingerprint: "f".repeat(64),
        os: "Debian".to_owned(),
        proxy: None,
    }
}

#[tokio::test]
async fn a_machine_whose_clock_is_years_wrong_enrols_and_renews() {
    let gateway = Gateway::start().await;
    for year in [1970, 2009, 2045] {
        let (clock, state) = (clock_in(year), tempfile::tempdir().unwrap());
        let identity = enrol(&enrolment(&gateway, "t"), state.path(), &clock).await.unwrap();
        assert_eq!(clock.collector_now().map(|now| now >= in_year(2026)), Some(true));
        assert!(!identity.is_due(clock.for_renewal()), "{year}");
        let link =
            Link::connect(&identity.peer(), None, Some(identity.client()), clock.clone()).await;
        let renewed = renew(&identity, &link.unwrap(), state.path(), &clock).await.unwrap();
        assert_eq!(renewed.agent(), identity.agent());
    }
    assert_eq!(gateway.seen(|seen| seen.renewals), 3);
}

#[tokio::test]
async fn what_the_collector_is_told_does_not_hold_the_key() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    enrol(&enrolment(&gateway, "t"), state.path(), &clock_in(2026)).await.unwrap();
    let told = gateway.seen(|seen| seen.enrolments[0].clone());
    assert_eq!((&told["token"], &told["hostname"]), (&"t".into(), &"pc-01".into()));
    assert_eq!(told["fingerprint"], "f".repeat(64));
    assert!(!told.to_string().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn the_identity_is_readable_by_its_owner_alone_and_comes_back() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    assert!(Identity::load(state.path()).unwrap().is_none());
    let clock = clock_in(2026);
    let identity = enrol(&enrolment(&gateway, "t"), state.path(), &clock).await.unwrap();
    let mode = std::fs::metadata(state.path().join("identity.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let loaded = Identity::load(state.path()).unwrap().unwrap();
    assert_eq!(loaded.agent(), identity.agent());
    assert_eq!(loaded.expires(), identity.expires());
    let names: Vec<_> = std::fs::read_dir(state.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing temporary is left");
}

#[tokio::test]
async fn the_token_is_not_told_to_whoever_is_not_pinned() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let mut wrong = enrolment(&gateway, "t");
    wrong.ca_pin = Gateway::start().await.pin();
    let error = enrol(&wrong, state.path(), &clock_in(2026)).await.unwrap_err().to_string();
    assert!(error.contains("not the trusted collector"), "{error}");
    assert!(error.contains("the CA of the pin"), "{error}");
    assert_eq!(gateway.seen(|seen| seen.enrolments.len()), 0);
}

#[tokio::test]
async fn another_agents_certificate_makes_no_collector() {
    let purpose = rcgen::ExtendedKeyUsagePurpose::ClientAuth;
    let (gateway, state) = (Gateway::start_with(purpose).await, tempfile::tempdir().unwrap());
    let enrolled = enrol(&enrolment(&gateway, "t"), state.path(), &clock_in(2026)).await;
    let error = enrolled.unwrap_err().to_string();
    assert!(error.contains("not one for servers"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_told_in_words_with_what_to_do() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let enrolled = enrol(&enrolment(&gateway, "used"), state.path(), &clock_in(2026)).await;
    let error = enrolled.unwrap_err().to_string();
    for expected in
        ["(403): token not valid: this token was used on 2026-11-01", "soc-collector token create"]
    {
        assert!(error.contains(expected), "{expected:?} is missing in {error:?}");
    }
    assert!(Identity::load(state.path()).unwrap().is_none());
}

#[tokio::test]
async fn a_refused_renewal_leaves_the_identity_as_it_was() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let clock = clock_in(2026);
    let identity = enrol(&enrolment(&gateway, "t"), state.path(), &clock).await.unwrap();
    let before = std::fs::read(state.path().join("identity.json")).unwrap();
    gateway.refuses_renewal(true);
    let link = Link::connect(&identity.peer(), None, Some(identity.client()), clock.clone()).await;
    let error = renew(&identity, &link.unwrap(), state.path(), &clock).await.unwrap_err();
    assert!(error.to_string().contains("an operator said so"));
    assert_eq!(std::fs::read(state.path().join("identity.json")).unwrap(), before);
}

#[tokio::test]
async fn a_leftover_of_a_power_cut_is_no_obstacle() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    std::fs::write(state.path().join("identity.json.new"), "{\"agent").unwrap();
    assert!(Identity::load(state.path()).unwrap().is_none());
    enrol(&enrolment(&gateway, "t"), state.path(), &clock_in(2026)).await.unwrap();
    assert!(Identity::load(state.path()).unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_identity_is_said_and_not_replaced() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let file = state.path().join("identity.json");
    enrol(&enrolment(&gateway, "t"), state.path(), &clock_in(2026)).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    for damaged in [&text[..text.len() / 2], "", &text.replace("sha256:", "sha256:00")] {
        std::fs::write(&file, damaged).unwrap();
        let error = Identity::load(state.path()).unwrap_err().to_string();
        assert!(error.contains("enrol this machine again"), "{error}");
    }
}

#[tokio::test]
async fn renewal_is_due_when_a_third_of_the_life_is_left() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    gateway.gives_certificates((2020, 2050));
    let identity = enrol(&enrolment(&gateway, "t"), state.path(), &clock_in(2026)).await.unwrap();
    let check = |year, expected| assert_eq!(identity.is_due(in_year(year)), expected, "{year}");
    check(1999, false);
    check(2039, false);
    check(2041, true);
    check(2060, true);
}

#[tokio::test]
async fn a_lost_answer_does_not_use_the_token_up() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let (clock, pending) = (clock_in(2026), state.path().join("pending-key.pem"));
    gateway.loses_enrolment(true);
    enrol(&enrolment(&gateway, "t"), state.path(), &clock).await.unwrap_err();
    assert!(Identity::load(state.path()).unwrap().is_none());
    let mode = std::fs::metadata(&pending).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "a key is not for others");
    gateway.loses_enrolment(false);
    enrol(&enrolment(&gateway, "t"), state.path(), &clock).await.unwrap();
    assert_eq!(gateway.seen(|seen| (seen.enrolments.len(), seen.machines.len())), (2, 1));
    assert!(!pending.exists());
}

#[tokio::test]
async fn another_token_gets_another_key() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    let clock = clock_in(2026);
    gateway.loses_enrolment(true);
    enrol(&enrolment(&gateway, "t"), state.path(), &clock).await.unwrap_err();
    gateway.loses_enrolment(false);
    enrol(&enrolment(&gateway, "u"), state.path(), &clock).await.unwrap();
    let keys = gateway.seen(|seen| seen.machines.clone());
    assert_ne!(keys[0].1, keys[1].1);
}

#[tokio::test]
async fn a_damaged_leftover_of_an_enrolment_is_replaced() {
    let (gateway, state) = (Gateway::start().await, tempfile::tempdir().unwrap());
    std::fs::write(state.path().join("pending-key.pem"), "half a ke").unwrap();
    enrol(&enrolment(&gateway, "t"), state.path(), &clock_in(2026)).await.unwrap();
    assert!(Identity::load(state.path()).unwrap().is_some());
}
