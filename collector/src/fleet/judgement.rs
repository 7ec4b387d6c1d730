//! What the fleet thinks of a port: approved or not, and how many machines have it.
//!
//! Rules look at the event `port.judged`, which carries this, so that the same journal and rules
//! still make the same alerts (`docs/decisions/0004-port-baseline.md`). It is written down in the
//! transaction of the projection and told to the journal after that; it counts as told when the
//! projection meets it there. Nothing is told before the projection has passed what an earlier
//! process wrote, so each port is judged once also when the collector is killed at any moment.

use std::sync::atomic::{AtomicI64, Ordering};

use soc_event::{Event, Value, kind};
use sqlx::SqliteConnection;

use super::enrolment::short;
use super::ports::{Key, further, number};
use super::{Error, Fleet};
use crate::journal::{Entry, Position};

/// Machines with a port are counted up to this: more is not rare.
const MACHINES_MAX: i64 = 100;
/// Judgements told in one batch of the journal.
const TOLD_MAX: i64 = 500;
/// Fields of the port's event that are told again as they were.
const COPIED: [&str; 8] = [
    "network.transport",
    "port.scope",
    "process.executable",
    "process.name",
    "process.pid",
    "server.ip",
    "service.unit",
    "user.name",
];

/// Why a port is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A program began to listen.
    Opened,
    /// It was there when its machine was first heard of, or its opening was lost.
    Found,
    /// It is still there, told once a day.
    Listening,
    /// Others can reach it now, or that is not known any more.
    Altered,
}

impl Change {
    fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Found => "found",
            Self::Listening => "listening",
            Self::Altered => "altered",
        }
    }
}

/// How far this process has told.
#[derive(Debug)]
pub(super) struct Told {
    /// Where the journal ended when this process began.
    begin: Position,
    /// The last position whose judgement is in the journal.
    last: AtomicI64,
}

impl Told {
    pub(super) fn new(begin: Position) -> Self {
        Self { begin, last: AtomicI64::new(-1) }
    }
}

/// Judges a port and writes down what is to be told. What an operator approved is told as approved
/// when it opens, and not again every day.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    key: &Key,
    entry: &Entry,
    change: Change,
) -> Result<(), Error> {
    let approval = approval(connection, key).await?;
    let is_local = !matches!(key.scope.as_str(), "lan" | "any");
    if change == Change::Listening && (approval == "approved" || is_local) {
        return Ok(());
    }
    let (agency, fleet, machines) = rarity(connection, key).await?;
    let event = judged(key, entry)
        .with("port.change", change.as_str())
        .with("port.approval", approval)
        .with("port.rarity.agency", agency)
        .with("port.rarity.fleet", fleet)
        .with("port.rarity.machines", machines);
    sqlx::query("INSERT OR REPLACE INTO port_untold (position, event) VALUES (?, ?)")
        .bind(number(entry.position))
        .bind(serde_json::to_string(&event).map_err(|error| Error::Content(error.to_string()))?)
        .execute(connection)
        .await?;
    Ok(())
}

/// The port again, by the collector's clock; of what the agent said only what is known and short.
fn judged(key: &Key, entry: &Entry) -> Event {
    let mut event = Event::own(entry.received, kind::PORT_JUDGED)
        .with("agent.id", key.agent.as_str())
        .with("server.port", key.port)
        .with("port.judged.position", number(entry.position))
        .with("port.seen", entry.event.time.to_string());
    for (name, value) in further(&entry.event) {
        if let Ok(value) = serde_json::from_value::<Value>(value) {
            event = event.with(&name, value);
        }
    }
    for name in COPIED {
        match entry.event.fields.get(name) {
            Some(Value::Text(text)) => event = event.with(name, short(text)),
            Some(Value::Number(number)) => event = event.with(name, Value::Number(number.clone())),
            _ => {}
        }
    }
    event
}

/// `approved`, `unapproved`, or `none` where nobody has approved anything of this machine yet.
async fn approval(connection: &mut SqliteConnection, key: &Key) -> Result<&'static str, Error> {
    let (any, this): (bool, bool) = sqlx::query_as(
        "WITH RECURSIVE above (id) AS (
            SELECT agency FROM agent WHERE id = ?1
            UNION SELECT value FROM agent, json_each(formerly) WHERE agent.id = ?1
            UNION SELECT parent FROM agency JOIN above USING (id)
                WHERE parent IS NOT NULL AND valid_until IS NULL),
         valid AS (SELECT * FROM port_approval WHERE revoked_at IS NULL
            AND (agent = ?1 OR agency IN (SELECT id FROM above)))
         SELECT EXISTS (SELECT 1 FROM valid),
                EXISTS (SELECT 1 FROM valid WHERE transport = ?2 AND scope = ?3 AND port = ?4
                        AND executable = ?5)",
    )
    .bind(&key.agent)
    .bind(&key.transport)
    .bind(&key.scope)
    .bind(key.port)
    .bind(&key.executable)
    .fetch_one(connection)
    .await?;
    Ok(match (any, this) {
        (_, true) => "approved",
        (true, false) => "unapproved",
        (false, false) => "none",
    })
}

/// How many machines have or had this port: of the agency, of all, and how many there are that tell
/// of ports. This machine is one of them. Counted up to [`MACHINES_MAX`].
async fn rarity(connection: &mut SqliteConnection, key: &Key) -> Result<(i64, i64, i64), Error> {
    let counts: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM (
                    SELECT DISTINCT port.agent FROM port JOIN agent ON agent.id = port.agent
                    WHERE transport = ?2 AND port = ?4 AND scope = ?3 AND executable = ?5
                      AND agency = (SELECT agency FROM agent WHERE id = ?1) LIMIT ?6)),
                (SELECT COUNT(*) FROM (
                    SELECT DISTINCT agent FROM port
                    WHERE transport = ?2 AND port = ?4 AND scope = ?3 AND executable = ?5
                    LIMIT ?6)),
                (SELECT COUNT(*) FROM (SELECT 1 FROM port_snapshot LIMIT ?6))",
    )
    .bind(&key.agent)
    .bind(&key.transport)
    .bind(&key.scope)
    .bind(key.port)
    .bind(&key.executable)
    .bind(MACHINES_MAX)
    .fetch_one(connection)
    .await?;
    Ok(counts)
}

/// Meets a judgement in the journal: it need not be told any more.
pub(super) async fn met(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), Error> {
    let position = entry.event.fields.get("port.judged.position").and_then(Value::as_i64);
    sqlx::query("DELETE FROM port_untold WHERE position = ?")
        .bind(position)
        .execute(connection)
        .await?;
    Ok(())
}

impl Fleet {
    /// Tells the journal what was judged. `projected` is how far the projection is.
    pub(super) async fn tell_ports(&self, projected: Position) -> Result<(), Error> {
        let told = &self.0.ports_told;
        if projected < told.begin {
            return Ok(());
        }
        loop {
            let rows: Vec<(i64, String)> = sqlx::query_as(
                "SELECT position, event FROM port_untold WHERE position > ?
                 ORDER BY position LIMIT ?",
            )
            .bind(told.last.load(Ordering::Relaxed))
            .bind(TOLD_MAX)
            .fetch_all(self.0.store.pool())
            .await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            let parse = |text: &String| serde_json::from_str::<Event>(text);
            let events: Result<Vec<Event>, _> = rows.iter().map(|(_, text)| parse(text)).collect();
            let events = events.map_err(|error| Error::Content(error.to_string()))?;
            self.0.journal.append_own(events).await?;
            told.last.store(*last, Ordering::Relaxed);
        }
    }
}
