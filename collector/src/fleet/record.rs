//! What people write down about a machine: who is responsible for it, where it stands, what for.

use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Timestamp};
use sqlx::{Row as _, SqliteConnection};
use utoipa::ToSchema;

use super::agency::check_day;
use super::{Error, Fleet};
use crate::access::{Caller, Deed};

/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 500;

/// What is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostRecordDraft {
    /// Who is responsible for it.
    pub person: String,
    /// Where it stands.
    pub place: String,
    /// What it is for.
    pub purpose: String,
    /// Its maker's number.
    pub serial: String,
    /// Its number in the agency's books.
    pub asset: String,
    /// Until when it is supported: `2027-12-31`.
    pub support_end: Option<String>,
    /// Whatever else is worth knowing.
    pub note: String,
}

/// What is written down, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct HostRecord {
    /// What.
    #[serde(flatten)]
    pub draft: HostRecordDraft,
    /// Grows with every change; 0 where nothing is written down.
    pub version: i64,
    /// When it was last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
    /// By whom.
    pub changed_by: String,
}

impl Fleet {
    /// What is written down about a machine.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn host_record(&self, agent: AgentId) -> Result<HostRecord, Error> {
        let row = sqlx::query(
            "SELECT person, place, purpose, serial, asset, support_end, note, version, changed_at,
                    changed_by
             FROM host_record WHERE agent = ?",
        )
        .bind(agent.to_string())
        .fetch_optional(self.0.store.pool())
        .await?;
        let Some(row) = row else { return Ok(HostRecord::default()) };
        Ok(HostRecord {
            draft: draft_of(&row)?,
            version: row.try_get("version")?,
            changed_at: Some(Timestamp::from_micros(row.try_get("changed_at")?)),
            changed_by: row.try_get("changed_by")?,
        })
    }

    /// Writes it down, on top of the version that was seen (0: nothing).
    ///
    /// # Errors
    /// [`Error::Refused`] says what is wrong with it, [`Error::Changed`] that somebody else was
    /// quicker.
    pub async fn write_host_record(
        &self,
        agent: AgentId,
        version: i64,
        draft: &HostRecordDraft,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        put(&mut tx, &agent.to_string(), version, draft, caller, now).await?;
        let hostname: String = sqlx::query_scalar("SELECT hostname FROM agent WHERE id = ?")
            .bind(agent.to_string())
            .fetch_one(&mut *tx)
            .await?;
        Deed::new(&caller.who, &caller.address, "machine record changed", &hostname)
            .write(&mut tx, now)
            .await?;
        tx.commit().await?;
        self.tell(agent);
        Ok(())
    }
}

/// Of a row that has its columns.
pub(crate) fn draft_of(row: &sqlx::sqlite::SqliteRow) -> Result<HostRecordDraft, sqlx::Error> {
    Ok(HostRecordDraft {
        person: row.try_get("person")?,
        place: row.try_get("place")?,
        purpose: row.try_get("purpose")?,
        serial: row.try_get("serial")?,
        asset: row.try_get("asset")?,
        support_end: row.try_get("support_end")?,
        note: row.try_get("note")?,
    })
}

/// Writes it down within a transaction.
pub(crate) async fn put(
    tx: &mut SqliteConnection,
    agent: &str,
    version: i64,
    draft: &HostRecordDraft,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), Error> {
    check(draft).map_err(Error::Refused)?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM agent WHERE id = ?)")
        .bind(agent)
        .fetch_one(&mut *tx)
        .await?;
    if !exists {
        return Err(Error::Refused("there is no such machine".to_owned()));
    }
    let done = sqlx::query(
        "INSERT INTO host_record (agent, person, place, purpose, serial, asset, support_end, note,
                version, changed_at, changed_by)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10
         WHERE ?11 = COALESCE((SELECT version FROM host_record WHERE agent = ?1), 0)
         ON CONFLICT (agent) DO UPDATE SET person = excluded.person, place = excluded.place,
            purpose = excluded.purpose, serial = excluded.serial, asset = excluded.asset,
            support_end = excluded.support_end, note = excluded.note, version = version + 1,
            changed_at = excluded.changed_at, changed_by = excluded.changed_by",
    )
    .bind(agent)
    .bind(draft.person.trim())
    .bind(draft.place.trim())
    .bind(draft.purpose.trim())
    .bind(draft.serial.trim())
    .bind(draft.asset.trim())
    .bind(&draft.support_end)
    .bind(draft.note.trim())
    .bind(now.as_micros())
    .bind(&caller.who)
    .bind(version)
    .execute(&mut *tx)
    .await?;
    let changed = || Error::Changed("it was changed meanwhile; look at it again".to_owned());
    (done.rows_affected() > 0).then_some(()).ok_or_else(changed)
}

/// Says what is wrong with it.
pub(crate) fn check(draft: &HostRecordDraft) -> Result<(), String> {
    let HostRecordDraft { person, place, purpose, serial, asset, support_end, note } = draft;
    if [person, place, purpose, serial, asset, note]
        .into_iter()
        .any(|text| text.chars().count() > TEXT_CHARS_MAX)
    {
        return Err(format!("a text has more than {TEXT_CHARS_MAX} letters"));
    }
    support_end.as_deref().map_or(Ok(()), check_day).map_err(|error| error.to_string())
}
