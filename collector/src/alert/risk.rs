//! Risk of machines and users: points that add up and decay.
//!
//! An alert gives its machine and every user it names points by its level: critical 100, high 30,
//! medium 10, low 3. They halve every 14 days from when its first event was received. A false
//! positive or something benign gives none; reopened, it gives them again.
//!
//! Kept so that nothing has to be recalculated as time passes: an alert's *units* are its points
//! times 2 to the power of the half-lives between 2026 and its reception. Units only add up, and
//! the risk now is their sum divided by 2 to the power of the half-lives between 2026 and now:
//! whoever has more units has more risk, at any time. A float holds that until 2064.

use std::collections::HashMap;

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::{QueryBuilder, SqliteConnection};
use utoipa::ToSchema;

use super::query::of_agencies;
use super::{Alerts, Error, Level};

/// Points halve in so many microseconds: 14 days.
const HALF_LIFE_US: f64 = 14.0 * 86_400e6;
/// 2026-01-01T00:00:00Z.
const BEGIN_US: i64 = 1_767_225_600_000_000;
/// Below this a risk is none.
const RISK_MIN: f64 = 0.05;

/// A user with what alerts say about them.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct UserRisk {
    /// The name, lower case.
    pub user: String,
    /// Points as of now.
    pub risk: f64,
}

/// Units of an alert of this level whose first event was received then.
pub(super) fn units(level: Level, received: Timestamp) -> f64 {
    points(level) * half_lives(received).exp2()
}

/// What units are worth at a time.
pub fn risk(units: f64, now: Timestamp) -> f64 {
    let risk = units * (-half_lives(now)).exp2();
    // Subtracting leaves tiny remains.
    if risk < RISK_MIN { 0.0 } else { (risk * 10.0).round() / 10.0 }
}

fn points(level: Level) -> f64 {
    match level {
        Level::Informational => 0.0,
        Level::Low => 3.0,
        Level::Medium => 10.0,
        Level::High => 30.0,
        Level::Critical => 100.0,
    }
}

// Micros of any two moments of the years 1 to 9999 are far below what a float holds exactly.
#[allow(clippy::cast_precision_loss)]
fn half_lives(at: Timestamp) -> f64 {
    at.as_micros().saturating_sub(BEGIN_US).max(0) as f64 / HALF_LIFE_US
}

/// What becomes of an alert's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// They count from now on.
    Give,
    /// They do not count any more.
    Take,
}

/// Adds an alert's units to those of its machine and users, or takes them away.
pub(super) async fn share(
    tx: &mut SqliteConnection,
    alert: &str,
    share: Share,
) -> sqlx::Result<()> {
    let sign = if share == Share::Give { 1.0 } else { -1.0 };
    sqlx::query(
        "INSERT INTO risk (kind, name, agency, units)
         SELECT entity.kind, entity.value, alert.agency, ? * alert.risk
         FROM alert_entity AS entity JOIN alert ON alert.id = entity.alert
         WHERE entity.alert = ? AND entity.kind IN ('host', 'user')
         ON CONFLICT (kind, name, agency) DO UPDATE SET units = max(units + excluded.units, 0)",
    )
    .bind(sign)
    .bind(alert)
    .execute(tx)
    .await?;
    Ok(())
}

impl Alerts {
    /// Risk of machines that have any, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn risk_by_machine(&self, ids: &[&str]) -> Result<HashMap<String, f64>, Error> {
        let now = self.clock.now();
        let rows: Vec<(String, f64)> = sqlx::query_as(
            "SELECT name, sum(units) FROM risk
             WHERE kind = 'host' AND name IN (SELECT value FROM json_each(?)) GROUP BY name",
        )
        .bind(serde_json::to_string(ids)?)
        .fetch_all(self.store.pool())
        .await?;
        Ok(rows.into_iter().map(|(name, units)| (name, risk(units, now))).collect())
    }

    /// Users with the highest risk, highest first, as alerts of these agencies say.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn risky_users(
        &self,
        agencies: &Agencies,
        limit: u32,
    ) -> Result<Vec<UserRisk>, Error> {
        let now = self.clock.now();
        let mut query = QueryBuilder::new("SELECT name, sum(units) FROM risk WHERE kind = 'user'");
        of_agencies(&mut query, agencies);
        query.push(" GROUP BY name ORDER BY 2 DESC, 1 LIMIT ").push_bind(i64::from(limit));
        let rows: Vec<(String, f64)> = query.build_query_as().fetch_all(self.store.pool()).await?;
        let users = rows.into_iter().map(|(user, units)| UserRisk { user, risk: risk(units, now) });
        Ok(users.filter(|user| user.risk > 0.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_halve_in_fourteen_days_and_nothing_has_to_be_recalculated() {
        let day = 86_400_000_000;
        let then = Timestamp::from_micros(BEGIN_US + 400 * day);
        let high = units(Level::High, then);
        assert!((risk(high, then) - 30.0).abs() < 0.01);
        assert!((risk(high, then.plus_micros(14 * day)) - 15.0).abs() < 0.01);
        assert!((risk(high, then.plus_micros(28 * day)) - 7.5).abs() < 0.01);
        // An older critical one is worth as much as a younger one of half its points.
        let later = then.plus_micros(14 * day);
        let both = units(Level::Critical, then) + units(Level::Medium, later);
        assert!((risk(both, later) - 60.0).abs() < 0.01);
        assert!(units(Level::High, then.plus_micros(37 * 365 * day)).is_finite());
        assert!(risk(units(Level::Low, then), then.plus_micros(365 * day)).abs() < f64::EPSILON);
    }
}
