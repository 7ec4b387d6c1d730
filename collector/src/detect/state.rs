//! What detect keeps in SQL: its checkpoint and the windows of correlations.

use sqlx::SqliteConnection;

use super::{Detect, READER};
use crate::journal::Position;

impl Detect {
    /// Where to go on reading; 1 at the very first start.
    pub(super) async fn checkpoint(&self) -> sqlx::Result<Position> {
        let position: Option<i64> =
            sqlx::query_scalar("SELECT position FROM checkpoint WHERE reader = ?")
                .bind(READER)
                .fetch_optional(self.store.pool())
                .await?;
        Ok(Position(position.and_then(|position| u64::try_from(position).ok()).unwrap_or(1)))
    }

    /// Forgets what was about the events of a journal that is gone: its positions would name others.
    pub(super) async fn begin_anew(&self, first: Position) -> sqlx::Result<()> {
        let mut tx = self.store.write().await?;
        sqlx::query("DELETE FROM correlation_state").execute(&mut *tx).await?;
        self.alerts.forget_positions(&mut tx).await?;
        write_checkpoint(&mut tx, first).await?;
        tx.commit().await
    }

    pub(super) async fn windows(&self) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
        sqlx::query_as("SELECT key, state FROM correlation_state")
            .fetch_all(self.store.pool())
            .await
    }
}

pub(super) async fn write_checkpoint(
    tx: &mut SqliteConnection,
    position: Position,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO checkpoint VALUES (?, ?)
         ON CONFLICT (reader) DO UPDATE SET position = excluded.position",
    )
    .bind(READER)
    .bind(i64::try_from(position.0).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn write_windows(
    tx: &mut SqliteConnection,
    changes: &[(String, Option<Vec<u8>>)],
) -> sqlx::Result<()> {
    for (key, state) in changes {
        let query = match state {
            Some(state) => sqlx::query(
                "INSERT INTO correlation_state (state, key) VALUES (?, ?)
                 ON CONFLICT (key) DO UPDATE SET state = excluded.state",
            )
            .bind(state),
            None => sqlx::query("DELETE FROM correlation_state WHERE key = ?"),
        };
        query.bind(key).execute(&mut *tx).await?;
    }
    Ok(())
}
