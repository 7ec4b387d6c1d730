//! Machines that change agencies, by themselves or with theirs.

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use utoipa::ToSchema;

use crate::access::{Caller, Deed};
use crate::fleet::known::numbers;
use crate::fleet::{AgencyRef, Error, Fleet};

/// Machines moved at once.
const MACHINES_MAX: usize = 20_000;
/// Of so many that moved each is told to whoever watches; of more, those who watch read all again.
const TOLD_MAX: usize = 500;

/// Machines that are to belong to another agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoveMachines {
    /// Which.
    pub machines: Vec<String>,
    /// Code of the agency.
    pub agency: String,
    /// Why.
    pub reason: String,
}

impl Fleet {
    /// Holds back everything else that lets machines enter or change agencies.
    pub(crate) async fn moving(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.moving.lock().await
    }

    /// Gives machines of these agencies to another of them, with a deed; what was settled for agencies they came from
    /// with them holds no more. Says how many that were.
    ///
    /// # Errors
    /// [`Error::Refused`] without a reason, or for what is no machine; nothing is to be committed.
    pub(crate) async fn reassign(
        &self,
        tx: &mut SqliteConnection,
        wanted: &MoveMachines,
        reach: &Agencies,
        (caller, now): (&Caller, Timestamp),
    ) -> Result<i64, Error> {
        let agency = self.live_agency(&wanted.agency).await?;
        if !reach.hold(agency.id) {
            return Err(Error::NoSuchAgency(wanted.agency.clone()));
        }
        let reason = wanted.reason.trim();
        if reason.is_empty() || reason.chars().count() > 500 {
            return Err(Error::Refused("say why, in at most 500 letters".to_owned()));
        }
        if wanted.machines.len() > MACHINES_MAX {
            return Err(Error::Refused(format!("at most {MACHINES_MAX} machines at once")));
        }
        let mut moved = 0;
        for machine in &wanted.machines {
            let found: Option<(String, i64, String)> = sqlx::query_as(
                "SELECT hostname, agent.agency, code FROM agent JOIN agency ON agency.id = agent.agency
                 WHERE agent.id = ?",
            )
            .bind(machine)
            .fetch_optional(&mut *tx)
            .await?;
            let missing = || Error::Refused(format!("there is no machine {machine:?}"));
            let found = found.filter(|(_, from, _)| reach.hold(*from));
            let (hostname, from, code) = found.ok_or_else(missing)?;
            if from == agency.id {
                continue;
            }
            sqlx::query("UPDATE agent SET agency = ?, formerly = '[]' WHERE id = ?")
                .bind(agency.id)
                .bind(machine)
                .execute(&mut *tx)
                .await?;
            Deed::new(&caller.who, &caller.address, "machine moved", &hostname)
                .with(&format!("{code} → {}: {reason}", agency.code))
                .write(tx, now)
                .await?;
            moved += 1;
        }
        Ok(moved)
    }

    /// Commits a transaction in which machines may have moved or agencies have been renamed: from
    /// here on, in the order of the journal, their events are of the new agency.
    pub(crate) async fn settle(&self, mut tx: Transaction<'static, Sqlite>) -> Result<(), Error> {
        let moved = self.0.known.to_move(as_they_are(&mut tx).await?);
        let end = || *self.0.journal.end().borrow();
        let until = self.0.known.go(&moved, end);
        let written = self.write_moved(tx, &moved, until).await;
        if written.is_err() {
            self.0.known.go_back(&moved, until);
        }
        written?;
        moved.iter().take(TOLD_MAX).for_each(|moved| self.tell(moved.agent));
        Ok(())
    }

    async fn write_moved(
        &self,
        mut tx: Transaction<'static, Sqlite>,
        moved: &[crate::fleet::known::Moved],
        until: crate::journal::Position,
    ) -> Result<(), Error> {
        for moved in moved.iter().filter(|moved| moved.is_another()) {
            sqlx::query(
                "INSERT INTO agent_was (agent, until, agency, code, name) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO NOTHING",
            )
            .bind(moved.agent.to_string())
            .bind(i64::try_from(until.0).unwrap_or(i64::MAX))
            .bind(moved.from.id)
            .bind(&moved.from.code)
            .bind(&moved.from.name)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Each agent, its agency, and the past ones it came from with them.
async fn as_they_are(
    tx: &mut SqliteConnection,
) -> Result<Vec<(AgentId, AgencyRef, Vec<i64>)>, Error> {
    let rows: Vec<(String, i64, String, String, String)> = sqlx::query_as(
        "SELECT agent.id, agency, code, name, formerly
         FROM agent JOIN agency ON agency.id = agent.agency",
    )
    .fetch_all(tx)
    .await?;
    let read = |(agent, id, code, name, formerly): (String, i64, String, String, String)| {
        let agent = agent.parse().map_err(Error::Content)?;
        Ok((agent, AgencyRef { id, code, name }, numbers(&formerly)?))
    };
    rows.into_iter().map(read).collect()
}
