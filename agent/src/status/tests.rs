use super::*;

fn report() -> Report {
    let board = Board::new(RunId(7));
    board.change(|report| {
        report.written = Timestamp::from_micros(1_000_000_000);
        report.agent = Some(AgentId::from_random([1; 16]));
        report.collector = Some("https://soc.example:7443".into());
        report.uplink.problem = Some("cannot reach\u{1b}[31m soc.example".into());
        report.clock.offset_us = Some(-90_000_000);
        report.spool = SpoolReport::of(&crate::spool::View::default());
        let why = Some("no journalctl".to_owned());
        let entry = SensorReport { why, ..SensorReport::of(SensorState::Unavailable) };
        report.sensors.insert("journald".into(), entry);
        let count = Count { read: 9, unparsed: 2, filtered: 3, kept: 0 };
        report.logs.insert("/var/log/auth.log".into(), count);
    });
    board.report()
}

#[test]
fn the_file_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path()).unwrap(), None);
    write(&report(), folder.path()).unwrap();
    assert_eq!(read(folder.path()).unwrap(), Some(report()));
}

#[test]
fn the_page_says_what_is_wrong_and_shows_no_control_characters() {
    let text = page(&report(), false, Timestamp::from_micros(1_030_000_000));
    for expected in [
        "NOT RUNNING",
        "30 s ago",
        "NOT CONNECTED: cannot reach",
        "WRONG: 90.000 s behind",
        "journald: nothing to watch here (no journalctl)",
        "https://soc.example:7443",
        "/var/log/auth.log: 9 read, 2 not written as expected, 3 left out by filters\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
}
