use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use soc_event::Timestamp;
use soc_formats::text::{self, Moment, Profile};

use super::follower::{is_compressed, is_rotated_name};
use super::position::FileId;
use super::{BUFFER_BYTES, Begin, Config, Follower, Found, Line, Seen, Source, pattern};
use crate::sensor::{
    Clock, Context, DELIVERY_MAX, Delivery, Observation, Position, Positions, Root, fit, read,
};

/// Most files followed; more are named in the agent's own log and left alone.
const FILES_MAX: usize = 256;
/// Lines of one delivery: half of it, because several wait while the spool is busy.
const LINES_MAX: usize = DELIVERY_MAX / 2;
/// How often patterns are looked at again while no folder tells of new files.
const DISCOVER_EVERY: Duration = Duration::from_secs(2);
/// A file that is gone for so long is no longer followed: where names hold a date there is a new
/// one every day.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// All followed files.
pub(super) struct Set {
    config: Config,
    root: Root,
    clock: Arc<dyn Clock>,
    positions: Arc<dyn Positions>,
    zone: TimeZone,
    files: Vec<Followed>,
    buffer: Vec<u8>,
    discover_at: Option<Instant>,
    directories: Vec<PathBuf>,
    /// Patterns that had been looked at before.
    known_patterns: Vec<String>,
    /// The file whose turn it is, so that a busy one does not starve the others.
    turn: usize,
    /// Files that are too many, as far as they were named in the agent's own log.
    refused: BTreeSet<String>,
}

struct Followed {
    path: String,
    profile: Profile,
    follower: Follower,
    told: Option<String>,
    gone_since: Option<Instant>,
}

/// What one pass over all files gave.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub(super) delivery: Delivery,
    /// Whether there is more to read at once.
    pub(super) more: bool,
}

impl Set {
    pub(super) fn new(config: Config, context: &Context) -> Self {
        Self {
            config,
            root: context.root.clone(),
            clock: Arc::clone(&context.clock),
            positions: Arc::clone(&context.positions),
            zone: zone(&context.root),
            files: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            discover_at: None,
            directories: Vec::new(),
            known_patterns: Vec::new(),
            turn: 0,
            refused: BTreeSet::new(),
        }
    }

    /// Reads from every file what is new, until one delivery is full.
    pub(super) fn pass(&mut self, now: Instant) -> Pass {
        let mut pass = Pass::default();
        if self.discover_at.is_none_or(|at| at <= now) {
            self.forget_gone(now, &mut pass.delivery);
            self.discover(now, &mut pass.delivery);
            self.directories = self.find_directories();
            self.discover_at = Some(now + DISCOVER_EVERY);
        }
        for _ in 0..self.files.len() {
            let place = self.turn % self.files.len();
            let ended = self.read(place, now, &mut pass.delivery);
            self.turn = place + 1;
            if !ended || pass.delivery.observations.len() >= LINES_MAX {
                pass.more = true;
                break;
            }
        }
        // Also of files whose turn did not come: where a new one begins is committed with its
        // pattern.
        for file in &mut self.files {
            if file.follower.take_changed() {
                pass.delivery.positions.push(file.follower.position());
            }
        }
        pass
    }

    /// Looks for new files at the next pass.
    pub(super) fn discover_soon(&mut self) {
        self.discover_at = None;
    }

    /// The folders in which something may be written that concerns us, as of the last discovery.
    pub(super) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    fn read(&mut self, place: usize, now: Instant, delivery: &mut Delivery) -> bool {
        let Some(file) = self.files.get_mut(place) else { return true };
        let moment = Moment::live(self.clock.now(), &self.zone);
        let mut budget = LINES_MAX.saturating_sub(delivery.observations.len());
        let (path, profile) = (&file.path, &file.profile);
        let observations = &mut delivery.observations;
        let mut sink = |found: Found<'_>| match found {
            Found::Line(line) => observations.extend(observation(line, path, profile, moment)),
            Found::Gap(gap) => observations.push(gap.observation(path, moment.now)),
        };
        let ended = file.follower.read(&mut self.buffer, &mut budget, now, &mut sink);
        file.tell();
        ended
    }

    /// Lets go of files that are gone, with their positions.
    fn forget_gone(&mut self, now: Instant, delivery: &mut Delivery) {
        self.files.retain_mut(|file| {
            if !file.follower.is_gone() {
                file.gone_since = None;
                return true;
            }
            let since = *file.gone_since.get_or_insert(now);
            let is_kept = now.saturating_duration_since(since) < FORGET_AFTER;
            if !is_kept {
                let source = file.follower.position().source;
                delivery.positions.push(Position { source, bytes: Vec::new() });
            }
            is_kept
        });
    }

    /// Finds files that are not followed yet.
    fn discover(&mut self, now: Instant, delivery: &mut Delivery) {
        for source in self.config.files.clone() {
            let mark = format!("logfile pattern {}", source.path);
            let seen_before = self.known_patterns.contains(&source.path)
                || self.positions.position(&mark).is_some();
            let begin = if seen_before || self.config.from_beginning {
                Begin::Beginning
            } else {
                Begin::End
            };
            let paths = pattern::expand(&self.root, &source.path);
            for path in &paths {
                if self.is_new(path, &paths) {
                    self.follow(path, &source, begin, now);
                }
            }
            if !self.known_patterns.contains(&source.path) {
                self.known_patterns.push(source.path.clone());
                // Committed with the first positions: a file can then only be new once.
                delivery.positions.push(Position { source: mark, bytes: vec![1] });
            }
        }
    }

    fn find_directories(&self) -> Vec<PathBuf> {
        let patterns = self.config.files.iter();
        let mut folders: Vec<PathBuf> =
            patterns.flat_map(|source| pattern::folders(&self.root, &source.path)).collect();
        for file in &self.files {
            // Where the path is a link, its target is written elsewhere.
            let target = self.root.path(&file.path).canonicalize().ok();
            folders.extend(target.as_deref().and_then(Path::parent).map(Path::to_owned));
        }
        folders.sort();
        folders.dedup();
        folders
    }

    /// Whether a path is to be followed: no rotated or compressed file, and none that is followed
    /// under another name.
    fn is_new(&self, path: &str, beside: &[String]) -> bool {
        if self.files.iter().any(|file| file.path == path) || is_compressed(Path::new(path)) {
            return false;
        }
        let rotated = |base: &str| is_rotated_name(base, path);
        if beside.iter().any(|base| rotated(base))
            || self.files.iter().any(|file| rotated(&file.path))
        {
            return false;
        }
        let metadata = std::fs::metadata(self.root.path(path));
        let Some(metadata) = metadata.ok().filter(std::fs::Metadata::is_file) else { return false };
        let id = FileId::of(&metadata);
        !self.files.iter().any(|file| file.follower.has(id))
    }

    fn follow(&mut self, path: &str, source: &Source, begin: Begin, now: Instant) {
        if self.files.len() >= FILES_MAX {
            if self.refused.len() < FILES_MAX && self.refused.insert(path.to_owned()) {
                tracing::warn!(path, limit = FILES_MAX, "too many logs: this one is not followed");
            }
            return;
        }
        let name = format!("logfile:{path}");
        let stored = self.positions.position(&name);
        let follower = Follower::start(&self.root, name, path, stored.as_deref(), begin, now);
        let profile = source.profile(path);
        let path = path.to_owned();
        self.files.push(Followed { path, profile, follower, told: None, gone_since: None });
    }
}

impl Followed {
    /// Says once in the agent's own log that a file cannot be read.
    fn tell(&mut self) {
        let problem = self.follower.problem();
        if problem != self.told.as_deref() {
            if let Some(problem) = problem {
                tracing::warn!(path = self.path, problem, "this log cannot be read");
            }
            self.told = problem.map(str::to_owned);
        }
    }
}

/// The event of a line, `None` for an empty one.
fn observation(
    line: Line<'_>,
    path: &str,
    profile: &Profile,
    moment: Moment<'_>,
) -> Option<Observation> {
    let bytes = line.bytes.strip_suffix(b"\r").unwrap_or(line.bytes);
    // A file emptied under a program that does not append begins with a hole of zeros.
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let text = String::from_utf8_lossy(bytes.get(start..)?);
    let mut event = text::line(&text, profile, moment);
    let fields = &mut event.fields;
    fields.insert("log.source".to_owned(), "file".into());
    fields.insert("log.file.path".to_owned(), path.into());
    fields.insert("log.offset".to_owned(), line.offset.into());
    if line.is_cut {
        fields.insert("log.truncated".to_owned(), true.into());
    }
    if matches!(text, std::borrow::Cow::Owned(_)) {
        fields.insert("event.original_encoding".to_owned(), "invalid-utf8".into());
    }
    fit::fit(&mut event);
    Some(Observation::log(event))
}

/// The zone in which the host writes times that name none; UTC when it does not say.
pub(in crate::sensor) fn zone(root: &Root) -> TimeZone {
    let data = read::bytes(&root.path("/etc/localtime"), 64 * 1024);
    data.ok().and_then(|data| TimeZone::tzif("local", &data).ok()).unwrap_or(TimeZone::UTC)
}

/// See [`super::observe`].
pub(super) fn observe(root: &Root, config: &Config, clock: &dyn Clock) -> Vec<Seen> {
    let zone = zone(root);
    let moment = Moment::live(clock.now(), &zone);
    let mut seen: Vec<Seen> = Vec::new();
    for source in &config.files {
        for path in pattern::expand(root, &source.path) {
            if !seen.iter().any(|seen| seen.path == path) && !is_compressed(Path::new(&path)) {
                seen.push(look(root, &path, &source.profile(&path), moment));
            }
        }
    }
    seen
}

fn look(root: &Root, path: &str, profile: &Profile, moment: Moment<'_>) -> Seen {
    let mut seen = Seen {
        path: path.to_owned(),
        bytes: None,
        problem: None,
        lines: 0,
        lines_parsed: 0,
        logins_failed: 0,
        switches_failed: 0,
        last: None,
    };
    match last_bytes(&root.path(path)) {
        Ok((size, bytes)) => {
            seen.bytes = Some(size);
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            for line in lines {
                seen.count(&text::line(&String::from_utf8_lossy(line), profile, moment), moment);
            }
        }
        Err(error) => seen.problem = Some(error.to_string()),
    }
    seen
}

impl Seen {
    fn count(&mut self, event: &soc_event::Event, moment: Moment<'_>) {
        self.lines += 1;
        let has = |name: &str| event.fields.contains_key(name);
        self.lines_parsed += u64::from(has("process.name") || has("host.name") || has("sc-status"));
        if event.text("event.outcome") == Some("failure") {
            let count = event.fields.get("event.count").and_then(soc_event::Value::as_i64);
            let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
            match event.text("event.action") {
                Some("ssh_login") => self.logins_failed += count,
                Some("sudo" | "su") => self.switches_failed += count,
                _ => {}
            }
        }
        let time: Timestamp = event.time;
        if time != moment.now {
            self.last = Some(time);
        }
    }
}

/// Size of a file and its last 64 KiB, from the beginning of a line.
fn last_bytes(path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    use std::os::unix::fs::FileExt;
    let (file, metadata) = read::open(path)?;
    let from = metadata.len().saturating_sub(BUFFER_BYTES as u64);
    let mut bytes = vec![0; BUFFER_BYTES];
    let count = file.read_at(&mut bytes, from)?;
    bytes.truncate(count);
    if from > 0 {
        let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        bytes.drain(..start);
    }
    Ok((metadata.len(), bytes))
}
