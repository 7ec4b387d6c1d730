//! From the journal to tables: what each machine is like now.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use soc_event::{AgentId, Timestamp, kind};
use sqlx::SqliteConnection;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::life::Life;
use super::{Error, Fleet, READER, antivirus, connections, host, judgement, neighbour, ports};
use crate::journal::{Entry, Position};
use crate::live::Notice;

/// Events of one transaction at the most.
const EVENTS_MAX: usize = 16_384;
/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);
/// How often times of hearing are saved and counts are taken: every so many ticks.
const SAVE_TICKS: u64 = 5;
/// How often neighbours without an agent are counted: every so many ticks.
const COUNT_NEIGHBOURS_TICKS: u64 = 60;
/// How often what is too old is removed: every so many ticks.
const PRUNE_TICKS: u64 = 600;
/// Ports of one machine that are kept, open and closed.
const PORTS_MAX: i64 = 5000;
/// Pause after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What one transaction changes in memory, once it is committed.
#[derive(Default)]
struct Changes {
    lives: HashMap<AgentId, Life>,
    received: HashMap<AgentId, Timestamp>,
    hostnames: HashMap<AgentId, String>,
    /// Whose views have changed.
    changed: HashSet<AgentId>,
}

impl Fleet {
    /// Projects the journal and watches for silence, until told to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut end = self.0.journal.end();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = *end.borrow_and_update();
        let mut position = self.start().await;
        let mut number = 0;
        while !*shutdown.borrow() {
            tokio::select! {
                _ = shutdown.changed() => break,
                changed = end.changed(), if position >= *end.borrow() => if changed.is_err() { break },
                () = std::future::ready(()), if position < *end.borrow() => {
                    position = self.step_or_pause(position).await;
                }
                _ = ticks.tick() => {
                    number += 1;
                    self.tick(number, position, seen).await;
                    seen = *end.borrow();
                }
            }
        }
        if let Err(error) = self.save_heard().await {
            tracing::error!(%error, "times of hearing were not saved");
        }
    }

    /// The checkpoint, asked for until the database answers.
    async fn start(&self) -> Position {
        loop {
            match self.checkpoint().await {
                Ok(position) => return position,
                Err(error) => self.failed(&error).await,
            }
        }
    }

    async fn step_or_pause(&self, from: Position) -> Position {
        let stepped = match self.step(from).await {
            Ok(position) => self.tell_ports(position).await.map(|()| position),
            Err(error) => Err(error),
        };
        match stepped {
            Ok(position) => position,
            Err(error) => {
                self.failed(&error).await;
                from
            }
        }
    }

    async fn failed(&self, error: &Error) {
        tracing::error!(%error, "the fleet's projection waits");
        tokio::time::sleep(FAILURE_PAUSE).await;
    }

    /// Projects the next events; says where to go on.
    pub(crate) async fn step(&self, from: Position) -> Result<Position, Error> {
        let journal = self.0.journal.clone();
        let stage = self.0.projecting.clone();
        let read = move || stage.measure(|| journal.sights(from, EVENTS_MAX));
        let stretch = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| Error::Content(error.to_string()))??;
        let next = stretch.next;
        if next <= from {
            return Ok(from);
        }
        let mut changes = Changes::default();
        let mut transaction = self.0.store.write().await?;
        for entry in &stretch.entries {
            self.apply(&mut transaction, &mut changes, entry).await?;
        }
        self.write_lives(&mut transaction, &changes).await?;
        sqlx::query(
            "INSERT INTO checkpoint (reader, position) VALUES (?, ?)
             ON CONFLICT (reader) DO UPDATE SET position = excluded.position",
        )
        .bind(READER)
        .bind(i64::try_from(next.0).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.committed(changes);
        self.0.journal.set_low_water(READER, next);
        Ok(next)
    }

    /// Projects one event. Events of agents that are not enrolled here have no place to go to.
    async fn apply(
        &self,
        connection: &mut SqliteConnection,
        changes: &mut Changes,
        entry: &Entry,
    ) -> Result<(), Error> {
        if entry.id.agent == AgentId::COLLECTOR {
            if entry.event.kind == kind::AGENT_SILENT {
                self.apply_silence(changes, entry);
            }
            if entry.event.kind == kind::PORT_JUDGED {
                judgement::met(connection, entry).await?;
            }
            return Ok(());
        }
        let agent = entry.id.agent;
        let Some(before) = self.life(changes, agent) else { return Ok(()) };
        // What was once written down says nothing about what the machine is like now.
        if self.0.known.is_imported(agent) {
            return Ok(());
        }
        let after = before.after(&entry.event);
        if after != before {
            changes.lives.insert(agent, after);
            changes.changed.insert(agent);
        }
        let received = changes.received.entry(agent).or_insert(entry.received);
        *received = entry.received.max(*received);
        let applied = match entry.event.kind.family() {
            "antivirus" => antivirus::apply(connection, entry).await?,
            "port" => ports::apply(connection, entry).await?,
            "connection" => connections::apply(connection, entry).await?,
            "network" => neighbour::apply(connection, entry).await?,
            "host" => {
                if let Some(hostname) = host::hostname(&entry.event) {
                    changes.hostnames.insert(agent, hostname);
                }
                neighbour::own_addresses(connection, entry).await?;
                host::apply(connection, entry).await?
            }
            "agent" => crate::configuration::apply(connection, entry).await?,
            _ => false,
        };
        if applied {
            changes.changed.insert(agent);
        }
        Ok(())
    }

    fn apply_silence(&self, changes: &mut Changes, entry: &Entry) {
        let agent = entry.event.text("agent.id").and_then(|id| id.parse().ok());
        let Some(agent) = agent else { return };
        let Some(before) = self.life(changes, agent) else { return };
        changes.lives.insert(agent, before.after_silence());
        changes.changed.insert(agent);
    }

    fn life(&self, changes: &Changes, agent: AgentId) -> Option<Life> {
        changes.lives.get(&agent).copied().or_else(|| self.0.known.life(agent))
    }

    async fn write_lives(
        &self,
        connection: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), Error> {
        for (agent, life) in &changes.lives {
            sqlx::query("UPDATE agent SET state = ?, stopped_at = ? WHERE id = ?")
                .bind(life.state)
                .bind(life.stopped_at.map(Timestamp::as_micros))
                .bind(agent.to_string())
                .execute(&mut *connection)
                .await?;
        }
        for (agent, received) in &changes.received {
            write_heard(connection, *agent, *received).await?;
        }
        Ok(())
    }

    fn committed(&self, mut changes: Changes) {
        let touched: HashSet<AgentId> =
            changes.lives.keys().chain(changes.received.keys()).copied().collect();
        for agent in touched {
            let Some(life) = self.life(&changes, agent) else { continue };
            let received = changes.received.get(&agent).copied();
            self.0.known.projected(agent, life, received, changes.hostnames.remove(&agent));
        }
        changes.changed.into_iter().for_each(|agent| self.tell(agent));
    }

    /// Tells browsers that a machine has changed.
    pub(super) fn tell(&self, agent: AgentId) {
        if let Some(who) = self.who(agent) {
            self.0.bus.tell(Notice::Machine { id: agent.to_string(), agency: who.agency_id });
        }
    }

    async fn tick(&self, number: u64, position: Position, seen: Position) {
        let mut outcomes = vec![self.tell_silences(position, seen).await.map(|_| ())];
        outcomes.push(self.tell_ports(position).await);
        if number % SAVE_TICKS == 1 {
            outcomes.push(self.save_heard().await);
            outcomes.push(self.age().await);
            outcomes.push(self.count().await);
        }
        if number % COUNT_NEIGHBOURS_TICKS == 1 {
            outcomes.push(self.count_neighbours().await);
        }
        if number % PRUNE_TICKS == 1 {
            outcomes.push(self.prune().await);
        }
        for error in outcomes.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "the fleet's housekeeping is put off");
        }
    }

    /// Judges anew what time has changed.
    async fn age(&self) -> Result<(), Error> {
        let changed = self.age_antivirus().await?;
        changed.iter().filter_map(|agent| agent.parse().ok()).for_each(|agent| self.tell(agent));
        Ok(())
    }

    /// Saves when agents were heard, where that is not in the journal (repeats, renewals).
    pub(crate) async fn save_heard(&self) -> Result<(), Error> {
        let unsaved = self.0.known.take_unsaved();
        if unsaved.is_empty() {
            return Ok(());
        }
        let mut transaction = self.0.store.write().await?;
        for (agent, at) in unsaved {
            write_heard(&mut transaction, agent, at).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Removes heartbeats and closed ports that are too old, and ports that are too many.
    async fn prune(&self) -> Result<(), Error> {
        let begun = Instant::now();
        let now = self.0.clock.now();
        let before = |kept: Duration| {
            let micros = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
            now.plus_micros(micros.saturating_neg()).as_micros()
        };
        let heartbeats = sqlx::query("DELETE FROM heartbeat WHERE at < ?")
            .bind(before(self.0.config.heartbeats_kept))
            .execute(self.0.store.pool())
            .await?;
        let ports = sqlx::query("DELETE FROM port WHERE closed_at < ?")
            .bind(before(self.0.config.closed_ports_kept))
            .execute(self.0.store.pool())
            .await?;
        self.prune_ports(PORTS_MAX).await?;
        self.prune_neighbours(neighbour::NEIGHBOURS_MAX).await?;
        let (heartbeats, ports) = (heartbeats.rows_affected(), ports.rows_affected());
        tracing::debug!(heartbeats, ports, took = ?begun.elapsed(), "removed what was too old");
        Ok(())
    }

    /// Keeps so many ports of each machine, open ones first, then the latest.
    pub(super) async fn prune_ports(&self, most: i64) -> Result<(), Error> {
        sqlx::query(
            "DELETE FROM port WHERE id IN (SELECT id FROM (
                SELECT id, ROW_NUMBER() OVER
                    (PARTITION BY agent ORDER BY closed_at IS NOT NULL, id DESC) AS place
                FROM port WHERE agent IN (SELECT agent FROM port GROUP BY agent HAVING COUNT(*) > ?1)
             ) WHERE place > ?1)",
        )
        .bind(most)
        .execute(self.0.store.pool())
        .await?;
        Ok(())
    }
}

async fn write_heard(
    connection: &mut SqliteConnection,
    agent: AgentId,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE agent SET heard_at = MAX(COALESCE(heard_at, 0), ?) WHERE id = ?")
        .bind(at.as_micros())
        .bind(agent.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
