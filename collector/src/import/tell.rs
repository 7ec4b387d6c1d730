//! What people are told: a bar while it works, and what came of it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use soc_event::Timestamp;

/// Redrawn so often at most, a second.
const REDRAWS: u8 = 5;
/// Skipped records of a file that are told one by one.
pub(super) const SKIPPED_TOLD_MAX: usize = 20;

/// What came of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// As it was named.
    pub name: String,
    /// How it is written.
    pub format: String,
    /// Events that were not there before.
    pub events: u64,
    /// Events that an earlier import had put there.
    pub known: u64,
    /// Records that were left out.
    pub skipped: u64,
    /// The first of them: where, and why.
    pub why: Vec<String>,
    /// The earliest of the new events.
    pub first: Option<Timestamp>,
    /// The latest.
    pub last: Option<Timestamp>,
    /// Why the file as a whole could not be imported, or not further.
    pub error: Option<String>,
}

/// What came of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Each file.
    pub files: Vec<Outcome>,
    /// Events that were not there before.
    pub events: u64,
    /// Events that earlier imports had put there.
    pub known: u64,
    /// Records that were left out.
    pub skipped: u64,
    /// Files that could not be imported, or not to their end.
    pub failed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was stopped before its end.
    pub is_stopped: bool,
}

impl Summary {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.events += outcome.events;
        self.known += outcome.known;
        self.skipped += outcome.skipped;
        self.failed += u64::from(outcome.error.is_some());
        self.files.push(outcome);
    }

    /// Nothing had to be left out.
    pub fn is_whole(&self) -> bool {
        self.skipped == 0 && self.failed == 0 && !self.is_stopped
    }

    /// One line for all.
    pub fn line(&self) -> String {
        let Self { files, events, known, skipped, failed, seconds, .. } = self;
        let files = files.len();
        let rate = if *seconds > 0.0 { whole(*events) / seconds } else { 0.0 };
        let mut line = format!("{events} events imported from {files} files in {seconds:.1} s");
        if rate >= 1.0 {
            line += &format!(" ({rate:.0}/s)");
        }
        for (count, what) in [
            (known, "were imported before"),
            (skipped, "records skipped"),
            (failed, "files not imported to their end"),
        ] {
            if *count > 0 {
                line += &format!("; {count} {what}");
            }
        }
        line
    }
}

impl Outcome {
    /// Lines for a person; none for a file of which there is nothing to say.
    pub fn lines(&self, is_short: bool) -> Vec<String> {
        let Self { name, format, events, known, skipped, why, error, .. } = self;
        let mut lines = Vec::new();
        if let Some(error) = error {
            lines.push(format!("{name}: {error}"));
        }
        if !is_short && error.is_none() {
            let span = match (self.first, self.last) {
                (Some(first), Some(last)) => format!(", {first} to {last}"),
                _ => String::new(),
            };
            let before =
                if *known > 0 { format!(", {known} imported before") } else { String::new() };
            lines.push(format!("{name}: {format}, {events} events{before}{span}"));
        }
        lines.extend(why.iter().cloned());
        let untold = skipped.saturating_sub(u64::try_from(why.len()).unwrap_or(u64::MAX));
        if untold > 0 {
            lines.push(format!("{name}: {untold} more were skipped"));
        }
        lines
    }
}

/// A bar on standard error, where it is wanted.
pub(super) fn bar(is_wanted: bool, bytes: u64) -> ProgressBar {
    let template = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left {msg}";
    let style = ProgressStyle::with_template(template);
    let target = if is_wanted {
        ProgressDrawTarget::stderr_with_hz(REDRAWS)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn whole(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
