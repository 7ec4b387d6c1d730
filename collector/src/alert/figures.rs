use std::collections::HashMap;

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::QueryBuilder;

use super::query::of_agencies;
use super::{Alerts, Error, Level, LevelCounts};

/// Alerts of one agency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgencyAlerts {
    /// Open now, by level.
    pub open: LevelCounts,
    /// Raised in the time asked for, by level.
    pub raised: LevelCounts,
}

impl Alerts {
    /// Figures by number of the agency, 0 for none; of these agencies or of all. Agencies without
    /// alerts are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn figures(
        &self,
        agencies: &Agencies,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<HashMap<i64, AgencyAlerts>, Error> {
        let mut figures: HashMap<i64, AgencyAlerts> = HashMap::new();
        let mut query =
            QueryBuilder::new("SELECT agency, level, count(*) FROM alert WHERE state = 'open'");
        of_agencies(&mut query, agencies);
        query.push(" GROUP BY agency, level");
        let open: Vec<(i64, i64, i64)> =
            query.build_query_as().fetch_all(self.store.pool()).await?;
        for (agency, level, count) in open {
            *figures.entry(agency).or_default().open.at(Level::from_index(level)) += count;
        }
        for (agency, raised) in self.raised(agencies, from, to).await? {
            figures.entry(agency).or_default().raised = raised;
        }
        Ok(figures)
    }

    /// How many were raised from one moment until before another, by agency and level.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn raised(
        &self,
        agencies: &Agencies,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<HashMap<i64, LevelCounts>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT agency, level, count(*) FROM alert INDEXED BY alert_raised WHERE raised_at >= ",
        );
        query.push_bind(from.as_micros()).push(" AND raised_at < ").push_bind(to.as_micros());
        of_agencies(&mut query, agencies);
        query.push(" GROUP BY agency, level");
        let rows: Vec<(i64, i64, i64)> =
            query.build_query_as().fetch_all(self.store.pool()).await?;
        let mut raised: HashMap<i64, LevelCounts> = HashMap::new();
        for (agency, level, count) in rows {
            *raised.entry(agency).or_default().at(Level::from_index(level)) += count;
        }
        Ok(raised)
    }
}
