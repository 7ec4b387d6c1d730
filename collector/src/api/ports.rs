use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::agencies::scope;
use super::machines::word;
use super::page;
use super::signed::Session;
use super::{Api, Problem};
use crate::fleet::{
    ApproveMany, Approved, OpenPort, Page, PageRequest, PortFilter, PortMachine, PortName,
    PortOrder, PortSort,
};

/// Which ports.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The number, or part of the program.
    q: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// `any,lan,namespace,loopback`
    scope: Option<String>,
    /// `tcp` or `udp`
    transport: Option<String>,
    /// `all`: approved on every machine that has it; `lacking`: not on every one.
    approved: Option<String>,
    /// Open on no machine before this moment.
    since: Option<String>,
    /// On one machine only.
    rare: Option<bool>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// `port`, `machines`, `first` or `program`; with `-` before it from the end.
    sort: Option<String>,
}

/// Which port.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MachinesQuery {
    /// `tcp` or `udp`
    transport: String,
    /// `loopback`, `lan`, `any` or `namespace`
    scope: String,
    /// Its number.
    port: i64,
    /// The program; empty where it is not known.
    executable: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// What is open where, each port once.
#[utoipa::path(get, path = "/ports", tag = "ports", params(ListQuery),
    responses((status = 200, body = Page<OpenPort>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<OpenPort>>, Problem> {
    let filter = PortFilter {
        q: page::text(query.q),
        scopes: page::words("scope", query.scope.as_deref(), |word| Some(word.to_owned()))?,
        transport: page::text(query.transport),
        approvals: one(&page::words("approved", query.approved.as_deref(), word)?),
        since: page::time("since", query.since.as_deref())?,
        rare: query.rare.unwrap_or(false),
        agencies: scope(&api, &session, query.agency).await?.agencies,
    };
    let (text, down) = page::sort(query.sort.as_deref());
    let by: Vec<PortSort> = page::words("sort", text, word)?;
    let order = PortOrder { by: one(&by).unwrap_or_default(), down };
    let request = PageRequest { limit: page::limit(query.limit), cursor: query.cursor };
    Ok(Json(api.fleet.open_ports(&filter, order, &request).await?))
}

/// Machines that have a port open.
#[utoipa::path(get, path = "/ports/machines", tag = "ports", params(MachinesQuery),
    responses((status = 200, body = Page<PortMachine>), (status = 422, body = Problem)))]
pub async fn machines(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<MachinesQuery>,
) -> Result<Json<Page<PortMachine>>, Problem> {
    let name = PortName {
        transport: query.transport,
        scope: query.scope,
        port: query.port,
        executable: query.executable.unwrap_or_default(),
    };
    let agencies = scope(&api, &session, query.agency).await?.agencies;
    let request = PageRequest { limit: page::limit(query.limit), cursor: query.cursor };
    Ok(Json(api.fleet.port_machines(&name, &agencies, &request).await?))
}

/// Approves ports on several machines and in several agencies at once.
#[utoipa::path(post, path = "/ports/approve", tag = "ports", request_body = ApproveMany,
    responses((status = 200, body = Approved), (status = 422, body = Problem)))]
pub async fn approve(
    State(api): State<Api>,
    session: Session,
    Json(request): Json<ApproveMany>,
) -> Result<Json<Approved>, Problem> {
    Ok(Json(api.fleet.approve_many(&request, &session.agencies, &session.caller).await?))
}

fn one<T: Copy>(words: &[T]) -> Option<T> {
    words.last().copied()
}
