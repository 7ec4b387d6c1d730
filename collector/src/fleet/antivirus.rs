use serde_json::json;
use soc_event::{Event, Timestamp, Value, kind};
use sqlx::SqliteConnection;

use super::Error;
use super::enrolment::short;
use super::host::with_time;
use super::views::AntivirusState;
use crate::journal::Entry;

/// A product not mentioned for so long after the latest word about any of them is no longer there:
/// states are told in full once a day.
const FORGOTTEN_MICROS: i64 = 26 * 3_600 * 1_000_000;
/// Products of one machine at the most; the ones told longest ago are forgotten.
const PRODUCTS_MAX: i64 = 32;
/// What an event without a product is about.
const NO_PRODUCT: &str = "none";
const MICROS_PER_DAY: f64 = 86_400e6;

/// The state of one product, as far as the summary looks at it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
struct Product {
    product: String,
    state: String,
    fields: String,
    signatures_at: Option<i64>,
}

/// Keeps the latest word about a product and sums up the machine; says whether it was one.
pub(super) async fn apply(connection: &mut SqliteConnection, entry: &Entry) -> Result<bool, Error> {
    if entry.event.kind != kind::ANTIVIRUS_STATUS {
        return Ok(false);
    }
    let agent = entry.id.agent.to_string();
    store(connection, &agent, entry).await?;
    forget(connection, &agent, entry).await?;
    let products: Vec<Product> = sqlx::query_as(
        "SELECT product, state, fields, signatures_at FROM antivirus WHERE agent = ?
         ORDER BY product",
    )
    .bind(&agent)
    .fetch_all(&mut *connection)
    .await?;
    let best = products.iter().max_by_key(|product| rank(product));
    sqlx::query(
        "UPDATE agent SET antivirus_state = ?, antivirus_product = ?, antivirus_reasons = ?,
                antivirus_signatures_at = ?
         WHERE id = ?",
    )
    .bind(best.map_or(AntivirusState::Unknown, state))
    .bind(best.map(|best| &best.product).filter(|product| *product != NO_PRODUCT))
    .bind(best.map_or_else(|| "[]".to_owned(), reasons))
    .bind(best.and_then(|best| best.signatures_at))
    .bind(&agent)
    .execute(connection)
    .await?;
    Ok(true)
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

fn state(product: &Product) -> AntivirusState {
    match product.state.as_str() {
        "protected" => AntivirusState::Protected,
        "weak" => AntivirusState::Weak,
        "off" => AntivirusState::Off,
        "missing" => AntivirusState::Missing,
        _ => AntivirusState::Unknown,
    }
}

/// The best product decides; one that may be protecting is above one that surely is not, and of
/// equals the one with the newer signatures.
fn rank(product: &Product) -> (u8, Option<i64>) {
    let rank = match state(product) {
        AntivirusState::Protected => 4,
        AntivirusState::Weak => 3,
        AntivirusState::Unknown => 2,
        AntivirusState::Off => 1,
        AntivirusState::Missing => 0,
    };
    (rank, product.signatures_at)
}

fn reasons(product: &Product) -> String {
    let fields: serde_json::Value = serde_json::from_str(&product.fields).unwrap_or_default();
    match fields.get("antivirus.reasons") {
        Some(list @ serde_json::Value::Array(_)) => list.to_string(),
        Some(serde_json::Value::String(one)) => json!([one]).to_string(),
        _ => "[]".to_owned(),
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
