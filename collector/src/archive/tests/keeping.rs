use super::*;
use crate::access::Caller;

fn caller() -> Caller {
    Caller { who: "an".into(), address: "192.0.2.1".into() }
}

async fn days(scene: &Scene) -> Vec<(i64, String)> {
    let files = scene.archive.snapshot(&all()).await.unwrap().files;
    files.iter().map(|file| (file.agency, manifest::date_of(file.facts.received.0))).collect()
}

async fn deeds(scene: &Scene) -> Vec<(String, String, String)> {
    sqlx::query_as("SELECT action, subject, detail FROM audit ORDER BY number")
        .fetch_all(scene.store.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn less_than_the_law_asks_is_refused_with_its_clause() {
    let scene = Scene::new().await;
    let set = async |agency: &str, level, months, why: &str| {
        let done = scene.archive.set_retention(agency, level, months, why, &caller()).await;
        done.map_err(|error| error.to_string())
    };
    let refused = set("TOP", 4, 5, "short of disk").await.unwrap_err();
    assert!(
        refused.contains("at least 6 months") && refused.contains("TCVN 14423:2026"),
        "{refused}"
    );
    assert!(set("TOP", 6, 12, "x").await.is_err());
    assert!(set("TOP", 0, 12, "x").await.is_err());
    assert!(set("TOP", 3, 100_000, "x").await.is_err());
    assert!(set("TOP", 3, 3, " ").await.is_err(), "no reason");
    assert!(set("NO-SUCH", 3, 3, "x").await.is_err());
    set("TOP", 4, 6, "a data centre").await.unwrap();
    let kept = scene.archive.view().await.unwrap().agencies;
    let kept: Vec<(&str, i64, i64, i64, bool)> = kept
        .iter()
        .map(|one| (one.code.as_str(), one.level, one.months, one.legal_months, one.inherited))
        .collect();
    assert_eq!(kept, [("TOP", 4, 6, 6, false), ("TOP.below", 4, 6, 6, true)]);
    let (action, subject, detail) = deeds(&scene).await.remove(0);
    assert_eq!((action.as_str(), subject.as_str()), ("archive retention set", "TOP"));
    assert!(detail.contains("a data centre"), "{detail}");
}

#[tokio::test]
async fn what_was_kept_long_enough_goes_with_a_deed_and_what_is_held_stays() {
    let mut scene = Scene::new().await;
    for day in ["2026-04-01", "2026-08-21", "2026-08-22"] {
        for number in 1..3 {
            scene.put(number, 4, &format!("{day}T10:00:00Z")).await;
        }
    }
    scene.archive.catch_up().await.unwrap();
    scene.archive.set_retention("TOP.below", 4, 6, "servers", &caller()).await.unwrap();
    let hold = NewHold {
        agency: Some("TOP".into()),
        host: Some("host-1".into()),
        from: time("2026-04-01T00:00:00Z"),
        to: time("2026-04-01T23:59:59Z"),
        why: "case 7".into(),
        until: None,
    };
    let id = scene.archive.hold(&hold, &caller()).await.unwrap();
    assert_eq!(scene.archive.retain().await.unwrap(), 2);
    let day = |agency: i64, day: &str| (agency, day.to_owned());
    let kept =
        [day(1, "2026-04-01"), day(1, "2026-08-22"), day(2, "2026-08-21"), day(2, "2026-08-22")];
    assert_eq!(days(&scene).await, kept);
    scene.assert_nothing_is_left_over().await;
    let gone: Vec<String> = deeds(&scene)
        .await
        .into_iter()
        .filter(|(action, ..)| action == "archive expired")
        .map(|(_, subject, _)| subject)
        .collect();
    assert_eq!(gone, ["TOP.below 2026-04-01", "TOP 2026-08-21"]);
    assert!(scene.archive.end_hold(id, &caller()).await.unwrap());
    assert!(!scene.archive.end_hold(id, &caller()).await.unwrap(), "it has ended");
    assert_eq!(scene.archive.retain().await.unwrap(), 1);
    assert_eq!(days(&scene).await, kept[1..]);
    assert_eq!(scene.troubles().await, [], "the chain goes on over what has gone");
}

#[tokio::test]
async fn with_the_disk_nearly_full_only_what_the_law_does_not_ask_for_goes_early() {
    let mut scene = Scene::new().await;
    for day in ["2026-08-01", "2026-08-22", "2026-11-22"] {
        scene.put(1, 4, &format!("{day}T10:00:00Z")).await;
    }
    scene.archive.set_retention("TOP", 3, 24, "we like to look back", &caller()).await.unwrap();
    scene.archive.catch_up().await.unwrap();
    assert_eq!(scene.archive.retain().await.unwrap(), 0);
    // More than any disk has.
    scene.config.disk_free_bytes_min = 1 << 62;
    scene.reopen().await;
    assert_eq!(scene.archive.retain().await.unwrap(), 1);
    assert_eq!(scene.archive.retain().await.unwrap(), 0);
    assert_eq!(days(&scene).await, [(1, "2026-08-22".into()), (1, "2026-11-22".into())]);
}

#[tokio::test]
async fn holds_end_by_themselves_and_have_reasons() {
    let scene = Scene::new().await;
    let hold = NewHold {
        agency: None,
        host: None,
        from: time("2026-01-01T00:00:00Z"),
        to: time("2026-02-01T00:00:00Z"),
        why: "case 8".into(),
        until: Some(time("2026-11-22T11:00:00Z")),
    };
    for wrong in [
        NewHold { why: String::new(), ..hold.clone() },
        NewHold { to: time("2025-01-01T00:00:00Z"), ..hold.clone() },
        NewHold { until: Some(time(NOW)), ..hold.clone() },
        NewHold { agency: Some("NO-SUCH".into()), ..hold.clone() },
    ] {
        assert!(matches!(scene.archive.hold(&wrong, &caller()).await, Err(Error::Refused(_))));
    }
    scene.archive.hold(&hold, &caller()).await.unwrap();
    assert_eq!(scene.archive.holds().await.unwrap().len(), 1);
    scene.clock.advance_micros(2 * 3_600_000_000);
    assert_eq!(scene.archive.holds().await.unwrap(), []);
}

#[tokio::test]
async fn a_disk_that_fills_is_told_14_7_and_2_days_before() {
    const GIB: u64 = 1 << 30;
    let scene = Scene::new().await;
    let mut free = 22 * GIB;
    // Every three hours, a GiB a day.
    for _ in 0..21 * 8 {
        scene.clock.advance_micros(3 * 3_600_000_000);
        free -= GIB / 8;
        let now = scene.archive.0.clock.now();
        scene.archive.sample(now, free, 100 * GIB).await.unwrap();
        let days = scene.archive.full_in_days().await.unwrap();
        scene.archive.tell_days(now, days, free, 100 * GIB).await.unwrap();
    }
    let told = scene.told(soc_event::kind::ARCHIVE_DISK).await;
    let days: Vec<String> =
        told.iter().map(|event| event.fields["archive.full_in_days"].to_string()).collect();
    assert_eq!(days, ["14", "7", "2"]);
    assert_eq!(scene.told(soc_event::kind::ARCHIVE_DISK).await.len(), 3, "once");
}

#[tokio::test]
async fn the_view_counts_what_is_there_by_agency() {
    let mut scene = Scene::new().await;
    scene.put(1, 4, NOW).await;
    scene.put(9, 2, NOW).await;
    scene.archive.catch_up().await.unwrap();
    scene.put(1, 3, NOW).await;
    let view = scene.archive.view().await.unwrap();
    assert_eq!((view.files, view.rows, view.waiting_events), (2, 6, 3));
    assert_eq!((view.oldest, view.newest), (Some(time(NOW)), Some(time(NOW))));
    let rows: Vec<(&str, i64)> =
        view.agencies.iter().map(|one| (one.code.as_str(), one.rows)).collect();
    assert_eq!(rows, [("TOP", 4), ("TOP.below", 0), ("", 2)]);
    assert!(view.raw_bytes > 0 && view.disk.total > 0);
    assert_eq!(view.disk.full_in_days, None, "nobody can say yet");
}
