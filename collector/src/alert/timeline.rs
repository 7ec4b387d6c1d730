use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::QueryBuilder;
use utoipa::ToSchema;

use super::query::{Silenced, of_agencies, of_silenced};
use super::{Alerts, Error, Level};

/// Most buckets of one timeline.
const BUCKETS_MAX: u32 = 1000;

/// How many of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LevelCounts {
    /// Critical.
    pub critical: i64,
    /// High.
    pub high: i64,
    /// Medium.
    pub medium: i64,
    /// Low.
    pub low: i64,
    /// Informational.
    pub informational: i64,
}

impl LevelCounts {
    /// How many of one level.
    pub fn of(&self, level: Level) -> i64 {
        let mut copy = *self;
        *copy.at(level)
    }

    fn at(&mut self, level: Level) -> &mut i64 {
        match level {
            Level::Critical => &mut self.critical,
            Level::High => &mut self.high,
            Level::Medium => &mut self.medium,
            Level::Low => &mut self.low,
            Level::Informational => &mut self.informational,
        }
    }
}

/// Alerts last seen within one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bucket {
    /// Where the step begins.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How many of each level.
    #[serde(flatten)]
    pub counts: LevelCounts,
}

/// Alerts over time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Timeline {
    /// Begin.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Length of a step in seconds.
    pub step_s: f64,
    /// Oldest first, none left out.
    pub buckets: Vec<Bucket>,
}

/// Alerts that are not closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unclosed {
    /// Open, by level.
    pub open: LevelCounts,
    /// Acknowledged, of any level.
    pub acknowledged: i64,
}

impl Alerts {
    /// How many were last seen when, between two moments, in so many steps (1 to 1000). It counts
    /// what [`Alerts::list`] shows of the same time and agencies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(
        &self,
        agencies: &Agencies,
        from: Timestamp,
        to: Timestamp,
        buckets: u32,
    ) -> Result<Timeline, Error> {
        let buckets = i64::from(buckets.clamp(1, BUCKETS_MAX));
        let to = to.max(from.plus_micros(buckets));
        let step = (to.as_micros().saturating_sub(from.as_micros()) / buckets).max(1);
        let mut query = QueryBuilder::new("SELECT min((last_at - ");
        query.push_bind(from.as_micros()).push(") / ").push_bind(step).push(", ");
        query.push_bind(buckets - 1).push("), level, count(*) FROM alert WHERE last_at >= ");
        query.push_bind(from.as_micros()).push(" AND last_at < ").push_bind(to.as_micros());
        of_agencies(&mut query, agencies);
        of_silenced(&mut query, Silenced::No);
        query.push(" GROUP BY 1, 2");
        let rows: Vec<(i64, i64, i64)> =
            query.build_query_as().fetch_all(self.store.pool()).await?;
        let empty = |place| {
            let at = from.plus_micros(step.saturating_mul(place));
            Bucket { at, counts: LevelCounts::default() }
        };
        let mut buckets: Vec<Bucket> = (0..buckets).map(empty).collect();
        for (place, level, count) in rows {
            let bucket = usize::try_from(place).ok().and_then(|place| buckets.get_mut(place));
            if let Some(bucket) = bucket {
                *bucket.counts.at(Level::from_index(level)) += count;
            }
        }
        let step = std::time::Duration::from_micros(u64::try_from(step).unwrap_or(0));
        Ok(Timeline { from, to, step_s: step.as_secs_f64(), buckets })
    }

    /// What is still to be done, of these agencies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unclosed(&self, agencies: &Agencies) -> Result<Unclosed, Error> {
        let mut query = QueryBuilder::new(
            "SELECT state, level, count(*) FROM alert WHERE state IN ('open', 'acknowledged')",
        );
        of_agencies(&mut query, agencies);
        of_silenced(&mut query, Silenced::No);
        query.push(" GROUP BY 1, 2");
        let rows: Vec<(String, i64, i64)> =
            query.build_query_as().fetch_all(self.store.pool()).await?;
        let mut unclosed = Unclosed::default();
        for (state, level, count) in rows {
            match state.as_str() {
                "open" => *unclosed.open.at(Level::from_index(level)) += count,
                _ => unclosed.acknowledged += count,
            }
        }
        Ok(unclosed)
    }
}
