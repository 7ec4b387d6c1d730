//! Whether the archive is what was written: for `doctor`, and for whoever doubts it.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use super::chain::{self, Link};
use super::damage::{self, Found};
use super::manifest::{self, Listed};
use super::{Archive, Error};

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The manifest and its chain: at once.
    Manifest,
    /// Every file too: as long as reading the archive takes.
    Files,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// The file, below the archive's root.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// A row of the manifest with what only this room asks of it.
struct Linked {
    listed: Listed,
    merged: Option<i64>,
    replaced_by: Option<i64>,
    reason: Option<String>,
}

impl Archive {
    /// Agencies that have files or had some, by number; 0 is none.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn agencies(&self) -> Result<Vec<i64>, Error> {
        let agencies =
            sqlx::query_scalar("SELECT DISTINCT agency FROM archive_file ORDER BY agency");
        Ok(agencies.fetch_all(self.0.store.pool()).await?)
    }

    /// What is wrong with one agency's part: links that are broken, rows that went missing in a
    /// merge, files that are gone, changed, or hold another number of events.
    ///
    /// # Errors
    /// [`Error::Sql`], or the system's; what is wrong with the archive is no error.
    pub async fn verify(&self, agency: i64, depth: Depth) -> Result<Vec<Trouble>, Error> {
        let files = linked(self.0.store.pool(), agency).await?;
        let mut troubles = shown(&files);
        let live = files.iter().filter(|file| file.listed.state == "live");
        for Linked { listed, .. } in live.filter(|_| depth == Depth::Files) {
            let (folder, listed) = (self.0.folder.clone(), listed.clone());
            troubles.extend(self.quietly(move || look(&folder, &listed)).await??);
        }
        Ok(troubles)
    }
}

/// What the manifest in a database shows by itself to be wrong, of all agencies.
///
/// # Errors
/// [`Error::Sql`].
pub async fn manifest_troubles(pool: &SqlitePool) -> Result<Vec<Trouble>, Error> {
    let agencies: Vec<i64> =
        sqlx::query_scalar("SELECT DISTINCT agency FROM archive_file ORDER BY agency")
            .fetch_all(pool)
            .await?;
    let mut troubles = Vec::new();
    for agency in agencies {
        troubles.extend(shown(&linked(pool, agency).await?));
    }
    Ok(troubles)
}

/// The rows of an agency, in the order of its chain.
async fn linked(pool: &SqlitePool, agency: i64) -> Result<Vec<Linked>, Error> {
    let rows = sqlx::query("SELECT * FROM archive_file WHERE agency = ? ORDER BY number")
        .bind(agency)
        .fetch_all(pool)
        .await?;
    let mut files = Vec::with_capacity(rows.len());
    for row in &rows {
        files.push(Linked {
            listed: manifest::listed(row)?,
            merged: row.try_get("merged")?,
            replaced_by: row.try_get("replaced_by")?,
            reason: row.try_get("reason")?,
        });
    }
    Ok(files)
}

/// What rows show by themselves.
fn shown(files: &[Linked]) -> Vec<Trouble> {
    let mut troubles = broken_links(files);
    troubles.extend(lost_in_merges(files));
    let damaged = files.iter().filter(|file| file.listed.state == "damaged");
    troubles.extend(damaged.map(|Linked { listed, reason, .. }| Trouble {
        path: listed.file.path.clone(),
        what: format!("set aside: {}", reason.as_deref().unwrap_or_default()),
    }));
    troubles
}

fn broken_links(files: &[Linked]) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut before: Link = chain::BEGIN;
    for (number, Linked { listed, .. }) in (1_u64..).zip(files) {
        let mut wrong = |what: &str| {
            let (path, what) = (listed.file.path.clone(), what.to_owned());
            troubles.push(Trouble { path, what });
        };
        if listed.number != number {
            wrong(&format!("number {} of the chain, where {number} follows", listed.number));
        }
        let link = chain::link(&before, &manifest::vouched(&listed.file, listed.number));
        if link != listed.chain {
            wrong("its link in the chain is not made of what the manifest says");
        }
        before = listed.chain;
    }
    troubles
}

/// A merge makes as many rows as it took in.
fn lost_in_merges(files: &[Linked]) -> Vec<Trouble> {
    let mut merges: BTreeMap<i64, (u64, u64, &str)> = BTreeMap::new();
    for Linked { listed, merged, replaced_by, .. } in files {
        let (rows, path) = (listed.file.facts.rows, listed.file.path.as_str());
        if let Some(merge) = merged {
            merges.entry(*merge).or_insert((0, 0, path)).1 += rows;
        }
        if listed.state == "replaced" {
            merges.entry(replaced_by.unwrap_or_default()).or_insert((0, 0, path)).0 += rows;
        }
    }
    let wrong = merges.into_values().filter(|(taken, made, _)| taken != made);
    wrong
        .map(|(taken, made, path)| Trouble {
            path: path.to_owned(),
            what: format!("a merge took in {taken} events and made {made}"),
        })
        .collect()
}

/// Reads a file and counts its events. Blocks.
fn look(folder: &soc_archive::store::Folder, listed: &Listed) -> Result<Option<Trouble>, Error> {
    let trouble = |what| Some(Trouble { path: listed.file.path.clone(), what });
    match damage::look(folder, listed)? {
        Found::Damaged(reason) => return Ok(trouble(reason)),
        Found::WordsDamaged(reason) => return Ok(trouble(format!("its words: {reason}"))),
        Found::Whole => {}
    }
    let counted = folder.get(&listed.file.path).and_then(|bytes| {
        let mut rows = 0_u64;
        for batch in soc_archive::read(bytes, Some(&["position"]), 8192)? {
            rows += u64::try_from(batch?.num_rows()).unwrap_or(u64::MAX);
        }
        Ok(rows)
    });
    Ok(match counted {
        Ok(rows) if rows == listed.file.facts.rows => None,
        Ok(rows) => trouble(format!("holds {rows} events, listed are {}", listed.file.facts.rows)),
        Err(error) => trouble(error.to_string()),
    })
}
