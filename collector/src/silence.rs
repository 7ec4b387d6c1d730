//! Silences: planned work, during which alerts are expected.
//!
//! A silence is for a machine, for an agency with those below it, for a rule, or for a rule on
//! either, from one moment to another at most seven days later, for a reason. Alerts whose first
//! event is received meanwhile are raised as ever and marked: they are not counted as open work.
//! One that is seen again after the end becomes work by itself; one that is not stays marked, and
//! whoever looks for silenced alerts finds it. Alerts from before are not touched.
//!
//! Never: loses a finding. What is to be hidden altogether is an exception (room `tuning`).

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};
use utoipa::ToSchema;

use crate::access::{Caller, Deed, listed};
use crate::clock::Clock;
use crate::live::{Bus, Notice};
use crate::store::Store;

/// Longest silence, in days.
pub const DAYS_MAX: i64 = 7;
/// Silences shown, the latest first.
const SHOWN_MAX: i64 = 500;
/// Longest reason in characters.
const WHY_MAX: usize = 1000;
const DAY_US: i64 = 86_400_000_000;

/// What cannot be done with a silence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this number, or it is nobody's business of who asks.
    #[error("there is no such silence")]
    NotFound,
    /// It cannot be like that; says what would be right.
    #[error("{0}")]
    Refused(&'static str),
    /// It is over already.
    #[error("the silence is over already")]
    Over,
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// A silence that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// On this machine only.
    pub machine: Option<AgentId>,
    /// In this agency and those below it.
    pub agency: Option<i64>,
    /// Of this rule only.
    pub rule: Option<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What is worked on.
    pub why: String,
}

/// A silence as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Silence {
    /// Its number.
    pub id: i64,
    /// On this machine only.
    pub machine: Option<String>,
    /// What the machine is called.
    pub hostname: Option<String>,
    /// In this agency and those below it: its number.
    pub agency: Option<i64>,
    /// Its name.
    pub agency_name: Option<String>,
    /// Of this rule only.
    pub rule: Option<String>,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// What is worked on.
    pub why: String,
    /// Who said so.
    pub who: String,
    /// Who ended it early.
    pub ended_by: Option<String>,
    /// Alerts that began under it.
    pub alerts: i64,
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Silences {
    store: Store,
    clock: Clock,
    bus: Bus,
}

impl Silences {
    /// Opens the room.
    pub fn new(store: Store, clock: Clock, bus: Bus) -> Self {
        Self { store, clock, bus }
    }

    /// Those that may be seen, the latest first: of agencies and of machines of agencies that may
    /// be seen, and those that are for everybody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, seen: &Agencies) -> Result<Vec<Silence>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT silence.*, agent.hostname, agency.name AS agency_name,
                 (SELECT count(*) FROM alert WHERE alert.silence = silence.id) AS alerts
             FROM silence LEFT JOIN agent ON agent.id = silence.agent
                 LEFT JOIN agency ON agency.id = silence.agency WHERE true",
        );
        of_seen(&mut query, seen, true);
        query.push(" ORDER BY silence.until DESC, silence.id DESC LIMIT ").push_bind(SHOWN_MAX);
        let rows = query.build().fetch_all(self.store.pool()).await?;
        let view = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Silence {
                id: row.try_get("id")?,
                machine: row.try_get("agent")?,
                hostname: row.try_get("hostname")?,
                agency: row.try_get("agency")?,
                agency_name: row.try_get("agency_name")?,
                rule: row.try_get("rule")?,
                from: Timestamp::from_micros(row.try_get("from_at")?),
                until: Timestamp::from_micros(row.try_get("until")?),
                why: row.try_get("why")?,
                who: row.try_get("who")?,
                ended_by: row.try_get("ended_by")?,
                alerts: row.try_get("alerts")?,
            })
        };
        rows.iter().map(view).collect()
    }

    /// Makes one; its number.
    ///
    /// # Errors
    /// [`Error::Refused`] with what is wrong with it.
    pub async fn add(&self, draft: &Draft, seen: &Agencies, caller: &Caller) -> Result<i64, Error> {
        let now = self.clock.now();
        check(draft, now)?;
        let mut tx = self.store.write().await?;
        check_scope(&mut tx, draft, seen).await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO silence (agent, agency, rule, from_at, until, why, who, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(draft.machine.map(|machine| machine.to_string()))
        .bind(draft.agency)
        .bind(&draft.rule)
        .bind(draft.from.as_micros())
        .bind(draft.until.as_micros())
        .bind(draft.why.trim())
        .bind(&caller.who)
        .bind(now.as_micros())
        .fetch_one(&mut *tx)
        .await?;
        let deed =
            Deed::new(&caller.who, &caller.address, "silence added", &format!("silence {id}"));
        deed.with(draft.why.trim()).write(&mut tx, now).await?;
        tx.commit().await?;
        self.bus.tell(Notice::Rules);
        Ok(id)
    }

    /// Ends one now; what is seen again from here on is work.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Over`].
    pub async fn end(&self, id: i64, seen: &Agencies, caller: &Caller) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let mut query = QueryBuilder::new("SELECT until, from_at FROM silence WHERE id = ");
        query.push_bind(id);
        of_seen(&mut query, seen, false);
        let found: Option<(i64, i64)> = query.build_query_as().fetch_optional(&mut *tx).await?;
        let (until, from) = found.ok_or(Error::NotFound)?;
        if until <= now.as_micros() {
            return Err(Error::Over);
        }
        sqlx::query("UPDATE silence SET until = ?, ended_at = ?, ended_by = ? WHERE id = ?")
            .bind(now.as_micros().max(from + 1))
            .bind(now.as_micros())
            .bind(&caller.who)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE alert SET silenced_until = min(silenced_until, ?) WHERE silence = ?")
            .bind(now.as_micros())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let deed =
            Deed::new(&caller.who, &caller.address, "silence ended", &format!("silence {id}"));
        deed.write(&mut tx, now).await?;
        tx.commit().await?;
        self.bus.tell(Notice::Rules);
        Ok(())
    }
}

fn check(draft: &Draft, now: Timestamp) -> Result<(), Error> {
    let why = draft.why.trim();
    if why.is_empty() || why.chars().count() > WHY_MAX {
        return Err(Error::Refused("say in at most 1000 characters what is worked on"));
    }
    if draft.machine.is_some() && draft.agency.is_some() {
        return Err(Error::Refused("name a machine or an agency, not both"));
    }
    if draft.machine.is_none() && draft.agency.is_none() && draft.rule.is_none() {
        return Err(Error::Refused("name a machine, an agency or a rule"));
    }
    if draft.until <= draft.from || draft.until <= now {
        return Err(Error::Refused("the end has to be after the beginning, and to come"));
    }
    if draft.until > draft.from.plus_micros(DAYS_MAX * DAY_US) {
        return Err(Error::Refused("a silence lasts at most seven days"));
    }
    Ok(())
}

/// Nobody silences what they may not see.
async fn check_scope(
    tx: &mut SqliteConnection,
    draft: &Draft,
    seen: &Agencies,
) -> Result<(), Error> {
    let agency: Option<i64> = match (draft.machine, draft.agency) {
        (Some(machine), _) => {
            sqlx::query_scalar("SELECT agency FROM agent WHERE id = ?")
                .bind(machine.to_string())
                .fetch_optional(tx)
                .await?
        }
        (None, Some(agency)) => {
            sqlx::query_scalar("SELECT id FROM agency WHERE id = ?")
                .bind(agency)
                .fetch_optional(tx)
                .await?
        }
        (None, None) => {
            let all = *seen == Agencies::All;
            return if all { Ok(()) } else { Err(Error::Refused("name a machine or an agency")) };
        }
    };
    let known = agency.is_some_and(|agency| seen.hold(agency));
    if known { Ok(()) } else { Err(Error::Refused("there is no such machine or agency")) }
}

/// Only silences of these agencies; and perhaps those that are for all.
fn of_seen(query: &mut QueryBuilder<sqlx::Sqlite>, seen: &Agencies, for_all: bool) {
    let Some(list) = listed(seen) else { return };
    query.push(" AND ((").push_bind(for_all);
    query.push(" AND silence.agent IS NULL AND silence.agency IS NULL) OR silence.agency IN ");
    query.push("(SELECT value FROM json_each(").push_bind(list.clone());
    query.push(")) OR (SELECT agency FROM agent WHERE agent.id = silence.agent) IN ");
    query.push("(SELECT value FROM json_each(").push_bind(list).push(")))");
}

/// What a finding is about, as silences see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// Id of its machine.
    pub agent: &'a str,
    /// Number of its agency.
    pub agency: i64,
    /// Id of its rule.
    pub rule: &'a str,
}

/// A silence over a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub id: i64,
    pub until: Timestamp,
}

/// The silence over what was received then, if there is one: that which lasts longest.
pub(crate) async fn over(
    tx: &mut SqliteConnection,
    about: About<'_>,
    received: Timestamp,
) -> sqlx::Result<Option<Over>> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "SELECT id, until FROM silence
         WHERE until > ?1 AND from_at <= ?1
             AND (agent IS NULL OR agent = ?2) AND (rule IS NULL OR rule = ?3)
             AND (agency IS NULL OR agency IN (
                 WITH RECURSIVE above (id) AS (
                     VALUES (?4)
                     UNION SELECT agency.parent FROM agency JOIN above ON agency.id = above.id
                     WHERE agency.parent IS NOT NULL)
                 SELECT id FROM above))
         ORDER BY until DESC, id LIMIT 1",
    )
    .bind(received.as_micros())
    .bind(about.agent)
    .bind(about.rule)
    .bind(about.agency)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|(id, until)| Over { id, until: Timestamp::from_micros(until) }))
}

#[cfg(test)]
mod tests;
