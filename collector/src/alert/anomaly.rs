use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};
use utoipa::ToSchema;

use super::normal::shown;
use super::query::narrow;
use super::{AlertRow, Alerts, Cursor, Error, EventView, Filter, FindingKind};

/// Which anomalies are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct AnomalyFilter {
    /// As for other alerts.
    pub alerts: Filter,
    /// Of these kinds: `new_template`, …
    pub kinds: Vec<String>,
    /// Of this log.
    pub source: Option<String>,
}

/// An anomaly of a log, and the alert that told it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AnomalyRow {
    /// The alert.
    #[serde(flatten)]
    pub alert: AlertRow,
    /// Kind, source and what it is about.
    #[schema(value_type = Object)]
    pub what: serde_json::Value,
    /// Whether somebody called it normal, on this machine or in an agency it belongs to.
    pub normal: bool,
}

impl Alerts {
    /// A page of anomalies, last seen first; where it ends if there are more; how many in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn anomalies(
        &self,
        filter: &AnomalyFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<(Vec<AnomalyRow>, Option<Cursor>, i64), Error> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM alert WHERE true");
        narrow_anomalies(&mut query, filter);
        let total = query.build_query_scalar().fetch_one(self.store.pool()).await?;
        let mut query = QueryBuilder::new(
            "SELECT alert.*, EXISTS (SELECT 1 FROM anomaly_normal AS normal
                WHERE normal.anomaly = first_event ->> '$.fields.\"anomaly.id\"'
                  AND (normal.agent = alert.agent
                    OR normal.agent = '' AND normal.agency IN (
                        WITH RECURSIVE above (id) AS (SELECT alert.agency UNION
                            SELECT parent FROM agency JOIN above ON agency.id = above.id
                            WHERE parent IS NOT NULL)
                        SELECT id FROM above))) AS is_normal
             FROM alert WHERE true",
        );
        narrow_anomalies(&mut query, filter);
        if let Some(cursor) = after {
            cursor.push(&mut query);
        }
        query.push(" ORDER BY last_at DESC, number DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(self.store.pool()).await?;
        let mut items = rows.iter().map(anomaly).collect::<Result<Vec<_>, Error>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|row| Cursor::after(&row.alert));
        Ok((items, next, total))
    }
}

fn anomaly(row: &SqliteRow) -> Result<AnomalyRow, Error> {
    let event: EventView = serde_json::from_str(row.try_get("first_event")?)?;
    let (alert, _) = AlertRow::from_row(row)?;
    Ok(AnomalyRow { alert, what: shown(&event), normal: row.try_get("is_normal")? })
}

fn narrow_anomalies(query: &mut QueryBuilder<Sqlite>, filter: &AnomalyFilter) {
    let alerts = Filter { finding: Some(FindingKind::Anomaly), ..filter.alerts.clone() };
    narrow(query, &alerts);
    if !filter.kinds.is_empty() {
        query.push(" AND first_event ->> '$.fields.\"anomaly.kind\"' IN (");
        query.push("SELECT value FROM json_each(");
        query.push_bind(serde_json::json!(filter.kinds).to_string()).push("))");
    }
    if let Some(source) = &filter.source {
        query.push(" AND first_event ->> '$.fields.\"anomaly.source\"' = ");
        query.push_bind(source.clone());
    }
}
