use super::*;

#[tokio::test]
async fn a_token_does_no_more_than_it_says_and_ends() {
    let Fixture { access, clock, folder: _folder } = fixture().await;
    access.first_administrator(Some(Password::new("correct horse battery"))).await.unwrap();
    let day = 86_400 * 1_000_000;
    let now = access.clock.now();
    let ask = |name: &str, days: i64| NewApiToken {
        name: name.into(),
        role: Role::Viewer,
        agency: None,
        ends_at: now.plus_micros(days * day),
    };
    for (name, days) in [("", 1), ("late", 367), ("past", 0)] {
        let refused = access.make_api_token(&ask(name, days), &caller()).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{name}");
    }
    let made = access.make_api_token(&ask("grafana", 30), &caller()).await.unwrap();
    let token = Token::from_text(&made.token);
    let operator = access.session(&token, "192.0.2.7").await.unwrap().unwrap();
    assert!(operator.may(Permission::SeeAlerts));
    assert!(!operator.may(Permission::HandleAlerts) && !operator.may(Permission::ManageOperators));
    let listed = access.api_tokens("admin").await.unwrap();
    assert_eq!((listed[0].id, listed[0].last_address.as_deref()), (made.id, Some("192.0.2.7")));
    assert!(access.is_open(&token).await.unwrap());
    clock.advance_micros(30 * day);
    assert_eq!(access.session(&token, "a").await.unwrap(), None);
    assert!(!access.is_open(&token).await.unwrap());

    let again = NewApiToken { ends_at: now.plus_micros(60 * day), ..ask("again", 1) };
    let made = access.make_api_token(&again, &caller()).await.unwrap();
    access.revoke_api_token("admin", made.id, &caller()).await.unwrap();
    let revoked = access.session(&Token::from_text(&made.token), "a").await.unwrap();
    assert_eq!(revoked, None);
    let gone = access.revoke_api_token("admin", made.id, &caller()).await;
    assert!(matches!(gone, Err(Error::Unknown("token"))));
}
