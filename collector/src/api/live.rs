//! What has changed, as server-sent events.
//! Source: HTML Living Standard, section "Server-sent events".

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use serde_json::json;
use soc_archive::Agencies;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::Api;
use super::signed::Session;
use crate::access::{Access, Token};
use crate::live::Notice;
use crate::stop::stopped;

/// A comment line when nothing else was sent for so long: proxies close silent streams.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Notices that come sooner after another are gathered, and each thing is named once.
const GATHER: Duration = Duration::from_millis(100);
/// How often it is looked whether the session has ended.
const SESSION_CHECK: Duration = Duration::from_secs(15);
/// Notices gathered at the most.
const GATHERED_MAX: usize = 1024;
/// Events that wait for a slow browser.
const WAITING_MAX: usize = 64;

/// What has changed, as it changes: `hello`, `alert`, `machine`, `rules`, `lagged` (read all
/// again).
#[utoipa::path(get, path = "/live", tag = "live",
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub async fn live(State(api): State<Api>, session: Session) -> impl IntoResponse {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let hello = event("hello", &json!({ "version": env!("CARGO_PKG_VERSION") }));
    let _ = sender.try_send(Ok(hello));
    let (notices, shutdown) = (api.bus.listen(), api.shutdown.clone());
    let ended = session_ended(api.access.clone(), session.token);
    let seen = session.agencies;
    tokio::spawn(pass_on(notices, seen, sender, shutdown, ended));
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Sse::new(ReceiverStream::new(receiver)).keep_alive(heartbeat)
}

/// Returns when the session has: what was begun with it ends with it.
async fn session_ended(access: Access, token: Token) {
    loop {
        tokio::time::sleep(SESSION_CHECK).await;
        match access.is_open(&token).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => tracing::warn!(%error, "a live stream's session could not be looked at"),
        }
    }
}

/// Ends when the browser or the session has gone, or the collector stops.
async fn pass_on(
    mut notices: broadcast::Receiver<Notice>,
    seen: Agencies,
    sender: mpsc::Sender<Result<Event, Infallible>>,
    mut shutdown: watch::Receiver<bool>,
    ended: impl Future<Output = ()>,
) {
    let mut ended = pin!(ended);
    loop {
        let first = tokio::select! {
            () = stopped(&mut shutdown) => return,
            () = sender.closed() => return,
            () = ended.as_mut() => return,
            first = notices.recv() => first,
        };
        let events = match first {
            Ok(first) => gather(first, &mut notices, &seen),
            Err(RecvError::Lagged(_)) => vec![event("lagged", &json!({}))],
            Err(RecvError::Closed) => return,
        };
        for event in events {
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(GATHER).await;
    }
}

/// What those who see these agencies are told.
fn gather(
    first: Notice,
    notices: &mut broadcast::Receiver<Notice>,
    agencies: &Agencies,
) -> Vec<Event> {
    let (mut seen, mut events, mut next) = (HashSet::new(), Vec::new(), Ok(first));
    while let Ok(notice) = next {
        let (name, data) = written(&notice);
        if is_for(&notice, agencies) && seen.insert(data.clone()) {
            events.push(Event::default().event(name).data(data));
        }
        if events.len() >= GATHERED_MAX {
            return events;
        }
        next = notices.try_recv();
    }
    if matches!(next, Err(TryRecvError::Lagged(_))) {
        events.push(event("lagged", &json!({})));
    }
    events
}

fn is_for(notice: &Notice, agencies: &Agencies) -> bool {
    match notice {
        Notice::Alert { agency, .. } | Notice::Machine { agency, .. } => agencies.hold(*agency),
        Notice::Rules => true,
        Notice::Backtest => *agencies == Agencies::All,
    }
}

fn written(notice: &Notice) -> (&'static str, String) {
    let name = match notice {
        Notice::Alert { .. } => "alert",
        Notice::Machine { .. } => "machine",
        Notice::Rules => "rules",
        Notice::Backtest => "backtest",
    };
    // A notice is text and numbers: it always serialises.
    (name, serde_json::to_string(notice).unwrap_or_default())
}

fn event(name: &str, data: &serde_json::Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Bus;

    #[tokio::test]
    async fn a_stream_ends_with_its_session() {
        let (bus, (_stop, shutdown)) = (Bus::default(), watch::channel(false));
        let (sender, mut receiver) = mpsc::channel(1);
        let (sign_out, signed_out) = tokio::sync::oneshot::channel::<()>();
        let ended = async { signed_out.await.unwrap() };
        let passing = tokio::spawn(pass_on(bus.listen(), Agencies::All, sender, shutdown, ended));
        bus.tell(Notice::Rules);
        assert!(receiver.recv().await.is_some());
        sign_out.send(()).unwrap();
        passing.await.unwrap();
        assert!(receiver.recv().await.is_none());
    }

    #[tokio::test]
    async fn what_changes_often_is_named_once_and_falling_behind_is_said() {
        let bus = Bus::default();
        let mut notices = bus.listen();
        let alert = |id: &str| Notice::Alert { id: id.into(), agency: 1 };
        for _ in 0..50 {
            bus.tell(alert("a"));
            bus.tell(alert("b"));
        }
        let first = notices.recv().await.unwrap();
        assert_eq!(gather(first, &mut notices, &Agencies::All).len(), 2);
        bus.tell(alert("c"));
        let first = notices.recv().await.unwrap();
        assert_eq!(gather(first, &mut notices, &Agencies::Of([2].into())).len(), 0, "not theirs");
        for n in 0..2000 {
            bus.tell(alert(&n.to_string()));
        }
        assert!(matches!(notices.recv().await, Err(RecvError::Lagged(_))));
    }
}
