use std::process::Command;

use super::*;

const PASSWORD: &str = "correct horse battery";

async fn with_code(access: &Access, code: &str) -> Result<(Token, Operator), Error> {
    let who = SignIn {
        name: "admin".into(),
        password: Password::new(PASSWORD),
        code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        address: "192.0.2.9".into(),
        client: String::new(),
    };
    access.sign_in(who).await
}

/// What the reference implementation says; nothing where it is not installed.
fn oathtool(secret: &str, seconds: i64) -> Option<String> {
    let at = format!("@{seconds}");
    let run = Command::new("oathtool").args(["--totp", "-b", secret, "-N", &at]).output();
    let Ok(told) = run else {
        println!("skipped: oathtool is not installed");
        return None;
    };
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    Some(String::from_utf8(told.stdout).unwrap().trim().to_owned())
}

#[tokio::test]
async fn codes_are_those_of_the_reference_and_open_once() {
    let Fixture { access, clock, folder: _folder } = fixture().await;
    access.first_administrator(Some(Password::new(PASSWORD))).await.unwrap();
    let now = || access.clock.now().as_micros() / 1_000_000;
    let Enrolment { secret, uri } = access.begin_second_factor(&caller()).await.unwrap();
    assert!(uri.starts_with("otpauth://totp/soc-collector:admin?secret="), "{uri}");
    assert!(uri.contains(&secret), "{uri}");
    let Some(code) = oathtool(&secret, now()) else { return };
    assert!(with_code(&access, "").await.is_ok(), "a key that was not confirmed asks nothing");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = access.confirm_second_factor(wrong, &caller()).await;
    assert!(matches!(refused, Err(Error::Wrong)), "{refused:?}");
    let Recovery { recovery_codes } = access.confirm_second_factor(&code, &caller()).await.unwrap();
    assert_eq!(recovery_codes.len(), 10);

    assert!(matches!(with_code(&access, "").await, Err(Error::SecondFactor)));
    assert!(matches!(with_code(&access, &code).await, Err(Error::Wrong)), "used to confirm it");
    for step in 1..40 {
        clock.advance_micros(29_000_000 + step * 1_000_000);
        let code = oathtool(&secret, now()).unwrap();
        with_code(&access, &format!(" {} {} ", &code[..3], &code[3..])).await.unwrap();
        assert!(matches!(with_code(&access, &code).await, Err(Error::Wrong)), "used");
    }
    clock.advance_micros(3_600_000_000);
    let late = oathtool(&secret, now() - 90).unwrap();
    assert!(matches!(with_code(&access, &late).await, Err(Error::Wrong)), "three steps old");
    let ahead = oathtool(&secret, now() + 30).unwrap();
    with_code(&access, &ahead).await.unwrap();
}

#[tokio::test]
async fn a_recovery_code_opens_once_and_the_factor_can_be_taken_away() {
    let Fixture { access, clock, folder: _folder } = fixture().await;
    access.first_administrator(Some(Password::new(PASSWORD))).await.unwrap();
    let secret = access.begin_second_factor(&caller()).await.unwrap().secret;
    let now = access.clock.now().as_micros() / 1_000_000;
    let Some(code) = oathtool(&secret, now) else { return };
    let codes = access.confirm_second_factor(&code, &caller()).await.unwrap().recovery_codes;
    let typed = codes[3].replace('-', "").to_uppercase();
    with_code(&access, &typed).await.unwrap();
    assert!(matches!(with_code(&access, &codes[3]).await, Err(Error::Wrong)));
    let again = access.begin_second_factor(&caller()).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
    let wrong = access.end_second_factor(Password::new("no"), &caller()).await;
    assert!(matches!(wrong, Err(Error::Wrong)));
    clock.advance_micros(3_600_000_000);
    access.end_second_factor(Password::new(PASSWORD), &caller()).await.unwrap();
    assert!(with_code(&access, "").await.is_ok());
}

#[tokio::test]
async fn where_it_is_required_an_administrator_sets_it_up_first() {
    let Fixture { access, folder: _folder, .. } = fixture().await;
    let access = access.with(Config { second_factor: true, ..Config::default() });
    access.first_administrator(Some(Password::new(PASSWORD))).await.unwrap();
    let (token, operator) = with_code(&access, "").await.unwrap();
    assert!(operator.must_enrol);
    let secret = access.begin_second_factor(&caller()).await.unwrap().secret;
    let now = access.clock.now().as_micros() / 1_000_000;
    let Some(code) = oathtool(&secret, now) else { return };
    access.confirm_second_factor(&code, &caller()).await.unwrap();
    assert!(!access.session(&token, "a").await.unwrap().unwrap().must_enrol);
}
