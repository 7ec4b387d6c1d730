use super::*;

async fn some_deeds(access: &Access) {
    for number in 0..25 {
        let deed = Deed::new("an", "192.0.2.1", "alert closed", &format!("alert {number}"));
        access.record(&deed).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_changed_or_taken_out_shows() {
    for (harm, broken_at) in [
        ("SELECT 1", None),
        ("UPDATE audit SET who = 'binh' WHERE number = 7", Some(7)),
        ("UPDATE audit SET at = at + 1 WHERE number = 1", Some(1)),
        ("DELETE FROM audit WHERE number = 9", Some(10)),
        ("DELETE FROM audit WHERE number = 1", Some(2)),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 25", Some(25)),
        ("UPDATE audit SET subject = 'a', detail = subject WHERE number = 3", Some(3)),
    ] {
        let Fixture { access, folder: _folder, .. } = fixture().await;
        some_deeds(&access).await;
        let before = access.verify_deeds().await.unwrap();
        assert_eq!((before.deeds, before.broken_at), (25, None));
        let pool = access.store.pool();
        let refused = sqlx::query(harm).execute(pool).await;
        assert_eq!(refused.is_err(), broken_at.is_some(), "{harm}: the table itself refuses");
        for trigger in ["audit_stays", "audit_is_final"] {
            let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
            sqlx::query(drop).execute(pool).await.unwrap();
        }
        sqlx::query(harm).execute(pool).await.unwrap();
        let after = access.verify_deeds().await.unwrap();
        assert_eq!(after.broken_at, broken_at, "{harm}");
    }
}

#[tokio::test]
async fn deeds_from_before_they_were_bound_are_bound_once() {
    let Fixture { access, folder: _folder, .. } = fixture().await;
    for number in 1..4 {
        sqlx::query("INSERT INTO audit VALUES (?, 5, 'an', 'did', 'it', '', 'local', NULL)")
            .bind(number)
            .execute(access.store.pool())
            .await
            .unwrap();
    }
    access.bind_deeds().await.unwrap();
    some_deeds(&access).await;
    let verdict = access.verify_deeds().await.unwrap();
    assert_eq!((verdict.deeds, verdict.broken_at, verdict.last), (28, None, 28));
    access.bind_deeds().await.unwrap();
    assert_eq!(access.verify_deeds().await.unwrap(), verdict);
}

#[tokio::test]
async fn deeds_are_found_by_who_what_and_when() {
    let Fixture { access, clock, folder: _folder } = fixture().await;
    some_deeds(&access).await;
    clock.advance_micros(1_000_000);
    access.record(&Deed::new("binh", "local", "Rule parked", "r")).await.unwrap();
    let count = async |filter: DeedFilter| access.deeds(&filter, None, 100).await.unwrap().1;
    let all = DeedFilter::default;
    assert_eq!(count(all()).await, 26);
    assert_eq!(count(DeedFilter { who: Some("binh".into()), ..all() }).await, 1);
    assert_eq!(count(DeedFilter { search: Some("RULE".into()), ..all() }).await, 1);
    assert_eq!(count(DeedFilter { search: Some("alert 2".into()), ..all() }).await, 6);
    let last = Some(access.clock.now());
    assert_eq!(count(DeedFilter { from: last, ..all() }).await, 1);
    assert_eq!(count(DeedFilter { to: last, ..all() }).await, 25);
}
