//! Follows the journal of systemd.
//!
//! Runs `journalctl` with fixed arguments, the one program the agent starts, until a library reads
//! the journal. The cursor of an entry is the position and is committed with it. Where the host
//! writes the same lines to files that are followed, this sensor does not run, unless told to.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use soc_event::{Event, Timestamp, kind};
use soc_formats::journal::Entry;
use soc_formats::text::Moment;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::Instant;

use super::choice::{Choice, Filter, Mode};
use super::counts::Counts;
use super::{
    Context, DELIVERY_MAX, Delivery, Error, Observation, Position, Root, Running, Sensor, fit,
};

/// Name of the position.
const SOURCE: &str = "journald";
/// The program; its path is fixed, so that no `PATH` chooses another.
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// There while the journal's daemon runs.
const DAEMON_SOCKET: &str = "/run/systemd/journal/socket";
/// Entries are collected so long before they are handed over.
const COALESCE: Duration = Duration::from_millis(100);
/// A log that nobody has written to for a day is no longer used, in microseconds.
const FILE_UNUSED_US: i64 = 86_400_000_000;
/// Longest entry; longer ones are told as a gap.
const ENTRY_BYTES_MAX: u64 = 1024 * 1024;
/// A delivery is full when its entries were so large: memory is bounded also where entries are long.
const DELIVERY_BYTES: usize = 512 * 1024;
/// A cursor longer than this is none. Source: sd_journal_get_cursor(3) has no limit; seen: 130.
const CURSOR_BYTES_MAX: usize = 1024;

/// Whether the journal is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// When its lines are not followed as files.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// How the journal is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: Enabled,
}

/// The sensor.
#[derive(Debug)]
pub struct Journald {
    config: Config,
    followed: Vec<String>,
    program: PathBuf,
    chosen: (Vec<Filter>, Mode),
    counts: Arc<Counts>,
}

impl Journald {
    /// Follows the journal; `followed` are the patterns of files that may hold the same lines.
    pub fn new(config: Config, followed: Vec<String>) -> Self {
        let program = PathBuf::from(JOURNALCTL);
        Self { config, followed, program, chosen: Default::default(), counts: Arc::default() }
    }

    /// The same, leaving out what filters say and keeping here what is no finding.
    pub fn choosing(self, chosen: (Vec<Filter>, Mode), counts: Arc<Counts>) -> Self {
        Self { chosen, counts, ..self }
    }

    #[cfg(test)]
    fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    /// Why this sensor has nothing to do on this host. A file nobody has written to for long is
    /// what a removed syslog daemon left behind.
    fn idle_reason(&self, root: &Root, now: Timestamp) -> Option<String> {
        if !root.path(DAEMON_SOCKET).exists() {
            return Some("systemd-journald does not run".to_owned());
        }
        if self.config.enabled != Enabled::Auto {
            return None;
        }
        let oldest = now.plus_micros(-FILE_UNUSED_US);
        let is_used = |path: &String| {
            let modified = root.path(path).metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| Timestamp::from_system(time) >= oldest)
        };
        let mut files = self.followed.iter().flat_map(|path| super::pattern::expand(root, path));
        files.find(is_used).map(|file| format!("the same lines are followed in {file}"))
    }
}

impl Sensor for Journald {
    fn name(&self) -> &'static str {
        "journald"
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(follow(*self, context))
    }
}

/// Whether the journal would be followed on this host, and if not, why not.
pub fn observe(
    root: &Root,
    config: &Config,
    followed: Vec<String>,
    now: Timestamp,
) -> Result<(), String> {
    if config.enabled == Enabled::Off {
        return Err("switched off".to_owned());
    }
    Journald::new(config.clone(), followed).idle_reason(root, now).map_or(Ok(()), Err)
}

async fn follow(sensor: Journald, context: Context) -> Result<(), Error> {
    if let Some(reason) = sensor.idle_reason(&context.root, context.clock.now()) {
        return Err(Error::Unavailable(reason));
    }
    let stored = context.positions.position(SOURCE);
    let cursor = stored.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let cursor = cursor.filter(|cursor| !cursor.is_empty());
    let (mut child, stdout) = start(&sensor.program, cursor)?;
    let began = Instant::now();
    let choice = Choice::new(SOURCE, sensor.chosen, context.positions.as_ref(), sensor.counts);
    let lines = BufReader::with_capacity(16 * 1024, stdout);
    let mut reader = Reader { lines, choice, any: false };
    let mut stop = context.clone();
    let outcome = tokio::select! {
        () = stop.stopped() => None,
        outcome = reader.run(&context) => Some(outcome),
    };
    // It has been told everything it needs to know: its position is with the spool.
    let _ = child.start_kill();
    let status = child.wait().await;
    let Some(outcome) = outcome else { return Ok(()) };
    outcome?;
    if cursor.is_some() && !reader.any && began.elapsed() < Duration::from_secs(5) {
        lost_position(&context).await?;
    }
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Err(failed("journalctl", std::io::Error::other(format!("it ended: {status}"))))
}

fn start(program: &std::path::Path, cursor: Option<&str>) -> Result<(Child, ChildStdout), Error> {
    let mut command = Command::new(program);
    command.args(["--follow", "--output=json", "--all", "--no-pager", "--quiet"]);
    match cursor.filter(|cursor| cursor.len() <= CURSOR_BYTES_MAX) {
        Some(cursor) => command.arg("--lines=all").arg(format!("--after-cursor={cursor}")),
        None => command.arg("--lines=0"),
    };
    command.env_clear().env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|source| failed("starting journalctl", source))?;
    let stdout = child.stdout.take();
    let none = || failed("journalctl", std::io::Error::other("it has no output"));
    Ok((child, stdout.ok_or_else(none)?))
}

/// The journal does not know the stored cursor: says so and begins at its end next time.
async fn lost_position(context: &Context) -> Result<(), Error> {
    let gap = Event::own(context.clock.now(), kind::LOG_GAP)
        .with("log.gap.reason", "invalid_position")
        .with("log.gap.count", None::<u64>)
        .with("log.source", "journald");
    let positions = vec![Position { source: SOURCE.to_owned(), bytes: Vec::new() }];
    let delivery = Delivery { observations: vec![Observation::alert(gap)], positions };
    Ok(context.outlet.send(delivery).await?)
}

struct Reader {
    lines: BufReader<ChildStdout>,
    choice: Choice,
    /// Whether anything was read.
    any: bool,
}

impl Reader {
    /// Hands entries over until the program ends.
    async fn run(&mut self, context: &Context) -> Result<(), Error> {
        let mut line = Vec::new();
        loop {
            let mut delivery = Delivery::default();
            let mut cursor = None;
            let ended = self.collect(&mut line, context, &mut delivery, &mut cursor).await?;
            if let Some(cursor) = cursor {
                let bytes = String::into_bytes(cursor);
                delivery.positions.push(Position { source: SOURCE.to_owned(), bytes });
            }
            self.choice.conclude(&mut delivery, context.clock.now());
            if delivery != Delivery::default() {
                context.outlet.send(delivery).await?;
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Waits for one entry, then takes what comes within a moment; true at the end.
    async fn collect(
        &mut self,
        line: &mut Vec<u8>,
        context: &Context,
        delivery: &mut Delivery,
        cursor: &mut Option<String>,
    ) -> Result<bool, Error> {
        if !self.next(line).await? {
            return Ok(true);
        }
        let until = Instant::now() + COALESCE;
        let mut bytes = 0;
        loop {
            self.take(line, context, delivery, cursor);
            bytes += line.len();
            line.clear();
            if delivery.observations.len() >= DELIVERY_MAX || bytes >= DELIVERY_BYTES {
                return Ok(false);
            }
            match tokio::time::timeout_at(until, self.next(line)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(true),
                Ok(Err(error)) => return Err(error),
                // Half a line may have been read; it is kept and continued.
                Err(_) => return Ok(false),
            }
        }
    }

    /// Reads on until `line` holds a whole line, false at the end. Cancelled, what was read stays
    /// in `line`.
    async fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, Error> {
        let mut limited = (&mut self.lines).take(ENTRY_BYTES_MAX);
        let read = limited.read_until(b'\n', line).await;
        read.map_err(|source| failed("reading journalctl", source))?;
        Ok(!line.is_empty())
    }

    fn take(
        &mut self,
        line: &[u8],
        context: &Context,
        delivery: &mut Delivery,
        cursor: &mut Option<String>,
    ) {
        self.any = true;
        let now = context.clock.now();
        match Entry::parse(line) {
            Some(entry) => {
                *cursor = Some(entry.cursor.clone()).filter(|text| text.len() <= CURSOR_BYTES_MAX);
                if entry.pid != Some(std::process::id()) {
                    // The journal's times are UTC; no zone is asked for.
                    let mut event = entry.event(Moment::live(now, &TimeZone::UTC));
                    fit::fit(&mut event);
                    delivery.observations.extend(self.choice.of(SOURCE, event, now));
                }
            }
            None => {
                let gap = Event::own(now, kind::LOG_GAP)
                    .with("log.gap.reason", "line_too_long")
                    .with("log.gap.count", 1_u64)
                    .with("log.gap.bytes", line.len() as u64)
                    .with("log.source", "journald");
                delivery.observations.push(Observation::alert(gap));
            }
        }
    }
}

fn failed(what: &str, source: std::io::Error) -> Error {
    Error::Io { what: what.to_owned(), source }
}

#[cfg(test)]
mod tests;
