use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::Session;
use super::{Api, Problem};
use crate::fleet::{
    Neighbour, NeighbourCoverage, NeighbourDecision, NeighbourFilter, Page, PageRequest,
};

/// Which neighbours.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Part of the hardware address, an address, the name or the maker.
    q: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// `without` (an agent, and nobody said anything of it), `decided`, `with` or `all`.
    coverage: Option<String>,
    /// Only those that this machine sees.
    machine: Option<String>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// What an operator says of a neighbour.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Decision {
    /// Number of the agency on whose network it is.
    agency: i64,
    /// Its hardware address.
    mac: String,
    /// What it is; null takes back what was said.
    decision: Option<NeighbourDecision>,
    /// Why.
    reason: Option<String>,
}

/// Machines seen on the networks of agents.
#[utoipa::path(get, path = "/neighbours", tag = "machines", params(ListQuery),
    responses((status = 200, body = Page<Neighbour>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Neighbour>>, Problem> {
    let agencies = super::agencies::scope(&api, &session, query.agency).await?.agencies;
    let mut coverage = page::words("coverage", query.coverage.as_deref(), |word| {
        serde_json::from_value::<NeighbourCoverage>(word.into()).ok()
    })?;
    let filter = NeighbourFilter {
        q: page::text(query.q),
        witness: page::value("machine", query.machine.as_deref())?,
        coverage: coverage.pop().unwrap_or_default(),
        agencies,
    };
    let request = PageRequest { limit: page::limit(query.limit), cursor: query.cursor };
    Ok(Json(api.fleet.neighbours(&filter, &request).await?))
}

/// Says that a neighbour is no computer or may be without an agent, and why; or takes that back.
#[utoipa::path(post, path = "/neighbours/decision", tag = "machines", request_body = Decision,
    responses((status = 204), (status = 422, body = Problem)))]
pub async fn decide(
    State(api): State<Api>,
    session: Session,
    Json(said): Json<Decision>,
) -> Result<StatusCode, Problem> {
    let reason = said.reason.unwrap_or_default();
    let (agency, mac) = (said.agency, &said.mac);
    if !session.agencies.hold(agency) {
        return Err(Problem::not_found("There is no such agency."));
    }
    api.fleet.decide_neighbour(agency, mac, said.decision, &reason, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
