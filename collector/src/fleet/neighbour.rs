//! Machines on the networks of agents: which of them have no agent of their own.
//!
//! A neighbour is one of ours when its hardware address is one of an enrolled machine's, or one of
//! its addresses is one of a machine of the same agency. What several agents see under one hardware
//! address is one neighbour. Operators say of others that they are no computers (printers,
//! telephones), or accept them; that is kept with who, when and why, and can be taken back.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::json;
use soc_event::{Event, Timestamp, Value, kind};
use sqlx::SqliteConnection;

use super::enrolment::short;
use super::{Error, Fleet, NeighbourDecision};
use crate::access::{Caller, Deed};
use crate::journal::Entry;

/// Neighbours of one agent that are kept: those seen last.
pub(super) const NEIGHBOURS_MAX: i64 = 5000;
/// Unseen for so long, a neighbour is forgotten.
pub(super) const KEPT_MICROS: i64 = 30 * 86_400 * 1_000_000;
/// Addresses of one neighbour, and of one machine, that are kept.
const ADDRESSES_MAX: usize = 8;
const OWN_ADDRESSES_MAX: usize = 256;
/// Longest reason of a decision, in characters.
const REASON_CHARS_MAX: usize = 500;
/// How a neighbour can be noticed.
const WAYS: [&str; 4] = ["arp", "nd", "dhcp", "mdns"];

/// Keeps the latest word about a neighbour; says whether it was one.
pub(super) async fn apply(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, Error> {
    let event = &entry.event;
    let mac = event.text("neighbour.mac").and_then(hardware_address);
    let Some(mac) = mac.filter(|_| event.kind == kind::NETWORK_NEIGHBOUR) else {
        return Ok(false);
    };
    let truth = |name: &str| event.fields.get(name).and_then(Value::as_bool).unwrap_or_default();
    // A clock that is ahead makes nobody seen tomorrow.
    let time = |name: &str| {
        let told = event.text(name).and_then(|text| text.parse::<Timestamp>().ok());
        told.unwrap_or(event.time).min(entry.received).as_micros()
    };
    let ips: Vec<String> =
        texts(event, "neighbour.ip").filter_map(address).take(ADDRESSES_MAX).collect();
    let told: BTreeSet<&str> = texts(event, "neighbour.seen_by").collect();
    let seen_by: Vec<&str> = WAYS.into_iter().filter(|way| told.contains(way)).collect();
    sqlx::query(
        "INSERT INTO neighbour (agent, mac, ips, name, vendor, private, gateway, seen_by, interface,
                first_seen, last_seen)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (agent, mac) DO UPDATE SET ips = excluded.ips,
                name = COALESCE(excluded.name, name), vendor = excluded.vendor,
                private = excluded.private, gateway = excluded.gateway, seen_by = excluded.seen_by,
                interface = excluded.interface, first_seen = MIN(first_seen, excluded.first_seen),
                last_seen = MAX(last_seen, excluded.last_seen)",
    )
    .bind(entry.id.agent.to_string())
    .bind(mac)
    .bind(json!(ips).to_string())
    .bind(event.text("neighbour.name").map(short))
    .bind(event.text("neighbour.vendor").map(short))
    .bind(truth("neighbour.mac.private"))
    .bind(truth("neighbour.gateway"))
    .bind(json!(seen_by).to_string())
    .bind(event.text("neighbour.interface").map(short))
    .bind(time("neighbour.first_seen"))
    .bind(time("neighbour.last_seen"))
    .execute(connection)
    .await?;
    Ok(true)
}

/// Keeps the addresses of a machine, by which neighbours are known to be it.
pub(super) async fn own_addresses(
    connection: &mut SqliteConnection,
    entry: &Entry,
) -> Result<(), Error> {
    if entry.event.kind != kind::HOST_INVENTORY {
        return Ok(());
    }
    let agent = entry.id.agent.to_string();
    let macs = texts(&entry.event, "host.mac").filter_map(hardware_address);
    let addresses: BTreeSet<String> = macs
        .chain(texts(&entry.event, "host.ip").filter_map(address))
        .take(OWN_ADDRESSES_MAX)
        .collect();
    sqlx::query("DELETE FROM machine_address WHERE agent = ?")
        .bind(&agent)
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO machine_address (address, agent) SELECT value, ?1 FROM json_each(?2)")
        .bind(&agent)
        .bind(json!(addresses).to_string())
        .execute(connection)
        .await?;
    Ok(())
}

fn texts<'a>(event: &'a Event, name: &str) -> impl Iterator<Item = &'a str> {
    let values = match event.fields.get(name) {
        Some(Value::List(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_text)
}

/// `00:11:22:aa:bb:cc` in small letters; anything else is no hardware address.
fn hardware_address(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|it| it.is_ascii_hexdigit());
    (parts.clone().count() == 6 && parts.all(is_byte)).then(|| text.to_ascii_lowercase())
}

/// An address that belongs to one machine of a network, as it is usually written.
fn address(text: &str) -> Option<String> {
    let address: IpAddr = text.parse().ok()?;
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

impl Fleet {
    /// An operator says what a neighbour is, or with none takes back what was said. Audited.
    ///
    /// # Errors
    /// [`Error::Refused`] for what is no hardware address, an agency that is not there, or a
    /// decision without a reason.
    pub async fn decide_neighbour(
        &self,
        agency: i64,
        mac: &str,
        decision: Option<NeighbourDecision>,
        reason: &str,
        caller: &Caller,
    ) -> Result<(), Error> {
        let refused = |why: &str| Error::Refused(why.to_owned());
        let mac = hardware_address(mac).ok_or_else(|| refused("this is no hardware address"))?;
        let reason = reason.trim();
        if decision.is_some() && reason.is_empty() {
            return Err(refused("say why"));
        }
        if reason.chars().count() > REASON_CHARS_MAX {
            return Err(refused("the reason is longer than 500 characters"));
        }
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let code: Option<String> = sqlx::query_scalar("SELECT code FROM agency WHERE id = ?")
            .bind(agency)
            .fetch_optional(&mut *tx)
            .await?;
        let code = code.ok_or_else(|| refused("there is no such agency"))?;
        let action = match decision {
            Some(decision) => {
                insert(&mut tx, agency, &mac, decision, reason, &caller.who, now).await?;
                "neighbour accepted"
            }
            None => {
                sqlx::query("DELETE FROM neighbour_decision WHERE agency = ? AND mac = ?")
                    .bind(agency)
                    .bind(&mac)
                    .execute(&mut *tx)
                    .await?;
                "neighbour no longer accepted"
            }
        };
        let word = decision.map(|decision| format!("{}: ", decision.as_str()));
        let detail = format!("{}{reason}", word.unwrap_or_default());
        let subject = format!("{code} {mac}");
        let deed = Deed::new(&caller.who, &caller.address, action, &subject).with(&detail);
        deed.write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    /// Removes neighbours that were not seen for long, and those that are too many.
    pub(super) async fn prune_neighbours(&self, most: i64) -> Result<(), Error> {
        sqlx::query("DELETE FROM neighbour WHERE last_seen < ?")
            .bind(self.0.clock.now().plus_micros(-KEPT_MICROS).as_micros())
            .execute(self.0.store.pool())
            .await?;
        sqlx::query(
            "DELETE FROM neighbour WHERE (agent, mac) IN (SELECT agent, mac FROM (
                SELECT agent, mac, ROW_NUMBER() OVER
                    (PARTITION BY agent ORDER BY last_seen DESC, mac) AS place
                FROM neighbour
                WHERE agent IN (SELECT agent FROM neighbour GROUP BY agent HAVING COUNT(*) > ?1)
             ) WHERE place > ?1)",
        )
        .bind(most)
        .execute(self.0.store.pool())
        .await?;
        Ok(())
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    agency: i64,
    mac: &str,
    decision: NeighbourDecision,
    reason: &str,
    who: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO neighbour_decision
            (agency, mac, decision, reason, decided_by, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(agency)
    .bind(mac)
    .bind(decision)
    .bind(reason)
    .bind(who)
    .bind(now.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}
