//! `soc-collector import`: log files into the journal, as if an agent had sent them.
//!
//! The logs of a host become the events of a machine of that name in an agency; it has no agent, so
//! it is in no count of machines, but alerts and hunts name it, and who may see the agency sees it.
//!
//! **Exactly once.** A file is known by its content: the hash of what was read of it is kept, with
//! how far it is in the journal (table `import`). Each stretch is claimed before it is sent; the
//! journal's mark of the file's epoch then says how much of the claimed stretch arrived. So whoever
//! is killed, and when, the same command goes on where it was. The same content again adds nothing,
//! whatever the file is called; a file that has grown adds what is new. What stood at its end
//! without its end (a line without a line feed, a record that might go on) is imported as it is, and
//! again only if it did go on.
//!
//! **Rules** look at imported events as at those of agents; alerts of old events say `late`. With
//! `--no-alerts` they leave them to hunts and backtests.
//!
//! | what fails | what happens |
//! |---|---|
//! | a record | told with its place, counted, left out |
//! | a file | told, the next one |
//! | the collector, the disk | it stops, says so; the same command goes on from there |
//!
//! Several files take turns, one stretch is read while the one before is sent. Memory does not grow
//! with files. One import at a time (`import.lock`).

mod chunk;
mod desk;
mod known;
mod link;
mod tell;
mod temporary;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use soc_event::{AgentId, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::control::Error;
use crate::logs::{Hints, STANDARD_INPUT, Source, ended, find, read_head};
use crate::visible::visible;
use chunk::{Chunk, Chunks};
use known::{Known, State, head_of};
use tell::SKIPPED_TOLD_MAX;
use temporary::Temporary;

pub(crate) use desk::is_quiet;
pub use desk::{Ask, Desk, Events, Reply};
pub use link::Link;
pub use tell::{Outcome, Summary};

/// Chunks that wait to be sent.
const CHUNKS_WAITING_MAX: usize = 2;
/// What a table `import` and a name of a machine keep, in characters.
const NAME_CHARS_MAX: usize = 1024;

/// What to import, and as what.
#[derive(Clone, Debug)]
pub struct Config {
    /// Files, folders, patterns; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// The machine they are of.
    pub host: String,
    /// Code of its agency.
    pub agency: String,
    /// What is known about the files.
    pub hints: Hints,
    /// In which zone times are that name none.
    pub zone: TimeZone,
    /// Whether rules leave the events alone.
    pub is_quiet: bool,
    /// Whether to show how far it is.
    pub shows_progress: bool,
}

/// The zone of this name.
///
/// # Errors
/// When there is none.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    if let Ok(zone) = TimeZone::get(name) {
        return Ok(zone);
    }
    let at = format!("2026-01-01T00:00:00{name}");
    let offset =
        jiff::fmt::temporal::Pieces::parse(&at).ok().and_then(|pieces| pieces.to_numeric_offset());
    let known = || format!("{name:?} is no zone such as Asia/Ho_Chi_Minh or +07:00");
    offset.map(TimeZone::fixed).ok_or_else(known)
}

/// This machine's zone.
pub fn zone_of_system() -> TimeZone {
    TimeZone::system()
}

/// What is held while an import runs, so that there is one at a time.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code)] File);

impl Turn {
    /// Takes it, in a data folder.
    ///
    /// # Errors
    /// When another import has it.
    pub fn take(data: &Path) -> Result<Self, Error> {
        let path = data.join("import.lock");
        let failed = |error: std::io::Error| Error::Failed(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(Error::Refused("another import is running; wait for its end".into()))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Imports; with no link it only reads, and says what would come of it. Stops between two stretches
/// when told to.
///
/// # Errors
/// When nothing could be begun; what fails later is in the summary.
pub async fn run(
    config: &Config,
    link: Option<&Link>,
    stop: &watch::Receiver<bool>,
) -> Result<Summary, Error> {
    let began = Instant::now();
    let (paths, problems) = find(&config.paths);
    let mut summary = Summary::default();
    for problem in problems {
        let (name, error) = problem.split_once(": ").unwrap_or(("", &problem));
        let (name, error) = (name.to_owned(), Some(error.to_owned()));
        summary.add(Outcome { name, error, ..Outcome::default() });
    }
    let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |data| data.len());
    let bar = tell::bar(config.shows_progress, paths.iter().map(length).sum());
    let target = match link {
        Some(link) => Some(Target::begin(config, link, paths.len()).await?),
        None => None,
    };
    let mut importer = Importer { config, target, stop, bar };
    for path in &paths {
        if *stop.borrow() {
            break;
        }
        summary.add(importer.file(path).await);
        if importer.is_over() {
            break;
        }
    }
    summary.is_stopped = *stop.borrow();
    summary.seconds = began.elapsed().as_secs_f64();
    importer.bar.finish_and_clear();
    if let Some(Target { link, .. }) = &importer.target {
        let (host, line) = (config.host.clone(), summary.line());
        // A collector that has gone is told in the summary.
        let _ = link.ask(Ask::End { host, summary: line }).await;
    }
    Ok(summary)
}

/// Where it goes to.
struct Target<'l> {
    link: &'l Link,
    agent: AgentId,
    known: Vec<Known>,
    is_gone: bool,
}

impl<'l> Target<'l> {
    async fn begin(config: &Config, link: &'l Link, files: usize) -> Result<Self, Error> {
        let files = u64::try_from(files).unwrap_or(u64::MAX);
        let (agency, host) = (config.agency.clone(), config.host.clone());
        let Reply::Begun { agent } = link.ask(Ask::Begin { agency, host, files }).await? else {
            return Err(unexpected());
        };
        let mut known: Vec<Known> = Vec::new();
        loop {
            let after = known.last().map_or(0, |known| known.id);
            let Reply::Known { files, more } = link.ask(Ask::Known { agent, after }).await? else {
                return Err(unexpected());
            };
            known.extend(files);
            if !more {
                return Ok(Self { link, agent, known, is_gone: false });
            }
        }
    }
}

struct Importer<'c> {
    config: &'c Config,
    target: Option<Target<'c>>,
    stop: &'c watch::Receiver<bool>,
    bar: ProgressBar,
}

/// A file, opened.
struct Opened {
    chunks: Chunks,
    format: &'static str,
    head_bytes: u64,
    head: String,
    known: Option<Known>,
    ended: Timestamp,
    /// Bytes of the file as it lies there, where it is packed.
    packed_bytes: Option<u64>,
    _temporary: Option<Temporary>,
}

impl Importer<'_> {
    fn is_over(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_gone)
    }

    async fn file(&mut self, path: &Path) -> Outcome {
        let name = path.to_string_lossy().into_owned();
        self.bar.set_message(visible(&name));
        let mut outcome = Outcome { name, ..Outcome::default() };
        if let Err(error) = self.import(path, &mut outcome).await {
            outcome.error = Some(error);
        }
        outcome
    }

    async fn import(&mut self, path: &Path, outcome: &mut Outcome) -> Result<(), String> {
        let config = self.config.clone();
        let known = self.target.as_ref().map(|target| target.known.clone()).unwrap_or_default();
        let (of, name) = (path.to_owned(), outcome.name.clone());
        let open = move || open(&of, &name, &config, &known);
        let opened =
            tokio::task::spawn_blocking(open).await.map_err(|error| error.to_string())??;
        let Some(opened) = opened else { return Ok(()) };
        outcome.format = opened.format.to_owned();
        let file = self.begin(&opened, &outcome.name).await?;
        if let Some(known) = &opened.known {
            outcome.known = known.state.events.max(known.stored);
            self.bar.inc(known.state.done.bytes);
        }
        let packed_bytes = opened.packed_bytes;
        self.pump(opened.chunks, file.as_ref(), outcome, packed_bytes.is_none()).await?;
        self.bar.inc(packed_bytes.unwrap_or(0));
        Ok(())
    }

    /// The file's row: the one it has, or a new one.
    async fn begin(&mut self, opened: &Opened, name: &str) -> Result<Option<Known>, String> {
        let Some(target) = &mut self.target else { return Ok(None) };
        if let Some(known) = &opened.known {
            return Ok(Some(known.clone()));
        }
        let ask = Ask::New {
            agent: target.agent,
            name: name.chars().take(NAME_CHARS_MAX).collect(),
            format: opened.format.to_owned(),
            head_bytes: opened.head_bytes,
            head: opened.head.clone(),
            is_quiet: self.config.is_quiet,
            state: State::begin(opened.ended),
        };
        match target.link.ask(ask).await {
            Ok(Reply::File { file }) => Ok(Some(file)),
            Ok(_) => Err(unexpected().to_string()),
            Err(error) => {
                target.is_gone = true;
                Err(error.to_string())
            }
        }
    }

    /// Reads on one thread and sends on another, until the file ends or it is told to stop.
    async fn pump(
        &mut self,
        mut chunks: Chunks,
        file: Option<&Known>,
        outcome: &mut Outcome,
        counts_bytes: bool,
    ) -> Result<(), String> {
        let (sender, mut receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
        let reading = tokio::task::spawn_blocking(move || {
            loop {
                let Some(chunk) = chunks.next().map_err(|error| error.to_string())? else {
                    return Ok::<_, String>(chunks);
                };
                if sender.blocking_send(chunk).is_err() {
                    return Ok(chunks);
                }
            }
        });
        let mut last: Option<Chunk> = None;
        while let Some(mut chunk) = receiver.recv().await {
            if *self.stop.borrow() {
                return Ok(());
            }
            outcome.take(&mut chunk);
            self.send(&mut chunk, file).await?;
            outcome.events += chunk.events;
            if counts_bytes {
                self.bar.inc(chunk.bytes);
            }
            last = Some(chunk);
        }
        let chunks = reading.await.map_err(|error| error.to_string())??;
        let state = chunks.end(Clock::system().now(), last.as_ref());
        let is_new = |file: &&Known| file.state.ended_at.is_none() || last.is_some();
        if let Some(file) = file.filter(is_new) {
            self.claim(file, state.clone()).await?;
        }
        if let (Some(target), Some(file)) = (&mut self.target, file) {
            // The same content under another name, later in the same run, is this one.
            target.known.retain(|known| known.id != file.id);
            target.known.push(Known { stored: state.events, state, ..file.clone() });
        }
        Ok(())
    }

    async fn send(&mut self, chunk: &mut Chunk, file: Option<&Known>) -> Result<(), String> {
        let Some(file) = file.filter(|_| !chunk.parts.is_empty()) else { return Ok(()) };
        self.claim(file, chunk.claim.clone()).await?;
        let Some(target) = &mut self.target else { return Ok(()) };
        let mut first = chunk.before.saturating_add(1);
        for part in chunk.parts.drain(..) {
            let (id, agent, epoch) = (file.id, target.agent, file.epoch);
            let events = Events { id, agent, epoch, first, count: part.events };
            if let Err(error) = target.link.send(&events, part.lines).await {
                target.is_gone = true;
                return Err(error.to_string());
            }
            first = first.saturating_add(u64::from(part.events));
        }
        Ok(())
    }

    async fn claim(&mut self, file: &Known, state: State) -> Result<(), String> {
        let Some(target) = &mut self.target else { return Ok(()) };
        let claimed = target.link.ask(Ask::Claim { id: file.id, state }).await;
        target.is_gone = claimed.is_err();
        claimed.map(drop).map_err(|error| error.to_string())
    }
}

impl State {
    /// Of a file of which nothing was sent.
    fn begin(ended: Timestamp) -> Self {
        let mark = known::Mark { bytes: 0, place: 1 };
        let hash = known::hash_of_nothing();
        Self {
            done: mark,
            events: 0,
            tail_bytes: 0,
            claimed: mark,
            hash,
            moment: ended,
            ended_at: None,
        }
    }
}

impl Outcome {
    /// Notes what a chunk says besides its events.
    fn take(&mut self, chunk: &mut Chunk) {
        for (place, fault) in chunk.skipped.drain(..) {
            self.skipped += 1;
            if self.why.len() < SKIPPED_TOLD_MAX {
                self.why.push(format!("{}: {place}: {fault}", self.name));
            }
        }
        if let Some((first, last)) = chunk.times.filter(|_| chunk.events > 0) {
            self.first = Some(self.first.map_or(first, |known| known.min(first)));
            self.last = Some(self.last.map_or(last, |known| known.max(last)));
        }
    }
}

/// Opens a file where it was left; nothing where there is nothing in it.
fn open(
    path: &Path,
    name: &str,
    config: &Config,
    known: &[Known],
) -> Result<Option<Opened>, String> {
    let told = |error: std::io::Error| error.to_string();
    let temporary = match path.as_os_str() == STANDARD_INPUT {
        true => Some(Temporary::of_input().map_err(told)?),
        false => None,
    };
    let path = temporary.as_ref().map_or(path, Temporary::path);
    let mut source = Source::open(path).map_err(told)?;
    let mut head = Vec::new();
    read_head(&mut source, &mut head).map_err(told)?;
    if head.is_empty() {
        return Ok(None);
    }
    let format = config.hints.lasting_format(&head, name)?;
    let ended = ended(path, Clock::system().now());
    let (head_bytes, head_hash) = head_of(&head);
    let found = known::find(path, &head, known).map_err(told)?;
    let packed_bytes = matches!(source, Source::Packed(_))
        .then(|| std::fs::metadata(path).map_or(0, |data| data.len()));
    let (format_name, zone) = (format.name(), config.zone.clone());
    let source = Source::open(path).map_err(told)?;
    let chunks = Chunks::new(source, format, zone, ended);
    let (chunks, known) = match found {
        Some(found) => {
            let chunks = chunks.resume(path, &found.known, found.hash).map_err(told)?;
            (chunks, Some(found.known))
        }
        None => (chunks, None),
    };
    Ok(Some(Opened {
        chunks,
        format: format_name,
        head_bytes,
        head: head_hash,
        known,
        ended,
        packed_bytes,
        _temporary: temporary,
    }))
}

fn unexpected() -> Error {
    Error::Failed("the collector is of another version".into())
}

#[cfg(test)]
mod tests;
