//! Who may see what, and days.

use std::collections::{BTreeSet, HashMap};

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::AgencyThen;
use crate::fleet::{AgencyRef, Error, Fleet};
use crate::store::Store;

/// These agencies, all below them, and all that any of these took over: what somebody bound to them
/// may see now. Nobody sees who took theirs over: that may be more than was theirs.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn visible(store: &Store, agencies: &[i64]) -> sqlx::Result<BTreeSet<i64>> {
    let found: Vec<i64> = sqlx::query_scalar(
        "WITH RECURSIVE seen (id) AS (
             SELECT id FROM agency WHERE id IN (SELECT value FROM json_each(?))
             UNION SELECT below FROM agency_below JOIN seen ON above = seen.id)
         SELECT id FROM seen",
    )
    .bind(serde_json::json!(agencies).to_string())
    .fetch_all(store.pool())
    .await?;
    Ok(found.into_iter().collect())
}

impl Fleet {
    /// What somebody bound to these agencies may see: they, all below, and all that these took over.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn visible(&self, agencies: &[i64]) -> Result<BTreeSet<i64>, Error> {
        Ok(visible(&self.0.store, agencies).await?)
    }

    /// The agency with this number or else this code; past ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn agency_named(&self, named: &str) -> Result<Option<AgencyRef>, Error> {
        // A code may look like a number; what the page sends is a number.
        let found: Option<(i64, String, String)> = sqlx::query_as(
            "SELECT id, code, name FROM agency WHERE id = ?1 OR code = ?2
             ORDER BY id = ?1 DESC LIMIT 1",
        )
        .bind(named.parse::<i64>().ok())
        .bind(named)
        .fetch_optional(self.0.store.pool())
        .await?;
        Ok(found.map(|(id, code, name)| AgencyRef { id, code, name }))
    }

    /// Those agencies as they were on a day, in the order of codes.
    ///
    /// # Errors
    /// [`Error::Refused`] for what is no day; when the database cannot be read.
    pub async fn agencies_at(&self, day: &str, which: &Agencies) -> Result<Vec<AgencyThen>, Error> {
        check_day(day)?;
        let mut then: Vec<AgencyThen> = sqlx::query_as(
            "SELECT id, code, name, parent FROM agency
             WHERE valid_until IS NULL AND stands_since <= ?1
             UNION ALL SELECT agency, code, name, parent FROM agency_past
             WHERE valid_from <= ?1 AND ?1 < valid_until
             ORDER BY code",
        )
        .bind(day)
        .fetch_all(self.0.store.pool())
        .await?;
        then.retain(|one| which.hold(one.id));
        Ok(then)
    }
}

/// The agency above each, past ones too.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn parents(tx: &mut SqliteConnection) -> sqlx::Result<HashMap<i64, Option<i64>>> {
    let rows: Vec<(i64, Option<i64>)> =
        sqlx::query_as("SELECT id, parent FROM agency").fetch_all(tx).await?;
    Ok(rows.into_iter().collect())
}

/// The day of a moment where the collector stands.
pub(super) fn day_of(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
    moment.to_zoned(jiff::tz::TimeZone::system()).date().to_string()
}

/// `2025-07-01`
pub(in crate::fleet) fn check_day(day: &str) -> Result<(), Error> {
    let is_day = day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok();
    let wrong = || Error::Refused(format!("{day:?} is no day such as 2025-07-01"));
    is_day.then_some(()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_days() {
        for (text, expected) in [
            ("2025-07-01", true),
            ("2024-02-29", true),
            ("2025-02-29", false),
            ("2025-7-1", false),
            ("2025-07-01T00:00", false),
            ("", false),
        ] {
            assert_eq!(check_day(text).is_ok(), expected, "{text}");
        }
    }
}
