use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::clock::Clock;
use crate::serve::Kept;

/// A data folder that a collector has made.
async fn folder() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let config = config::load(&place.path().join("data"), None).unwrap();
    Kept::open(&config, Clock::system()).await.unwrap().close().await;
    place
}

async fn problems(data: &Path, file: Option<&Path>) -> Vec<String> {
    let mut found = Vec::new();
    examine(data, file, Clock::system().now(), &mut |finding| found.push(finding)).await;
    let bad = found.into_iter().filter(|finding| finding.verdict == Verdict::Problem);
    bad.map(|finding| finding.line()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_it_should_be_is_good_and_what_is_not_is_named() {
    let place = folder().await;
    let data = place.path().join("data");
    assert_eq!(problems(&data, None).await, Vec::<String>::new());
    let check = |found: Vec<String>, expected: &str| {
        assert!(found.iter().any(|line| line.contains(expected)), "{expected}: {found:#?}");
    };
    check(problems(&place.path().join("none"), None).await, "--data");
    let file = place.path().join("collector.toml");
    std::fs::write(&file, "[nonsense]\na = 1\n").unwrap();
    check(problems(&data, Some(&file)).await, "nonsense");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    check(problems(&data, None).await, "chmod go=");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(data.join("pki/ca.pem"), "no key").unwrap();
    check(problems(&data, None).await, "ca.pem");
    std::fs::write(data.join("state.sqlite"), "x".repeat(20_000)).unwrap();
    check(problems(&data, None).await, "state.sqlite");
    std::fs::remove_file(data.join("journal.redb")).unwrap();
    check(problems(&data, None).await, "journal.redb");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_went_back_and_a_journal_begun_anew_are_told() {
    let mut found = Vec::new();
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    clock(now, Some(now.plus_micros(600_000_000)), &mut |finding| found.push(finding.line()));
    clock(Timestamp::from_micros(0), None, &mut |finding| found.push(finding.line()));
    let checked = Checked { end: 5, damaged: 2, first_damage: Some(3), ..Checked::default() };
    journal::tell(&checked, &vec![("detect".into(), 9)], &mut |finding| found.push(finding.line()));
    for (line, said) in found.iter().zip(["600 s", "1970", "2 events", "beyond the end 5"]) {
        assert!(line.starts_with("PROBLEM") && line.contains(said), "{line}");
    }
    assert_eq!(found.len(), 4);
}
