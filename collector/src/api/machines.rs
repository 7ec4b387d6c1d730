use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use soc_event::AgentId;
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::{SeenMachine, Session};
use super::{Api, Problem};
use crate::fleet::{
    AntivirusState, Approve, Approved, Connection, Error, HeartbeatPoint, HostRecord,
    HostRecordDraft, Items, Machine, MachineFilter, MachineRow, MachineSort, MoveMachines, Page,
    PageRequest, Port, State as MachineState,
};

/// Heartbeats shown when nothing is said: three hours.
const HEARTBEATS_US: i64 = 3 * 3600 * 1_000_000;

/// Which machines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Part of the name, an address or the system.
    q: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// `online,silent,stopped,asleep,never`
    state: Option<String>,
    /// `protected,weak,off,missing,unknown`
    antivirus: Option<String>,
    /// Why antivirus is not better: `realtime_off`, `signatures_outdated`, `passive_mode`, …
    antivirus_reason: Option<String>,
    /// Number of an information system they are hosts of.
    system: Option<i64>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// `hostname`, `last_heard`, `agency`, `state` or `antivirus`
    sort: Option<String>,
}

/// Whether closed ports too.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PortsQuery {
    /// Also those that were closed.
    history: Option<bool>,
}

/// Which heartbeats.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HeartbeatsQuery {
    /// Begin; three hours before the end when not given.
    from: Option<String>,
    /// End; now when not given.
    to: Option<String>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchAgency(_) => Self::not_found(format!("{error}.")),
            Error::Refused(_) | Error::Token => Self::invalid(format!("{error}.")),
            Error::Changed(_) => Self::new(StatusCode::CONFLICT, format!("{error}.")),
            _ => Self::internal(&error),
        }
    }
}

/// Machines.
#[utoipa::path(get, path = "/machines", tag = "machines", params(ListQuery),
    responses((status = 200, body = Page<MachineRow>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<MachineRow>>, Problem> {
    let agencies = super::agencies::scope(&api, &session, query.agency).await?.agencies;
    let filter = MachineFilter {
        q: page::text(query.q),
        agency: None,
        states: page::words("state", query.state.as_deref(), word::<MachineState>)?,
        antivirus: page::words("antivirus", query.antivirus.as_deref(), word::<AntivirusState>)?,
        system: query.system,
        antivirus_reason: page::text(query.antivirus_reason),
        agencies,
    };
    let mut sort = page::words("sort", query.sort.as_deref(), word::<MachineSort>)?;
    let sort = sort.pop().unwrap_or_default();
    let request = PageRequest { limit: page::limit(query.limit), cursor: query.cursor };
    let mut page = api.fleet.machines(&filter, sort, &request).await?;
    let open = api.alerts.open_by_machine().await?;
    let ids: Vec<&str> = page.items.iter().map(|row| row.id.as_str()).collect();
    let risk = api.alerts.risk_by_machine(&ids).await?;
    for row in &mut page.items {
        row.alerts_open = open.get(&row.id).copied().unwrap_or_default();
        row.risk = risk.get(&row.id).copied().unwrap_or_default();
    }
    Ok(Json(page))
}

/// One machine with everything known about it.
#[utoipa::path(get, path = "/machines/{id}", tag = "machines", params(("id" = String, Path)),
    responses((status = 200, body = Machine), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    SeenMachine(id): SeenMachine,
) -> Result<Json<Machine>, Problem> {
    let found = api.fleet.machine(id).await?;
    let mut machine = found.ok_or_else(|| Problem::not_found("There is no such machine."))?;
    let subject = format!("machine {}", machine.row.hostname);
    api.access.looked_at(&session.operator, &session.caller, &subject).await?;
    let open = api.alerts.open_by_machine().await?;
    let risk = api.alerts.risk_by_machine(&[&machine.row.id]).await?;
    machine.row.alerts_open = open.get(&machine.row.id).copied().unwrap_or_default();
    machine.row.risk = risk.get(&machine.row.id).copied().unwrap_or_default();
    Ok(Json(machine))
}

/// Its open ports, and on request those that were closed.
#[utoipa::path(get, path = "/machines/{id}/ports", tag = "machines",
    params(("id" = String, Path), PortsQuery), responses((status = 200, body = Items<Port>)))]
pub async fn ports(
    State(api): State<Api>,
    SeenMachine(id): SeenMachine,
    Query(query): Query<PortsQuery>,
) -> Result<Json<Items<Port>>, Problem> {
    Ok(Json(api.fleet.ports(id, query.history.unwrap_or(false)).await?))
}

/// Approves ports of it: those named, or all that are open now.
#[utoipa::path(post, path = "/machines/{id}/ports/approve", tag = "machines",
    params(("id" = String, Path)), request_body = Approve,
    responses((status = 200, body = Approved), (status = 422, body = Problem)))]
pub async fn approve_ports(
    State(api): State<Api>,
    session: Session,
    SeenMachine(id): SeenMachine,
    Json(request): Json<Approve>,
) -> Result<Json<Approved>, Problem> {
    Ok(Json(api.fleet.approve_ports(id, &request, &session.caller).await?))
}

/// Takes an approval of a port back.
#[utoipa::path(post, path = "/port-approvals/{id}/revoke", tag = "machines",
    params(("id" = i64, Path)),
    responses((status = 204), (status = 422, body = Problem)))]
pub async fn revoke_approval(
    State(api): State<Api>,
    session: Session,
    Path(number): Path<i64>,
) -> Result<http::StatusCode, Problem> {
    api.fleet.revoke_approval(number, &session.agencies, &session.caller).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Where its programs connect to.
#[utoipa::path(get, path = "/machines/{id}/connections", tag = "machines",
    params(("id" = String, Path)), responses((status = 200, body = Items<Connection>)))]
pub async fn connections(
    State(api): State<Api>,
    SeenMachine(id): SeenMachine,
) -> Result<Json<Items<Connection>>, Problem> {
    Ok(Json(api.fleet.connections(id).await?))
}

/// Its heartbeats, at most 500: of more, means.
#[utoipa::path(get, path = "/machines/{id}/heartbeats", tag = "machines",
    params(("id" = String, Path), HeartbeatsQuery),
    responses((status = 200, body = Items<HeartbeatPoint>)))]
pub async fn heartbeats(
    State(api): State<Api>,
    SeenMachine(id): SeenMachine,
    Query(query): Query<HeartbeatsQuery>,
) -> Result<Json<Items<HeartbeatPoint>>, Problem> {
    let to = page::time("to", query.to.as_deref())?.unwrap_or_else(|| api.clock.now());
    let from = page::time("from", query.from.as_deref())?;
    let from = from.unwrap_or(to.plus_micros(-HEARTBEATS_US));
    Ok(Json(api.fleet.heartbeats(id, from, to).await?))
}

/// A machine's id in a path.
pub(super) fn id(text: &str) -> Result<AgentId, Problem> {
    text.parse().map_err(|_| Problem::not_found("There is no such machine."))
}

/// A word as it is written in JSON.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// Where a machine is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewAgency {
    /// Code of the agency.
    agency: String,
    /// Why.
    reason: String,
}

/// What is written down about a machine.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Record {
    #[serde(flatten)]
    draft: HostRecordDraft,
    /// The version that was seen; 0 where nothing was written down.
    version: i64,
}

/// Gives a machine to another agency. What it has sent so far stays with the one it was of.
#[utoipa::path(post, path = "/machines/{id}/agency", tag = "machines",
    params(("id" = String, Path)), request_body = NewAgency,
    responses((status = 204), (status = 422, body = Problem)))]
pub async fn set_agency(
    State(api): State<Api>,
    session: Session,
    SeenMachine(id): SeenMachine,
    Json(NewAgency { agency, reason }): Json<NewAgency>,
) -> Result<StatusCode, Problem> {
    let wanted = MoveMachines { machines: vec![id.to_string()], agency, reason };
    let Session { agencies, caller, .. } = &session;
    api.control.agencies.move_machines(&wanted, agencies, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives machines to another agency, all of them or none.
#[utoipa::path(post, path = "/machines/agency", tag = "machines", request_body = MoveMachines,
    responses((status = 200, body = Moved), (status = 422, body = Problem)))]
pub async fn set_agencies(
    State(api): State<Api>,
    session: Session,
    Json(wanted): Json<MoveMachines>,
) -> Result<Json<Moved>, Problem> {
    let Session { agencies, caller, .. } = &session;
    let moved = api.control.agencies.move_machines(&wanted, agencies, caller).await?;
    Ok(Json(Moved { moved }))
}

/// How many machines have another agency now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Moved {
    moved: i64,
}

/// Writes down who is responsible for a machine, where it stands and what for.
#[utoipa::path(put, path = "/machines/{id}/record", tag = "machines",
    params(("id" = String, Path)), request_body = Record,
    responses((status = 200, body = HostRecord), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn set_record(
    State(api): State<Api>,
    session: Session,
    SeenMachine(id): SeenMachine,
    Json(Record { draft, version }): Json<Record>,
) -> Result<Json<HostRecord>, Problem> {
    api.fleet.write_host_record(id, version, &draft, &session.caller).await?;
    Ok(Json(api.fleet.host_record(id).await?))
}
