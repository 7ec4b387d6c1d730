use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use soc_formats::Lineage;
use soc_formats::text::Moment;

use super::follower::{is_compressed, is_rotated_name};
use super::position::FileId;
use super::record::{Kind, Maker};
use super::{BUFFER_BYTES, Begin, Config, Follower, Found, Source};
use crate::sensor::choice::Choice;
use crate::sensor::counts::Counts;
use crate::sensor::pattern;
use crate::sensor::{Clock, Context, DELIVERY_MAX, Delivery, Position, Positions, Root, read};

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
    choice: Choice,
    lineage: Lineage,
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
    kind: Kind,
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
    /// Whether lines wait for others that may belong to them.
    pub(super) waits: bool,
}

impl Set {
    pub(super) fn new(config: Config, counts: Arc<Counts>, context: &Context) -> Self {
        let chosen = (config.filters.clone(), config.send);
        let choice = Choice::new("logfile", chosen, context.positions.as_ref(), counts);
        Self {
            config,
            choice,
            lineage: Lineage::default(),
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
                let kind = &file.kind;
                let position = file.follower.position_before(&|id| kind.held(id));
                pass.delivery.positions.push(position);
            }
            pass.waits |= file.kind.is_waiting();
        }
        self.choice.conclude(&mut pass.delivery, self.clock.now());
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
        let Followed { path, kind, follower, .. } = file;
        let mut maker = Maker {
            path,
            moment,
            choice: &mut self.choice,
            lineage: &mut self.lineage,
            observations: &mut delivery.observations,
        };
        let mut sink = |found: Found<'_>| match found {
            Found::Line(line) => kind.take(line, now, &mut maker),
            Found::Gap(gap) => maker.observations.push(gap.observation(path, moment.now)),
        };
        let ended = follower.read(&mut self.buffer, &mut budget, now, &mut sink);
        if kind.flush_quiet(now, &mut maker) {
            follower.touch();
        }
        file.tell();
        ended
    }

    /// Lets go of files that are gone, with their positions.
    fn forget_gone(&mut self, now: Instant, delivery: &mut Delivery) {
        self.files.retain_mut(|file| {
            if !file.follower.is_gone() || file.kind.is_waiting() {
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
            patterns.flat_map(|source| pattern::watched(&self.root, &source.path)).collect();
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
        let kind = Kind::of(source, &self.root, path);
        let of = (name, path);
        let stored = stored.as_deref();
        let follower = Follower::start_as(kind.unit(), &self.root, of, stored, begin, now);
        let path = path.to_owned();
        self.files.push(Followed { path, kind, follower, told: None, gone_since: None });
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

/// The zone in which the host writes times that name none; UTC when it does not say.
pub(in crate::sensor) fn zone(root: &Root) -> TimeZone {
    let data = read::bytes(&root.path("/etc/localtime"), 64 * 1024);
    data.ok().and_then(|data| TimeZone::tzif("local", &data).ok()).unwrap_or(TimeZone::UTC)
}
