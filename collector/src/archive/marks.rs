//! How far the archive is: its place in the journal, and in each lane of each agent.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use soc_event::{AgentId, Epoch, EventId, Lane, Sequence};
use sqlx::SqliteConnection;

use super::READER;
use super::manifest::{signed, unsigned};
use crate::journal::Position;

/// A lane of one life of an agent's spool.
type LaneOf = (AgentId, Epoch, Lane);

/// The marks, in memory as in SQL: they are told with every acknowledgement.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Arc<RwLock<HashMap<LaneOf, Sequence>>>);

impl Marks {
    pub(super) async fn load(tx: &mut SqliteConnection) -> sqlx::Result<Self> {
        let rows: Vec<(String, i64, i64, i64)> =
            sqlx::query_as("SELECT agent, epoch, lane, sequence FROM archive_mark")
                .fetch_all(tx)
                .await?;
        let read = |(agent, epoch, lane, sequence): (String, i64, i64, i64)| {
            let lane = u8::try_from(lane).ok().and_then(Lane::from_index)?;
            let of = (agent.parse().ok()?, Epoch(unsigned(epoch)), lane);
            Some((of, Sequence(unsigned(sequence))))
        };
        Ok(Self(Arc::new(RwLock::new(rows.into_iter().filter_map(read).collect()))))
    }

    /// Everything of the lane up to this one is archived; zero when nothing is.
    pub(super) fn of(&self, agent: AgentId, epoch: Epoch, lane: Lane) -> Sequence {
        let marks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        marks.get(&(agent, epoch, lane)).copied().unwrap_or_default()
    }

    /// Takes over what has been committed.
    pub(super) fn committed(&self, moved: &Moved) {
        let mut marks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (of, sequence) in &moved.0 {
            let mark = marks.entry(*of).or_default();
            *mark = (*mark).max(*sequence);
        }
    }
}

/// Marks that one set of files moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved(HashMap<LaneOf, Sequence>);

impl Moved {
    /// This event is in the set. What the collector says itself no agent keeps.
    pub(super) fn past(&mut self, id: EventId) {
        if id.agent != AgentId::COLLECTOR {
            let mark = self.0.entry((id.agent, id.epoch, id.lane)).or_default();
            *mark = (*mark).max(id.sequence);
        }
    }

    pub(super) async fn write(&self, tx: &mut SqliteConnection) -> sqlx::Result<()> {
        for ((agent, epoch, lane), sequence) in &self.0 {
            sqlx::query(
                "INSERT INTO archive_mark (agent, epoch, lane, sequence) VALUES (?, ?, ?, ?)
                 ON CONFLICT (agent, epoch, lane)
                 DO UPDATE SET sequence = max(sequence, excluded.sequence)",
            )
            .bind(agent.to_string())
            .bind(signed(epoch.0))
            .bind(i64::from(lane.index()))
            .bind(signed(sequence.0))
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}

/// The first position that is not archived.
pub(super) async fn checkpoint(tx: &mut SqliteConnection) -> sqlx::Result<Position> {
    let position: Option<i64> =
        sqlx::query_scalar("SELECT position FROM checkpoint WHERE reader = ?")
            .bind(READER)
            .fetch_optional(tx)
            .await?;
    Ok(position.map_or(Position::FIRST, |position| Position(unsigned(position))))
}

pub(super) async fn write_checkpoint(
    tx: &mut SqliteConnection,
    position: Position,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO checkpoint (reader, position) VALUES (?, ?)
         ON CONFLICT (reader) DO UPDATE SET position = excluded.position",
    )
    .bind(READER)
    .bind(signed(position.0))
    .execute(tx)
    .await?;
    Ok(())
}
