use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::import::chunk::Part;

/// What a collector would have: one row, and the events of its epoch.
#[derive(Default)]
struct Model {
    row: Option<Known>,
    lines: Vec<String>,
}

fn config() -> Config {
    Config {
        paths: Vec::new(),
        host: "pc-01".into(),
        agency: "LOCAL".into(),
        hints: Hints::default(),
        zone: TimeZone::UTC,
        is_quiet: false,
        shows_progress: false,
    }
}

impl Model {
    /// Imports, and is killed after so many steps; true when it came to its end.
    fn import(&mut self, path: &Path, mut steps: usize) -> bool {
        let mut step = || {
            steps = steps.saturating_sub(1);
            steps > 0
        };
        let known: Vec<Known> = self.row.iter().cloned().collect();
        let name = path.to_string_lossy();
        let Some(mut opened) = open(path, &name, &config(), &known).unwrap() else { return true };
        if opened.known.is_none() {
            assert!(self.row.is_none(), "another file than before");
            let (head_bytes, head) = (opened.head_bytes, opened.head.clone());
            let state = State::begin(opened.ended);
            let name = name.to_string();
            self.row = Some(Known { id: 1, epoch: 2, name, head_bytes, head, state, stored: 0 });
        }
        let mut last = None;
        while let Some(mut chunk) = opened.chunks.next().unwrap() {
            if !chunk.parts.is_empty() {
                self.claim(chunk.claim.clone());
            }
            let mut first = chunk.before + 1;
            for part in chunk.parts.drain(..) {
                if !step() {
                    return false;
                }
                self.send(first, &part);
                first += u64::from(part.events);
            }
            if !step() {
                return false;
            }
            last = Some(chunk);
        }
        self.claim(opened.chunks.end(Timestamp::default(), last.as_ref()));
        true
    }

    fn claim(&mut self, state: State) {
        self.row.as_mut().unwrap().state = state;
    }

    /// As the journal: what has a sequence that is taken is a repeat, and has to be the same.
    fn send(&mut self, first: u64, part: &Part) {
        let lines = std::str::from_utf8(&part.lines).unwrap().lines();
        for (sequence, line) in (first..).zip(lines) {
            let at = usize::try_from(sequence).unwrap() - 1;
            assert!(at <= self.lines.len(), "a gap");
            match self.lines.get(at) {
                Some(stored) => assert_eq!(stored, line),
                None => self.lines.push(line.to_owned()),
            }
        }
        self.row.as_mut().unwrap().stored = self.lines.len() as u64;
    }

    fn raws(&self) -> Vec<String> {
        let raw = |line: &String| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["raw"].as_str().unwrap_or_default().to_owned()
        };
        self.lines.iter().map(raw).collect()
    }
}

/// Lines of some length, so that there are several stretches; the last may have no end.
fn log(lines: usize, is_open: bool) -> String {
    let mut log = String::new();
    for n in 0..lines {
        let filler = "x".repeat(n * 37 % 900);
        writeln!(log, "Nov 22 10:{:02}:{:02} srv sshd[1]: line {n} {filler}.", n / 60 % 60, n % 60)
            .unwrap();
    }
    if is_open {
        log.truncate(log.len() - 1);
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn killed_at_any_point_and_repeated_every_line_is_there_once(
        kills in proptest::collection::vec(1_usize..6, 0..12),
        grown in 0_usize..4000,
        is_open: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.log");
        let mut model = Model::default();
        let whole = log(6000, false);
        let first: String = whole.split_inclusive('\n').take(2000).collect();
        let first = if is_open { &first[..first.len() - 1] } else { &first[..] };
        std::fs::write(&path, first).unwrap();
        let mut kills = kills.into_iter();
        for steps in kills.by_ref().take(6) {
            model.import(&path, steps);
        }
        prop_assert!(model.import(&path, usize::MAX));
        let second: String = whole.split_inclusive('\n').take(2000 + grown).collect();
        std::fs::write(&path, &second).unwrap();
        for steps in kills {
            model.import(&path, steps);
        }
        prop_assert!(model.import(&path, usize::MAX));
        prop_assert!(model.import(&path, usize::MAX));
        let expected: Vec<&str> = second.lines().collect();
        prop_assert_eq!(model.raws(), expected);
    }
}

#[test]
fn a_line_that_was_open_comes_whole_when_it_went_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.log");
    let mut model = Model::default();
    for text in ["one\ntw", "one\ntw", "one\ntwo\nthree\n", "one\ntwo\nthree\n"] {
        std::fs::write(&path, text).unwrap();
        assert!(model.import(&path, usize::MAX));
    }
    assert_eq!(model.raws(), ["one", "tw", "two", "three"]);
}

#[test]
fn records_that_might_go_on_are_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mailbox.log");
    let mut model = Model::default();
    let line = |n: u32| format!("2026-11-22 10:00:{n:02},000 ERROR [x] [] soap - boom\n\tat a.b\n");
    let mut text = String::new();
    for n in 0..5 {
        text += &line(n);
        std::fs::write(&path, &text).unwrap();
        assert!(model.import(&path, usize::MAX));
        assert_eq!(model.lines.len() as u32, n + 1, "{:#?}", model.raws());
    }
    text += "\tat c.d\n";
    std::fs::write(&path, &text).unwrap();
    assert!(model.import(&path, usize::MAX));
    assert_eq!(model.lines.len(), 6, "the record that went on comes whole");
}

#[test]
fn another_file_with_the_same_beginning_is_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let rows = |name: &str| -> String {
        let rows = (0..400)
            .map(|n| format!("2026-11-22 10:00:00,{n},{}\n", if n > 300 { name } else { "x" }));
        "time,number,name\n".to_owned() + &rows.collect::<String>()
    };
    let mut model = Model::default();
    std::fs::write(&path, rows("one")).unwrap();
    assert!(model.import(&path, usize::MAX));
    assert_eq!(model.lines.len(), 400);
    std::fs::write(&path, rows("two")).unwrap();
    let known: Vec<Known> = model.row.iter().cloned().collect();
    assert!(open(&path, "a.csv", &config(), &known).unwrap().unwrap().known.is_none());
    // A part of what is known is no file that is known.
    std::fs::write(&path, &rows("one")[..6000]).unwrap();
    assert!(open(&path, "a.csv", &config(), &known).unwrap().unwrap().known.is_none());
}

#[test]
fn zones_have_names_and_offsets() {
    assert!(zone("Asia/Ho_Chi_Minh").is_ok() || !Path::new("/usr/share/zoneinfo/Asia").exists());
    let offset = zone("+07:00").unwrap();
    assert_eq!(offset.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds(), 7 * 3600);
    assert!(zone("Mars/Olympus").unwrap_err().contains("Mars"));
}
