//! Agencies end and move; what they have sent is kept as long as before all the same.

use std::collections::HashMap;

use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::retention::Kept;
use super::{Archive, Error};
use crate::access::{Caller, Deed};

/// How long each agency's events were kept before a change.
#[derive(Debug)]
pub(crate) struct Before(HashMap<i64, Kept>);

impl Archive {
    /// How long what is kept, before a change that is about to be made in the same transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn before(&self, tx: &mut SqliteConnection) -> Result<Before, Error> {
        self.retentions_in(tx).await.map(Before)
    }

    /// After the change: nobody's events are kept shorter than before, those who took over keep
    /// theirs at least as long as those they took over did, and holds on what is still to come go
    /// with it. Gives the codes of agencies that needed a setting of their own for it.
    ///
    /// # Errors
    /// When the database fails; then nothing is to be committed.
    pub(crate) async fn keep_on(
        &self,
        tx: &mut SqliteConnection,
        Before(before): &Before,
        ended: &[(i64, Vec<i64>)],
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let mut wanted: HashMap<i64, Kept> = before.clone();
        for (agency, successors) in ended {
            let Some(of_past) = wanted.get(agency).copied() else { continue };
            for successor in successors {
                let of_new = wanted.entry(*successor).or_insert(of_past);
                of_new.level = of_new.level.max(of_past.level);
                of_new.months = of_new.months.max(of_past.months);
            }
        }
        let after = self.retentions_in(tx).await?;
        let mut lacking: Vec<(i64, Kept)> = wanted
            .into_iter()
            .filter(|(agency, wanted)| {
                let is = after.get(agency).is_none_or(|is| is.is_less_than(*wanted));
                // What is past gets no new systems: it keeps what it had.
                *agency != 0 && (is || ended.iter().any(|(past, _)| past == agency))
            })
            .collect();
        lacking.sort_unstable_by_key(|(agency, _)| *agency);
        let mut codes = Vec::new();
        for (agency, kept) in lacking {
            codes.push(set(tx, agency, kept, caller, now).await?);
        }
        for (agency, successors) in ended {
            pass_holds(tx, *agency, successors, now).await?;
        }
        Ok(codes)
    }
}

async fn set(
    tx: &mut SqliteConnection,
    agency: i64,
    kept: Kept,
    caller: &Caller,
    now: Timestamp,
) -> Result<String, Error> {
    let why = "as long as before the agencies were changed";
    sqlx::query(
        "INSERT INTO archive_retention (agency, level, months, why, who, at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (agency) DO UPDATE SET level = max(level, excluded.level),
            months = max(months, excluded.months), why = excluded.why, who = excluded.who,
            at = excluded.at",
    )
    .bind(agency)
    .bind(kept.level)
    .bind(kept.months)
    .bind(why)
    .bind(&caller.who)
    .bind(now.as_micros())
    .execute(&mut *tx)
    .await?;
    let code: String = sqlx::query_scalar("SELECT code FROM agency WHERE id = ?")
        .bind(agency)
        .fetch_one(&mut *tx)
        .await?;
    Deed::new(&caller.who, &caller.address, "archive retention set", &code)
        .with(&format!("level {}, {} months: {why}", kept.level, kept.months))
        .write(tx, now)
        .await?;
    Ok(code)
}

/// A hold that reaches into the future holds what the machines will send from where they are then.
async fn pass_holds(
    tx: &mut SqliteConnection,
    agency: i64,
    successors: &[i64],
    now: Timestamp,
) -> Result<(), Error> {
    for successor in successors {
        sqlx::query(
            "INSERT INTO archive_hold (agency, host, from_at, to_at, why, until, who, at)
             SELECT ?1, host, from_at, to_at, why, until, who, at FROM archive_hold
             WHERE agency = ?2 AND ended_at IS NULL AND to_at > ?3 AND (until IS NULL OR until > ?3)",
        )
        .bind(successor)
        .bind(agency)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
