//! Tables that come in and go out: agencies, information systems, and what is written down about
//! machines.
//!
//! A table is compared with what is there, and every row that would change something is told before
//! it does; every mistake is told with its line and column. It is put in force as a whole or not at
//! all, and only if it still does what was told: a [`Preview`] has a mark over all of it. Columns
//! that a table does not have stay as they are; rows it does not have too: a table never deletes.

mod agencies;
mod machines;
mod out;
mod systems;
mod table;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use crate::access::{Caller, Deed};
use crate::fleet::{self, HostRecordDraft, SystemDraft};
use crate::{hex, sheet};

pub use out::write;
use table::Table;

/// Rows of a preview that are shown.
const SHOWN_MAX: usize = 1000;

/// What a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The tree of agencies.
    Agencies,
    /// Information systems.
    Systems,
    /// What people write down about machines.
    Machines,
}

impl What {
    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "agencies" => Some(Self::Agencies),
            "systems" => Some(Self::Systems),
            "machines" => Some(Self::Machines),
            _ => None,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agencies => "agencies",
            Self::Systems => "systems",
            Self::Machines => "machines",
        }
    }
}

/// Why a table was not put in force.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no table.
    #[error(transparent)]
    Sheet(#[from] sheet::Error),
    /// These have to be mended first.
    #[error("{} mistakes:\n{}", .0.len(), .0.iter().map(|m| format!("  {m}\n")).collect::<String>())]
    Mistakes(Vec<Mistake>),
    /// It would do something else than the preview has shown.
    #[error("what it would change is not what the preview has shown: look at a new one")]
    Changed,
    /// The fleet refused a row after all.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// What is wrong with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// There is no such column.
    Column,
    /// A column that is needed is not there, or has nothing in it.
    Missing,
    /// It stands on an earlier line already.
    Twice,
    /// No agency has this code.
    Agency,
    /// The agency is no more.
    Ended,
    /// It would be below itself.
    Circle,
    /// It is no code, name, level or text such as is taken.
    Value,
    /// It is none of the words of this column.
    Word,
    /// It is no day such as 2026-12-31.
    Day,
    /// No machine has this name or number, or several have the name.
    Machine,
    /// No system has this code.
    System,
}

/// A cell that has to be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// On which line of the file, from 1.
    pub line: usize,
    /// In which column.
    pub column: String,
    /// What is wrong.
    pub wrong: Wrong,
    /// What stands there.
    pub value: String,
    /// What to do about it.
    pub hint: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, column, value, hint, .. } = self;
        write!(f, "line {line}, {column}: {value:?}: {hint}")
    }
}

/// One value that becomes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// In which column.
    pub column: String,
    /// What it is.
    pub from: String,
    /// What it becomes.
    pub to: String,
}

/// A row that adds or changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRow {
    /// On which line of the file.
    pub line: usize,
    /// Whether it is new.
    pub is_new: bool,
    /// Code, or name of the machine.
    pub key: String,
    /// What becomes what; of a new one what it is.
    pub changes: Vec<FieldChange>,
}

/// What a table would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// What it is about.
    pub what: What,
    /// Stands for all of it: who applies says it.
    pub mark: String,
    /// Rows that add something.
    pub added: usize,
    /// Rows that change something.
    pub changed: usize,
    /// Rows that say what is so already.
    pub same: usize,
    /// The first thousand of those that add or change something.
    pub rows: Vec<PlannedRow>,
    /// Everything that has to be mended first.
    pub mistakes: Vec<Mistake>,
}

/// What a table does, step by step.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) preview: Preview,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
enum Step {
    /// An agency by its number and version, or a new one.
    Agency { known: Option<(i64, i64)>, code: String, name: String, parent: Option<String> },
    /// A system likewise.
    System { known: Option<(i64, i64)>, draft: SystemDraft },
    /// A machine and the version of what is written down about it.
    Machine { agent: String, version: i64, draft: HostRecordDraft, systems: Option<Vec<i64>> },
}

/// What a table says, as far as it could be read.
#[derive(Debug, Default)]
struct Read {
    steps: Vec<Step>,
    rows: Vec<PlannedRow>,
    same: usize,
    mistakes: Vec<Mistake>,
}

impl Plan {
    /// Whether it may be put in force.
    pub(crate) fn check(&self, mark: Option<&str>) -> Result<(), Error> {
        if !self.preview.mistakes.is_empty() {
            return Err(Error::Mistakes(self.preview.mistakes.clone()));
        }
        match mark {
            Some(mark) if mark != self.preview.mark => Err(Error::Changed),
            _ => Ok(()),
        }
    }
}

/// Compares a table with what there is of these agencies.
pub(crate) async fn plan(
    tx: &mut SqliteConnection,
    what: What,
    file: &[u8],
    reach: &Agencies,
) -> Result<Plan, Error> {
    let file = file.to_vec();
    let rows = tokio::task::spawn_blocking(move || sheet::read(&file)).await;
    let rows = rows.map_err(|error| sheet::Error::Damaged(error.to_string()))??;
    let (table, mut mistakes) = Table::of(what, rows);
    let mut read = match what {
        _ if !mistakes.is_empty() => Read::default(),
        What::Agencies => agencies::read(tx, &table, reach).await?,
        What::Systems => systems::read(tx, &table, reach).await?,
        What::Machines => machines::read(tx, &table, reach).await?,
    };
    mistakes.append(&mut read.mistakes);
    mistakes.sort_by_key(|mistake| mistake.line);
    let steps = serde_json::to_vec(&(what, &read.steps));
    let steps = steps.map_err(|error| sheet::Error::Damaged(error.to_string()))?;
    let added = read.rows.iter().filter(|row| row.is_new).count();
    let preview = Preview {
        what,
        mark: hex(&Sha256::digest(&steps)),
        added,
        changed: read.rows.len().saturating_sub(added),
        same: read.same,
        rows: read.rows.into_iter().take(SHOWN_MAX).collect(),
        mistakes,
    };
    Ok(Plan { preview, steps: read.steps })
}

/// Does it, with its deed.
pub(crate) async fn apply(
    tx: &mut SqliteConnection,
    plan: Plan,
    reach: &Agencies,
    (caller, now): (&Caller, Timestamp),
) -> Result<Preview, Error> {
    let Plan { preview, steps } = plan;
    match preview.what {
        What::Agencies => agencies::apply(tx, steps, reach, (caller, now)).await?,
        What::Systems => systems::apply(tx, steps, reach, (caller, now)).await?,
        What::Machines => machines::apply(tx, steps, caller, now).await?,
    }
    let action = match preview.what {
        What::Agencies => "agencies imported",
        What::Systems => "systems imported",
        What::Machines => "machine records imported",
    };
    let detail = format!("{} added, {} changed", preview.added, preview.changed);
    Deed::new(&caller.who, &caller.address, action, preview.mark.get(..12).unwrap_or_default())
        .with(&detail)
        .write(tx, now)
        .await?;
    Ok(preview)
}

#[cfg(test)]
mod tests;
