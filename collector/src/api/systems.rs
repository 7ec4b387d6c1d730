//! Information systems.

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::Session;
use super::{Api, Problem};
use crate::fleet::{Page, PageRequest, System, SystemDraft, SystemFilter, SystemKind};

/// Which systems.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Number or code of an agency that owns or operates them; those below it belong to it.
    agency: Option<String>,
    /// `3,4,5`
    level: Option<String>,
    /// `portal,mail`
    kind: Option<String>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A system as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Changed {
    #[serde(flatten)]
    draft: SystemDraft,
    /// The version that was seen.
    version: i64,
}

/// Hosts a system is to have.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Hosts {
    /// All of them.
    hosts: Vec<String>,
    /// The version of the system that was seen.
    version: i64,
}

/// Which state of a system was seen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Seen {
    /// Its version.
    version: i64,
}

/// Systems, the highest levels first.
#[utoipa::path(get, path = "/systems", tag = "systems", params(ListQuery),
    responses((status = 200, body = Page<System>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<System>>, Problem> {
    let scope = super::agencies::scope(&api, &session, query.agency).await?;
    let filter = SystemFilter {
        levels: page::words("level", query.level.as_deref(), |word| word.parse().ok())?,
        kinds: page::words("kind", query.kind.as_deref(), SystemKind::from_word)?,
        agencies: scope.agencies,
    };
    let request = PageRequest { limit: page::limit(query.limit), cursor: query.cursor };
    Ok(Json(api.fleet.systems(&filter, &request).await?))
}

/// One system. Its hosts are `GET /machines?system=…`.
#[utoipa::path(get, path = "/systems/{id}", tag = "systems", params(("id" = i64, Path)),
    responses((status = 200, body = System), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<Json<System>, Problem> {
    detail(&api, &session, id).await
}

async fn detail(api: &Api, session: &Session, id: i64) -> Result<Json<System>, Problem> {
    let system = api.fleet.system(id, &session.agencies).await?;
    system.map(Json).ok_or_else(|| Problem::not_found("There is no such system."))
}

/// Adds a system.
#[utoipa::path(post, path = "/systems", tag = "systems", request_body = SystemDraft,
    responses((status = 200, body = System), (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    session: Session,
    Json(draft): Json<SystemDraft>,
) -> Result<Json<System>, Problem> {
    let id = api.fleet.write_system(None, &draft, &session.agencies, &session.caller).await?;
    detail(&api, &session, id).await
}

/// Changes a system, on top of the version that was seen.
#[utoipa::path(put, path = "/systems/{id}", tag = "systems", params(("id" = i64, Path)),
    request_body = Changed,
    responses((status = 200, body = System), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn change(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
    Json(Changed { draft, version }): Json<Changed>,
) -> Result<Json<System>, Problem> {
    let Session { agencies, caller, .. } = &session;
    api.fleet.write_system(Some((id, version)), &draft, agencies, caller).await?;
    detail(&api, &session, id).await
}

/// Says which hosts a system has.
#[utoipa::path(put, path = "/systems/{id}/hosts", tag = "systems", params(("id" = i64, Path)),
    request_body = Hosts,
    responses((status = 200, body = System), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn set_hosts(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
    Json(Hosts { hosts, version }): Json<Hosts>,
) -> Result<Json<System>, Problem> {
    let Session { agencies, caller, .. } = &session;
    api.fleet.set_system_hosts((id, version), &hosts, agencies, caller).await?;
    detail(&api, &session, id).await
}

/// Takes a system away, as it was seen.
#[utoipa::path(delete, path = "/systems/{id}", tag = "systems", params(("id" = i64, Path), Seen),
    responses((status = 204), (status = 409, body = Problem)))]
pub async fn remove(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
    Query(Seen { version }): Query<Seen>,
) -> Result<StatusCode, Problem> {
    api.fleet.remove_system((id, version), &session.agencies, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
