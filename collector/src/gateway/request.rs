use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use serde::Serialize;
use soc_event::{AgentId, Cause};
use tokio::time::timeout;

use super::connection::Peer;
use super::refusal::Refusal;
use super::{Inner, events, papers};
use crate::fleet::Standing;

/// A whole request: 1 MiB over a slow line shared by an office.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// The next piece of a body.
const PIECE_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) type Answer = Response<Full<Bytes>>;

/// Answers any request; what is refused is counted and logged here and nowhere else.
pub(super) async fn answer(
    gateway: &Arc<Inner>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Answer {
    let answered = match timeout(REQUEST_TIMEOUT, route(gateway, peer, request)).await {
        Ok(answered) => answered,
        Err(_) => Err(Refusal::unavailable("the request took too long")),
    };
    answered.unwrap_or_else(|refusal| {
        gateway.metrics.rejected(refusal.cause);
        gateway.log.refused(peer, &refusal);
        let reject = refusal.reject(gateway.fleet.clock().now());
        let mut answer = json(reject.status, "application/problem+json", &reject);
        if let Some(after) = refusal.retry_after {
            let seconds = after.as_secs().max(1);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    })
}

async fn route(
    gateway: &Arc<Inner>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let path = request.uri().path();
    if request.method() != Method::POST {
        let known = matches!(path, "/v1/enrol" | "/v1/renew" | "/v1/events" | "/v1/configuration");
        return Ok(empty(if known {
            StatusCode::METHOD_NOT_ALLOWED
        } else {
            StatusCode::NOT_FOUND
        }));
    }
    let good = "application/json";
    match path {
        "/v1/enrol" => Ok(json(200, good, &papers::enrol(gateway, peer, request).await?)),
        "/v1/renew" => Ok(json(200, good, &papers::renew(gateway, peer, request).await?)),
        "/v1/events" => Ok(json(200, good, &events::take(gateway, peer, request).await?)),
        "/v1/configuration" => {
            let agent = agent(gateway, peer)?;
            Ok(json(200, good, &gateway.configurations.of(agent)))
        }
        _ => Ok(empty(StatusCode::NOT_FOUND)),
    }
}

/// Which agent speaks, by its certificate, expired or not. It has been heard.
pub(super) fn agent(gateway: &Inner, peer: &Peer) -> Result<AgentId, Refusal> {
    let Some(identity) = peer.identity else {
        return Err(Refusal::new(Cause::WrongIdentity, "no client certificate was shown"));
    };
    match gateway.fleet.standing(identity.agent) {
        Standing::Good => {
            gateway.fleet.heard(identity.agent);
            Ok(identity.agent)
        }
        Standing::Removed => {
            let detail = format!("{} is not, or no longer, enrolled here", identity.agent);
            Err(Refusal::new(Cause::Revoked, detail))
        }
    }
}

/// Reads a body, refusing it as soon as it is too long, and letting go of it when it is slow.
pub(super) async fn read_body(mut body: Incoming, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let too_large = || Refusal::new(Cause::TooLarge, format!("more than {bytes_max} bytes"));
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let piece = match timeout(PIECE_TIMEOUT, body.frame()).await {
            Err(_) => return Err(Refusal::unavailable("the body came too slowly")),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(error))) => {
                return Err(Refusal::new(Cause::Malformed, format!("the body was cut: {error}")));
            }
            Ok(Some(Ok(piece))) => piece,
        };
        let Ok(data) = piece.into_data() else { continue };
        if data.len() > bytes_max.saturating_sub(bytes.len()) {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
}

fn json(status: u16, kind: &'static str, body: &impl Serialize) -> Answer {
    let Ok(bytes) = serde_json::to_vec(body) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
