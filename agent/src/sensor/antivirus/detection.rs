use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use serde::Serialize;
use soc_event::{Event, Timestamp, kind};
use soc_formats::text::{self, Moment, is_plausible};

use super::catalogue::Report;
use super::reading::moment;
use crate::sensor::logfile::{BUFFER_BYTES, Begin, Follower, Found, zone};
use crate::sensor::pattern::{expand, watched};
use crate::sensor::{
    Context, DELIVERY_MAX, Delivery, Observation, Position, Positions, Root, fit, read,
};

/// Most logs followed.
const LOGS_MAX: usize = 16;
/// Lines read at a time; most of them report no finding. The rest of a delivery is for states and
/// gaps.
const LINES_MAX: usize = DELIVERY_MAX - 64;
const CLAMAV: &str = "ClamAV";
/// Nothing is known to have been done.
const FOUND: &str = "found";
const UNKNOWN: &str = "unknown";
/// Who reports findings to syslog.
const PROGRAMS: [&str; 3] = ["clamd", "clamonacc", "clamscan"];
/// Says that this sensor has run here before.
const STARTED: &str = "antivirus started";

/// A log in which a product reports malware.
#[derive(Clone, Debug)]
pub struct Log {
    /// Where it is; `*` and `?` may stand in the last part.
    pub path: String,
    style: Style,
}

/// How lines of a log are read.
#[derive(Clone, Debug)]
enum Style {
    Clamav,
    Described { product: Arc<str>, report: Arc<Report> },
}

impl Log {
    /// A log of ClamAV.
    pub(super) fn clamav(path: String) -> Self {
        Self { path, style: Style::Clamav }
    }

    /// A log of a product's data file.
    pub(super) fn described(product: &str, report: &Report) -> Self {
        let style = Style::Described { product: product.into(), report: Arc::new(report.clone()) };
        Self { path: report.log.clone(), style }
    }

    pub(super) fn read(&self, line: &str, moment: Moment<'_>) -> Option<Detection> {
        match &self.style {
            Style::Clamav => Detection::parse(line, moment),
            Style::Described { product, report } => described(line, product, report, moment.zone),
        }
    }
}

/// A finding as a line of the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// Whose log it is.
    pub product: String,
    /// When, as far as the line says it and it can be true.
    pub time: Option<Timestamp>,
    /// What was found; `unknown` where the line does not say.
    pub threat: String,
    /// Where.
    pub path: String,
    /// What was done: `found`, `quarantined`, `removed`, `blocked` or `unknown`.
    pub action: String,
    /// Hash of the file, where the log is configured to have it.
    pub md5: Option<String>,
    /// The same.
    pub sha256: Option<String>,
}

impl Detection {
    /// Reads a line of ClamAV's own log, or one it wrote to syslog.
    pub(super) fn parse(line: &str, moment: Moment<'_>) -> Option<Self> {
        // Nearly all lines end here.
        line.ends_with(" FOUND").then_some(())?;
        let Some(header) = text::header(line, moment) else {
            return Self::parse_own(line, moment.zone);
        };
        PROGRAMS.contains(&header.program?).then_some(())?;
        let found = Self::parse_own(header.message, moment.zone)?;
        Some(Self { time: found.time.or(header.time), ..found })
    }

    /// Reads `Sun Nov 22 10:16:42 2026 -> /tmp/x: Eicar-Test-Signature(md5:68) FOUND`; the time is
    /// there with `LogTime`, the bracket with `ExtendedDetectionInfo`.
    ///
    /// The path may hold anything and the name of a threat no blank, so it is read from the end.
    fn parse_own(line: &str, zone: &TimeZone) -> Option<Self> {
        let rest = line.strip_suffix(" FOUND")?;
        let (before, threat) = rest.rsplit_once(": ")?;
        (!threat.is_empty() && !threat.contains(char::is_whitespace)).then_some(())?;
        let (time, path) = match before.split_once(" -> ") {
            Some((time, path)) if ctime(time, zone).is_some() => (ctime(time, zone), path),
            _ => (None, before),
        };
        let (threat, md5) = extended(threat).unwrap_or((threat, None));
        Some(Self {
            product: CLAMAV.to_owned(),
            time,
            threat: threat.to_owned(),
            path: path.to_owned(),
            action: FOUND.to_owned(),
            md5: md5.map(str::to_owned),
            sha256: None,
        })
    }

    fn event(self, now: Timestamp, line: &str, private: Option<&str>) -> Event {
        let time = self.time.filter(|time| is_plausible(*time, now)).unwrap_or(now);
        let is_test = self.is_of_self_test(private);
        let mut event = Event::own(time, kind::ANTIVIRUS_DETECTION)
            .with("antivirus.product", self.product)
            .with("threat.name", self.threat)
            .with("file.path", self.path)
            .with("antivirus.action", self.action);
        let hashes = [("file.hash.md5", self.md5), ("file.hash.sha256", self.sha256)];
        for (name, hash) in hashes {
            if let Some(hash) = hash {
                event = event.with(name, hash);
            }
        }
        if is_test {
            event = event.with("antivirus.selftest", true);
        }
        event.raw = Some(line.to_owned());
        fit::fit(&mut event);
        event
    }

    /// Whether this is the agent's own test file: exactly that one, in a folder where only root
    /// can put files, and taken for the test file. No name alone can hide real malware.
    pub(super) fn is_of_self_test(&self, private: Option<&str>) -> bool {
        private == Some(self.path.as_str()) && self.threat.to_ascii_lowercase().contains("eicar")
    }
}

/// Reads a line as a data file says that such lines are.
fn described(line: &str, product: &str, report: &Report, zone: &TimeZone) -> Option<Detection> {
    let filled = report.like.0.fill(line)?;
    let path = filled.get("path").filter(|path| !path.is_empty())?;
    let written = report.time.as_deref();
    let time = filled.get("time").and_then(|time| moment(time, written?, zone));
    let threat = filled.get("threat").and_then(|threat| threat.split_whitespace().next());
    let action = match filled.get("action") {
        None => FOUND,
        Some(word) => report.actions.get(word).map_or(UNKNOWN, String::as_str),
    };
    let hash = |name: &str, digits: usize| {
        let is_hash = |hash: &&str| {
            hash.len() == digits && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        filled.get(name).filter(is_hash).map(str::to_ascii_lowercase)
    };
    Some(Detection {
        product: product.to_owned(),
        time,
        threat: threat.unwrap_or(UNKNOWN).to_owned(),
        path: path.to_owned(),
        action: action.to_owned(),
        md5: hash("md5", 32),
        sha256: hash("sha256", 64),
    })
}

/// Splits `Name(md5:size)`.
fn extended(threat: &str) -> Option<(&str, Option<&str>)> {
    let (name, rest) = threat.strip_suffix(')')?.rsplit_once('(')?;
    let (md5, size) = rest.split_once(':')?;
    let is_hash = md5.len() == 32 && md5.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_size = size.bytes().all(|digit| digit.is_ascii_digit());
    (is_hash && is_size && !name.is_empty()).then_some((name, Some(md5)))
}

/// `Sun Nov 22 10:16:42 2026` in the zone of the host. Source: ctime(3).
pub(super) fn ctime(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local = jiff::fmt::strtime::parse("%a %b %e %H:%M:%S %Y", text.trim()).ok()?;
    let moment = local.to_datetime().ok()?.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

/// Follows the logs in which findings are reported.
pub(super) struct Detections {
    root: Root,
    positions: Arc<dyn Positions>,
    zone: TimeZone,
    logs: Vec<(String, Log, Follower)>,
    /// Where something is written when they are.
    directories: Vec<PathBuf>,
    buffer: Vec<u8>,
    started: bool,
    /// Whether [`STARTED`] has been handed over.
    told: bool,
    /// Path of the agent's own test file.
    private: Option<String>,
    /// Who has reported that file.
    pub(super) caught_by: Option<String>,
}

impl Detections {
    pub(super) fn new(context: &Context, private: Option<String>) -> Self {
        let started = context.positions.position(STARTED).is_some();
        Self {
            root: context.root.clone(),
            positions: Arc::clone(&context.positions),
            zone: zone(&context.root),
            logs: Vec::new(),
            directories: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            started,
            told: started,
            private,
            caught_by: None,
        }
    }

    /// Follows these logs; those followed already go on, also when they are no longer named.
    pub(super) fn follow(&mut self, logs: &[Log]) {
        let begin = if self.started { Begin::Beginning } else { Begin::End };
        for log in logs {
            for path in paths(&self.root, log) {
                if self.logs.len() < LOGS_MAX && !self.logs.iter().any(|(known, ..)| *known == path)
                {
                    let name = format!("antivirus:{path}");
                    let stored = self.positions.position(&name);
                    let (stored, now) = (stored.as_deref(), Instant::now());
                    let follower = Follower::start(&self.root, name, &path, stored, begin, now);
                    self.logs.push((path, log.clone(), follower));
                }
            }
        }
        self.started = true;
        self.directories =
            self.logs.iter().flat_map(|(path, ..)| written(&self.root, path)).collect();
        self.directories.sort();
        self.directories.dedup();
    }

    /// The folders in which something may be written that concerns us.
    pub(super) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Whether there is no log to follow.
    pub(super) fn are_none(&self) -> bool {
        self.logs.is_empty()
    }

    /// Hands over new findings; true when there is more to read at once.
    pub(super) fn read(&mut self, now: Timestamp, delivery: &mut Delivery) -> bool {
        let mut more = false;
        let mut budget = LINES_MAX.saturating_sub(delivery.observations.len());
        let private = self.private.as_deref();
        for (path, log, follower) in &mut self.logs {
            let observations = &mut delivery.observations;
            let moment = Moment::live(now, &self.zone);
            let caught_by = &mut self.caught_by;
            let mut sink = |found: Found<'_>| match found {
                Found::Line(line) => {
                    let text = String::from_utf8_lossy(line.bytes);
                    if let Some(found) = log.read(&text, moment) {
                        if found.is_of_self_test(private) {
                            *caught_by = Some(found.product.clone());
                        }
                        observations.push(Observation::alert(found.event(now, &text, private)));
                    }
                }
                Found::Gap(gap) => observations.push(gap.observation(path, now)),
            };
            more |= !follower.read(&mut self.buffer, &mut budget, Instant::now(), &mut sink);
            if follower.take_changed() {
                delivery.positions.push(follower.position());
            }
        }
        if self.started && !self.told {
            delivery.positions.push(Position { source: STARTED.to_owned(), bytes: vec![1] });
            self.told = true;
        }
        more
    }
}

/// The folder of a log, and that of what it is a link to.
fn written(root: &Root, path: &str) -> Vec<PathBuf> {
    let target = root.path(path).canonicalize().ok();
    let mut folders = watched(root, path);
    folders.extend(target.as_deref().and_then(Path::parent).map(Path::to_owned));
    folders
}

/// The files of a log; one without a pattern also when it is not there yet.
fn paths(root: &Root, log: &Log) -> Vec<String> {
    if log.path.contains(['*', '?']) { expand(root, &log.path) } else { vec![log.path.clone()] }
}

/// See [`super::last_detections`].
pub(super) fn last(root: &Root, logs: &[Log], now: Timestamp, count: usize) -> Vec<Detection> {
    let zone = zone(root);
    let moment = Moment::live(now, &zone);
    let mut found = Vec::new();
    for log in logs {
        for path in paths(root, log) {
            let Ok(bytes) = last_bytes(&root.path(path)) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let lines = text.lines().filter_map(|line| log.read(line, moment));
            let mut lines: Vec<Detection> = lines.collect();
            let start = lines.len().saturating_sub(count);
            found.extend(lines.drain(start..));
        }
    }
    found.retain(|found| found.time.is_none_or(|time| is_plausible(time, now)));
    found.sort_by_key(|found| found.time);
    found
}

fn last_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let (file, metadata) = read::open(path)?;
    let mut bytes = vec![0; BUFFER_BYTES];
    let count = file.read_at(&mut bytes, metadata.len().saturating_sub(BUFFER_BYTES as u64))?;
    bytes.truncate(count);
    Ok(bytes)
}
