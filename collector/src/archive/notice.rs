//! What the archive itself has to say: written down with what it is about, told to the journal
//! after that. Killed in between, it is told twice and counted on the same alert.

use soc_event::{Event, Timestamp, kind, wire};
use sqlx::SqliteConnection;

use super::{Archive, Error};

/// Told at once.
const TOLD_MAX: i64 = 100;

/// A file or an event that cannot be read or written; `rows` events are not to be had.
pub(super) fn damaged(now: Timestamp, path: &str, reason: &str, rows: u64) -> Event {
    Event::own(now, kind::ARCHIVE_DAMAGED)
        .with("host.hostname", host())
        .with("file.path", path)
        .with("archive.reason", reason)
        .with("archive.events", i64::try_from(rows).unwrap_or(i64::MAX))
}

/// The disk will be full in so many days.
pub(super) fn disk(now: Timestamp, days: i64, free_bytes: u64, total_bytes: u64) -> Event {
    Event::own(now, kind::ARCHIVE_DISK)
        .with("host.hostname", host())
        .with("archive.full_in_days", days)
        .with("archive.free_bytes", i64::try_from(free_bytes).unwrap_or(i64::MAX))
        .with("archive.total_bytes", i64::try_from(total_bytes).unwrap_or(i64::MAX))
}

/// The collector's own machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// To be told when the transaction is committed.
pub(super) async fn write(tx: &mut SqliteConnection, event: &Event) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO archive_notice (event) VALUES (?)")
        .bind(wire::encode_event(event))
        .execute(tx)
        .await?;
    Ok(())
}

impl Archive {
    /// Tells the journal what it does not know yet.
    pub(super) async fn tell(&self) -> Result<(), Error> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT id, event FROM archive_notice ORDER BY id LIMIT ?")
                .bind(TOLD_MAX)
                .fetch_all(self.0.store.pool())
                .await?;
        let events: Vec<Event> = rows
            .iter()
            .filter_map(|(_, text)| wire::decode_event(text.as_bytes(), 0).ok())
            .collect();
        if !events.is_empty() {
            self.0.journal.append_own(events).await?;
        }
        for (id, _) in rows {
            sqlx::query("DELETE FROM archive_notice WHERE id = ?")
                .bind(id)
                .execute(self.0.store.pool())
                .await?;
        }
        Ok(())
    }
}
