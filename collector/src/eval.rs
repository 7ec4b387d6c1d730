//! `soc-collector rules eval`: rules over log files, without a collector.
//!
//! Files of any format that `soc-formats` knows are read piece by piece, a few MiB at a time, and
//! evaluated in parallel; what matched is told in the order of the files, whatever finished first.
//! A JSON event is passed on as the line it was. Correlations are fed in the same order.
//!
//! Promises: the same files and rules give the same output with any number of threads; memory does
//! not grow with the files. A rule or an event that is broken is told on standard error with its
//! place, and skipped. Never: opens a data folder, keeps anything, goes on when nobody reads.

mod host;
mod progress;
mod tell;
mod turn;
mod work;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use soc_rules::{Problem, Ruleset, Severity};

use crate::clock::Clock;
use crate::logs::{Hints, Reader};
use crate::rulebook::{Collected, Site, collect};
use crate::visible::visible;
use tell::Teller;
use turn::Turn;

/// What to evaluate, and how to tell it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Rule files, and folders of them.
    pub rules: Vec<PathBuf>,
    /// What the site adds to them.
    pub site: Site,
    /// Logs; `-` is standard input.
    pub events: Vec<PathBuf>,
    /// What is known about them.
    pub hints: Hints,
    /// How matches are written.
    pub format: Format,
    /// How many events are evaluated at once.
    pub threads: NonZeroUsize,
    /// Whether to show on standard error how far it is.
    pub shows_progress: bool,
}

/// How matches are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a match: rule_id, rule, level, event.
    #[default]
    Json,
    /// One line a match, to be read by people.
    Table,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Rules in force.
    pub rules_loaded: usize,
    /// Rules, and files of rules or of the site, that are not.
    pub rules_refused: usize,
    /// Events that were evaluated.
    pub events: u64,
    /// Records that could not be read or evaluated, and files that could not be read.
    pub events_failed: u64,
    /// What was written.
    pub matches: u64,
    /// How long reading and evaluating took, without loading the rules.
    pub seconds: f64,
}

/// Where it goes.
pub struct Outputs<'a> {
    /// Matches.
    pub matches: &'a mut (dyn Write + Send),
    /// What is wrong, and the summary.
    pub errors: &'a mut (dyn Write + Send),
}

/// Evaluates and tells; fails when something was skipped.
pub fn run(config: &Config, outputs: Outputs<'_>) -> ExitCode {
    let Outputs { matches, errors } = outputs;
    let (ruleset, refused) = load(config, errors);
    let rules_loaded = ruleset.rules().len();
    let began = Instant::now();
    let summary = evaluate(config, &ruleset, Outputs { matches, errors: &mut *errors });
    let seconds = began.elapsed().as_secs_f64();
    let summary = Summary { rules_loaded, rules_refused: refused, seconds, ..summary };
    // When nobody hears the summary, there is nobody to tell that either.
    let _ = summary.write(config.format, errors);
    if refused == 0 && summary.events_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn load(config: &Config, errors: &mut dyn Write) -> (Ruleset, usize) {
    let Collected { rules, problems, .. } = collect(&config.rules);
    let (options, of_site) = config.site.load();
    let (ruleset, broken) = Ruleset::load_with(rules.iter().map(|file| file.source()), options);
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    let refused = problems.into_iter().chain(of_site).chain(broken).filter(is_error);
    let refused: Vec<Problem> = refused.collect();
    for problem in &refused {
        let _ = writeln!(errors, "{}", visible(&problem.to_string()));
    }
    (ruleset, refused.len())
}

fn evaluate(config: &Config, ruleset: &Ruleset, outputs: Outputs<'_>) -> Summary {
    let reader = Reader::new(&config.events, config.hints.clone(), Clock::system().now());
    let progress = progress::bar(config.shows_progress, reader.bytes());
    let teller = Arc::new(Teller::new(ruleset, config.format));
    let turn = Turn::new(ruleset, Arc::clone(&teller), outputs, progress, config.threads);
    let reader = Mutex::new(reader);
    std::thread::scope(|scope| {
        for _ in 1..config.threads.get() {
            scope.spawn(|| work::work(ruleset, &teller, &reader, &turn));
        }
        work::work(ruleset, &teller, &reader, &turn);
    });
    turn.finish()
}

impl Summary {
    fn write(&self, format: Format, errors: &mut dyn Write) -> std::io::Result<()> {
        let Self { rules_loaded, rules_refused, events, events_failed, matches, seconds } = self;
        writeln!(
            errors,
            "{rules_loaded} rules loaded, {rules_refused} refused; {events} events, {events_failed} \
             failed; {matches} matches; {seconds:.3} s"
        )?;
        if format == Format::Json {
            writeln!(errors, "{}", serde_json::to_string(self)?)?;
        }
        errors.flush()
    }
}

/// A lock; what another thread that panicked left behind is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
