use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::Session;
use super::{Api, Problem};
use crate::alert::LevelCounts;
use crate::fleet::FleetChanges;
use crate::trend::{Error, Trend};

/// Days shown when nothing is said.
const DAYS: u32 = 90;
/// What counts as new when nothing is said: a day.
const SINCE_US: i64 = 86_400_000_000;

/// Of whom, and how far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrendQuery {
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// So many days until today, 1 to 400; 90 when not given.
    days: Option<u32>,
}

/// Of whom, and since when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// Since this moment; a day ago when not given.
    since: Option<String>,
}

/// What has changed since a moment; each figure is the total of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    #[serde(flatten)]
    fleet: FleetChanges,
    /// Alerts that were raised.
    raised: LevelCounts,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::internal(&error)
    }
}

/// What each day was like.
#[utoipa::path(get, path = "/trend", tag = "overview", params(TrendQuery),
    responses((status = 200, body = Trend), (status = 422, body = Problem)))]
pub async fn trend(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<TrendQuery>,
) -> Result<Json<Trend>, Problem> {
    let agencies = super::agencies::scope(&api, &session, query.agency).await?.agencies;
    let days = query.days.unwrap_or(DAYS);
    Ok(Json(api.trends.read(&agencies, days).await?))
}

/// What has changed since a moment.
#[utoipa::path(get, path = "/changes", tag = "overview", params(ChangesQuery),
    responses((status = 200, body = Changes), (status = 422, body = Problem)))]
pub async fn changes(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<Changes>, Problem> {
    let agencies = super::agencies::scope(&api, &session, query.agency).await?.agencies;
    let now = api.clock.now();
    let since = page::time("since", query.since.as_deref())?;
    let since = since.unwrap_or(now.plus_micros(-SINCE_US));
    let to = now.plus_micros(1);
    let raised = api.alerts.raised(&agencies, since, to).await?;
    let raised = raised.into_values().fold(LevelCounts::default(), LevelCounts::plus);
    Ok(Json(Changes { fleet: api.fleet.changes(&agencies, since).await?, raised, since }))
}
