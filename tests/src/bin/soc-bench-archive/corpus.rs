//! Events as an agency has them in a day: Linux machines, Windows machines, web servers, a firewall.
//!
//! Linux events come from `gen_linux_events.py`, Windows events are decoded from samples of attacks
//! and given other times, numbers and machines; both are read from `../shared` beside the
//! repository. Without them only web and firewall events are made, and that is said. The same
//! events each time; one of all has a word of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use soc_archive::Row;
use soc_event::{
    AgentId, Epoch, Event, EventId, Lane, Logsource, Sequence, Timestamp, Value, kind,
};
use soc_formats::{Cut, Cutter, Format, Record, Stretch, text};
use soc_tests::load::Failure;
use soc_tests::{data_file, skip, stage};

use crate::lines;
use crate::random::Random;

const DAY_US: i64 = 86_400_000_000;
/// 2026-11-01T00:00:00Z.
const FIRST_DAY_US: i64 = 1_793_491_200_000_000;
/// A word that one event of all has.
pub const NEEDLE: &str = "kx7f3q9zt";
/// Windows machines of an agency, the first of them the busiest.
const WORKSTATIONS: usize = 120;

/// A day of one agency.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub agency: usize,
    pub day: usize,
    pub events: usize,
    /// Of its first event in the journal, from 1.
    pub position: u64,
    /// Which of its events has [`NEEDLE`].
    pub needle: Option<usize>,
}

/// When a day begins.
pub fn begin_of_day(day: usize) -> Timestamp {
    Timestamp::from_micros(FIRST_DAY_US + DAY_US * i64::try_from(day).unwrap_or(0))
}

/// What an agency is called.
pub fn code(agency: usize) -> String {
    format!("SO-{:02}", agency + 1)
}

/// A Windows machine.
pub fn workstation(number: usize, agency: usize) -> String {
    format!("ws-{number:03}.a{agency}.example.gov.vn")
}

/// Where events come from.
pub struct Corpus {
    generator: Option<PathBuf>,
    scratch: PathBuf,
    windows: Vec<Event>,
}

impl Corpus {
    /// Reads the samples. `scratch` is a folder for what is made on the way.
    ///
    /// # Errors
    /// What is there cannot be unpacked.
    pub fn open(scratch: &Path) -> Result<Self, Failure> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent);
        let generator = top.map(|top| top.join("shared/tools/gen_linux_events.py"));
        let generator = generator.filter(|tool| tool.is_file());
        if generator.is_none() {
            skip("Linux events", "../shared/tools/gen_linux_events.py is absent");
        }
        let windows = windows(scratch)?;
        Ok(Self { generator, scratch: scratch.to_owned(), windows })
    }

    /// Shows each event of a day, in the order of reception, with the text it was.
    ///
    /// # Errors
    /// Linux events cannot be generated.
    pub fn play(&self, part: Part, each: &mut dyn FnMut(&str, Row)) -> Result<(), Failure> {
        let seed = u64::try_from(part.agency * 1000 + part.day + 1)?;
        let mut random = Random::new(seed);
        let mut linux = self.linux(seed, part.events / 2)?.into_iter().cycle();
        let mut reception = Reception::of(part);
        let step = (DAY_US - 3_000_000) / i64::try_from(part.events.max(1))?;
        let mut at = begin_of_day(part.day).as_micros();
        for number in 0..part.events {
            at += step / 2 + i64::try_from(random.below(step.unsigned_abs().max(1)))?;
            let time = Timestamp::from_micros(at);
            let made = |(host, event): (String, Event)| (as_text(&host, &event), host, event);
            let (text, host, event) = match random.below(10) {
                _ if part.needle == Some(number) => {
                    made(lines::needle(part.agency, time, &mut random))
                }
                0..4 if self.generator.is_some() => {
                    let line = linux.next().ok_or("no Linux event")?;
                    linux_event(&line, part.agency, time)
                }
                4..6 if !self.windows.is_empty() => {
                    let place = random.skewed(self.windows.len());
                    made(windows_event(&self.windows[place], part.agency, time, &mut random))
                }
                kind => {
                    let line = if kind % 2 == 0 { lines::web } else { lines::firewall };
                    made(line(part.agency, time, &mut random))
                }
            };
            each(&text, reception.row(&host, event));
        }
        Ok(())
    }

    fn linux(&self, seed: u64, lines: usize) -> Result<Vec<String>, Failure> {
        let Some(generator) = &self.generator else { return Ok(Vec::new()) };
        let file = self.scratch.join(format!("linux-{seed}.ndjson"));
        let mut command = Command::new("python3");
        command.arg(generator).arg(&file).args([lines.max(1000).to_string(), seed.to_string()]);
        stage::run(&mut command)?;
        let text = std::fs::read_to_string(&file)?;
        std::fs::remove_file(&file)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// What the collector adds to the events of a day.
struct Reception {
    agency: Arc<str>,
    position: u64,
    /// Sequences go on from day to day.
    first: u64,
    sequences: HashMap<String, u64>,
}

impl Reception {
    fn of(part: Part) -> Self {
        Self {
            agency: code(part.agency).into(),
            position: part.position,
            first: u64::try_from(part.day * part.events).unwrap_or(0),
            sequences: HashMap::new(),
        }
    }

    fn row(&mut self, host: &str, event: Event) -> Row {
        let position = self.position;
        self.position += 1;
        let sequence = self.sequences.entry(host.to_owned()).or_insert(self.first);
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
        Row { position, received, agency: self.agency.clone(), host: host.into(), id, event }
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
    let host = workstation(random.skewed(WORKSTATIONS), agency);
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

fn windows(scratch: &Path) -> Result<Vec<Event>, Failure> {
    let Some(archive) = data_file("evtx-attack-samples.tar.zst") else {
        skip("Windows events", "../shared/data/evtx-attack-samples.tar.zst is absent");
        return Ok(Vec::new());
    };
    let folder = scratch.join("evtx");
    std::fs::create_dir_all(&folder)?;
    stage::run(Command::new("tar").arg("-C").arg(&folder).arg("-xf").arg(&archive))?;
    let mut files = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)?.flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|end| end == "evtx") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files.iter().flat_map(|file| decoded(file)).collect())
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
