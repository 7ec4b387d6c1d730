//! `doctor`: whether what the collector keeps is as it should be, one line a check, with what to do.
//!
//! It looks at a folder while a collector uses it (then that one reads its journal) and while none
//! does. It never changes anything, but that a journal that was not closed is put in order by being
//! opened, as a collector does at its start.
//!
//! | check | a problem when |
//! |---|---|
//! | `folder` | it is not there, others may read it, or it is somebody else's |
//! | `process` | somebody holds the folder and does not answer |
//! | `configuration` | it cannot be read |
//! | `disk` | there is less free than the journal leaves free |
//! | `clock` | it is before what was received, or before this program |
//! | `certificates` | one has ended, or cannot be read |
//! | `database` | SQLite's own check finds something |
//! | `journal` | events cannot be read, or a reader is beyond its end |
//! | `archive` | a file is missing, or is not what was written, or the manifest's chain is broken |

mod archive;
mod database;
mod folder;
mod journal;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use soc_event::Timestamp;

use crate::config::{self, Config};
use crate::control::{self, Answer, Command};

pub use journal::Checked;
pub(crate) use journal::check as check_journal;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It will be a problem.
    Warning,
    /// Something has to be done.
    Problem,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What is so.
    pub said: String,
    /// What to do about it.
    pub todo: Option<String>,
}

impl Finding {
    fn good(check: &'static str, said: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, said: said.into(), todo: None }
    }

    fn problem(check: &'static str, said: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Problem, said: said.into(), todo: Some(todo.into()) }
    }

    fn warning(check: &'static str, said: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, ..Self::problem(check, said, todo) }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Good => "good",
            Verdict::Warning => "WARNING",
            Verdict::Problem => "PROBLEM",
        };
        let todo = self.todo.as_ref().map(|todo| format!(" -- {todo}")).unwrap_or_default();
        format!("{verdict:<8} {:<14} {}{todo}", self.check, self.said)
    }
}

/// Looks at everything; tells each finding as it comes.
pub async fn examine(
    data: &Path,
    config_file: Option<&Path>,
    now: Timestamp,
    each: &mut dyn FnMut(Finding),
) {
    let config = match config::load(data, config_file) {
        Ok(config) => {
            let named =
                config_file.map_or("defaults".to_owned(), |file| file.display().to_string());
            each(Finding::good("configuration", named));
            config
        }
        Err(mistakes) => {
            for mistake in mistakes {
                let todo = "correct the file; a collector does not start with it";
                each(Finding::problem("configuration", mistake.to_string(), todo));
            }
            match config::load(data, None) {
                Ok(config) => config,
                Err(_) => return,
            }
        }
    };
    let is_there = folder::check(data, each);
    if !is_there {
        return;
    }
    let runs = process(data, each).await;
    folder::disk(&config, each);
    folder::certificates(data, now, each);
    let checkpoints = database::check(&data.join("state.sqlite"), each).await;
    let checked = match runs {
        Runs::Yes => asked(data, each).await,
        Runs::No => journal::opened(&config, each).await,
        Runs::Unknown => None,
    };
    if let Some(checked) = checked {
        journal::tell(&checked, &checkpoints, each);
        clock(now, checked.received, each);
    }
    archive::check(data, each).await;
}

/// Whether a collector uses the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Yes,
    No,
    /// Somebody has it, and does not answer.
    Unknown,
}

async fn process(data: &Path, each: &mut dyn FnMut(Finding)) -> Runs {
    match control::call(data, &Command::Status).await {
        Ok(Some(Answer::Status { version, machines, .. })) => {
            let said = format!("a collector of version {version} runs, {machines} machines");
            each(Finding::good("process", said));
            Runs::Yes
        }
        Ok(None) if !folder::is_held(data) => {
            each(Finding::good("process", "no collector runs"));
            Runs::No
        }
        Ok(_) => {
            let todo = "wait until it has started or stopped; else end it";
            each(Finding::problem("process", "a process has the folder and does not answer", todo));
            Runs::Unknown
        }
        Err(error) => {
            let todo = "run this as the user the collector runs as";
            each(Finding::problem("process", error.to_string(), todo));
            Runs::Unknown
        }
    }
}

/// The collector reads its journal itself.
async fn asked(data: &Path, each: &mut dyn FnMut(Finding)) -> Option<Checked> {
    match control::call(data, &Command::CheckJournal).await {
        Ok(Some(Answer::Journal { checked })) => Some(checked),
        Ok(_) => {
            let todo = "run this program in the version of the collector";
            each(Finding::problem("journal", "the collector did not say how it is", todo));
            None
        }
        Err(error) => {
            each(Finding::problem("journal", error.to_string(), "look into the collector's log"));
            None
        }
    }
}

/// The first moment this program can have run at: no clock is right that says an earlier one.
const WRITTEN: &str = "2026-11-01T00:00:00Z";
/// So far two clocks may differ.
const OFF_US: i64 = 300 * 1_000_000;

fn clock(now: Timestamp, received: Option<Timestamp>, each: &mut dyn FnMut(Finding)) {
    let todo = "set the clock, and have it kept right by NTP";
    let is_early = WRITTEN.parse::<Timestamp>().is_ok_and(|written| now < written);
    let ahead = received.map_or(0, |at| at.as_micros().saturating_sub(now.as_micros()));
    if is_early {
        return each(Finding::problem("clock", format!("says {now}"), todo));
    }
    if ahead > OFF_US {
        let said =
            format!("says {now}, {} s before the newest event was received", ahead / 1_000_000);
        return each(Finding::problem("clock", said, todo));
    }
    each(Finding::good("clock", now.to_string()));
}

/// Where the parts of a data folder lie.
fn journal_file(config: &Config) -> PathBuf {
    config.data.join("journal.redb")
}

#[cfg(test)]
mod tests;
