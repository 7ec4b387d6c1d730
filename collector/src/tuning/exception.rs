use serde::Serialize;
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use utoipa::ToSchema;

use super::condition::check as check_conditions;
use super::{Condition, DAY_US, DAYS, DAYS_MAX, EXCEPTIONS_MAX, Error, Tuning, WHY_MAX};
use crate::access::{Caller, Deed, listed};
use crate::alert::{Action, Change, Verdict};

/// How long before its end an exception is to be reviewed: a week.
pub(super) const REVIEW_US: i64 = 7 * DAY_US;

/// An exception that somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Of this rule; none: of all.
    pub rule: Option<String>,
    /// On this machine only.
    pub machine: Option<AgentId>,
    /// In this agency and those below it; neither: everywhere.
    pub agency: Option<i64>,
    /// What has to be so of the event.
    pub conditions: Vec<Condition>,
    /// Why.
    pub why: String,
    /// Who answers for it; none: who makes it.
    pub owner: Option<String>,
    /// Until when; 90 days when not said.
    pub until: Option<Timestamp>,
    /// The alert it is made from.
    pub alert: Option<String>,
    /// Closes that alert with this verdict.
    pub close: Option<Verdict>,
}

/// Where an exception is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    /// It hides.
    InForce,
    /// It hides, and ends within a week: renew it or let it end.
    Expiring,
    /// It ran out: renew it or leave it.
    Expired,
    /// Somebody ended it.
    Ended,
}

impl ExceptionState {
    /// The state of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "in_force" => Some(Self::InForce),
            "expiring" => Some(Self::Expiring),
            "expired" => Some(Self::Expired),
            "ended" => Some(Self::Ended),
            _ => None,
        }
    }

    fn of(until: i64, ended: bool, now: i64) -> Self {
        match (ended, until) {
            (true, _) => Self::Ended,
            (false, until) if until <= now => Self::Expired,
            (false, until) if until <= now.saturating_add(REVIEW_US) => Self::Expiring,
            _ => Self::InForce,
        }
    }
}

/// Which exceptions; nothing chosen means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    /// In these states.
    pub states: Vec<ExceptionState>,
    /// That hide findings of this rule, those of all rules among them.
    pub rule: Option<String>,
}

/// An exception as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exception {
    /// Its number.
    pub id: i64,
    /// Grows with every change.
    pub version: i64,
    /// Where it is in its life.
    pub state: ExceptionState,
    /// Of this rule; none: of all.
    pub rule: Option<String>,
    /// On this machine only.
    pub machine: Option<String>,
    /// What the machine is called.
    pub hostname: Option<String>,
    /// In this agency and those below it; neither: everywhere.
    pub agency: Option<i64>,
    /// Its name.
    pub agency_name: Option<String>,
    /// What has to be so of the event.
    pub conditions: Vec<Condition>,
    /// Why.
    pub why: String,
    /// Who answers for it.
    pub owner: String,
    /// The alert it was made from.
    pub alert: Option<String>,
    /// Who made it.
    pub made_by: String,
    /// Since when it hides.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Findings it hid.
    pub hidden: i64,
    /// When the event of the latest was received.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub hidden_at: Option<Timestamp>,
    /// What was done to it, of one that is shown alone.
    pub history: Vec<HistoryRow>,
}

/// What was done to an exception, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryRow {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// `made`, `renewed` or `ended`
    pub action: String,
    /// With which reason.
    pub why: String,
    /// Until when it hides since then.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// A longer life for an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Until when; 90 days from now when not said.
    pub until: Option<Timestamp>,
    /// Why it is still right.
    pub why: String,
    /// Its version as the person saw it.
    pub version: i64,
}

/// The end of an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub why: String,
    /// Its version as the person saw it.
    pub version: i64,
}

const SELECT: &str = "SELECT exception.*, agent.hostname, agency.name AS agency_name
    FROM exception LEFT JOIN agent ON agent.id = exception.agent
        LEFT JOIN agency ON agency.id = exception.agency WHERE true";

impl Tuning {
    /// A page of exceptions, the youngest first; the number before which the next begins; how many
    /// in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exceptions(
        &self,
        filter: &ExceptionFilter,
        seen: &Agencies,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<Exception>, Option<i64>, i64), Error> {
        let now = self.clock.now().as_micros();
        let mut query = QueryBuilder::new(SELECT);
        narrow(&mut query, filter, seen, now);
        query.push(" AND exception.id < ").push_bind(before.unwrap_or(i64::MAX));
        query.push(" ORDER BY exception.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(self.store.pool()).await?;
        let mut items = rows.iter().map(|row| view(row, now)).collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|last| last.id);
        let mut query = QueryBuilder::new("SELECT count(*) FROM exception WHERE true");
        narrow(&mut query, filter, seen, now);
        let total = query.build_query_scalar().fetch_one(self.store.pool()).await?;
        Ok((items, next, total))
    }

    /// One exception with its history.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the database failed.
    pub async fn exception(&self, id: i64, seen: &Agencies) -> Result<Exception, Error> {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" AND exception.id = ").push_bind(id);
        of_seen(&mut query, seen, true);
        let row = query.build().fetch_optional(self.store.pool()).await?.ok_or(Error::NotFound)?;
        let rows: Vec<(i64, String, String, String, i64)> = sqlx::query_as(
            "SELECT at, who, action, why, until FROM exception_history
             WHERE exception = ? ORDER BY number",
        )
        .bind(id)
        .fetch_all(self.store.pool())
        .await?;
        let history = rows.into_iter().map(|(at, who, action, why, until)| {
            let (at, until) = (Timestamp::from_micros(at), Timestamp::from_micros(until));
            HistoryRow { at, who, action, why, until }
        });
        let shown = view(&row, self.clock.now().as_micros())?;
        Ok(Exception { history: history.collect(), ..shown })
    }

    /// How many exceptions of each rule are in force, and what those of it hid.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_rule(&self, seen: &Agencies) -> Result<Vec<(String, i64, i64)>, Error> {
        let mut query = QueryBuilder::new("SELECT rule, count(*) FILTER (WHERE until > ");
        query.push_bind(self.clock.now().as_micros());
        query.push("), sum(hidden) FROM exception WHERE rule IS NOT NULL");
        of_seen(&mut query, seen, true);
        query.push(" GROUP BY rule");
        Ok(query.build_query_as().fetch_all(self.store.pool()).await?)
    }

    /// Makes one, which hides from now on; its number.
    ///
    /// # Errors
    /// [`Error::Refused`] with what is wrong with it; nothing was done then, also not to the alert.
    pub async fn except(
        &self,
        draft: &Draft,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<i64, Error> {
        let now = self.clock.now();
        let until = draft.until.unwrap_or(now.plus_micros(DAYS * DAY_US));
        let why = checked_why(&draft.why)?;
        check_until(now, until)?;
        check_conditions(&draft.conditions)?;
        let owner = draft.owner.as_deref().unwrap_or(&caller.who);
        let mut tx = self.store.write().await?;
        check_room(&mut tx, now).await?;
        check_owner(&mut tx, owner, caller).await?;
        check_scope(&mut tx, draft, seen).await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO exception (rule, agent, agency, conditions, why, owner, alert, made_by,
                 from_at, until)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(&draft.rule)
        .bind(draft.machine.map(|machine| machine.to_string()))
        .bind(draft.agency)
        .bind(serde_json::to_string(&draft.conditions)?)
        .bind(why)
        .bind(owner)
        .bind(&draft.alert)
        .bind(&caller.who)
        .bind(now.as_micros())
        .bind(until.as_micros())
        .fetch_one(&mut *tx)
        .await?;
        let mut notice = None;
        if let Some(alert) = &draft.alert {
            self.alerts.note_exception(&mut tx, alert, id, seen, caller).await?;
            if let Some(verdict) = draft.close {
                let close = Change::of(Action::Close(verdict)).with(why);
                notice = Some(self.alerts.operate_in(&mut tx, alert, &close, seen, caller).await?);
            }
        }
        self.record(&mut tx, (id, "made"), (why, until), caller).await?;
        tx.commit().await?;
        notice.into_iter().for_each(|notice| self.bus.tell(notice));
        self.changed().await?;
        Ok(id)
    }

    /// Lets one hide on, also one that ran out.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::Refused`], [`Error::Over`] for one that was ended.
    pub async fn renew(
        &self,
        id: i64,
        renewal: &Renewal,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let until = renewal.until.unwrap_or(now.plus_micros(DAYS * DAY_US));
        let why = checked_why(&renewal.why)?;
        check_until(now, until)?;
        let mut tx = self.store.write().await?;
        let before = current(&mut tx, id, renewal.version, seen).await?;
        if before.ended {
            return Err(Error::Over);
        }
        // One that ran out hid nothing meanwhile, and does not in hindsight.
        let ran_out = before.until <= now.as_micros();
        if ran_out {
            check_room(&mut tx, now).await?;
        }
        sqlx::query(
            "UPDATE exception SET until = ?, from_at = CASE WHEN ? THEN ? ELSE from_at END,
                 version = version + 1 WHERE id = ?",
        )
        .bind(until.as_micros())
        .bind(ran_out)
        .bind(now.as_micros())
        .bind(id)
        .execute(&mut *tx)
        .await?;
        self.record(&mut tx, (id, "renewed"), (why, until), caller).await?;
        tx.commit().await?;
        self.changed().await
    }

    /// Ends one now; it never hides again.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::Refused`], [`Error::Over`].
    pub async fn end(
        &self,
        id: i64,
        end: &End,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let why = checked_why(&end.why)?;
        let mut tx = self.store.write().await?;
        let before = current(&mut tx, id, end.version, seen).await?;
        if before.ended {
            return Err(Error::Over);
        }
        let until = Timestamp::from_micros(before.until.min(now.as_micros()));
        sqlx::query(
            "UPDATE exception SET until = ?, ended_at = ?, version = version + 1 WHERE id = ?",
        )
        .bind(until.as_micros())
        .bind(now.as_micros())
        .bind(id)
        .execute(&mut *tx)
        .await?;
        self.record(&mut tx, (id, "ended"), (why, until), caller).await?;
        tx.commit().await?;
        self.changed().await
    }

    /// History and audit.
    async fn record(
        &self,
        tx: &mut SqliteConnection,
        (id, action): (i64, &'static str),
        (why, until): (&str, Timestamp),
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        sqlx::query(
            "INSERT INTO exception_history (exception, at, who, action, why, until)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(now.as_micros())
        .bind(&caller.who)
        .bind(action)
        .bind(why)
        .bind(until.as_micros())
        .execute(&mut *tx)
        .await?;
        let deed = match action {
            "made" => "exception made",
            "renewed" => "exception renewed",
            _ => "exception ended",
        };
        let deed = Deed::new(&caller.who, &caller.address, deed, &format!("exception {id}"));
        Ok(deed.with(why).write(tx, now).await?)
    }
}

struct Current {
    until: i64,
    ended: bool,
}

/// The exception as it is, for somebody who saw that version and may change it.
async fn current(
    tx: &mut SqliteConnection,
    id: i64,
    version: i64,
    seen: &Agencies,
) -> Result<Current, Error> {
    let mut query =
        QueryBuilder::new("SELECT until, ended_at IS NOT NULL, version FROM exception WHERE id = ");
    query.push_bind(id);
    of_seen(&mut query, seen, false);
    let found: Option<(i64, bool, i64)> = query.build_query_as().fetch_optional(tx).await?;
    let (until, ended, now) = found.ok_or(Error::NotFound)?;
    if now != version {
        return Err(Error::Changed);
    }
    Ok(Current { until, ended })
}

fn checked_why(why: &str) -> Result<&str, Error> {
    let why = why.trim();
    if why.is_empty() || why.chars().count() > WHY_MAX {
        return Err(Error::Refused("say in at most 1000 characters why".into()));
    }
    Ok(why)
}

fn check_until(now: Timestamp, until: Timestamp) -> Result<(), Error> {
    if until <= now || until > now.plus_micros(DAYS_MAX * DAY_US) {
        return Err(Error::Refused("an exception ends within a year".into()));
    }
    Ok(())
}

async fn check_room(tx: &mut SqliteConnection, now: Timestamp) -> Result<(), Error> {
    let in_force: i64 = sqlx::query_scalar("SELECT count(*) FROM exception WHERE until > ?")
        .bind(now.as_micros())
        .fetch_one(tx)
        .await?;
    if in_force < EXCEPTIONS_MAX {
        return Ok(());
    }
    Err(Error::Refused("1000 exceptions are in force: end some first".into()))
}

async fn check_owner(tx: &mut SqliteConnection, owner: &str, caller: &Caller) -> Result<(), Error> {
    if owner == caller.who {
        return Ok(());
    }
    let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM operator WHERE name = ?")
        .bind(owner)
        .fetch_optional(tx)
        .await?;
    known.map(|_| ()).ok_or_else(|| Error::Refused("there is no operator of this name".into()))
}

/// Nobody hides what they may not see.
async fn check_scope(
    tx: &mut SqliteConnection,
    draft: &Draft,
    seen: &Agencies,
) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::Refused(why.to_owned()));
    let agency: Option<i64> = match (draft.machine, draft.agency) {
        (Some(_), Some(_)) => return refuse("name a machine or an agency, not both"),
        (None, None) if *seen == Agencies::All => return Ok(()),
        (None, None) => return refuse("name a machine or an agency"),
        (Some(machine), None) => {
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
    };
    match agency.is_some_and(|agency| seen.hold(agency)) {
        true => Ok(()),
        false => refuse("there is no such machine or agency"),
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &ExceptionFilter, seen: &Agencies, now: i64) {
    of_seen(query, seen, true);
    if let Some(rule) = &filter.rule {
        query.push(" AND (rule IS NULL OR rule = ").push_bind(rule.clone()).push(")");
    }
    if filter.states.is_empty() {
        return;
    }
    query.push(" AND (false");
    for state in &filter.states {
        match state {
            ExceptionState::InForce => query.push(" OR until > ").push_bind(now),
            ExceptionState::Expiring => query
                .push(" OR (until > ")
                .push_bind(now)
                .push(" AND until <= ")
                .push_bind(now.saturating_add(REVIEW_US))
                .push(")"),
            ExceptionState::Expired => {
                query.push(" OR (ended_at IS NULL AND until <= ").push_bind(now).push(")")
            }
            ExceptionState::Ended => query.push(" OR ended_at IS NOT NULL"),
        };
    }
    query.push(")");
}

/// Only exceptions of agencies that may be seen; and perhaps those that are for everybody.
fn of_seen(query: &mut QueryBuilder<Sqlite>, seen: &Agencies, for_all: bool) {
    let Some(list) = listed(seen) else { return };
    query.push(" AND ((").push_bind(for_all);
    query.push(" AND exception.agent IS NULL AND exception.agency IS NULL)");
    query.push(" OR exception.agency IN (SELECT value FROM json_each(").push_bind(list.clone());
    query.push(")) OR (SELECT agency FROM agent WHERE agent.id = exception.agent) IN ");
    query.push("(SELECT value FROM json_each(").push_bind(list).push(")))");
}

fn view(row: &SqliteRow, now: i64) -> Result<Exception, Error> {
    let until: i64 = row.try_get("until")?;
    let ended: Option<i64> = row.try_get("ended_at")?;
    let hidden_at: Option<i64> = row.try_get("hidden_at")?;
    Ok(Exception {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        state: ExceptionState::of(until, ended.is_some(), now),
        rule: row.try_get("rule")?,
        machine: row.try_get("agent")?,
        hostname: row.try_get("hostname")?,
        agency: row.try_get("agency")?,
        agency_name: row.try_get("agency_name")?,
        conditions: serde_json::from_str(row.try_get("conditions")?)?,
        why: row.try_get("why")?,
        owner: row.try_get("owner")?,
        alert: row.try_get("alert")?,
        made_by: row.try_get("made_by")?,
        from: Timestamp::from_micros(row.try_get("from_at")?),
        until: Timestamp::from_micros(until),
        hidden: row.try_get("hidden")?,
        hidden_at: hidden_at.map(Timestamp::from_micros),
        history: Vec::new(),
    })
}
