use super::*;

async fn province() -> Fixture {
    let fixture = fixture().await;
    for (id, code, parent) in
        [(1, "P", None), (2, "A", Some(1)), (3, "A1", Some(2)), (4, "B", Some(1))]
    {
        sqlx::query("INSERT INTO agency (id, code, name, parent) VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(code)
            .bind(code)
            .bind(parent)
            .execute(fixture.access.store.pool())
            .await
            .unwrap();
    }
    fixture
}

fn of(ids: &[i64]) -> Agencies {
    Agencies::Of(ids.iter().copied().collect())
}

#[tokio::test]
async fn nobody_is_given_more_than_the_giver_sees() {
    let Fixture { access, folder: _folder, .. } = province().await;
    access.first_administrator(None).await.unwrap();
    let add = async |name: &str, agencies: Option<Vec<i64>>, reach: &Agencies| {
        access.add_operator(new(name, agencies), reach, &caller()).await
    };
    add("an", Some(vec![2]), &Agencies::All).await.unwrap();
    add("binh", Some(vec![3]), &of(&[2, 3])).await.unwrap();
    for (agencies, reach) in [
        (None, of(&[2, 3])),
        (Some(vec![4]), of(&[2, 3])),
        (Some(vec![]), Agencies::All),
        (Some(vec![99]), Agencies::All),
    ] {
        let refused = add("chi", agencies, &reach).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    let officer = NewOperator { role: Role::Officer, ..new("chi", None) };
    let refused = access.add_operator(officer, &Agencies::All, &caller()).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "an officer of everything");
    let seen = async |reach: &Agencies| -> Vec<String> {
        let rows = access.operators(reach).await.unwrap();
        rows.into_iter().map(|row| row.name).collect()
    };
    assert_eq!(seen(&Agencies::All).await, ["admin", "an", "binh"]);
    assert_eq!(seen(&of(&[2, 3])).await, ["an", "binh"]);
    assert_eq!(seen(&of(&[3])).await, ["binh"]);
    let foreign = access.reset_operator("an", false, &of(&[3]), &caller()).await;
    assert!(matches!(foreign, Err(Error::Unknown(_))));
}

#[tokio::test]
async fn an_operator_sees_their_agencies_and_those_below() {
    let Fixture { access, folder: _folder, .. } = province().await;
    access.add_operator(new("an", Some(vec![2])), &Agencies::All, &caller()).await.unwrap();
    let an = access.on_behalf_of("an").await.unwrap().unwrap();
    assert_eq!(access.reach(&an).await.unwrap(), of(&[2, 3]));
    let limited = Operator { limited_to: Some(3), ..an.clone() };
    assert_eq!(access.reach(&limited).await.unwrap(), of(&[3]));
    let elsewhere = Operator { limited_to: Some(4), ..an.clone() };
    assert_eq!(access.reach(&elsewhere).await.unwrap(), of(&[]), "a token gives nothing more");
    let nothing = Operator { agencies: Vec::new(), ..an };
    assert_eq!(access.reach(&nothing).await.unwrap(), of(&[]), "no agency is not all of them");
}

#[tokio::test]
async fn who_loses_something_is_signed_out_and_two_do_not_overwrite_each_other() {
    let Fixture { access, folder: _folder, .. } = province().await;
    access.first_administrator(None).await.unwrap();
    let added = access.add_operator(new("an", Some(vec![2])), &Agencies::All, &caller()).await;
    let password = added.unwrap();
    let (token, _) = come(&access, "an", password.clone(), "a").await.unwrap();
    let change = async |name: &str, change: Change| {
        access.change_operator(name, &change, &Agencies::All, &caller()).await
    };
    let full_name = Some("Nguyễn Văn An".to_owned());
    change("an", Change { full_name, version: 1, ..Change::default() }).await.unwrap();
    assert!(access.session(&token, "a").await.unwrap().is_some(), "a name takes nothing");
    let stale = change("an", Change { role: Some(Role::Viewer), version: 1, ..Change::default() });
    assert!(matches!(stale.await, Err(Error::Changed)));
    let moved = Change { agencies: Some(vec![4]), version: 2, ..Change::default() };
    change("an", moved).await.unwrap();
    assert_eq!(access.session(&token, "a").await.unwrap(), None);
    let disabled = Change { disabled: Some(true), version: 3, ..Change::default() };
    change("an", disabled).await.unwrap();
    assert!(matches!(come(&access, "an", password, "a").await, Err(Error::Wrong)));
    let last = Change { disabled: Some(true), version: 1, ..Change::default() };
    let refused = change("admin", last).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "somebody has to be left: {refused:?}");
}
