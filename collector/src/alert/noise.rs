//! What rules gave people to do, and what became of it.

use std::collections::HashMap;

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::QueryBuilder;
use utoipa::ToSchema;

use super::query::of_agencies;
use super::{Alerts, Error};

/// A rule's alerts that were last seen since a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct Noise {
    /// How many.
    pub alerts: i64,
    /// How often they were seen, each from its beginning.
    pub hits: i64,
    /// Those closed with a verdict.
    pub closed: i64,
    /// Of these, false positives.
    pub false_positives: i64,
    /// Of these, benign.
    pub benign: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    rule: String,
    #[sqlx(flatten)]
    noise: Noise,
}

impl Alerts {
    /// The same by id of the rule.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn noise(
        &self,
        since: Timestamp,
        agencies: &Agencies,
    ) -> Result<HashMap<String, Noise>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT rule, count(*) AS alerts, sum(count) AS hits, count(verdict) AS closed,
                 count(*) FILTER (WHERE verdict = 'false_positive') AS false_positives,
                 count(*) FILTER (WHERE verdict = 'benign') AS benign
             FROM alert WHERE last_at >= ",
        );
        query.push_bind(since.as_micros());
        of_agencies(&mut query, agencies);
        query.push(" GROUP BY rule");
        let rows: Vec<Row> = query.build_query_as().fetch_all(self.store.pool()).await?;
        Ok(rows.into_iter().map(|row| (row.rule, row.noise)).collect())
    }
}
