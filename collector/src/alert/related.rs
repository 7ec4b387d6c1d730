//! Alerts about the same machine, user, address, file or hash, around the same time.

use std::collections::BTreeMap;

use serde::Serialize;
use soc_archive::Agencies;
use sqlx::QueryBuilder;
use utoipa::ToSchema;

use super::query::of_agencies;
use super::{AlertRow, Alerts, EntityKind, Error};

/// How long before and after an alert others are related: a day.
const AROUND_US: i64 = 86_400_000_000;
/// Related alerts shown.
const RELATED_MAX: i64 = 100;

/// Another alert, and what both are about.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Related {
    /// The other one.
    pub alert: AlertRow,
    /// What both name.
    pub shared: Vec<Shared>,
}

/// Something two alerts are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shared {
    /// What it is.
    pub kind: EntityKind,
    /// Its name; of a machine, what it is called.
    pub value: String,
}

impl Alerts {
    /// Alerts that began within a day of this one and name something it names: those that share
    /// most, then those closest to it, given in order of time.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the database failed.
    pub async fn related(&self, id: &str, seen: &Agencies) -> Result<Vec<Related>, Error> {
        let (alert, _) = self.get(id, seen).await?;
        let (from, to) = (alert.row.starts_at, alert.row.last_at.max(alert.row.starts_at));
        let mut query = QueryBuilder::new(
            "SELECT other.alert, group_concat(own.kind || ':' || own.value, char(10))
             FROM alert_entity AS own JOIN alert_entity AS other
                 ON other.kind = own.kind AND other.value = own.value
             JOIN alert ON alert.id = other.alert
             WHERE own.alert = ",
        );
        query.push_bind(id.to_owned()).push(" AND other.alert <> own.alert AND other.at >= ");
        query.push_bind(from.plus_micros(-AROUND_US).as_micros()).push(" AND other.at <= ");
        query.push_bind(to.plus_micros(AROUND_US).as_micros());
        of_agencies(&mut query, seen);
        query.push(" GROUP BY other.alert ORDER BY count(*) DESC, min(abs(other.at - ");
        query.push_bind(from.as_micros()).push(")) LIMIT ").push_bind(RELATED_MAX);
        let found: Vec<(String, String)> =
            query.build_query_as().fetch_all(self.store.pool()).await?;
        let mut shared: BTreeMap<String, String> = found.into_iter().collect();
        let ids: Vec<&str> = shared.keys().map(String::as_str).collect();
        let rows = sqlx::query(
            "SELECT * FROM alert WHERE id IN (SELECT value FROM json_each(?))
             ORDER BY starts_at, number",
        )
        .bind(serde_json::to_string(&ids)?)
        .fetch_all(self.store.pool())
        .await?;
        let related = |row| {
            let (alert, _) = AlertRow::from_row(row)?;
            let shared = shared.remove(&alert.id).unwrap_or_default();
            let shared = shared.lines().filter_map(|line| read(line, &alert)).collect();
            Ok(Related { alert, shared })
        };
        rows.iter().map(related).collect()
    }
}

/// `user:root`
fn read(line: &str, alert: &AlertRow) -> Option<Shared> {
    let (kind, value) = line.split_once(':')?;
    let kind: EntityKind = serde_json::from_value(kind.into()).ok()?;
    let host = alert.machine.as_ref().map(|machine| machine.hostname.clone());
    let value = match kind {
        EntityKind::Host => host?,
        _ => value.to_owned(),
    };
    Some(Shared { kind, value })
}
