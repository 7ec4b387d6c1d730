use std::collections::HashMap;

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _};
use utoipa::ToSchema;

use super::{DAYS_MAX, Error, Figures, Trends, day};
use crate::access::listed;
use crate::alert::LevelCounts;

/// One day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TrendDay)]
pub struct Day {
    /// `2026-11-22`, in the collector's zone.
    pub day: String,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub begin: Timestamp,
    /// What it was like; nothing where nobody measured.
    pub figures: Option<Figures>,
}

/// Day after day until today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trend {
    /// Oldest first, none left out; the last is today so far.
    pub days: Vec<Day>,
}

impl Trends {
    /// The last so many days (1 to [`DAYS_MAX`]) of these agencies together, or of all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(&self, agencies: &Agencies, days: u32) -> Result<Trend, Error> {
        let zone = &self.0.zone;
        let today = day::of(self.now(), zone)?;
        let back = i32::try_from(days.clamp(1, DAYS_MAX)).unwrap_or(1) - 1;
        let first = day::after(today, -back)?;
        let mut query = QueryBuilder::new(
            "SELECT day, SUM(machines), SUM(heard), SUM(protected), SUM(weak), SUM(unprotected),
                SUM(unknown), SUM(without_agent), SUM(open_critical), SUM(open_high),
                SUM(open_medium), SUM(open_low), SUM(open_informational), SUM(raised_critical),
                SUM(raised_high), SUM(raised_medium), SUM(raised_low), SUM(raised_informational)
             FROM trend WHERE day >= ",
        );
        query.push_bind(first.to_string()).push(" AND day < ").push_bind(today.to_string());
        if let Some(list) = listed(agencies) {
            query.push(" AND agency IN (SELECT value FROM json_each(");
            query.push_bind(list).push("))");
        }
        query.push(" GROUP BY day");
        let rows = query.build().fetch_all(self.0.store.pool()).await?;
        let mut kept: HashMap<String, Figures> =
            rows.iter().map(figures).collect::<Result<_, sqlx::Error>>()?;
        let measured = self.measured(agencies, day::begin(today, zone)?).await?;
        let now = measured.into_values().fold(Figures::default(), Figures::plus);
        kept.insert(today.to_string(), now);
        let mut days = Vec::new();
        for ago in (0..=back).rev() {
            let date = day::after(today, -ago)?;
            let figures = kept.remove(&date.to_string());
            days.push(Day { day: date.to_string(), begin: day::begin(date, zone)?, figures });
        }
        Ok(Trend { days })
    }
}

fn figures(row: &SqliteRow) -> Result<(String, Figures), sqlx::Error> {
    let levels = |first: usize| -> Result<LevelCounts, sqlx::Error> {
        Ok(LevelCounts {
            critical: row.try_get(first)?,
            high: row.try_get(first + 1)?,
            medium: row.try_get(first + 2)?,
            low: row.try_get(first + 3)?,
            informational: row.try_get(first + 4)?,
        })
    };
    let figures = Figures {
        machines: row.try_get(1)?,
        heard: row.try_get(2)?,
        protected: row.try_get(3)?,
        weak: row.try_get(4)?,
        unprotected: row.try_get(5)?,
        unknown: row.try_get(6)?,
        without_agent: row.try_get(7)?,
        open: levels(8)?,
        raised: levels(13)?,
    };
    Ok((row.try_get(0)?, figures))
}
