//! Rules that are not asked any more: an event was too much for them.
//!
//! What is parked is kept with the checkpoint, so that a restart evaluates the same. A rule whose
//! text changes is asked again, and so is one that a person takes out; if the same event comes
//! again, it is parked again.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use soc_event::Timestamp;
use soc_rules::Rule;
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::{Detect, Error};
use crate::access::Deed;
use crate::journal::Line;
use crate::live::Notice;
use crate::rulebook::Book;

/// A rule that is parked, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Parking {
    /// Id of the rule.
    #[serde(skip)]
    pub rule: String,
    #[serde(skip)]
    pub(super) title: String,
    #[serde(skip)]
    pub(super) fingerprint: String,
    /// Where in the journal the event is that was too much for it.
    pub position: u64,
    /// Id of that event.
    pub event: String,
    /// When that event was received.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl Parking {
    pub(super) fn new(rule: &Rule, line: &Line<'_>) -> Self {
        Self {
            rule: rule.id.clone(),
            title: rule.title.en.clone(),
            fingerprint: fingerprint(rule),
            position: line.position.0,
            event: line.id.to_string(),
            at: line.received,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    rule: String,
    title: String,
    fingerprint: String,
    position: i64,
    event: String,
    parked_at: i64,
}

impl From<Row> for Parking {
    fn from(row: Row) -> Self {
        let Row { rule, title, fingerprint, position, event, parked_at } = row;
        let (position, at) = (position.unsigned_abs(), Timestamp::from_micros(parked_at));
        Self { rule, title, fingerprint, position, event, at }
    }
}

impl Detect {
    /// The rules that are parked, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn parked(&self) -> sqlx::Result<HashMap<String, Parking>> {
        let rows = self.parkings("SELECT * FROM rule_parked").await?;
        Ok(rows.into_iter().map(|parking| (parking.rule.clone(), parking)).collect())
    }

    /// Asks a parked rule again, from the next batch on; false when it is not parked. The deed is
    /// written with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unpark(&self, rule: &str, deed: &Deed) -> sqlx::Result<bool> {
        let mut tx = self.store.write().await?;
        let removed = sqlx::query("DELETE FROM rule_parked WHERE rule = ?")
            .bind(rule)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        if removed == 0 {
            return Ok(false);
        }
        deed.write(&mut tx, self.fleet.clock().now()).await?;
        tx.commit().await?;
        self.unparked.send_modify(|times| *times = times.wrapping_add(1));
        self.bus.tell(Notice::Rules);
        Ok(true)
    }

    /// Numbers of the rules that stay parked under this book; the others are forgotten.
    pub(super) async fn still_parked(&self, book: &Book) -> Result<BTreeSet<usize>, Error> {
        let rules = book.ruleset.rules().iter().enumerate();
        let numbers: HashMap<&str, (usize, &Rule)> =
            rules.map(|(number, rule)| (rule.id.as_str(), (number, rule))).collect();
        let (mut parked, mut changed) = (BTreeSet::new(), Vec::new());
        for parking in self.parkings("SELECT * FROM rule_parked").await? {
            match numbers.get(parking.rule.as_str()) {
                Some((number, rule)) if fingerprint(rule) == parking.fingerprint => {
                    parked.insert(*number);
                }
                _ => changed.push(parking.rule),
            }
        }
        for rule in changed {
            tracing::info!(rule, "a parked rule has changed or is gone; it is parked no longer");
            let query = sqlx::query("DELETE FROM rule_parked WHERE rule = ?").bind(rule);
            query.execute(self.store.pool()).await?;
        }
        self.metrics.parked(parked.len());
        Ok(parked)
    }

    pub(super) async fn untold_parkings(&self) -> sqlx::Result<Vec<Parking>> {
        self.parkings("SELECT * FROM rule_parked WHERE told = 0 ORDER BY position, rule").await
    }

    async fn parkings(&self, query: &'static str) -> sqlx::Result<Vec<Parking>> {
        let rows: Vec<Row> = sqlx::query_as(query).fetch_all(self.store.pool()).await?;
        Ok(rows.into_iter().map(Parking::from).collect())
    }
}

pub(super) async fn write_parkings(
    tx: &mut SqliteConnection,
    parkings: &[Parking],
) -> sqlx::Result<()> {
    for Parking { rule, title, fingerprint, position, event, at } in parkings {
        sqlx::query("INSERT OR REPLACE INTO rule_parked VALUES (?, ?, ?, ?, ?, ?, 0)")
            .bind(rule)
            .bind(title)
            .bind(fingerprint)
            .bind(i64::try_from(*position).unwrap_or(i64::MAX))
            .bind(event)
            .bind(at.as_micros())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

fn fingerprint(rule: &Rule) -> String {
    let hash = Sha256::digest(rule.source.as_bytes());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
