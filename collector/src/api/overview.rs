use axum::Json;
use axum::extract::State;
use serde::Serialize;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::signed::Signed;
use super::{Api, Problem};
use crate::alert::{AlertRow, Filter, Unclosed};
use crate::fleet::{OverviewFleet, Scope};

/// Newest alerts shown.
const NEWEST: u32 = 8;

/// Are we protected, what has changed?
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    #[serde(flatten)]
    fleet: OverviewFleet,
    /// What is still to be done.
    alerts: Unclosed,
    /// The alerts seen last.
    newest: Vec<AlertRow>,
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Are we protected, what has changed?
#[utoipa::path(get, path = "/overview", tag = "overview",
    responses((status = 200, body = Overview)))]
pub async fn overview(State(api): State<Api>, _: Signed) -> Result<Json<Overview>, Problem> {
    let fleet = api.fleet.overview(Scope::All).await?;
    let alerts = api.alerts.unclosed().await?;
    let (newest, _, _) = api.alerts.list(&Filter::default(), None, NEWEST).await?;
    Ok(Json(Overview { fleet, alerts, newest, at: api.clock.now() }))
}
