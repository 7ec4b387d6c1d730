use serde_json::json;
use soc_event::{Event, Fields, Timestamp, Value, kind};
use sqlx::SqliteConnection;

use super::Error;
use super::enrolment::short;
use crate::journal::Entry;

/// The name a machine gives itself in its inventory.
pub(super) fn hostname(event: &Event) -> Option<String> {
    let name = event.text("host.hostname").map(short);
    name.filter(|name| event.kind == kind::HOST_INVENTORY && !name.trim().is_empty())
}

/// Keeps the latest inventory and heartbeat; says whether there was one.
pub(super) async fn apply(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, Error> {
    if entry.event.kind == kind::HOST_INVENTORY {
        inventory(connection, entry).await?;
    } else if entry.event.kind == kind::HOST_HEARTBEAT {
        heartbeat(connection, entry).await?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

async fn inventory(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), Error> {
    let event = &entry.event;
    let os = [event.text("host.os.name"), event.text("host.os.version")];
    let os = os.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let ip = event.fields.get("host.ip").cloned().unwrap_or(Value::List(Vec::new()));
    let ip = if matches!(ip, Value::List(_)) { ip } else { Value::List(vec![ip]) };
    sqlx::query(
        "UPDATE agent SET inventory = ?1, ip = ?2, hostname = COALESCE(?3, hostname),
                os = CASE WHEN ?4 = '' THEN os ELSE ?4 END, version = COALESCE(?5, version)
         WHERE id = ?6",
    )
    .bind(with_time(&event.fields, event.time))
    .bind(json!(ip).to_string())
    .bind(hostname(event))
    .bind(short(&os))
    .bind(event.text("agent.version").map(short))
    .bind(entry.id.agent.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

async fn heartbeat(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), Error> {
    let event = &entry.event;
    let number = |name: &str| event.fields.get(name).and_then(Value::as_f64);
    let whole = |name: &str| event.fields.get(name).and_then(Value::as_i64);
    let (used, total) = (whole("host.memory.used.bytes"), whole("host.memory.total.bytes"));
    let share = number("host.memory.used.bytes").zip(number("host.memory.total.bytes"));
    let agent = entry.id.agent.to_string();
    sqlx::query(
        "UPDATE agent SET heartbeat = ?, cpu = ?, memory_used = ?, disk_used = ?,
                clock_offset_us = COALESCE(?, clock_offset_us)
         WHERE id = ?",
    )
    .bind(with_time(&event.fields, event.time))
    .bind(number("host.cpu.usage"))
    .bind(share.filter(|(_, total)| *total > 0.0).map(|(used, total)| used / total))
    .bind(number("host.disk.used.pct"))
    .bind(whole("host.clock.offset_us"))
    .bind(&agent)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO heartbeat (agent, at, cpu, memory_used, memory_total, disk_used,
                agent_memory, agent_cpu, spool_events)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&agent)
    .bind(by_our_clock(entry).as_micros())
    .bind(number("host.cpu.usage"))
    .bind(used)
    .bind(total)
    .bind(number("host.disk.used.pct"))
    .bind(whole("agent.memory.bytes"))
    .bind(number("agent.cpu.usage"))
    .bind(whole("agent.spool.events"))
    .execute(connection)
    .await?;
    Ok(())
}

/// When it happened by the collector's clock: the agent's, less its measured offset, but not later
/// than it was received. To the second, so that there is no more than one heartbeat a second.
fn by_our_clock(entry: &Entry) -> Timestamp {
    let offset = entry.event.fields.get("host.clock.offset_us").and_then(Value::as_i64);
    let offset = offset.unwrap_or(0).saturating_neg();
    let at = entry.event.time.plus_micros(offset).min(entry.received).as_micros();
    Timestamp::from_micros(at.div_euclid(1_000_000).saturating_mul(1_000_000))
}

/// Fields as JSON, with the time of their event.
pub(super) fn with_time(fields: &Fields, time: Timestamp) -> String {
    let mut object: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    object.insert("time".to_owned(), json!(time));
    serde_json::Value::Object(object).to_string()
}
