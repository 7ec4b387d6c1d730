//! Events as an agency has them in a day: Linux machines, Windows machines, web servers, a firewall.
//!
//! Linux events come from `gen_linux_events.py`, Windows events are decoded from samples of attacks
//! and given other times, numbers and machines; both are read from `../shared` beside the
//! repository. Without them only web and firewall events are made, and that is said.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use soc_archive::Row;
use soc_event::{
    AgentId, Epoch, Event, EventId, Lane, Logsource, Sequence, Timestamp, Value, kind,
};
use soc_formats::{Cut, Cutter, Format, Record, Stretch, text};

use crate::lines;
use crate::random::Random;

const DAY_US: i64 = 86_400_000_000;
/// 2026-11-01T00:00:00Z.
const FIRST_DAY_US: i64 = 1_793_491_200_000_000;
const LINUX_A_FILE: usize = 200_000;

/// A day of one agency.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub agency: usize,
    pub day: usize,
    pub events: usize,
}

/// Where events come from.
pub struct Corpus {
    generator: Option<PathBuf>,
    scratch: PathBuf,
    windows: Vec<Event>,
    position: u64,
    sequences: HashMap<String, u64>,
}

impl Corpus {
    pub fn open(shared: &Path, scratch: &Path) -> Self {
        let generator = Some(shared.join("tools/gen_linux_events.py")).filter(|p| p.is_file());
        if generator.is_none() {
            println!("no Linux events: ../shared/tools/gen_linux_events.py is not there");
        }
        let windows = windows(shared, scratch);
        if windows.is_empty() {
            println!("no Windows events: ../shared/data/evtx-attack-samples.tar.zst is not there");
        }
        let scratch = scratch.to_owned();
        Self { generator, scratch, windows, position: 0, sequences: HashMap::new() }
    }

    /// Shows each event of a day, in the order of reception, with the text it was.
    pub fn play(&mut self, part: Part, each: &mut dyn FnMut(&str, Row)) {
        let seed = u64::try_from(part.agency * 1000 + part.day + 1).unwrap_or(1);
        let mut random = Random::new(seed);
        let linux = self.linux(seed);
        let start = FIRST_DAY_US + DAY_US * i64::try_from(part.day).unwrap_or(0);
        let step = (DAY_US - 3_000_000) / i64::try_from(part.events.max(1)).unwrap_or(1);
        let agency: Arc<str> = format!("SO-{:02}", part.agency + 1).into();
        let mut next_linux = 0;
        let mut at = start;
        for _ in 0..part.events {
            at += step / 2 + i64::try_from(random.below(step.unsigned_abs().max(1))).unwrap_or(0);
            let time = Timestamp::from_micros(at);
            let (text, host, event) = match random.below(10) {
                0..4 if !linux.is_empty() => {
                    let line = &linux[next_linux % linux.len()];
                    next_linux += 1;
                    linux_event(line, part.agency, time)
                }
                4..6 if !self.windows.is_empty() => {
                    let place = random.skewed(self.windows.len());
                    let (host, event) =
                        windows_event(&self.windows[place], part.agency, time, &mut random);
                    (as_text(&host, &event), host, event)
                }
                kind => {
                    let made = if kind % 2 == 0 { lines::web } else { lines::firewall };
                    let (host, event) = made(part.agency, time, &mut random);
                    (as_text(&host, &event), host, event)
                }
            };
            each(&text, self.row(agency.clone(), &host, event));
        }
    }

    fn row(&mut self, agency: Arc<str>, host: &str, event: Event) -> Row {
        self.position += 1;
        let sequence = self.sequences.entry(host.to_owned()).or_default();
        *sequence += 1;
        let seed = host.bytes().fold(7_u64, |sum, b| sum.wrapping_mul(131) ^ u64::from(b));
        let mut random = Random::new(seed);
        let mut agent = [0; 16];
        agent.fill_with(|| random.next().to_le_bytes()[0]);
        let id = EventId {
            agent: AgentId::from_random(agent),
            epoch: Epoch::from_random(random.next()),
            lane: Lane::Log,
            sequence: Sequence(*sequence),
        };
        // A machine sends what it has each second.
        let second = event.time.as_micros().div_euclid(1_000_000) + 1;
        let late = Random::new(seed ^ second.unsigned_abs()).below(800_000);
        let received = second * 1_000_000 + i64::try_from(late).unwrap_or(0);
        let received = Timestamp::from_micros(received);
        Row { position: self.position, received, agency, host: host.into(), id, event }
    }

    fn linux(&self, seed: u64) -> Vec<String> {
        let Some(generator) = &self.generator else { return Vec::new() };
        let file = self.scratch.join("linux.ndjson");
        let done = Command::new("python3")
            .arg(generator)
            .arg(&file)
            .args([LINUX_A_FILE.to_string(), seed.to_string()])
            .status();
        assert!(done.is_ok_and(|status| status.success()), "{} failed", generator.display());
        let text = std::fs::read_to_string(&file).expect("what was generated");
        text.lines().map(str::to_owned).collect()
    }
}

/// What travels: host, and the event as a line of JSON.
fn as_text(host: &str, event: &Event) -> String {
    let line = serde_json::to_string(event).expect("an event");
    format!("{{\"host\":\"{host}\",{}", &line[1..])
}

fn linux_event(line: &str, agency: usize, time: Timestamp) -> (String, String, Event) {
    let object: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let serde_json::Value::Object(mut object) = object else { panic!("no object: {line}") };
    let mut take =
        |name: &str| object.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let (was, name) = (take("timestamp").expect("a time"), take("hostname").expect("a host"));
    let host = format!("{name}.a{agency}");
    let text = line.replacen(&was, &time.to_string(), 1).replacen(&name, &host, 1);
    let source = Logsource {
        product: take("product"),
        category: take("category"),
        service: take("service"),
    };
    let mut event = Event::new(time, kind::LOG, source);
    for (name, value) in object {
        event.fields.insert(name, serde_json::from_value(value).expect("a flat value"));
    }
    (text, host, event)
}

/// A sample, as it would be on another machine at another time.
fn windows_event(
    sample: &Event,
    agency: usize,
    time: Timestamp,
    random: &mut Random,
) -> (String, Event) {
    let host = format!("ws-{:03}.a{agency}.example.gov.vn", random.skewed(120));
    let mut event = sample.clone();
    event.time = time;
    for (name, value) in &mut event.fields {
        let new: Value = match name.as_str() {
            "Computer" => host.as_str().into(),
            "TimeCreated" | "UtcTime" => time.to_string().into(),
            "EventRecordID" => time.as_micros().rem_euclid(100_000_000).into(),
            "ProcessId" | "ParentProcessId" | "Execution_ProcessID" if value.as_i64().is_some() => {
                (random.below(16_000) * 4).into()
            }
            _ if name.ends_with("LogonId") => format!("0x{:x}", random.below(1 << 24)).into(),
            _ if name.ends_with("ProcessGuid") => {
                format!("{{{:08x}-{:04x}}}", random.next() >> 32, random.below(65_536)).into()
            }
            _ => continue,
        };
        *value = new;
    }
    (host, event)
}

fn windows(shared: &Path, scratch: &Path) -> Vec<Event> {
    let archive = shared.join("data/evtx-attack-samples.tar.zst");
    if !archive.is_file() {
        return Vec::new();
    }
    let folder = scratch.join("evtx");
    std::fs::create_dir_all(&folder).expect("a folder");
    let done = Command::new("tar").arg("-C").arg(&folder).arg("-xf").arg(&archive).status();
    assert!(done.is_ok_and(|status| status.success()), "tar -xf {}", archive.display());
    let mut files = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|end| end == "evtx") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files.iter().flat_map(|file| decoded(file)).collect()
}

fn decoded(file: &Path) -> Vec<Event> {
    let bytes = std::fs::read(file).expect("a sample");
    let zone = jiff::tz::TimeZone::UTC;
    let moment = text::Moment::kept(Timestamp::default(), &zone);
    let mut cutter = Cutter::new(Format::Evtx);
    let (mut events, mut rest) = (Vec::new(), bytes.as_slice());
    while let Cut::Take { bytes, first } = cutter.cut(rest, true) {
        let stretch = Stretch { bytes: &rest[..bytes], first };
        Format::Evtx.read(stretch, moment, &mut |found| {
            if let Ok(Record::Event(event)) = found.record {
                events.push(*event);
            }
        });
        rest = &rest[bytes..];
    }
    events
}
