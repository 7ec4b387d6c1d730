//! What detect itself has to say goes into the journal, as an event like others: a rule that ships
//! with the collector turns it into an alert.
//!
//! It is first written down with the checkpoint and told after that: killed in between, it is told
//! at the next start; killed after telling, it is told twice and counted on the same alert.

use soc_event::{Event, Timestamp, kind};
use sqlx::SqliteConnection;

use super::parking::Parking;
use super::{Detect, Error};
use soc_rules::Eviction;

/// Evictions of one rule in one agency are told at most so often, by the times of reception.
const EVICTIONS_EVERY_US: i64 = 3600 * 1_000_000;
/// Evictions told at once.
const EVICTIONS_MAX: i64 = 100;

#[derive(sqlx::FromRow)]
struct Evicted {
    rule: String,
    scope: String,
    count: i64,
    last_at: i64,
}

impl Detect {
    /// Tells the journal what it does not know yet.
    pub(super) async fn tell(&self) -> Result<(), Error> {
        self.tell_parkings().await?;
        self.tell_evictions().await
    }

    async fn tell_parkings(&self) -> Result<(), Error> {
        let parkings = self.untold_parkings().await?;
        if parkings.is_empty() {
            return Ok(());
        }
        for Parking { rule, event, .. } in &parkings {
            tracing::error!(rule, event, "a rule is parked: this event was too much for it");
        }
        self.journal.append_own(parkings.iter().map(parked).collect()).await?;
        for parking in parkings {
            sqlx::query("UPDATE rule_parked SET told = 1 WHERE rule = ? AND position = ?")
                .bind(parking.rule)
                .bind(i64::try_from(parking.position).unwrap_or(i64::MAX))
                .execute(self.store.pool())
                .await?;
        }
        Ok(())
    }

    async fn tell_evictions(&self) -> Result<(), Error> {
        let due: Vec<Evicted> = sqlx::query_as(
            "SELECT rule, scope, count, last_at FROM rule_evicted
             WHERE count > 0 AND (told_at IS NULL OR last_at >= told_at + ?)
             ORDER BY last_at, rule, scope LIMIT ?",
        )
        .bind(EVICTIONS_EVERY_US)
        .bind(EVICTIONS_MAX)
        .fetch_all(self.store.pool())
        .await?;
        if due.is_empty() {
            return Ok(());
        }
        let book = self.rulebook.current();
        let title = |rule: &str| book.ruleset.rule(rule).map(|rule| rule.title.en.clone());
        let events = due.iter().map(|one| evicted(one, title(&one.rule).unwrap_or_default()));
        self.journal.append_own(events.collect()).await?;
        for one in due {
            sqlx::query(
                "UPDATE rule_evicted SET count = count - ?, told_at = ?
                 WHERE rule = ? AND scope = ?",
            )
            .bind(one.count)
            .bind(one.last_at)
            .bind(one.rule)
            .bind(one.scope)
            .execute(self.store.pool())
            .await?;
        }
        Ok(())
    }
}

fn parked(parking: &Parking) -> Event {
    let Parking { rule, title, position, event, at, .. } = parking;
    Event::own(*at, kind::RULE_PARKED)
        .with("host.hostname", host())
        .with("rule.id", rule.as_str())
        .with("rule.name", title.as_str())
        .with("rule.parked.event", event.as_str())
        .with("rule.parked.position", i64::try_from(*position).unwrap_or(i64::MAX))
}

fn evicted(one: &Evicted, title: String) -> Event {
    Event::own(Timestamp::from_micros(one.last_at), kind::RULE_EVICTED)
        .with("host.hostname", host())
        .with("rule.id", one.rule.as_str())
        .with("rule.name", title)
        .with("agency.code", one.scope.as_str())
        .with("rule.evicted.count", one.count)
}

/// The collector's own machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) async fn write_evictions(
    tx: &mut SqliteConnection,
    evictions: &[(String, Eviction)],
    received: Timestamp,
) -> sqlx::Result<()> {
    for (rule, Eviction { scope, count, .. }) in evictions {
        sqlx::query(
            "INSERT INTO rule_evicted (rule, scope, count, last_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (rule, scope) DO UPDATE
             SET count = count + excluded.count, last_at = max(last_at, excluded.last_at)",
        )
        .bind(rule)
        .bind(scope)
        .bind(i64::try_from(*count).unwrap_or(i64::MAX))
        .bind(received.as_micros())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
