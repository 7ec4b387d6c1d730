//! The rules in force: the packs shipped with the program and the operators' own files.
//!
//! Folders are looked at every second, seldomer where thousands of files make a look long; when a
//! file was added, changed or removed, and nothing has changed since the look before (nobody is in
//! the middle of writing), all rules are loaded anew and the new book is handed to readers, who turn
//! the page when it suits them. A broken file disables its rule alone; what is wrong with it is kept
//! for people to see and logged once. Never: writes into a folder, follows a rule that another room
//! knows better.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{IntCounter, IntGauge, Registry};
use soc_rules::{Options, Problem, Ruleset, Severity, Source};
use tokio::sync::watch;

use crate::live::{Bus, Notice};
use crate::stop::stopped;
use crate::visible::visible;

use files::Found;
pub use files::{Collected, File, collect};
pub use options::Site;

mod files;
mod options;

/// Where rules are looked for besides the packs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Folders, searched with all folders below them for `*.yml` and `*.yaml`.
    pub folders: Vec<PathBuf>,
    /// What the site adds to them.
    pub site: Site,
    /// How often the folders are looked at.
    pub poll: Duration,
}

impl Config {
    /// Rules of these folders as they are written.
    pub fn of(folders: Vec<PathBuf>) -> Self {
        Self { folders, site: Site::default(), poll: POLL }
    }
}

/// How often folders are looked at by default.
pub const POLL: Duration = Duration::from_secs(1);
/// Between two looks passes at least so many times what one takes: thousands of files are no reason to
/// look at nothing else.
const PAUSE_LOOKS: u32 = 100;
/// Files that change with every look are loaded as they are after so many.
const LOOKS_MAX: u32 = 5;

/// One state of all rules.
pub struct Book {
    /// The rules that work.
    pub ruleset: Ruleset,
    /// What is wrong with the others.
    pub problems: Vec<Problem>,
    /// What the site adds to its rules.
    pub options: Options,
    /// What all of it was loaded from.
    pub sources: Sources,
}

/// The text of rules in force, to be loaded again.
#[derive(Debug, Default)]
pub struct Sources {
    /// Whether the packs shipped are among them.
    has_packs: bool,
    files: Vec<File>,
}

impl Sources {
    /// Of one text, without the packs.
    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Self {
        Self { has_packs: false, files: vec![File::new(path, text)] }
    }

    /// Of these files, behind the packs.
    #[cfg(test)]
    pub(crate) fn with_packs(files: Vec<File>) -> Self {
        Self { has_packs: true, files }
    }

    /// All of them, in the order they were loaded.
    pub fn iter(&self) -> impl Iterator<Item = Source<'_>> {
        let packs = if self.has_packs { soc_rules::packs().collect() } else { Vec::new() };
        packs.into_iter().chain(self.files.iter().map(File::source))
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Book").field(&self.ruleset.version()).finish()
    }
}

/// Hands out the book in force. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rulebook(watch::Receiver<Arc<Book>>);

impl Rulebook {
    /// The rules in force now.
    pub fn current(&self) -> Arc<Book> {
        self.0.borrow().clone()
    }

    /// Rules that never change.
    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Self {
        let (ruleset, problems) = Ruleset::load([Source { path, text }]);
        assert_eq!(problems, []);
        let options = Options::default();
        let sources = Sources::of(path, text);
        Self(watch::channel(Arc::new(Book { ruleset, problems, options, sources })).1)
    }

    /// Rules that change when a test wants them to.
    #[cfg(test)]
    pub(crate) fn turning(text: &str) -> (watch::Sender<Arc<Book>>, Self) {
        let (sender, receiver) = watch::channel(Self::of("test.yml", text).current());
        (sender, Self(receiver))
    }

    /// Wakes when there is another book.
    pub fn changes(&self) -> watch::Receiver<Arc<Book>> {
        self.0.clone()
    }
}

/// Looks for changes; see [`Watcher::run`].
#[derive(Debug)]
pub struct Watcher {
    config: Config,
    found: Found,
    /// What the look before saw, while it is not yet loaded, and how many looks that has lasted.
    seen: Option<(Found, u32)>,
    sender: watch::Sender<Arc<Book>>,
    bus: Bus,
    metrics: Metrics,
}

#[derive(Clone, Debug)]
struct Metrics {
    loaded: IntGauge,
    broken: IntGauge,
    loads: IntCounter,
}

/// Loads all rules; the watcher keeps them current while it runs. Blocks while files are read.
///
/// # Errors
/// When a metric of the same name is registered already.
pub fn open(
    config: Config,
    bus: Bus,
    registry: &Registry,
) -> prometheus::Result<(Rulebook, Watcher)> {
    let metrics = Metrics::new(registry)?;
    let (found, unreadable) = files::scan(&config);
    let book = Arc::new(load(&found, unreadable));
    log_problems(&book.problems, &[]);
    metrics.loaded(&book);
    let (sender, receiver) = watch::channel(book);
    Ok((Rulebook(receiver), Watcher { config, found, seen: None, sender, bus, metrics }))
}

impl Watcher {
    /// Looks for changes until told to stop.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut pause = self.config.poll;
        loop {
            tokio::select! {
                () = stopped(&mut shutdown) => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = self.config.poll.max(self.look().await * PAUSE_LOOKS);
        }
    }

    /// Says how long looking took.
    async fn look(&mut self) -> Duration {
        let (config, began) = (self.config.clone(), Instant::now());
        let scanned = tokio::task::spawn_blocking(move || files::scan(&config)).await;
        let took = began.elapsed();
        match scanned {
            Ok((found, unreadable)) => self.renew(found, unreadable).await,
            Err(error) => tracing::error!(%error, "looking for rule files failed"),
        }
        took
    }

    async fn renew(&mut self, found: Found, unreadable: Vec<Problem>) {
        let seen = self.seen.take();
        if found == self.found {
            return;
        }
        let looks = seen.as_ref().map_or(0, |(_, looks)| *looks);
        let settled = seen.is_some_and(|(seen, _)| seen == found);
        if !settled && looks < LOOKS_MAX {
            self.seen = Some((found, looks + 1));
            return;
        }
        let to_load = found.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&to_load, unreadable)).await;
        let Ok(book) = loaded.map(Arc::new) else {
            tracing::error!("loading rules failed; the rules before stay in force");
            return;
        };
        self.found = found;
        let before = self.sender.borrow().clone();
        log_problems(&book.problems, &before.problems);
        self.metrics.loaded(&book);
        if before.ruleset.version() == book.ruleset.version() && before.problems == book.problems {
            return;
        }
        let rules = book.ruleset.rules().len();
        tracing::info!(rules, problems = book.problems.len(), "rules loaded");
        self.sender.send_replace(book);
        self.bus.tell(Notice::Rules);
    }
}

fn load(found: &Found, mut problems: Vec<Problem>) -> Book {
    let (files, unreadable) = files::read(&found.rules);
    let options = options::load(&found.site, &mut problems);
    let sources = Sources { has_packs: true, files };
    let (ruleset, broken) = Ruleset::load_with(sources.iter(), options.clone());
    problems.extend(unreadable);
    problems.extend(broken);
    Book { ruleset, problems, options, sources }
}

/// Each problem once, not again with every change of another file.
fn log_problems(problems: &[Problem], known: &[Problem]) {
    for problem in problems.iter().filter(|problem| !known.contains(problem)) {
        match problem.severity {
            Severity::Error => tracing::error!("rule: {}", visible(&problem.to_string())),
            Severity::Warning => tracing::warn!("rule: {}", visible(&problem.to_string())),
        }
    }
}

impl Metrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let loaded = IntGauge::new("soc_collector_rules", "Rules in force.")?;
        let broken = IntGauge::new(
            "soc_collector_rule_problems",
            "Errors that disable rules, as listed in the API.",
        )?;
        let loads = IntCounter::new("soc_collector_rule_loads_total", "Times rules were loaded.")?;
        registry.register(Box::new(loaded.clone()))?;
        registry.register(Box::new(broken.clone()))?;
        registry.register(Box::new(loads.clone()))?;
        Ok(Self { loaded, broken, loads })
    }

    fn loaded(&self, book: &Book) {
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        let errors = book.problems.iter().filter(is_error).count();
        self.loaded.set(i64::try_from(book.ruleset.rules().len()).unwrap_or(i64::MAX));
        self.broken.set(i64::try_from(errors).unwrap_or(i64::MAX));
        self.loads.inc();
    }
}

#[cfg(test)]
mod tests;
