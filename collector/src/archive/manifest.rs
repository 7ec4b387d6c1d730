//! The manifest: which files there are, in SQL. What is written here is written in the transaction
//! of whoever calls, together with what it stands for.

use soc_archive::{FileFacts, FileRef};
use soc_event::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::chain::{self, Link, Vouched};

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: i64,
    pub(super) number: u64,
    pub(super) date: String,
    pub(super) raw_bytes: u64,
    pub(super) is_settled: bool,
    pub(super) chain: Link,
    pub(super) state: String,
    pub(super) file: FileRef,
}

/// A file that is about to be listed; it is on disk already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) date: String,
    pub(super) raw_bytes: u64,
    pub(super) is_settled: bool,
    pub(super) file: FileRef,
}

/// The UTC day of a moment: `2026-11-22`.
pub(super) fn date_of(moment: Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}

/// Adds files to the chains of their agencies; says under which ids. With `merged`, they are what a
/// merge made.
pub(super) async fn add(
    tx: &mut SqliteConnection,
    files: &[New],
    merged: bool,
    now: Timestamp,
) -> sqlx::Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(files.len());
    for new in files {
        let (number, before) = last_link(tx, new.file.agency).await?;
        let id = insert(tx, new, number.saturating_add(1), &before, now).await?;
        ids.push(id);
    }
    if let (true, Some(first)) = (merged, ids.first()) {
        for id in &ids {
            sqlx::query("UPDATE archive_file SET merged = ? WHERE id = ?")
                .bind(first)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
    }
    Ok(ids)
}

/// Days and agencies that have files which are not packed to be small, oldest first.
pub(super) async fn unsettled_days(tx: &mut SqliteConnection) -> sqlx::Result<Vec<(String, i64)>> {
    let days = sqlx::query_as(
        "SELECT DISTINCT date, agency FROM archive_file
         WHERE state = 'live' AND settled = 0 ORDER BY date, agency",
    );
    days.fetch_all(tx).await
}

/// Files that are there of one agency and day, in the order of the journal.
pub(super) async fn live_of(
    tx: &mut SqliteConnection,
    agency: i64,
    date: &str,
) -> sqlx::Result<Vec<Listed>> {
    let rows = sqlx::query(
        "SELECT * FROM archive_file WHERE state = 'live' AND agency = ? AND date = ?
         ORDER BY position_min",
    );
    rows.bind(agency).bind(date).fetch_all(tx).await?.iter().map(listed).collect()
}

/// Files that are there, and damaged ones: retention is about both.
pub(super) async fn live_or_damaged(tx: &mut SqliteConnection) -> sqlx::Result<Vec<Listed>> {
    let rows = sqlx::query(
        "SELECT * FROM archive_file WHERE state IN ('live', 'damaged') ORDER BY date, agency, id",
    );
    rows.fetch_all(tx).await?.iter().map(listed).collect()
}

/// The file that is there under a path.
pub(super) async fn live_at(tx: &mut SqliteConnection, path: &str) -> sqlx::Result<Option<Listed>> {
    let row = sqlx::query("SELECT * FROM archive_file WHERE state = 'live' AND path = ?");
    row.bind(path).fetch_optional(tx).await?.as_ref().map(listed).transpose()
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// A merge took it in; its first file is this one.
    Replaced(i64),
    /// It was kept long enough.
    Expired,
    /// It cannot be read.
    Damaged(&'a str),
}

/// Ends a file that is there; false when it is not there any more.
pub(super) async fn end(
    tx: &mut SqliteConnection,
    id: i64,
    end: End<'_>,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let (state, replaced_by, reason) = match end {
        End::Replaced(by) => ("replaced", Some(by), None),
        End::Expired => ("expired", None, None),
        End::Damaged(reason) => ("damaged", None, Some(reason)),
    };
    let ended = sqlx::query(
        "UPDATE archive_file SET state = ?1, ended_at = ?2, replaced_by = ?3,
            reason = COALESCE(?4, reason)
         WHERE id = ?5 AND (state = 'live' OR (state = 'damaged' AND ?1 = 'expired'))",
    );
    let ended = ended.bind(state).bind(now.as_micros()).bind(replaced_by).bind(reason).bind(id);
    Ok(ended.execute(tx).await?.rows_affected() == 1)
}

async fn last_link(tx: &mut SqliteConnection, agency: i64) -> sqlx::Result<(u64, Link)> {
    let last: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT number, chain FROM archive_file WHERE agency = ? ORDER BY number DESC LIMIT 1",
    )
    .bind(agency)
    .fetch_optional(tx)
    .await?;
    let Some((number, link)) = last else { return Ok((0, chain::BEGIN)) };
    Ok((unsigned(number), hash(link)?))
}

async fn insert(
    tx: &mut SqliteConnection,
    new: &New,
    number: u64,
    before: &Link,
    now: Timestamp,
) -> sqlx::Result<i64> {
    let FileRef { path, agency, agency_code, facts, .. } = &new.file;
    let link = chain::link(before, &vouched(&new.file, number));
    let columns = serde_json::to_string(&facts.columns).unwrap_or_default();
    sqlx::query_scalar(
        "INSERT INTO archive_file (agency, number, agency_code, date, path, sha256, bytes,
            words_sha256, words_bytes, rows, raw_bytes, settled, time_min, time_max, received_min,
            received_max, position_min, position_max, columns, chain, state, added_at, checked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'live', ?, ?)
         RETURNING id",
    )
    .bind(agency)
    .bind(signed(number))
    .bind(agency_code)
    .bind(&new.date)
    .bind(path)
    .bind(facts.sha256.as_slice())
    .bind(signed(facts.bytes))
    .bind(facts.words_sha256.as_slice())
    .bind(signed(facts.words_bytes))
    .bind(signed(facts.rows))
    .bind(signed(new.raw_bytes))
    .bind(new.is_settled)
    .bind(facts.time.0.as_micros())
    .bind(facts.time.1.as_micros())
    .bind(facts.received.0.as_micros())
    .bind(facts.received.1.as_micros())
    .bind(signed(facts.position.0))
    .bind(signed(facts.position.1))
    .bind(columns)
    .bind(link.as_slice())
    .bind(now.as_micros())
    .bind(now.as_micros())
    .fetch_one(tx)
    .await
}

/// What a file's link is made of.
pub(super) fn vouched(file: &FileRef, number: u64) -> Vouched<'_> {
    Vouched {
        agency: file.agency,
        number,
        path: &file.path,
        sha256: &file.facts.sha256,
        words_sha256: &file.facts.words_sha256,
        rows: file.facts.rows,
    }
}

/// A row of `SELECT * FROM archive_file`.
pub(super) fn listed(row: &SqliteRow) -> sqlx::Result<Listed> {
    let number = |name: &str| -> sqlx::Result<u64> { Ok(unsigned(row.try_get(name)?)) };
    let time =
        |name: &str| -> sqlx::Result<Timestamp> { Ok(Timestamp::from_micros(row.try_get(name)?)) };
    let columns: String = row.try_get("columns")?;
    let path: String = row.try_get("path")?;
    let facts = FileFacts {
        sha256: hash(row.try_get("sha256")?)?,
        bytes: number("bytes")?,
        words_sha256: hash(row.try_get("words_sha256")?)?,
        words_bytes: number("words_bytes")?,
        rows: number("rows")?,
        time: (time("time_min")?, time("time_max")?),
        received: (time("received_min")?, time("received_max")?),
        position: (number("position_min")?, number("position_max")?),
        columns: serde_json::from_str(&columns).map_err(decode)?,
    };
    Ok(Listed {
        id: row.try_get("id")?,
        number: number("number")?,
        date: row.try_get("date")?,
        raw_bytes: number("raw_bytes")?,
        is_settled: row.try_get("settled")?,
        chain: hash(row.try_get("chain")?)?,
        state: row.try_get("state")?,
        file: FileRef {
            words: words_of(&path),
            path,
            agency: row.try_get("agency")?,
            agency_code: row.try_get("agency_code")?,
            facts,
        },
    })
}

/// Where the filter of words of a file is: beside it.
pub(super) fn words_of(path: &str) -> String {
    format!("{}.words", path.strip_suffix(".parquet").unwrap_or(path))
}

/// As SQL keeps numbers; none of ours is near the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn hash(bytes: Vec<u8>) -> sqlx::Result<[u8; 32]> {
    let wrong = |bytes: Vec<u8>| decode(format!("a hash of {} bytes", bytes.len()));
    bytes.try_into().map_err(wrong)
}

fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
