use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::{self, Page};
use super::signed::Session;
use super::{Api, Problem};
use crate::alert::{
    AnomalyFilter, AnomalyRow, Cursor, Filter, NormalName, NormalRow, State as AlertState,
};

/// Which anomalies.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `new_template,rate_spike,…`
    kind: Option<String>,
    /// Of this log.
    source: Option<String>,
    /// Id of a machine.
    machine: Option<String>,
    /// Of alerts that are `open,acknowledged,closed`.
    state: Option<String>,
    /// Text as in alerts.
    q: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NormalQuery {
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
}

/// What is called normal.
#[derive(Debug, Serialize, ToSchema)]
pub struct NormalList {
    /// Latest first.
    items: Vec<NormalRow>,
}

/// Anomalies of logs, last seen first.
#[utoipa::path(get, path = "/anomalies", tag = "alerts", params(ListQuery),
    responses((status = 200, body = Page<AnomalyRow>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AnomalyRow>>, Problem> {
    let scope = super::agencies::scope(&api, &session, query.agency).await?;
    let filter = AnomalyFilter {
        alerts: Filter {
            states: page::words("state", query.state.as_deref(), AlertState::from_word)?,
            search: page::text(query.q),
            machine: page::value("machine", query.machine.as_deref())?,
            ..Filter::of(scope.agencies)
        },
        kinds: page::words("kind", query.kind.as_deref(), |word| Some(word.to_owned()))?,
        source: page::text(query.source),
    };
    let after: Option<Cursor> = page::value("cursor", query.cursor.as_deref())?;
    let found = api.alerts.anomalies(&filter, after, page::limit(query.limit)).await?;
    let (items, next, total) = found;
    Ok(Json(Page { items, next: next.map(|cursor| cursor.to_string()), total }))
}

/// Anomalies that people called normal.
#[utoipa::path(get, path = "/anomalies/normal", tag = "alerts", params(NormalQuery),
    responses((status = 200, body = NormalList)))]
pub async fn normal(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<NormalQuery>,
) -> Result<Json<NormalList>, Problem> {
    let agencies = super::agencies::scope(&api, &session, query.agency).await?.agencies;
    Ok(Json(NormalList { items: api.alerts.normal(&agencies).await? }))
}

/// Takes back that something is normal.
#[utoipa::path(post, path = "/anomalies/normal/take-back", tag = "alerts",
    request_body = NormalName, responses((status = 204), (status = 404, body = Problem)))]
pub async fn take_back(
    State(api): State<Api>,
    session: Session,
    Json(name): Json<NormalName>,
) -> Result<StatusCode, Problem> {
    api.alerts.take_back_normal(&name, &session.agencies, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
