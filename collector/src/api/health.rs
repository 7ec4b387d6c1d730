//! Whether the collector lives, and whether it gets on with its work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;
use tokio::sync::watch;

use super::{Api, Rooms};
use crate::journal::Position;
use crate::stop::stopped;

/// A reader that has work and does not move for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// How often readers are looked at, so that it is known since when they stand still.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How one room is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomHealth {
    ok: bool,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    rooms: HashMap<&'static str, RoomHealth>,
}

/// Since when each reader stands where it is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<HashMap<&'static str, Standing>>>);

#[derive(Clone, Copy, Debug)]
struct Standing {
    position: Position,
    since: Instant,
}

impl Health {
    pub(super) fn new(rooms: &Rooms) -> Self {
        let now = Standing { position: *rooms.detect.progress().borrow(), since: Instant::now() };
        Self(Arc::new(Mutex::new(HashMap::from([("detect", now), ("fleet", now)]))))
    }

    fn reader(&self, name: &'static str, at: Position, end: Position, now: Instant) -> RoomHealth {
        let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = standings.entry(name).or_insert(Standing { position: at, since: now });
        if standing.position != at || at >= end {
            *standing = Standing { position: at, since: now };
        }
        let behind = end.0.saturating_sub(at.0);
        let still = now.saturating_duration_since(standing.since);
        let detail = match still.as_secs() {
            0 => format!("{behind} events behind"),
            seconds => format!("{behind} events behind, standing still for {seconds} s"),
        };
        RoomHealth { ok: still < STUCK_AFTER, detail }
    }
}

impl Api {
    /// Looks at the readers from time to time until told to stop.
    pub async fn watch_health(self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = stopped(&mut shutdown) => return,
                () = tokio::time::sleep(LOOK_EVERY) => { self.rooms_health().await; }
            }
        }
    }

    async fn rooms_health(&self) -> HashMap<&'static str, RoomHealth> {
        let (end, now) = (*self.journal.end().borrow(), Instant::now());
        let detect = *self.detect.progress().borrow();
        let detect = self.health.reader("detect", detect, end, now);
        let fleet = match self.fleet.checkpoint().await {
            Ok(at) => self.health.reader("fleet", at, end, now),
            Err(error) => failed(&error),
        };
        let store = sqlx::query("SELECT 1").execute(self.store.pool()).await;
        let store = store.map_or_else(|error| failed(&error), |_| fine("answers".into()));
        HashMap::from([
            ("journal", self.journal_health().await),
            ("detect", detect),
            ("fleet", fleet),
            ("store", store),
        ])
    }

    async fn journal_health(&self) -> RoomHealth {
        let journal = self.journal.clone();
        match tokio::task::spawn_blocking(move || journal.check_space()).await {
            Ok(Ok(free)) => fine(format!("takes events; {} MiB free on the disk", free >> 20)),
            Ok(Err(error)) => failed(&error),
            Err(error) => failed(&error),
        }
    }
}

fn fine(detail: String) -> RoomHealth {
    RoomHealth { ok: true, detail }
}

fn failed(error: &dyn std::error::Error) -> RoomHealth {
    RoomHealth { ok: false, detail: error.to_string() }
}

pub(super) fn outside_routes() -> Router<Api> {
    Router::new().route("/healthz", get(async || "ok")).route("/readyz", get(ready))
}

async fn ready(State(api): State<Api>) -> Response {
    let rooms = api.rooms_health().await;
    let ready = rooms.values().all(|room| room.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = Json(Ready { ready, rooms }).into_response();
    *response.status_mut() = status;
    // Said by this room already; not to be turned into a problem.
    response.extensions_mut().insert(super::problem::AsItIs);
    response
}
