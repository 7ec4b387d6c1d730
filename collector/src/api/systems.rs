//! Information systems.

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::Signed;
use super::{Api, Problem};
use crate::fleet::{
    MachineRow, Page, PageRequest, Scope, System, SystemDraft, SystemFilter, SystemKind,
};

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

/// A system with its hosts.
#[derive(Debug, Serialize, ToSchema)]
pub struct SystemDetail {
    #[serde(flatten)]
    system: System,
    /// Its hosts, by name.
    machines: Vec<MachineRow>,
}

/// Systems, the highest levels first.
#[utoipa::path(get, path = "/systems", tag = "systems", params(ListQuery),
    responses((status = 200, body = Page<System>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    _: Signed,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<System>>, Problem> {
    let scope = super::agencies::scope(&api, query.agency).await?;
    let filter = SystemFilter {
        agency: scope.map(|scope| scope.named),
        levels: page::words("level", query.level.as_deref(), |word| word.parse().ok())?,
        kinds: page::words("kind", query.kind.as_deref(), SystemKind::from_word)?,
        scope: Scope::All,
    };
    let request = PageRequest { limit: page::limit(query.limit), cursor: query.cursor };
    Ok(Json(api.fleet.systems(&filter, &request).await?))
}

/// One system with its hosts.
#[utoipa::path(get, path = "/systems/{id}", tag = "systems", params(("id" = i64, Path)),
    responses((status = 200, body = SystemDetail), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    _: Signed,
    Path(id): Path<i64>,
) -> Result<Json<SystemDetail>, Problem> {
    detail(&api, id).await
}

async fn detail(api: &Api, id: i64) -> Result<Json<SystemDetail>, Problem> {
    let system = api.fleet.system(id, &Scope::All).await?;
    let system = system.ok_or_else(|| Problem::not_found("There is no such system."))?;
    let machines = api.fleet.machines_of_system(id, &Scope::All).await?;
    Ok(Json(SystemDetail { system, machines }))
}

/// Adds a system.
#[utoipa::path(post, path = "/systems", tag = "systems", request_body = SystemDraft,
    responses((status = 200, body = SystemDetail), (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    Signed(session): Signed,
    Json(draft): Json<SystemDraft>,
) -> Result<Json<SystemDetail>, Problem> {
    let id = api.fleet.write_system(None, &draft, &session.caller).await?;
    detail(&api, id).await
}

/// Changes a system, on top of the version that was seen.
#[utoipa::path(put, path = "/systems/{id}", tag = "systems", params(("id" = i64, Path)),
    request_body = Changed,
    responses((status = 200, body = SystemDetail), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn change(
    State(api): State<Api>,
    Signed(session): Signed,
    Path(id): Path<i64>,
    Json(Changed { draft, version }): Json<Changed>,
) -> Result<Json<SystemDetail>, Problem> {
    api.fleet.write_system(Some((id, version)), &draft, &session.caller).await?;
    detail(&api, id).await
}

/// Says which hosts a system has.
#[utoipa::path(put, path = "/systems/{id}/hosts", tag = "systems", params(("id" = i64, Path)),
    request_body = Hosts,
    responses((status = 200, body = SystemDetail), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn set_hosts(
    State(api): State<Api>,
    Signed(session): Signed,
    Path(id): Path<i64>,
    Json(Hosts { hosts, version }): Json<Hosts>,
) -> Result<Json<SystemDetail>, Problem> {
    api.fleet.set_system_hosts(id, version, &hosts, &session.caller).await?;
    detail(&api, id).await
}

/// Takes a system away, as it was seen.
#[utoipa::path(delete, path = "/systems/{id}", tag = "systems", params(("id" = i64, Path), Seen),
    responses((status = 204), (status = 409, body = Problem)))]
pub async fn remove(
    State(api): State<Api>,
    Signed(session): Signed,
    Path(id): Path<i64>,
    Query(Seen { version }): Query<Seen>,
) -> Result<StatusCode, Problem> {
    api.fleet.remove_system(id, version, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
