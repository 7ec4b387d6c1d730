use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::{SeenMachine, Session};
use super::{Api, Problem};
use crate::alert::{EventView, MachineRef};
use crate::journal::{Entry, Error, Journal, Position};

/// Which events of a machine.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Kinds that begin so: `antivirus`, `log`.
    kind: Option<String>,
    /// Before this position.
    before: Option<u64>,
    /// Rows of a page.
    limit: Option<u32>,
}

/// Events, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    /// The events.
    pub items: Vec<EventView>,
    /// What to send as `before` for the next page; null at the end.
    pub next: Option<u64>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::internal(&error)
    }
}

/// Events of a machine, newest first.
#[utoipa::path(get, path = "/machines/{id}/events", tag = "machines",
    params(("id" = String, Path), EventsQuery),
    responses((status = 200, body = Events), (status = 422, body = Problem)))]
pub async fn of_machine(
    State(api): State<Api>,
    SeenMachine(agent): SeenMachine,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>, Problem> {
    let limit = page::limit(query.limit) as usize;
    let (kind, before) = (page::text(query.kind), query.before.map(Position));
    let entries = read(&api, move |journal| journal.recent(agent, before, limit, kind.as_deref()));
    let entries = entries.await?;
    let more = entries.len() == limit;
    let next = entries.last().filter(|_| more).map(|entry| entry.position.0);
    let items = entries.iter().map(|entry| view(&api, entry)).collect();
    Ok(Json(Events { items, next }))
}

/// One event.
#[utoipa::path(get, path = "/events/{position}", tag = "events",
    params(("position" = u64, Path)),
    responses((status = 200, body = EventView), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Path(position): Path<u64>,
) -> Result<Json<EventView>, Problem> {
    let entry = match read(&api, move |journal| journal.get(Position(position))).await? {
        Some(entry) => Some(entry).filter(|entry| sees(&api, &session, entry)),
        None => api.hunts.event(Position(position), session.agencies).await?,
    };
    let gone = || Problem::not_found("There is no event at this position, or no longer.");
    Ok(Json(view(&api, &entry.ok_or_else(gone)?)))
}

/// The events at these positions that the journal still has.
pub(super) async fn at(api: &Api, positions: Vec<u64>) -> Result<Vec<EventView>, Problem> {
    let entries = read(api, move |journal| {
        let get = |position: u64| journal.get(Position(position)).transpose();
        positions.into_iter().filter_map(get).collect::<Result<Vec<_>, _>>()
    });
    Ok(entries.await?.iter().map(|entry| view(api, entry)).collect())
}

fn sees(api: &Api, session: &Session, entry: &Entry) -> bool {
    let who = api.fleet.who(crate::detect::agent_of(entry));
    session.agencies.hold(who.map_or(0, |who| who.agency_id))
}

async fn read<R: Send + 'static>(
    api: &Api,
    read: impl FnOnce(Journal) -> Result<R, Error> + Send + 'static,
) -> Result<R, Problem> {
    let journal = api.journal.clone();
    let done = tokio::task::spawn_blocking(move || read(journal)).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}

fn view(api: &Api, entry: &Entry) -> EventView {
    let agent = crate::detect::agent_of(entry);
    let known = api.fleet.who(agent).map(|who| who.hostname);
    let claimed = || entry.event.text("host.hostname").map(str::to_owned);
    let hostname = known.or_else(claimed).unwrap_or_else(|| agent.to_string());
    let machine = MachineRef { id: agent, hostname };
    EventView::new(entry.position.0, &entry.id, entry.received, &entry.event, machine)
}
