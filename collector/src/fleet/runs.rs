use soc_event::{AgentId, Event, RunId, kind};
use sqlx::Row as _;

use super::{Error, Fleet};

/// What became of a start of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
pub(crate) enum RunState {
    /// The latest.
    Current,
    /// Followed by another.
    Past,
    /// Found to be a second machine; `agent.cloned` may or may not be in the journal.
    Accused,
    /// A second machine, and `agent.cloned` is in the journal.
    Clone,
}

/// One start of an agent as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunRow {
    pub(crate) run: RunId,
    pub(crate) fingerprint: String,
    /// Number of the first connection over which it spoke.
    pub(crate) first_connection: u64,
    pub(crate) state: RunState,
}

impl Fleet {
    /// How often the agents' door has been opened, this time included.
    pub(crate) async fn gateway_start(&self) -> Result<u64, Error> {
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO gateway_start (id, number) VALUES (1, 1)
             ON CONFLICT (id) DO UPDATE SET number = number + 1 RETURNING number",
        )
        .fetch_one(self.0.store.pool())
        .await?;
        Ok(to_u64(number))
    }

    /// The fingerprint an agent enrolled with.
    pub(crate) fn enrolled_fingerprint(&self, agent: AgentId) -> Option<String> {
        self.0.known.fingerprint(agent)
    }

    /// The known starts of an agent.
    pub(crate) async fn runs(&self, agent: AgentId) -> Result<Vec<RunRow>, Error> {
        let rows = sqlx::query(
            "SELECT run, fingerprint, first_connection, state FROM agent_run WHERE agent = ?",
        )
        .bind(agent.to_string())
        .fetch_all(self.0.store.pool())
        .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<RunRow, sqlx::Error> {
            Ok(RunRow {
                run: RunId(to_u64(row.try_get("run")?)),
                fingerprint: row.try_get("fingerprint")?,
                first_connection: to_u64(row.try_get("first_connection")?),
                state: row.try_get("state")?,
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::from)
    }

    /// Replaces the known starts of an agent.
    pub(crate) async fn set_runs(&self, agent: AgentId, runs: &[RunRow]) -> Result<(), Error> {
        let id = agent.to_string();
        let mut transaction = self.0.store.write().await?;
        sqlx::query("DELETE FROM agent_run WHERE agent = ?")
            .bind(&id)
            .execute(&mut *transaction)
            .await?;
        for row in runs {
            sqlx::query(
                "INSERT INTO agent_run (agent, run, fingerprint, first_connection, state)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(&id)
            .bind(to_i64(row.run.0))
            .bind(&row.fingerprint)
            .bind(to_i64(row.first_connection))
            .bind(row.state)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Says in the journal that a start has been found to be a second machine; call after its row
    /// has been stored as [`RunState::Accused`].
    pub(crate) async fn tell_clone(&self, agent: AgentId, clone: &RunRow) -> Result<(), Error> {
        let who = self.who(agent);
        let known = self.enrolled_fingerprint(agent).unwrap_or_default();
        let event = Event::own(self.0.clock.now(), kind::AGENT_CLONED)
            .with("agent.id", agent.to_string())
            .with("agent.run", clone.run.0)
            .with("host.hostname", who.as_ref().map_or("", |who| &who.hostname))
            .with("agency.name", who.as_ref().map_or("", |who| &who.agency_name))
            .with("agent.fingerprint", known)
            .with("agent.fingerprint.other", clone.fingerprint.as_str());
        self.0.journal.append_own(vec![event]).await?;
        self.set_told(agent, clone.run).await
    }

    async fn set_told(&self, agent: AgentId, run: RunId) -> Result<(), Error> {
        sqlx::query("UPDATE agent_run SET state = 'clone' WHERE agent = ? AND run = ?")
            .bind(agent.to_string())
            .bind(to_i64(run.0))
            .execute(self.0.store.pool())
            .await?;
        Ok(())
    }

    /// After a crash between the accusation and its event: tells what was not told, and no more.
    pub(super) async fn finish_accusations(&self) -> Result<(), Error> {
        let accused: Vec<(String, i64)> =
            sqlx::query_as("SELECT agent, run FROM agent_run WHERE state = 'accused'")
                .fetch_all(self.0.store.pool())
                .await?;
        for (agent, run) in accused {
            let agent: AgentId = agent.parse().map_err(Error::Content)?;
            let run = RunId(to_u64(run));
            let rows = self.runs(agent).await?;
            let Some(clone) = rows.iter().find(|row| row.run == run) else { continue };
            if self.is_told(agent, run).await? {
                self.set_told(agent, run).await?;
            } else {
                self.tell_clone(agent, clone).await?;
            }
        }
        Ok(())
    }

    async fn is_told(&self, agent: AgentId, run: RunId) -> Result<bool, Error> {
        let journal = self.0.journal.clone();
        let prefix = Some("agent.cloned");
        let search = move || journal.recent(AgentId::COLLECTOR, None, usize::MAX, prefix);
        let told = tokio::task::spawn_blocking(search)
            .await
            .map_err(|error| Error::Content(error.to_string()))??;
        let (agent, run) = (agent.to_string(), soc_event::Value::from(run.0));
        Ok(told.iter().any(|entry| {
            let event = &entry.event;
            event.text("agent.id") == Some(&agent) && event.fields.get("agent.run") == Some(&run)
        }))
    }
}

/// SQLite has signed integers only; the bits stay the same.
fn to_i64(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

fn to_u64(number: i64) -> u64 {
    u64::from_ne_bytes(number.to_ne_bytes())
}
