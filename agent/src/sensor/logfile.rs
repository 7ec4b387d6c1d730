//! Follows logs that are files.
//!
//! Every line becomes one event, exactly once, also over rotation by rename, copy and truncation,
//! deletion and re-creation, and restarts: a position says which files (device, inode and a hash
//! of the first bytes) have been read how far, and is committed together with the lines. After a
//! restart a rotated file is found again among its neighbours. What cannot be read becomes a
//! `log.gap` event: nothing is left out silently.
//!
//! Files that are there when a pattern is seen for the very first time are read from their end
//! (`from_beginning` for the other), files that appear later from their beginning. Only regular
//! files are opened, and no link is followed that somebody else made to lead out of its folder. Lines
//! are cut at 64 KiB and flagged.
//!
//! Lines that belong together (stack traces, audit events, parts of a container's line) are joined
//! before they are parsed; a position then names the first line that waits, so a record that is not
//! whole when the agent is killed is neither lost nor doubled. `wtmp` and `btmp` are read record by
//! record with the same rotation. What filters leave out, and what is no finding where only findings
//! are sent, is decided in `choice`.
//!
//! Wakes up by notification where the system has it, and every 30 seconds anyhow; every two where a
//! file system may not notify. Under load it
//! reads three times a second and listens to no notifications, which would cost one wake-up a line.

mod follower;
mod gap;
mod joining;
mod position;
mod record;
mod seen;
mod set;
mod tail;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use soc_event::Logsource;
use soc_formats::join::Rule;
use soc_formats::text::{Format, Profile};
use tokio::time::Instant;

pub(super) use follower::{Begin, Follower, Found};
pub(super) use gap::Gap;
pub(super) use set::zone;
pub(super) use tail::{BUFFER_BYTES, Line};
pub(super) use watch::Watch;

use super::asked::Ask;
use super::choice::{FILTERS_MAX, Filter, Mode};
use super::counts::Counts;
use super::{Context, Error, Running, Sensor};
use set::Set;

/// After a silence, lines are collected so long before they are read.
const COALESCE: Duration = Duration::from_millis(100);
/// The same under load. Longer than the spool lingers, so that its commit follows at once.
const COALESCE_BUSY: Duration = Duration::from_millis(350);
/// So long after the last line reading goes on without notifications.
const BUSY: Duration = Duration::from_secs(1);
/// How often files are looked at on a system that gives no notifications at all.
const BLIND_POLL: Duration = Duration::from_millis(500);
/// How soon such a system is asked for notifications again.
const WATCH_RETRY: Duration = Duration::from_secs(300);

/// Which logs are followed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// Read files from their beginning that are there at the very first start.
    pub from_beginning: bool,
    /// What is followed.
    pub files: Vec<Source>,
    /// What is sent of it, and of the journal.
    pub send: Mode,
    /// What is left out of it, and of the journal.
    pub filters: Vec<Filter>,
    /// Ranges of time that are to be sent of what stayed on this machine.
    pub asks: Vec<Ask>,
}

impl Default for Config {
    fn default() -> Self {
        let paths = [
            "/var/log/auth.log",
            "/var/log/secure",
            "/var/log/syslog",
            "/var/log/messages",
            "/var/log/maillog",
            "/var/log/audit/audit.log",
            "/var/log/wtmp",
            "/var/log/btmp",
            "/var/log/dpkg.log",
            "/var/log/apt/history.log",
            "/var/log/dnf.rpm.log",
            "/var/log/nginx/*access*.log",
            "/var/log/nginx/*error*.log",
            "/var/log/apache2/*access*.log",
            "/var/log/apache2/*error*.log",
            "/var/log/httpd/*access_log",
            "/var/log/httpd/*error_log",
            "/var/log/postgresql/*.log",
            "/var/log/mysql/error.log",
            "/var/log/mysqld.log",
            "/var/log/mariadb/mariadb.log",
            "/opt/zimbra/log/mailbox.log",
            "/opt/zimbra/log/audit.log",
        ];
        let files = paths.iter().map(|path| Source::new(path)).collect();
        let (send, filters, asks) = (Mode::default(), Vec::new(), Vec::new());
        Self { enabled: true, from_beginning: false, files, send, filters, asks }
    }
}

impl Config {
    pub(super) fn mistakes(&self) -> Vec<String> {
        let relative = |source: &&Source| !source.path.starts_with('/');
        let told = |source: &Source| {
            format!("logfile.files: the path {:?} does not begin with /", source.path)
        };
        let mut mistakes: Vec<String> = self.files.iter().filter(relative).map(told).collect();
        let wrong = self.filters.iter().filter_map(Filter::mistake);
        mistakes.extend(wrong.map(|wrong| format!("logfile.filters: {wrong}")));
        if self.filters.len() > FILTERS_MAX {
            mistakes.push(format!("logfile.filters are more than {FILTERS_MAX}"));
        }
        let wrong = super::asked::mistakes(&self.asks);
        mistakes.extend(wrong.into_iter().map(|wrong| format!("logfile.asks: {wrong}")));
        mistakes
    }

    /// The followed paths that hold what the journal holds, too.
    pub(crate) fn syslog_paths(&self) -> Vec<String> {
        // What mail servers write alone does not say that all else is in a file.
        let syslog = |source: &&Source| {
            let is_mail = source.path.contains("mail");
            self.enabled && !is_mail && source.profile("").format == Format::Syslog
        };
        self.files.iter().filter(syslog).map(|source| source.path.clone()).collect()
    }
}

/// One file or pattern, and what its lines are. What is left out is told by the path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Absolute; `*` and `?` stand for characters of one name: `/var/log/nginx/*access*.log`.
    pub path: String,
    /// How lines are written.
    #[serde(default)]
    pub format: Option<Format>,
    /// How several lines make one record: `"single"`, `"indented"`, `"timed"`, or
    /// `{ first = "[####-##-##" }`.
    #[serde(default)]
    pub join: Option<Rule>,
    /// Sigma's product.
    #[serde(default)]
    pub product: Option<String>,
    /// Sigma's category.
    #[serde(default)]
    pub category: Option<String>,
    /// Sigma's service.
    #[serde(default)]
    pub service: Option<String>,
}

impl Source {
    /// A path or pattern that tells all by itself.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// What is known about a file that the pattern matched; of the pattern itself when empty.
    pub(super) fn profile(&self, path: &str) -> Profile {
        let path = if path.is_empty() { &self.path } else { path };
        let told = match self.format {
            Some(Format::Access) => Profile::access(path),
            _ => Profile::of_path(path),
        };
        let named = self.product.is_some() || self.category.is_some() || self.service.is_some();
        let given = || Logsource {
            product: self.product.clone(),
            category: self.category.clone(),
            service: self.service.clone(),
        };
        Profile {
            format: self.format.unwrap_or(told.format),
            logsource: if named { given() } else { told.logsource },
        }
    }
}

/// The sensor.
#[derive(Debug)]
pub struct Logfile {
    config: Config,
    counts: Arc<Counts>,
}

impl Logfile {
    /// Follows what the configuration names, and counts what it read.
    pub fn new(config: Config, counts: Arc<Counts>) -> Self {
        Self { config, counts }
    }
}

impl Sensor for Logfile {
    fn name(&self) -> &'static str {
        "logfile"
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(follow(self.config, self.counts, context))
    }
}

async fn follow(config: Config, counts: Arc<Counts>, mut context: Context) -> Result<(), Error> {
    let mut set = Set::new(config, counts, &context);
    let mut watch: Option<Watch> = None;
    let (mut busy_until, mut watch_at) = (Instant::now(), Instant::now());
    loop {
        let (returned, pass) = read(set).await?;
        set = returned;
        let moved = !pass.delivery.observations.is_empty();
        if moved || !pass.delivery.positions.is_empty() {
            context.outlet.send(pass.delivery).await?;
        }
        if moved {
            busy_until = Instant::now() + BUSY;
            watch = None;
        }
        if pass.more && !*context.stop.borrow() {
            continue;
        }
        let pause = if pass.waits || Instant::now() < busy_until {
            COALESCE_BUSY
        } else if let Some(watch) = &watch
            && watch.directories() == set.directories()
        {
            watch.patience()
        } else if Instant::now() < watch_at {
            BLIND_POLL
        } else {
            // Whatever is written while the watch is being set up is found by looking again.
            watch = Watch::over(set.directories().to_vec());
            if watch.is_none() {
                watch_at = Instant::now() + WATCH_RETRY;
            }
            Duration::ZERO
        };
        tokio::select! {
            () = context.stopped() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
            () = woken(watch.as_ref()) => {
                tokio::time::sleep(COALESCE).await;
                set.discover_soon();
                busy_until = Instant::now() + BUSY;
                watch = None;
            }
        }
    }
}

/// One pass over all files, where a slow disk holds up nobody else.
async fn read(mut set: Set) -> Result<(Set, set::Pass), Error> {
    let pass = move || {
        let pass = set.pass(std::time::Instant::now());
        (set, pass)
    };
    tokio::task::spawn_blocking(pass).await.map_err(|error| Error::Io {
        what: "reading logs".to_owned(),
        source: std::io::Error::other(error),
    })
}

/// Returns when something was written; never where nothing is watched.
pub(super) async fn woken(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.woken().await,
        None => std::future::pending().await,
    }
}

/// One log as a person asks about it: whether it is there and can be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// Where.
    pub path: String,
    /// Size in bytes, where it can be opened.
    pub bytes: Option<u64>,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// Lines looked at, from its end.
    pub lines: u64,
    /// Of these, lines whose format was recognised.
    pub lines_parsed: u64,
    /// Of these, failed logins, by ssh or otherwise.
    pub logins_failed: u64,
    /// Of these, failed or refused uses of sudo and su.
    pub switches_failed: u64,
    /// Time of the last line with a time.
    pub last: Option<soc_event::Timestamp>,
}

/// Looks once at every log that would be followed: the last 64 KiB of each.
pub fn observe(root: &super::Root, config: &Config, clock: &dyn super::Clock) -> Vec<Seen> {
    seen::observe(root, config, clock)
}

#[cfg(test)]
mod tests;
