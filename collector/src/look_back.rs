//! The command `rules backtest`: what rules would have found, on the terminal.
//!
//! It asks the collector and follows it; interrupted, it stops what it asked for. Results go to
//! standard output, how far it is to standard error.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use soc_event::Timestamp;
use tokio::sync::watch;

use crate::backtest::DraftFile;
use crate::config::duration_of;
use crate::control::{Answer, Command, Error};
use crate::rulebook::collect;
use crate::stop::stopped;
use crate::visible::visible;

/// How often it asks how far it is.
const POLL: Duration = Duration::from_millis(500);

/// A collector that does commands: one that runs, or the folder opened for this one.
pub trait Performer {
    /// Does it.
    fn perform(&self, command: Command) -> impl Future<Output = Result<Answer, Error>>;
}

/// What to look for, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Rule files.
    pub files: Vec<DraftFile>,
    /// From this event time
    pub from: Timestamp,
    /// to this.
    pub to: Timestamp,
}

/// Where it writes.
pub struct Outputs<'o> {
    /// Results.
    pub results: &'o mut dyn Write,
    /// How far it is.
    pub progress: &'o mut dyn Write,
    /// Whether results are JSON, one object a line.
    pub json: bool,
}

/// Reads rule files, and folders of them.
///
/// # Errors
/// What cannot be read, one line each.
pub fn read(paths: &[PathBuf]) -> Result<Vec<DraftFile>, String> {
    let found = collect(paths);
    let lines: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    if !lines.is_empty() {
        return Err(lines.join("\n"));
    }
    let sources = found.rules.iter().map(crate::rulebook::File::source);
    Ok(sources.map(|of| DraftFile { path: of.path.to_owned(), text: of.text.to_owned() }).collect())
}

/// A moment as people write it: `2026-11-01`, `2026-11-01T08:00:00Z`, or how long ago: `30d`.
///
/// # Errors
/// What would be one.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(ago) = duration_of(text) {
        let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        return Ok(now.plus_micros(micros.saturating_neg()));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let right = "a date (2026-11-01), a time (2026-11-01T08:00:00Z), or how long ago (30d)";
    whole.parse().map_err(|_| format!("{right}; \"{}\" is none", visible(text)))
}

/// Asks, follows until all are over, and writes what they came to; whether all could be done.
///
/// # Errors
/// What the collector says.
pub async fn run(
    collector: &impl Performer,
    question: Question,
    mut interrupted: watch::Receiver<bool>,
    outputs: &mut Outputs<'_>,
) -> Result<bool, Error> {
    let Question { files, from, to } = question;
    let asked = collector.perform(Command::Backtest { files, from, to }).await?;
    let Answer::Backtests { ids } = asked else { return Err(strange()) };
    loop {
        let shown = collector.perform(Command::ShowBacktests { ids: ids.clone() }).await?;
        let Answer::BacktestViews { views } = shown else { return Err(strange()) };
        if views.iter().all(is_over) {
            return Ok(tell(&views, outputs));
        }
        say_progress(&views, outputs);
        tokio::select! {
            () = stopped(&mut interrupted) => {
                collector.perform(Command::StopBacktests { ids }).await?;
                let _ = writeln!(outputs.progress, "stopped");
                return Ok(false);
            }
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

fn strange() -> Error {
    Error::Failed("the collector answered something else; it is of another version".into())
}

fn is_over(view: &serde_json::Value) -> bool {
    matches!(text(view, "state"), "done" | "stopped" | "failed")
}

fn text<'v>(view: &'v serde_json::Value, name: &str) -> &'v str {
    view.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}

fn number(view: &serde_json::Value, name: &str) -> u64 {
    view.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default()
}

fn say_progress(views: &[serde_json::Value], outputs: &mut Outputs<'_>) {
    let Some(first) = views.first() else { return };
    let (done, total) = (number(first, "events_done"), number(first, "events_total"));
    let matches: u64 = views.iter().map(|view| number(view, "matches")).sum();
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or_default();
    let _ = write!(
        outputs.progress,
        "\r{}: {done} of {total} events, {percent} %, {matches} matches so far ",
        text(first, "state")
    );
    let _ = outputs.progress.flush();
}

/// One line a rule; whether all are done.
fn tell(views: &[serde_json::Value], outputs: &mut Outputs<'_>) -> bool {
    let _ = writeln!(outputs.progress);
    for view in views {
        let line = if outputs.json { view.to_string() } else { sentence(view) };
        let _ = writeln!(outputs.results, "{line}");
    }
    let _ = outputs.results.flush();
    views.iter().all(|view| text(view, "state") == "done")
}

fn sentence(view: &serde_json::Value) -> String {
    let (title, error) = (visible(text(view, "title")), text(view, "error"));
    let mut line = format!("{title}: {}", text(view, "sentence"));
    if !error.is_empty() {
        line = format!("{title}: failed: {}", visible(error));
    }
    let missing = view.get("missing").and_then(serde_json::Value::as_array);
    for file in missing.into_iter().flatten().filter_map(serde_json::Value::as_str) {
        line.push_str(&format!("\n  not looked at: {}", visible(file)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_a_time_or_how_long_ago() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let check = |text: &str| moment(text, now).map(|moment| moment.to_string());
        let day = check("2026-11-01").unwrap();
        assert!(day.starts_with("2026-11-01T00:00:00"), "{day}");
        let ago = check("2h").unwrap();
        assert!(ago.starts_with("2026-11-22T08:00:00"), "{ago}");
        assert!(check("yesterday").unwrap_err().contains("how long ago"));
    }
}
