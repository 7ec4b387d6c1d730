//! What agents say became of their configuration.

use soc_event::{Value, kind};
use sqlx::SqliteConnection;

use crate::journal::Entry;

/// Longest text that is kept, in characters.
const TEXT_CHARS_MAX: usize = 1000;

/// Keeps the last outcome of an agent; says whether the event was one.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    entry: &Entry,
) -> Result<bool, sqlx::Error> {
    let event = &entry.event;
    if event.kind != kind::AGENT_CONFIGURATION {
        return Ok(false);
    }
    let cut = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
    let text = |name: &str| event.text(name).map(cut);
    let version = event.fields.get("configuration.version").and_then(Value::as_i64);
    sqlx::query(
        "INSERT INTO configuration_outcome (agent, version, label, outcome, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (agent) DO UPDATE SET version = ?2, label = ?3, outcome = ?4, reason = ?5,
                at = ?6",
    )
    .bind(entry.id.agent.to_string())
    .bind(version.unwrap_or(0))
    .bind(text("configuration.label").unwrap_or_default())
    .bind(text("configuration.outcome").unwrap_or_default())
    .bind(text("configuration.reason"))
    .bind(entry.received.as_micros())
    .execute(connection)
    .await?;
    Ok(true)
}
