//! What an alert is about: its machine, users, addresses, files and hashes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Value};
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::{Error, Finding};

/// Things of one alert at the most; a machine that is owned writes their values.
const ENTITIES_MAX: usize = 24;
/// Characters of a value that are kept.
const VALUE_MAX: usize = 512;

/// Fields of an event that name something, and what.
const FIELDS: [(&str, EntityKind); 11] = [
    ("user.name", EntityKind::User),
    ("user.target.name", EntityKind::User),
    ("user.effective.name", EntityKind::User),
    ("source.ip", EntityKind::Address),
    ("destination.ip", EntityKind::Address),
    ("client.ip", EntityKind::Address),
    ("server.ip", EntityKind::Address),
    ("file.path", EntityKind::File),
    ("process.executable", EntityKind::File),
    ("file.hash.sha256", EntityKind::Hash),
    ("process.hash.sha256", EntityKind::Hash),
];

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// A machine, by the id of its agent.
    Host,
    /// A user.
    User,
    /// An address.
    Address,
    /// A file or program.
    File,
    /// The SHA-256 of a file.
    Hash,
}

impl EntityKind {
    /// The word used everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Address => "address",
            Self::File => "file",
            Self::Hash => "hash",
        }
    }
}

/// The things of a finding: its machine, what its first event names, what it is grouped by.
pub(super) fn entities(finding: &Finding) -> BTreeSet<(EntityKind, String)> {
    let mut found = BTreeSet::new();
    if finding.agent != AgentId::COLLECTOR {
        found.insert((EntityKind::Host, finding.agent.to_string()));
    }
    let mut add = |kind: EntityKind, text: &str| {
        let letters = text.trim().chars().filter(|letter| !letter.is_control());
        let value: String = letters.flat_map(char::to_lowercase).take(VALUE_MAX).collect();
        if !value.is_empty() && found.len() < ENTITIES_MAX {
            found.insert((kind, value));
        }
    };
    for (name, kind) in FIELDS {
        let grouped = finding.group.iter().filter(|(field, _)| field == name);
        grouped.for_each(|(_, value)| add(kind, value));
        match finding.event.fields.get(name) {
            Some(Value::Text(text)) => add(kind, text),
            Some(Value::List(items)) => {
                items.iter().filter_map(Value::as_text).for_each(|text| add(kind, text));
            }
            _ => {}
        }
    }
    found
}

/// Keeps them for a new alert.
pub(super) async fn write(
    tx: &mut SqliteConnection,
    alert: &str,
    finding: &Finding,
    at: i64,
) -> Result<(), Error> {
    let found = entities(finding);
    let rows: Vec<(&str, &str)> =
        found.iter().map(|(kind, value)| (kind.as_str(), value.as_str())).collect();
    sqlx::query(
        "INSERT OR IGNORE INTO alert_entity (kind, value, at, alert)
         SELECT value ->> 0, value ->> 1, ?, ? FROM json_each(?)",
    )
    .bind(at)
    .bind(alert)
    .bind(serde_json::to_string(&rows)?)
    .execute(tx)
    .await?;
    Ok(())
}
