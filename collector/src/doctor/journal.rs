use serde::{Deserialize, Serialize};
use soc_event::Timestamp;

use super::database::Checkpoints;
use super::{Finding, journal_file};
use crate::config::Config;
use crate::folder::Folder;
use crate::journal::{Error, Journal, Position};

/// Events looked at together.
const EVENTS_MAX: usize = 10_000;

/// What the journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Events that could be read.
    pub events: u64,
    /// Those that could not.
    pub damaged: u64,
    /// Where the first of these was, about.
    pub first_damage: Option<u64>,
    /// The position after the last.
    pub end: u64,
    /// When the newest was received.
    pub received: Option<Timestamp>,
}

/// Reads all of a journal. Blocks.
///
/// # Errors
/// When the file cannot be read any more.
pub(crate) fn check(journal: &Journal) -> Result<Checked, Error> {
    let mut checked = Checked { end: journal.end().borrow().0, ..Checked::default() };
    let mut from = Position::FIRST;
    while from.0 < checked.end {
        let stretch = journal.read(from, EVENTS_MAX)?;
        checked.events += u64::try_from(stretch.entries.len()).unwrap_or(0);
        if stretch.damaged > 0 {
            checked.damaged += stretch.damaged;
            checked.first_damage = checked.first_damage.or(Some(from.0));
        }
        let newest = stretch.entries.iter().map(|entry| entry.received).max();
        checked.received = checked.received.max(newest);
        if stretch.next <= from {
            break;
        }
        from = stretch.next;
    }
    Ok(checked)
}

/// The same of a folder nobody uses.
pub(super) async fn opened(config: &Config, each: &mut dyn FnMut(Finding)) -> Option<Checked> {
    let file = journal_file(config);
    let mut failed = |why: String| {
        let todo = "restore it from a backup; what agents still have they send again";
        each(Finding::problem("journal", format!("{}: {why}", file.display()), todo));
        None
    };
    if !file.exists() {
        return failed("there is none".to_owned());
    }
    let folder = match Folder::open(&config.data) {
        Ok(folder) => folder,
        Err(error) => return failed(error.to_string()),
    };
    let (path, settings) = (file.clone(), config.journal);
    let looked = tokio::task::spawn_blocking(move || {
        let checked = check(&Journal::open(&path, &settings, &prometheus::Registry::new())?);
        drop(folder);
        checked
    });
    match looked.await {
        Ok(Ok(checked)) => Some(checked),
        Ok(Err(error)) => failed(error.to_string()),
        // redb panics over some damage to its file.
        Err(_) => failed("it cannot be read".to_owned()),
    }
}

/// Says how it is.
pub(super) fn tell(checked: &Checked, checkpoints: &Checkpoints, each: &mut dyn FnMut(Finding)) {
    let Checked { events, damaged, first_damage, end, .. } = checked;
    if *damaged > 0 {
        let from = first_damage.unwrap_or(0);
        let said = format!("{damaged} events cannot be read, the first from position {from} on");
        let todo = "the disk lost them: look at the disk; what a backup has of them it still has";
        each(Finding::problem("journal", said, todo));
    } else {
        each(Finding::good("journal", format!("{events} events, all readable, end {end}")));
    }
    for (reader, position) in checkpoints {
        if u64::try_from(*position).unwrap_or(0) > *end {
            let said = format!("{reader} is at {position}, beyond the end {end}");
            let todo = "the journal and the database are of different times: restore both together";
            each(Finding::problem("journal", said, todo));
        }
    }
}
