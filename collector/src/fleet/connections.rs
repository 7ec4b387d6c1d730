//! Where programs of a machine connect to, as its agent sums it up.

use soc_event::{AgentId, Timestamp, Value, kind};
use sqlx::SqliteConnection;

use super::enrolment::short;
use super::views::Items;
use super::{Error, Fleet};
use crate::journal::Entry;

/// Destinations of one machine that are kept; those not seen for longest go.
const KEPT_MAX: i64 = 1000;
/// One in so many events looks whether there are too many.
const LOOK_EVERY: u64 = 64;

/// Where a program connects to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Connection {
    /// Name of the process, where known.
    pub process: Option<String>,
    /// Its program, where known.
    pub executable: Option<String>,
    /// Whose process, where known.
    pub user: Option<String>,
    /// An address or a network; nothing where there were too many.
    pub destination: Option<String>,
    /// tcp or udp.
    pub transport: String,
    /// Which port.
    pub port: i64,
    /// How many connections.
    pub count: i64,
    /// The first of them.
    #[schema(value_type = String)]
    pub first_at: Timestamp,
    /// The last of them.
    #[schema(value_type = String)]
    pub last_at: Timestamp,
    /// The program had not connected there while the agent learned.
    pub is_new: bool,
}

/// Projects an event about connections; says whether it was one.
pub(super) async fn apply(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, Error> {
    let event = &entry.event;
    if event.kind != kind::CONNECTION_OUTBOUND {
        return Ok(false);
    }
    let text = |name: &str| event.text(name).map(short);
    let number = |name: &str| event.fields.get(name).and_then(Value::as_i64);
    let time = |name: &str| event.text(name).and_then(|text| text.parse::<Timestamp>().ok());
    let destination = text("destination.ip").or_else(|| text("destination.network"));
    let agent = entry.id.agent.to_string();
    sqlx::query(
        "INSERT INTO connection (agent, executable, destination, transport, port, process, user,
                count, first_at, last_at, is_new)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (agent, executable, destination, transport, port) DO UPDATE SET
            process = excluded.process, user = excluded.user, count = count + excluded.count,
            last_at = MAX(last_at, excluded.last_at), is_new = MAX(is_new, excluded.is_new)",
    )
    .bind(&agent)
    .bind(text("process.executable").unwrap_or_default())
    .bind(destination.unwrap_or_default())
    .bind(text("network.transport").unwrap_or_default())
    .bind(number("destination.port").unwrap_or_default())
    .bind(text("process.name"))
    .bind(text("user.name"))
    .bind(number("connection.count").unwrap_or_default())
    .bind(time("connection.first").unwrap_or(event.time).as_micros())
    .bind(time("connection.last").unwrap_or(event.time).as_micros())
    .bind(event.fields.get("connection.first_seen") == Some(&Value::Boolean(true)))
    .execute(&mut *connection)
    .await?;
    if entry.id.sequence.0.is_multiple_of(LOOK_EVERY) {
        forget(connection, &agent).await?;
    }
    Ok(true)
}

async fn forget(connection: &mut SqliteConnection, agent: &str) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM connection WHERE agent = ?1 AND last_at <
            (SELECT last_at FROM connection WHERE agent = ?1 ORDER BY last_at DESC
             LIMIT 1 OFFSET ?2)",
    )
    .bind(agent)
    .bind(KEPT_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    process: Option<String>,
    executable: String,
    user: Option<String>,
    destination: String,
    transport: String,
    port: i64,
    count: i64,
    first_at: i64,
    last_at: i64,
    is_new: bool,
}

impl From<Row> for Connection {
    fn from(row: Row) -> Self {
        let known = |text: String| (!text.is_empty()).then_some(text);
        Self {
            process: row.process,
            executable: known(row.executable),
            user: row.user,
            destination: known(row.destination),
            transport: row.transport,
            port: row.port,
            count: row.count,
            first_at: Timestamp::from_micros(row.first_at),
            last_at: Timestamp::from_micros(row.last_at),
            is_new: row.is_new,
        }
    }
}

impl Fleet {
    /// Where programs of a machine connect to: what is new first, then the latest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn connections(&self, id: AgentId) -> Result<Items<Connection>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT process, executable, user, destination, transport, port, count, first_at,
                    last_at, is_new
             FROM connection WHERE agent = ? ORDER BY is_new DESC, last_at DESC LIMIT ?",
        )
        .bind(id.to_string())
        .bind(KEPT_MAX)
        .fetch_all(self.0.store.pool())
        .await?;
        Ok(Items { items: rows.into_iter().map(Connection::from).collect() })
    }
}
