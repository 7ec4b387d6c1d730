use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::signed::Signed;
use super::{Api, Problem};
use crate::alert::{AlertRow, Filter, Unclosed};
use crate::fleet::{OverviewFleet, Scope};

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
    _: Signed,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Overview>, Problem> {
    let (agency, agencies) = match super::agencies::scope(&api, query.agency).await? {
        Some(scope) => (Some(scope.named), Some(scope.all)),
        None => (None, None),
    };
    let machines = agencies.clone().map_or(Scope::All, Scope::Agencies);
    let fleet = api.fleet.overview(machines).await?;
    let alerts = api.alerts.unclosed(agencies.as_deref()).await?;
    let filter = Filter { agencies, ..Filter::default() };
    let (newest, _, _) = api.alerts.list(&filter, None, NEWEST).await?;
    let events = agency.is_none().then(|| api.journal.end().borrow().0);
    Ok(Json(Overview { fleet, alerts, newest, events, agency, at: api.clock.now() }))
}
