//! Open ports with their history.
//!
//! A port is one of a machine by transport, scope, number and executable. It opens by `port.opened`
//! or by being in a snapshot, and closes by `port.closed` or by not being in a complete snapshot. A
//! snapshot is complete when as many of its events have arrived as each of them announces; one of
//! which something was lost closes nothing. What is older is told by positions in the journal, not
//! by clocks: in a lane, events arrive in the order in which they were seen.
//!
//! Each that opens is judged (`judgement`): approved or not, and how rare.

use soc_event::{Event, Value, kind};
use sqlx::{Row as _, SqliteConnection};

use super::Error;
use super::enrolment::short;
use super::judgement::{self, Change};
use crate::journal::{Entry, Position};

/// Further fields of an event that are kept with a port.
const KEPT: [&str; 11] = [
    "container.id",
    "network.namespace",
    "network.type",
    "package.managed",
    "package.name",
    "port.reachable",
    "port.reachable.from",
    "port.reachable.rule",
    "port.reachable.source",
    "process.command_line",
    "process.hash.sha256",
];

/// What makes a port the same port.
pub(super) struct Key {
    pub(super) agent: String,
    pub(super) transport: String,
    pub(super) scope: String,
    pub(super) port: i64,
    pub(super) executable: String,
}

/// Projects an event about ports; says whether it was one.
pub(super) async fn apply(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, Error> {
    let event = &entry.event;
    let key = key(entry);
    if event.kind == kind::PORT_CLOSED {
        let Some(key) = key else { return Ok(false) };
        close(connection, &key, entry).await?;
    } else if event.kind == kind::PORT_OPENED {
        let Some(key) = key else { return Ok(false) };
        open(connection, &key, entry).await?;
        judgement::add(connection, &key, entry, Change::Opened).await?;
    } else if event.kind == kind::PORT_LISTENING {
        if let Some(key) = key {
            let before = open(connection, &key, entry).await?;
            if let Some(change) = change(event, before.as_deref()) {
                judgement::add(connection, &key, entry, change).await?;
            }
        }
        snapshot(connection, entry).await?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn key(entry: &Entry) -> Option<Key> {
    let text = |name: &str| entry.event.text(name).map(short);
    Some(Key {
        agent: entry.id.agent.to_string(),
        transport: text("network.transport")?,
        scope: text("port.scope")?,
        port: entry.event.fields.get("server.port").and_then(Value::as_i64)?,
        executable: text("process.executable").unwrap_or_default(),
    })
}

/// What a port that listens has become, if anything is to be judged: it was not known, the day's
/// snapshot has it still, or others can reach it now.
fn change(event: &Event, before: Option<&str>) -> Option<Change> {
    let Some(before) = before else { return Some(Change::Found) };
    if event.fields.contains_key("port.snapshot") {
        return Some(Change::Listening);
    }
    let reachable = event.text("port.reachable");
    (reachable != Some("no") && reachable != Some(before)).then_some(Change::Altered)
}

/// Opens a port, or says again that it is open; who could reach it before, if it was.
async fn open(
    connection: &mut SqliteConnection,
    key: &Key,
    entry: &Entry,
) -> Result<Option<String>, Error> {
    let before: Option<String> = sqlx::query_scalar(
        "SELECT COALESCE(fields ->> '$.\"port.reachable\"', '') FROM port
         WHERE agent = ? AND transport = ? AND scope = ? AND port = ? AND executable = ?
           AND closed_at IS NULL",
    )
    .bind(&key.agent)
    .bind(&key.transport)
    .bind(&key.scope)
    .bind(key.port)
    .bind(&key.executable)
    .fetch_optional(&mut *connection)
    .await?;
    let event = &entry.event;
    let text = |name: &str| event.text(name).map(short);
    sqlx::query(
        "INSERT INTO port (agent, transport, scope, port, executable, address, process, user, unit,
                pid, opened_at, touched, fields)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (agent, transport, scope, port, executable) WHERE closed_at IS NULL
         DO UPDATE SET address = excluded.address, process = excluded.process,
                user = excluded.user, unit = excluded.unit, pid = excluded.pid,
                touched = excluded.touched, fields = excluded.fields",
    )
    .bind(&key.agent)
    .bind(&key.transport)
    .bind(&key.scope)
    .bind(key.port)
    .bind(&key.executable)
    .bind(text("server.ip").unwrap_or_default())
    .bind(text("process.name"))
    .bind(text("user.name"))
    .bind(text("service.unit"))
    .bind(event.fields.get("process.pid").and_then(Value::as_i64))
    .bind(event.time.as_micros())
    .bind(number(entry.position))
    .bind(serde_json::Value::Object(further(event)).to_string())
    .execute(connection)
    .await?;
    Ok(before)
}

/// The fields that are kept besides, short.
pub(super) fn further(event: &Event) -> serde_json::Map<String, serde_json::Value> {
    let kept = KEPT.iter().filter_map(|name| {
        let value = bounded(event.fields.get(*name)?)?;
        Some(((*name).to_owned(), value))
    });
    kept.collect()
}

/// A value of no more than a few hundred characters.
fn bounded(value: &Value) -> Option<serde_json::Value> {
    const ITEMS_MAX: usize = 32;
    Some(match value {
        Value::Text(text) => short(text).into(),
        Value::Boolean(is) => (*is).into(),
        Value::Number(number) => number.clone().into(),
        Value::List(items) => items.iter().take(ITEMS_MAX).filter_map(bounded).collect(),
        Value::Null => return None,
    })
}

async fn close(connection: &mut SqliteConnection, key: &Key, entry: &Entry) -> Result<(), Error> {
    sqlx::query(
        "UPDATE port SET closed_at = MAX(?, opened_at)
         WHERE agent = ? AND transport = ? AND scope = ? AND port = ? AND executable = ?
           AND closed_at IS NULL",
    )
    .bind(entry.event.time.as_micros())
    .bind(&key.agent)
    .bind(&key.transport)
    .bind(&key.scope)
    .bind(key.port)
    .bind(&key.executable)
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts an event of a snapshot; the last one closes what was not in it.
async fn snapshot(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), Error> {
    let Some((taken, announced)) = announcement(&entry.event) else { return Ok(()) };
    let agent = entry.id.agent.to_string();
    // An empty snapshot is one event with no port in it.
    let counted = i64::from(announced > 0);
    let row = sqlx::query(
        "INSERT INTO port_snapshot (agent, taken, began, seen) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (agent) DO UPDATE SET
            began = CASE WHEN taken = excluded.taken THEN began ELSE excluded.began END,
            seen = CASE WHEN taken = excluded.taken THEN seen ELSE 0 END + excluded.seen,
            taken = excluded.taken
         RETURNING began, seen",
    )
    .bind(&agent)
    .bind(&taken)
    .bind(number(entry.position))
    .bind(counted)
    .fetch_one(&mut *connection)
    .await?;
    if row.try_get::<i64, _>("seen")? < announced {
        return Ok(());
    }
    sqlx::query(
        "UPDATE port SET closed_at = MAX(?, opened_at)
         WHERE agent = ? AND closed_at IS NULL AND touched < ?",
    )
    .bind(entry.event.time.as_micros())
    .bind(&agent)
    .bind(row.try_get::<i64, _>("began")?)
    .execute(connection)
    .await?;
    Ok(())
}

/// The name of the snapshot an event is of, and how many events it has.
fn announcement(event: &Event) -> Option<(String, i64)> {
    let count = event.fields.get("port.snapshot.count").and_then(Value::as_i64)?;
    Some((short(event.text("port.snapshot")?), count))
}

pub(super) fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
