use std::collections::BTreeSet;

use super::*;
use crate::clock::SetClock;

const NOW: i64 = 1_800_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

struct Fixture {
    silences: Silences,
    clock: SetClock,
    store: Store,
    _folder: tempfile::TempDir,
}

/// Agencies 1, 2 below 1, 3.
async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
    sqlx::query(
        "INSERT INTO agency (id, code, name, parent)
         VALUES (1, 'A', 'A', NULL), (2, 'B', 'B', 1), (3, 'C', 'C', NULL)",
    )
    .execute(store.pool())
    .await
    .unwrap();
    let clock = SetClock::at(at(0));
    let silences = Silences::new(store.clone(), clock.clock(), Bus::default());
    Fixture { silences, clock, store, _folder: folder }
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_micros(NOW + hours * HOUR)
}

fn an() -> Caller {
    Caller { who: "an".into(), address: "local".into() }
}

fn draft(agency: Option<i64>, rule: Option<&str>) -> Draft {
    let (rule, why) = (rule.map(str::to_owned), "bảo trì".into());
    Draft { machine: None, agency, rule, from: at(0), until: at(4), why }
}

async fn is_over(fixture: &Fixture, agency: i64, rule: &str, received: Timestamp) -> bool {
    let mut tx = fixture.store.write().await.unwrap();
    let about = About { agent: "x", agency, rule };
    over(&mut tx, about, received).await.unwrap().is_some()
}

#[tokio::test]
async fn a_silence_holds_for_its_agency_those_below_it_its_rule_and_its_time() {
    let fixture = fixture().await;
    let add = async |draft| fixture.silences.add(&draft, &Agencies::All, &an()).await.unwrap();
    add(draft(Some(1), Some("r"))).await;
    for (agency, rule, hours, expected) in [
        (1, "r", 1, true),
        (2, "r", 1, true),
        (3, "r", 1, false),
        (0, "r", 1, false),
        (1, "other", 1, false),
        (1, "r", -1, false),
        (1, "r", 4, false),
    ] {
        let found = is_over(&fixture, agency, rule, at(hours)).await;
        assert_eq!(found, expected, "{agency} {rule} {hours}");
    }
}

#[tokio::test]
async fn what_is_too_long_too_wide_or_without_a_reason_is_refused() {
    let fixture = fixture().await;
    let wrong = [
        draft(None, None),
        Draft { why: " ".into(), ..draft(Some(1), None) },
        Draft { until: at(7 * 24 + 1), ..draft(Some(1), None) },
        Draft { until: at(0), ..draft(Some(1), None) },
        Draft { from: at(-9), until: at(-1), ..draft(Some(1), None) },
        draft(Some(99), None),
    ];
    for draft in wrong {
        let refused = fixture.silences.add(&draft, &Agencies::All, &an()).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{draft:?}");
    }
    let own = Agencies::Of(BTreeSet::from([3]));
    for draft in [draft(Some(1), None), draft(None, Some("r"))] {
        let refused = fixture.silences.add(&draft, &own, &an()).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{draft:?}");
    }
    assert_eq!(fixture.silences.list(&Agencies::All).await.unwrap(), []);
}

#[tokio::test]
async fn ended_early_it_is_over_and_strangers_neither_see_nor_end_it() {
    let fixture = fixture().await;
    let id = fixture.silences.add(&draft(Some(1), None), &Agencies::All, &an()).await.unwrap();
    let other = Agencies::Of(BTreeSet::from([3]));
    assert_eq!(fixture.silences.list(&other).await.unwrap(), []);
    assert!(matches!(fixture.silences.end(id, &other, &an()).await, Err(Error::NotFound)));
    fixture.clock.advance_micros(HOUR);
    fixture.silences.end(id, &Agencies::All, &an()).await.unwrap();
    assert!(is_over(&fixture, 1, "r", at(0)).await, "as it was then");
    assert!(!is_over(&fixture, 1, "r", at(1)).await);
    let again = fixture.silences.end(id, &Agencies::All, &an()).await;
    assert!(matches!(again, Err(Error::Over)));
    let deeds: Vec<String> = sqlx::query_scalar("SELECT action FROM audit ORDER BY number")
        .fetch_all(fixture.store.pool())
        .await
        .unwrap();
    assert_eq!(deeds, ["silence added", "silence ended"]);
}
