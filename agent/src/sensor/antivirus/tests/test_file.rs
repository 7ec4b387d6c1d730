//! The self-test, with somebody who plays the product.

use super::*;

/// Outcome, how it was seen, and why it is not known.
fn tested(observation: &Observation) -> [String; 4] {
    assert_eq!(observation.event.kind, soc_event::kind::ANTIVIRUS_SELFTEST);
    [
        "antivirus.product",
        "antivirus.selftest.caught",
        "antivirus.selftest.by",
        "antivirus.selftest.reason",
    ]
    .map(|name| observation.event.fields[name].to_string())
}

/// Runs one self-test in which `act` plays the product.
fn self_tested(host: &Host, act: impl FnOnce(&std::path::Path)) -> Vec<Observation> {
    let config = Config { selftest: Schedule::Daily, ..Config::default() };
    let mut watcher = host.watcher_with(config);
    let mut told = Vec::new();
    let mut turn = |watcher: &mut Watcher| {
        let (delivery, _) = watcher.turn(true, false);
        host.committed.lock().unwrap().extend(delivery.positions);
        told.extend(delivery.observations);
    };
    turn(&mut watcher);
    let file = host.test_folder().file();
    let content = std::fs::read_to_string(&file).unwrap();
    assert!(content.len() == 68 && content.contains("STANDARD-ANTIVIRUS-TEST-FILE"));
    act(&file);
    watcher.end_test_now();
    turn(&mut watcher);
    assert!(!file.exists() && !file.parent().unwrap().exists());
    // It is made once a day, also after a restart.
    turn(&mut host.watcher_with(Config { selftest: Schedule::Daily, ..Config::default() }));
    assert!(!file.exists());
    told.retain(|it| it.event.kind != soc_event::kind::ANTIVIRUS_STATUS);
    told
}

#[test]
fn the_self_test_says_whether_the_file_was_caught() {
    let check = |host: Host, act: &dyn Fn(&std::path::Path), expected: [&str; 4]| {
        let told = self_tested(&host, act);
        assert_eq!(tested(told.last().unwrap()), expected);
    };
    let host = Host::with_clamav;
    check(host(), &|_| (), ["ClamAV", "no", "", ""]);
    let remove = |file: &std::path::Path| std::fs::remove_file(file).unwrap();
    check(host(), &remove, ["ClamAV", "yes", "removed", ""]);
    let empty = |file: &std::path::Path| std::fs::write(file, "").unwrap();
    check(host(), &empty, ["ClamAV", "yes", "removed", ""]);
    check(Host::new(), &|_| (), ["none", "unknown", "", "no_product"]);
    let elsewhere = host();
    elsewhere.append("/etc/clamav/clamd.conf", "OnAccessIncludePath /home\n");
    check(elsewhere, &|_| (), ["ClamAV", "unknown", "", "not_watched"]);
}

#[test]
fn the_self_tests_own_detection_is_marked_and_nothing_else_is() {
    let host = Host::with_clamav();
    let told = self_tested(&host, |file| {
        let file = file.display();
        host.append("/var/log/clam.log", &format!("{file}: Eicar-Signature FOUND\n"));
        host.append("/var/log/clam.log", &format!("{file}: Win.Trojan-1 FOUND\n"));
        host.append("/var/log/clam.log", &format!("{file}.exe: Eicar-Signature FOUND\n"));
        host.append("/var/log/clam.log", "/tmp/selftest/eicar.com: Eicar-Signature FOUND\n");
    });
    let marked: Vec<bool> = told
        .iter()
        .filter(|it| it.lane == Lane::Alert)
        .map(|it| it.event.fields.contains_key("antivirus.selftest"))
        .collect();
    assert_eq!(marked, [true, false, false, false]);
    assert_eq!(tested(told.last().unwrap()), ["ClamAV", "yes", "log", ""]);
}

#[test]
fn a_test_file_left_behind_by_a_crash_is_removed_at_the_next_start() {
    let host = Host::new();
    let file = host.test_folder().file();
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "left").unwrap();
    host.watcher();
    assert!(!file.parent().unwrap().exists());
}

#[test]
fn the_program_does_not_carry_the_test_file() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let content = selftest::content_of_file();
    let head = &content[..24];
    assert!(!program.windows(head.len()).any(|bytes| bytes == head));
}
