use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use soc_event::{Event, Fields, Logsource, Value, kind, wire};
use soc_formats::text::Moment;
use soc_formats::{Format, Record, Stretch};
use soc_tests::load::{Failure, now};
use soc_tests::skip;

/// Events of one batch, and bytes of its lines at the most: what a busy agent sends at once.
const PART_EVENTS: usize = 2048;
const PART_BYTES: usize = 2 << 20;
/// Bytes of one request to the peer, which takes no more than 2 MiB at once.
const PEER_BYTES: usize = 1 << 20;
const LINUX_EVENTS: usize = 200_000;

/// Events to be sent over and over, made ready for both contenders.
pub struct Corpus {
    pub name: &'static str,
    pub events: usize,
    /// Of all lines as agents write them.
    pub bytes: usize,
    pub parts: Vec<Part>,
    /// Lines of flat JSON, in requests.
    pub peer: Vec<Bytes>,
}

/// Lines of a batch behind its envelope, packed.
pub struct Part {
    pub count: usize,
    pub packed: Vec<u8>,
}

/// The folder of all rules in the unpacked archive.
pub fn rules(folder: &Path) -> Option<PathBuf> {
    let found = below(folder).into_iter().find(|path| path.ends_with("rules/windows"));
    found.and_then(|path| Some(path.parent()?.to_owned()))
}

/// All folders and files below a folder, sorted.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.sort();
    let inside: Vec<PathBuf> = found.iter().flat_map(|path| below(path)).collect();
    found.extend(inside);
    found
}

impl Corpus {
    /// Recorded attacks: every event of every log of Windows.
    pub fn windows(folder: &Path) -> Result<Self, Failure> {
        let mut events = Vec::new();
        let zone = TimeZone::UTC;
        for log in below(folder) {
            if log.extension().is_none_or(|extension| extension != "evtx") {
                continue;
            }
            let bytes = std::fs::read(&log)?;
            let stretch = Stretch { bytes: &bytes, first: 1 };
            Format::Evtx.read(stretch, Moment::live(now(), &zone), &mut |found| {
                if let Ok(Record::Event(event)) = found.record {
                    events.push(*event);
                }
            });
        }
        Self::of("Windows events", &events)
    }

    /// A made-up day of Linux servers; nothing where the tool that makes it is not there.
    pub fn linux(folder: &Path) -> Result<Option<Self>, Failure> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent);
        let tool = top.map(|top| top.join("shared/tools/gen_linux_events.py"));
        let Some(tool) = tool.filter(|tool| tool.is_file()) else {
            skip("Linux events", "../shared/tools/gen_linux_events.py is absent");
            return Ok(None);
        };
        let file = folder.join("linux.jsonl");
        let mut command = Command::new("python3");
        command.arg(tool).arg(&file).arg(LINUX_EVENTS.to_string());
        soc_tests::stage::run(&mut command)?;
        let lines = BufReader::new(std::fs::File::open(file)?).lines();
        let events: Vec<Event> =
            lines.map(|line| made_up(&line?)).collect::<Result<_, Failure>>()?;
        Self::of("Linux events", &events).map(Some)
    }

    fn of(name: &'static str, events: &[Event]) -> Result<Self, Failure> {
        let (mut parts, mut lines, mut count, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
        for event in events {
            if count == PART_EVENTS || lines.len() > PART_BYTES {
                parts.push(Part { count, packed: zstd::encode_all(lines.as_slice(), 1)? });
                (lines, count) = (Vec::new(), 0);
            }
            let start = lines.len();
            wire::append_event(event, &mut lines);
            lines.push(b'\n');
            bytes += lines.len() - start;
            count += 1;
        }
        parts.push(Part { count, packed: zstd::encode_all(lines.as_slice(), 1)? });
        Ok(Self { name, events: events.len(), bytes, parts, peer: requests(events)? })
    }
}

/// A line of the tool as the event an agent would make of it.
fn made_up(line: &str) -> Result<Event, Failure> {
    let mut object: Map<String, Json> = serde_json::from_str(line)?;
    let mut text = |name: &str| object.remove(name)?.as_str().map(str::to_owned);
    let time = text("timestamp").ok_or("an event without time")?.parse()?;
    let [product, category, service] = ["product", "category", "service"].map(&mut text);
    let mut event = Event::new(time, kind::LOG, Logsource { product, category, service });
    event.fields = serde_json::from_value::<Fields>(Json::Object(object))?;
    Ok(event)
}

/// The same events for the peer: flat, with their logsource among the fields.
fn requests(events: &[Event]) -> Result<Vec<Bytes>, Failure> {
    let (mut requests, mut body) = (Vec::new(), Vec::new());
    for event in events {
        let mut fields = event.fields.clone();
        let source = &event.logsource;
        let parts = [
            ("product", &source.product),
            ("category", &source.category),
            ("service", &source.service),
        ];
        for (name, held) in parts {
            if let Some(held) = held {
                fields.insert(name.to_owned(), Value::from(held.as_str()));
            }
        }
        serde_json::to_writer(&mut body, &fields)?;
        body.push(b'\n');
        if body.len() >= PEER_BYTES {
            requests.push(std::mem::take(&mut body).into());
        }
    }
    requests.push(body.into());
    Ok(requests)
}
