//! What is kept of looks back, in SQL.

use std::collections::BTreeMap;

use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::draft::Asked;
use super::view::{Backtest, DayCount, State, sentence};
use super::{Backtests, Error, KEPT_MAX, Tally};
use crate::access::Deed;

/// Reason of passes that people asked for.
pub(super) const ASKED: &str = "asked";
const DAY_US: i64 = 86_400_000_000;

/// A pass as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct PassRow {
    pub id: i64,
    pub reason: String,
    pub draft: Option<String>,
    pub from_at: i64,
    pub to_at: i64,
    pub position_end: Option<i64>,
    pub position: i64,
    pub missing: String,
}

/// A rule of a pass as it is kept.
#[derive(Clone, Debug)]
pub(super) struct RuleRow {
    pub id: String,
    pub rule: String,
    pub title: String,
    pub tally: Tally,
    pub error: Option<String>,
}

/// How far a pass is, to be written as one.
#[derive(Debug)]
pub(super) struct Checkpoint<'c> {
    pub pass: i64,
    pub position: u64,
    pub events: (u64, u64),
    pub missing: &'c [String],
    pub rules: &'c BTreeMap<String, RuleRow>,
    pub windows: Vec<(String, Option<Vec<u8>>)>,
}

impl Backtests {
    /// How many passes people asked for that have not begun.
    pub(super) async fn waiting(&self) -> Result<i64, Error> {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM backtest_pass
             WHERE began_at IS NULL AND ended_at IS NULL AND reason = 'asked'",
        );
        Ok(count.fetch_one(self.0.rooms.store.pool()).await?)
    }

    pub(super) async fn insert(
        &self,
        asked: &Asked,
        reason: &str,
        range: (Timestamp, Timestamp),
        by: Option<(&str, Deed)>,
    ) -> Result<Vec<String>, Error> {
        let now = self.0.rooms.clock.now();
        let mut tx = self.0.rooms.store.write().await?;
        let who = by.as_ref().map_or("", |(who, _)| who);
        let ids = insert(&mut tx, asked, reason, who, range, now).await?;
        if let Some((_, deed)) = &by {
            deed.write(&mut tx, now).await?;
        }
        forget(&mut tx).await?;
        tx.commit().await?;
        Ok(ids)
    }

    /// The pass to go on with: those that people wait for go first, then those that have begun.
    pub(super) async fn next(&self) -> Result<Option<PassRow>, Error> {
        let pass = sqlx::query_as(
            "SELECT id, reason, draft, from_at, to_at, position_end, position, missing
             FROM backtest_pass WHERE ended_at IS NULL
             ORDER BY reason <> 'asked', began_at IS NULL, id LIMIT 1",
        );
        Ok(pass.fetch_optional(self.0.rooms.store.pool()).await?)
    }

    /// The rules of a pass that are still wanted.
    pub(super) async fn rules_of(&self, pass: i64) -> Result<Vec<RuleRow>, Error> {
        let rows: Vec<(String, String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT id, rule, title, tally, error FROM backtest
             WHERE pass = ? AND state IN ('waiting', 'running') ORDER BY rule",
        )
        .bind(pass)
        .fetch_all(self.0.rooms.store.pool())
        .await?;
        let row = |(id, rule, title, tally, error): (String, String, String, String, _)| {
            Ok(RuleRow { id, rule, title, tally: serde_json::from_str(&tally)?, error })
        };
        rows.into_iter().map(row).collect()
    }

    pub(super) async fn windows_of(&self, pass: i64) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let rows = sqlx::query_as("SELECT key, state FROM backtest_window WHERE pass = ?");
        Ok(rows.bind(pass).fetch_all(self.0.rooms.store.pool()).await?)
    }

    /// Notes where a pass will end.
    pub(super) async fn begin(&self, pass: i64, end: u64) -> Result<(), Error> {
        let mut tx = self.0.rooms.store.write().await?;
        sqlx::query("UPDATE backtest_pass SET began_at = ?, position_end = ? WHERE id = ?")
            .bind(self.0.rooms.clock.now().as_micros())
            .bind(signed(end))
            .bind(pass)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE backtest SET state = 'running' WHERE pass = ? AND state = 'waiting'")
            .bind(pass)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// All of it or nothing: what was found up to a position, and the windows at it.
    pub(super) async fn save(&self, checkpoint: Checkpoint<'_>) -> Result<(), Error> {
        let Checkpoint { pass, position, events, missing, rules, windows } = checkpoint;
        let mut tx = self.0.rooms.store.write().await?;
        sqlx::query(
            "UPDATE backtest_pass
             SET position = ?, events_done = ?, events_total = ?, missing = ? WHERE id = ?",
        )
        .bind(signed(position))
        .bind(signed(events.0))
        .bind(signed(events.1))
        .bind(serde_json::to_string(missing)?)
        .bind(pass)
        .execute(&mut *tx)
        .await?;
        for row in rules.values() {
            let query = sqlx::query(
                "UPDATE backtest SET tally = ?, error = ? WHERE id = ? AND state = 'running'",
            );
            let query = query.bind(serde_json::to_string(&row.tally)?).bind(&row.error);
            query.bind(&row.id).execute(&mut *tx).await?;
        }
        for (key, state) in windows {
            let query = match state {
                Some(state) => sqlx::query(
                    "INSERT INTO backtest_window (state, pass, key) VALUES (?, ?, ?)
                     ON CONFLICT (pass, key) DO UPDATE SET state = excluded.state",
                )
                .bind(state),
                None => sqlx::query("DELETE FROM backtest_window WHERE pass = ? AND key = ?"),
            };
            query.bind(pass).bind(key).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// A pass is over; rules that were not stopped before are done, or failed with their error.
    pub(super) async fn finish(
        &self,
        pass: i64,
        samples: &BTreeMap<String, String>,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let mut tx = self.0.rooms.store.write().await?;
        for (id, samples) in samples {
            sqlx::query("UPDATE backtest SET samples = ? WHERE id = ?")
                .bind(samples)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "UPDATE backtest SET error = coalesce(?, error),
                 state = CASE WHEN coalesce(?, error) IS NULL THEN 'done' ELSE 'failed' END
             WHERE pass = ? AND state IN ('waiting', 'running')",
        )
        .bind(error)
        .bind(error)
        .bind(pass)
        .execute(&mut *tx)
        .await?;
        close(&mut tx, pass, self.0.rooms.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Ends or forgets one rule's look back.
    pub(super) async fn end(&self, id: &str, deed: &Deed) -> Result<(), Error> {
        let now = self.0.rooms.clock.now();
        let mut tx = self.0.rooms.store.write().await?;
        let row: Option<(i64, String)> =
            sqlx::query_as("SELECT pass, state FROM backtest WHERE id = ?")
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
        let (pass, state) = row.ok_or(Error::NotFound)?;
        let query = match State::from_word(&state) {
            Some(state) if !state.is_over() => {
                sqlx::query("UPDATE backtest SET state = 'stopped' WHERE id = ?")
            }
            _ => sqlx::query("DELETE FROM backtest WHERE id = ?"),
        };
        query.bind(id).execute(&mut *tx).await?;
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM backtest WHERE pass = ? AND state IN ('waiting', 'running')",
        )
        .bind(pass)
        .fetch_one(&mut *tx)
        .await?;
        if left == 0 {
            close(&mut tx, pass, now).await?;
        }
        deed.write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    /// All, newest first, or just one.
    pub(super) async fn views(&self, id: Option<&str>) -> Result<Vec<Backtest>, Error> {
        let rows: Vec<ViewRow> = sqlx::query_as(
            "SELECT backtest.id, pass, rule, title, state, tally, samples, error, reason, who,
                 draft IS NOT NULL AS is_draft, from_at, to_at, events_done, events_total, missing,
                 began_at, ended_at
             FROM backtest JOIN backtest_pass ON backtest_pass.id = pass
             WHERE ? IS NULL OR backtest.id = ?
             ORDER BY pass DESC, rule LIMIT ?",
        )
        .bind(id)
        .bind(id)
        .bind(KEPT_MAX)
        .fetch_all(self.0.rooms.store.pool())
        .await?;
        let mut views = rows.into_iter().map(|row| Ok((row.pass, row.view()?)));
        let mut views = views.by_ref().collect::<Result<Vec<_>, Error>>()?;
        let running = self.running();
        for (_, view) in views
            .iter_mut()
            .filter(|(pass, view)| *pass == running.pass && view.state == State::Running)
        {
            (view.events_done, view.events_total) = (running.events_done, running.events_total);
        }
        Ok(views.into_iter().map(|(_, view)| view).collect())
    }
}

/// One pass over the data for all these rules.
pub(super) async fn insert(
    tx: &mut SqliteConnection,
    asked: &Asked,
    reason: &str,
    who: &str,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<String>, Error> {
    let draft = match asked.draft.as_slice() {
        [] => None,
        files => Some(serde_json::to_string(files)?),
    };
    let pass: i64 = sqlx::query_scalar(
        "INSERT INTO backtest_pass
             (reason, who, draft, from_at, to_at, position, events_done, events_total, missing, asked_at)
         VALUES (?, ?, ?, ?, ?, 1, 0, 0, '[]', ?) RETURNING id",
    )
    .bind(reason)
    .bind(who)
    .bind(draft)
    .bind(from.as_micros())
    .bind(to.as_micros())
    .bind(now.as_micros())
    .fetch_one(&mut *tx)
    .await?;
    let mut ids = Vec::new();
    for (rule, title) in &asked.rules {
        let id = format!("{:016x}", rand::random::<u64>());
        sqlx::query(
            "INSERT INTO backtest (id, pass, rule, title, state, tally, samples)
             VALUES (?, ?, ?, ?, 'waiting', ?, '[]')",
        )
        .bind(&id)
        .bind(pass)
        .bind(rule)
        .bind(title)
        .bind(serde_json::to_string(&Tally::default())?)
        .execute(&mut *tx)
        .await?;
        ids.push(id);
    }
    Ok(ids)
}

async fn close(tx: &mut SqliteConnection, pass: i64, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE backtest_pass SET ended_at = coalesce(ended_at, ?) WHERE id = ?")
        .bind(now.as_micros())
        .bind(pass)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM backtest_window WHERE pass = ?").bind(pass).execute(&mut *tx).await?;
    Ok(())
}

/// Passes that ended longest ago, beyond what is kept.
pub(super) async fn forget(tx: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM backtest_pass WHERE ended_at IS NOT NULL AND id NOT IN
             (SELECT pass FROM backtest ORDER BY pass DESC LIMIT ?)",
    )
    .bind(KEPT_MAX)
    .execute(tx)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ViewRow {
    id: String,
    pass: i64,
    rule: String,
    title: String,
    state: String,
    tally: String,
    samples: String,
    error: Option<String>,
    reason: String,
    who: String,
    is_draft: bool,
    from_at: i64,
    to_at: i64,
    events_done: i64,
    events_total: i64,
    missing: String,
    began_at: Option<i64>,
    ended_at: Option<i64>,
}

impl ViewRow {
    fn view(self) -> Result<Backtest, Error> {
        let tally: Tally = serde_json::from_str(&self.tally)?;
        let time = Timestamp::from_micros;
        let day = |(day, count): (&i64, &u64)| DayCount {
            date: time(day.saturating_mul(DAY_US)).to_string().chars().take(10).collect(),
            count: *count,
        };
        Ok(Backtest {
            id: self.id,
            rule: (!self.is_draft).then_some(self.rule),
            title: self.title,
            reason: self.reason,
            state: State::from_word(&self.state).unwrap_or(State::Failed),
            from: time(self.from_at),
            to: time(self.to_at),
            events_done: self.events_done.unsigned_abs(),
            events_total: self.events_total.unsigned_abs(),
            sentence: sentence(tally.matches, tally.hosts.len(), tally.first),
            matches: tally.matches,
            hosts: u64::try_from(tally.hosts.len()).unwrap_or(u64::MAX),
            first: tally.first,
            last: tally.last,
            by_day: tally.days.iter().map(day).collect(),
            samples: serde_json::from_str(&self.samples)?,
            missing: serde_json::from_str(&self.missing)?,
            error: self.error,
            who: self.who,
            began_at: self.began_at.map(time),
            ended_at: self.ended_at.map(time),
        })
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
