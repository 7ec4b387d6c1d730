//! The manifest: which files there are, in SQL. What is written here is written in the transaction
//! of whoever calls, together with what it stands for.

use soc_archive::{FileFacts, FileRef};
use soc_event::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::chain::{self, Link, Vouched};

/// What a file's filter of words is called, after the file's own name.
pub(super) const WORDS: &str = ".words";

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: i64,
    pub(super) number: u64,
    pub(super) date: String,
    pub(super) raw_bytes: u64,
    pub(super) chain: Link,
    pub(super) state: String,
    pub(super) file: FileRef,
}

/// A file that is about to be listed; it is on disk already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) date: String,
    pub(super) raw_bytes: u64,
    pub(super) file: FileRef,
}

/// Where a file is, by what it holds: `events/agency=A/date=2026-11-22/0123….parquet`. Codes are
/// letters, digits, `-`, `_` and `.`, checked where agencies are made; dots alone are no code here.
pub(super) fn path_of(agency_code: &str, date: &str, sha256: &[u8; 32]) -> String {
    let agency = match agency_code {
        "" => "@none".to_owned(),
        code if code.chars().all(|letter| letter == '.') => format!("@{}dots", code.len()),
        code => code.to_owned(),
    };
    let name: String = crate::hex(sha256).chars().take(32).collect();
    format!("events/agency={agency}/date={date}/{name}.parquet")
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
            words_sha256, words_bytes, rows, raw_bytes, time_min, time_max, received_min,
            received_max, position_min, position_max, columns, chain, state, added_at, checked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'live', ?, ?)
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

/// Where a file's filter of words is.
pub(super) fn words_of(path: &str) -> String {
    format!("{path}{WORDS}")
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
