use soc_archive::Agencies;

use super::*;
use crate::clock::SetClock;

mod deeds;
mod operators;
mod second_factor;
mod tokens;

struct Fixture {
    access: Access,
    clock: SetClock,
    folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
    let clock = SetClock::at(Timestamp::from_micros(1_000_000_000_000_000));
    let file = folder.path().join("first-password");
    let access = Access::new(store, clock.clock(), file, &Registry::new()).unwrap();
    Fixture { access, clock, folder }
}

async fn come(
    access: &Access,
    name: &str,
    password: Password,
    address: &str,
) -> Result<(Token, Operator), Error> {
    let (name, address, client) = (name.into(), address.into(), String::new());
    access.sign_in(SignIn { name, password, code: None, address, client }).await
}

fn new(name: &str, agencies: Option<Vec<i64>>) -> NewOperator {
    let role = if agencies.is_some() { Role::Officer } else { Role::Administrator };
    NewOperator { name: name.into(), full_name: String::new(), role, agencies }
}

fn caller() -> Caller {
    Caller { who: "admin".into(), address: "192.0.2.9".into() }
}

#[tokio::test]
async fn the_first_password_is_made_once_and_must_be_changed() {
    let fixture = fixture().await;
    let access = &fixture.access;
    let first = access.first_administrator(None).await.unwrap();
    let FirstAdministrator::Random(password) = first else { panic!("{first:?}") };
    assert!(matches!(access.first_administrator(None).await, Ok(FirstAdministrator::Exists)));
    let (token, operator) = come(access, " Admin", password.clone(), "192.0.2.9").await.unwrap();
    assert!(operator.must_change);
    let new = Password::new("mật khẩu đủ dài");
    access.change_password(&caller(), &token, password.clone(), new.clone()).await.unwrap();
    assert!(!access.session(&token, "a").await.unwrap().unwrap().must_change);
    assert!(matches!(come(access, "admin", password, "x").await, Err(Error::Wrong)));
    come(access, "admin", new, "192.0.2.9").await.unwrap();
}

#[tokio::test]
async fn the_first_password_is_in_a_file_until_it_is_changed() {
    use std::os::unix::fs::PermissionsExt as _;

    let fixture = fixture().await;
    let access = &fixture.access;
    let file = fixture.folder.path().join("first-password");
    // Left by a start that died before the operator was written: it is replaced.
    std::fs::write(&file, "old").unwrap();
    let first = access.first_administrator(None).await.unwrap();
    let FirstAdministrator::Random(password) = first else { panic!("{first:?}") };
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), password.reveal());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // The next start keeps it: nobody may have read it yet.
    access.first_administrator(None).await.unwrap();
    assert!(file.exists());
    let (token, _) = come(access, "admin", password.clone(), "a").await.unwrap();
    let new = Password::new("another horse battery");
    access.change_password(&caller(), &token, password, new).await.unwrap();
    assert!(!file.exists());
    // Killed between the change and the end of the file: the next start ends it.
    std::fs::write(&file, "old").unwrap();
    access.first_administrator(None).await.unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn a_given_password_is_in_no_file() {
    let fixture = fixture().await;
    let file = fixture.folder.path().join("first-password");
    let given = Password::new("correct horse battery");
    fixture.access.first_administrator(Some(given)).await.unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_a_week_in_any_case() {
    let fixture = fixture().await;
    let Fixture { access, clock, .. } = &fixture;
    let password = Password::new("correct horse battery");
    access.first_administrator(Some(password.clone())).await.unwrap();
    let hour = 3600 * 1_000_000;
    let (token, _) = come(access, "admin", password.clone(), "a").await.unwrap();
    assert!(access.is_open(&token).await.unwrap());
    clock.advance_micros(13 * hour);
    assert!(!access.is_open(&token).await.unwrap());
    assert_eq!(access.session(&token, "a").await.unwrap(), None);
    let (token, _) = come(access, "admin", password, "a").await.unwrap();
    for _ in 0..15 {
        clock.advance_micros(11 * hour);
        assert!(access.session(&token, "a").await.unwrap().is_some());
    }
    clock.advance_micros(11 * hour);
    assert_eq!(access.session(&token, "a").await.unwrap(), None);
}

#[tokio::test]
async fn guessing_is_stopped_and_every_guess_is_on_record() {
    let fixture = fixture().await;
    let access = &fixture.access;
    let password = Password::new("correct horse battery");
    access.first_administrator(Some(password.clone())).await.unwrap();
    for _ in 0..5 {
        let guess = come(access, "admin", Password::new("guess"), "192.0.2.9").await;
        assert!(matches!(guess, Err(Error::Wrong)));
    }
    let right = come(access, "admin", password.clone(), "192.0.2.9").await;
    assert!(matches!(right, Err(Error::TooMany(_))));
    come(access, "admin", password, "192.0.2.10").await.unwrap();
    let (deeds, total) = access.deeds(&DeedFilter::default(), None, 3).await.unwrap();
    assert_eq!(total, 7);
    assert_eq!(deeds[0].action, "signed in");
    assert_eq!(deeds[1].action, "sign-in failed");
    assert_eq!(deeds[1].address, "192.0.2.9");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_guesses_at_once_as_many_are_looked_at_as_are_allowed() {
    let fixture = fixture().await;
    let access = &fixture.access;
    let password = Password::new("correct horse battery");
    access.first_administrator(Some(password.clone())).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let (access, guess) = (access.clone(), Password::new(format!("guess number {number}")));
        guesses.spawn(async move { come(&access, "admin", guess, "192.0.2.9").await });
    }
    let (mut looked_at, mut refused) = (0, 0);
    while let Some(guess) = guesses.join_next().await {
        match guess.unwrap() {
            Err(Error::Wrong) => looked_at += 1,
            Err(Error::TooMany(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((looked_at, refused), (5, 995));
    let of = DeedFilter { search: Some("sign-in failed".into()), ..DeedFilter::default() };
    assert_eq!(access.deeds(&of, None, 1).await.unwrap().1, 5);
}

#[tokio::test]
async fn choosing_a_password_ends_the_other_sessions() {
    let fixture = fixture().await;
    let access = &fixture.access;
    let password = Password::new("correct horse battery");
    access.first_administrator(Some(password.clone())).await.unwrap();
    let (thief, _) = come(access, "admin", password.clone(), "a").await.unwrap();
    let (mine, _) = come(access, "admin", password.clone(), "b").await.unwrap();
    let new = Password::new("another horse battery");
    access.change_password(&caller(), &mine, password, new).await.unwrap();
    assert_eq!(access.session(&thief, "a").await.unwrap(), None);
    assert!(access.session(&mine, "a").await.unwrap().is_some());
    access.sign_out(&mine, "admin", "b").await.unwrap();
    assert_eq!(access.session(&mine, "a").await.unwrap(), None);
}

#[tokio::test]
async fn an_operator_is_added_once_under_a_plain_name() {
    let fixture = fixture().await;
    let access = &fixture.access;
    let one_time =
        access.add_operator(new("An.Nguyen", None), &Agencies::All, &caller()).await.unwrap();
    come(access, "an.nguyen", one_time, "a").await.unwrap();
    let again = access.add_operator(new("an.nguyen", None), &Agencies::All, &caller()).await;
    assert!(matches!(again, Err(Error::Exists)));
    for name in ["", "a b", "<b>", "ông", &"x".repeat(65)] {
        let refused = access.add_operator(new(name, None), &Agencies::All, &caller()).await;
        assert!(matches!(refused, Err(Error::Name)), "{name}");
    }
}

#[test]
fn weak_passwords_are_refused_with_what_to_do() {
    for (text, fine) in [
        ("short", false),
        ("aaaaaaaaaaaaaa", false),
        ("twelve chars", true),
        (&"x1".repeat(513), false),
    ] {
        assert_eq!(Password::new(text).check().is_ok(), fine, "{text}");
    }
    assert!(Password::random().check().is_ok());
    assert_eq!(format!("{:?}", Password::new("secret")), "Password(…)");
}
