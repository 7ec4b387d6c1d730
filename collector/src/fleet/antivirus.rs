//! Antivirus of machines, from their words: the latest about each product, summed up by one rule.

mod counts;
mod judgement;

use serde_json::json;
use soc_event::{Event, Timestamp, Value, kind};
use sqlx::SqliteConnection;

use super::enrolment::short;
use super::host::with_time;
use super::views::AntivirusState;
use super::{Error, Fleet};
use crate::journal::Entry;
use judgement::{OUTDATED_MICROS, Told, UNHEARD_MICROS, judge};

pub(super) use counts::by_reason;

/// A product not mentioned for so long after the latest word about any of them is no longer there:
/// states are told in full once a day.
const FORGOTTEN_MICROS: i64 = 26 * 3_600 * 1_000_000;
/// Products of one machine at the most; the ones told longest ago are forgotten.
const PRODUCTS_MAX: i64 = 32;
/// What an event without a product is about.
const NO_PRODUCT: &str = "none";
const MICROS_PER_DAY: f64 = 86_400e6;

/// A product as it is stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
struct Product {
    product: String,
    state: String,
    fields: String,
    signatures_at: Option<i64>,
}

/// Keeps the latest word about a product and sums up the machine; says whether it was one.
pub(super) async fn apply(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, Error> {
    let agent = entry.id.agent.to_string();
    if entry.event.kind == kind::ANTIVIRUS_SELFTEST {
        store_test(connection, &agent, entry).await?;
        return Ok(true);
    }
    if entry.event.kind != kind::ANTIVIRUS_STATUS {
        return Ok(false);
    }
    store(connection, &agent, entry).await?;
    forget(connection, &agent, entry).await?;
    sum_up(connection, &agent, entry.received, entry.received).await?;
    Ok(true)
}

impl Fleet {
    /// Judges machines anew whose signatures have grown old, or that were not heard for long: what
    /// they said last was true then. Says which have changed.
    pub(super) async fn age_antivirus(&self) -> Result<Vec<String>, Error> {
        let now = self.0.clock.now();
        let [outdated, unheard] =
            [OUTDATED_MICROS, UNHEARD_MICROS].map(|age| now.plus_micros(-age).as_micros());
        let aged: Vec<(String, i64)> = sqlx::query_as(
            "SELECT id, COALESCE(heard_at, enrolled_at) FROM agent WHERE revoked_at IS NULL
               AND (antivirus_state = 'protected' AND antivirus_signatures_at <= ?
                 OR antivirus_state <> 'unknown' AND COALESCE(heard_at, enrolled_at) <= ?)",
        )
        .bind(outdated)
        .bind(unheard)
        .fetch_all(self.0.store.pool())
        .await?;
        if aged.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.0.store.write().await?;
        for (agent, heard) in &aged {
            sum_up(&mut transaction, agent, Timestamp::from_micros(*heard), now).await?;
        }
        transaction.commit().await?;
        Ok(aged.into_iter().map(|(agent, _)| agent).collect())
    }
}

async fn sum_up(
    connection: &mut SqliteConnection,
    agent: &str,
    heard: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let products: Vec<Product> = sqlx::query_as(
        "SELECT product, state, fields, signatures_at FROM antivirus WHERE agent = ?
         ORDER BY product",
    )
    .bind(agent)
    .fetch_all(&mut *connection)
    .await?;
    let judged = judge(products.into_iter().map(Product::told).collect(), heard, now);
    sqlx::query(
        "UPDATE agent SET antivirus_state = ?1, antivirus_product = ?2, antivirus_reasons = ?3,
                antivirus_signatures_at = ?4,
                antivirus_lost_at = CASE WHEN ?1 = 'protected' THEN NULL
                    WHEN antivirus_state = 'protected' THEN ?5 ELSE antivirus_lost_at END
         WHERE id = ?6",
    )
    .bind(judged.state)
    .bind(judged.product)
    .bind(json!(judged.reasons).to_string())
    .bind(judged.signatures_at)
    .bind(now.as_micros())
    .bind(agent)
    .execute(connection)
    .await?;
    Ok(())
}

async fn store_test(
    connection: &mut SqliteConnection,
    agent: &str,
    entry: &Entry,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO antivirus_selftest (agent, fields, received_at) VALUES (?, ?, ?)",
    )
    .bind(agent)
    .bind(with_time(&entry.event.fields, entry.event.time))
    .bind(entry.received.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}

async fn store(connection: &mut SqliteConnection, agent: &str, entry: &Entry) -> Result<(), Error> {
    let event = &entry.event;
    sqlx::query(
        "INSERT OR REPLACE INTO antivirus (agent, product, state, fields, received_at, signatures_at)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(agent)
    .bind(product(event))
    .bind(short(event.text("antivirus.state").unwrap_or("unknown")))
    .bind(with_time(&event.fields, event.time))
    .bind(entry.received.as_micros())
    .bind(signatures_at(event).map(Timestamp::as_micros))
    .execute(connection)
    .await?;
    Ok(())
}

/// "None" takes the place of all products, and a product that of "none".
async fn forget(
    connection: &mut SqliteConnection,
    agent: &str,
    entry: &Entry,
) -> Result<(), Error> {
    let product = product(&entry.event);
    sqlx::query(
        "DELETE FROM antivirus WHERE agent = ?1 AND product <> ?2
           AND (?2 = ?3 OR product = ?3 OR received_at < ?4)",
    )
    .bind(agent)
    .bind(product)
    .bind(NO_PRODUCT)
    .bind(entry.received.plus_micros(-FORGOTTEN_MICROS).as_micros())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM antivirus WHERE agent = ?1 AND product NOT IN (SELECT product FROM antivirus
           WHERE agent = ?1 ORDER BY received_at DESC, product LIMIT ?2)",
    )
    .bind(agent)
    .bind(PRODUCTS_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

fn product(event: &Event) -> String {
    short(event.text("antivirus.product").unwrap_or(NO_PRODUCT))
}

impl Product {
    fn told(self) -> Told {
        let fields: serde_json::Value = serde_json::from_str(&self.fields).unwrap_or_default();
        let reasons = match fields.get("antivirus.reasons") {
            Some(serde_json::Value::Array(list)) => {
                list.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
            }
            Some(serde_json::Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        };
        let mode = fields.get("antivirus.mode").and_then(serde_json::Value::as_str);
        Told {
            state: state(&self.state),
            is_passive: mode == Some("passive"),
            reasons,
            product: self.product,
            signatures_at: self.signatures_at,
        }
    }
}

fn state(word: &str) -> AntivirusState {
    match word {
        "protected" => AntivirusState::Protected,
        "weak" => AntivirusState::Weak,
        "off" => AntivirusState::Off,
        "missing" => AntivirusState::Missing,
        _ => AntivirusState::Unknown,
    }
}

/// When the signatures were made, as said or by their age.
fn signatures_at(event: &Event) -> Option<Timestamp> {
    let said = event.text("antivirus.signatures.time").and_then(|text| text.parse().ok());
    let age = event.fields.get("antivirus.signatures.age_days").and_then(Value::as_f64);
    // A float too large for an i64 becomes the largest, and the moment the earliest there is.
    #[allow(clippy::cast_possible_truncation)]
    let micros = |days: f64| (days * MICROS_PER_DAY) as i64;
    said.or_else(|| Some(event.time.plus_micros(micros(age?).saturating_neg())))
}
