use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::signed::Session;
use super::{Api, Problem};
use crate::alert::{AlertRow, Unclosed};
use crate::fleet::OverviewFleet;

/// Newest alerts shown.
const NEWEST: u32 = 8;

/// Of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
}

/// Are we protected, what has changed?
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    #[serde(flatten)]
    fleet: OverviewFleet,
    /// What is still to be done.
    alerts: Unclosed,
    /// The alerts seen last.
    newest: Vec<AlertRow>,
    /// Events received ever, of all agencies: how fast it grows is the rate. Only where the figures
    /// are not limited.
    events: Option<u64>,
    /// Number of the agency the figures are limited to.
    agency: Option<i64>,
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Are we protected, what has changed?
#[utoipa::path(get, path = "/overview", tag = "overview", params(OverviewQuery),
    responses((status = 200, body = Overview), (status = 422, body = Problem)))]
pub async fn overview(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Overview>, Problem> {
    let scope = super::agencies::scope(&api, &session, query.agency).await?;
    let fleet = api.fleet.overview(&scope.agencies).await?;
    let alerts = api.alerts.unclosed(&scope.agencies).await?;
    let agency = scope.named;
    let is_all = agency.is_none() && scope.agencies == Agencies::All;
    let events = is_all.then(|| api.journal.end().borrow().0);
    let newest = api.alerts.newest(scope.agencies, NEWEST).await?;
    Ok(Json(Overview { fleet, alerts, newest, events, agency, at: api.clock.now() }))
}
