use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Cause, Timestamp};

use super::Inner;
use super::connection::Peer;
use super::refusal::Refusal;
use super::request::{agent, read_body};
use crate::fleet::Application;
use crate::pki::Signed;

/// Longest body of an enrolment or renewal: a request for a certificate is about 1 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
struct EnrolRequest {
    token: String,
    csr: String,
    hostname: String,
    fingerprint: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct RenewRequest {
    csr: String,
}

/// What an agent is given.
#[derive(Serialize)]
pub(super) struct Papers {
    agent: AgentId,
    certificate: String,
    ca: String,
    time: Timestamp,
    expires: Timestamp,
}

impl Papers {
    fn of(gateway: &Inner, agent: AgentId, signed: Signed) -> Self {
        let Signed { certificate, expires, .. } = signed;
        let time = gateway.fleet.clock().now();
        Self { agent, certificate, ca: gateway.pki.ca_pem().to_owned(), time, expires }
    }
}

/// Makes a machine with a token an agent.
pub(super) async fn enrol(
    gateway: &Arc<Inner>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Papers, Refusal> {
    let address = peer.address.ip();
    if let Some(wait) = gateway.attempts.wait(address) {
        let detail = "too many failed enrolments from this address";
        return Err(Refusal { retry_after: Some(wait), ..Refusal::new(Cause::TooFast, detail) });
    }
    let enrolled = enrol_now(gateway, request).await;
    gateway.metrics.enrolled(enrolled.is_ok());
    if enrolled.as_ref().is_err_and(|refusal| !refusal.cause.is_temporary()) {
        gateway.attempts.failed(address);
    }
    enrolled
}

async fn enrol_now(gateway: &Arc<Inner>, request: Request<Incoming>) -> Result<Papers, Refusal> {
    let asked: EnrolRequest = parse(&read_body(request.into_body(), BODY_BYTES_MAX).await?)?;
    let application = Application {
        token: asked.token,
        hostname: asked.hostname,
        fingerprint: asked.fingerprint,
        os: asked.os,
        version: asked.version,
        key_hash: crate::pki::request_key_hash(&asked.csr)?,
    };
    let (validity, now) = (gateway.config.certificate_validity, gateway.fleet.clock().now());
    let sign = |agent| gateway.pki.sign(&asked.csr, agent, validity, now);
    let enrolled = gateway.fleet.enrol(&application, sign).await?;
    tracing::info!(agent = %enrolled.agent, hostname = ?application.hostname, "enrolled");
    Ok(Papers::of(gateway, enrolled.agent, enrolled.signed))
}

/// Gives an agent its next certificate. An expired one is enough: the key has proved who speaks,
/// and who may not is removed, not waited out.
pub(super) async fn renew(
    gateway: &Arc<Inner>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Papers, Refusal> {
    let agent = agent(gateway, peer)?;
    let asked: RenewRequest = parse(&read_body(request.into_body(), BODY_BYTES_MAX).await?)?;
    let (validity, now) = (gateway.config.certificate_validity, gateway.fleet.clock().now());
    let signed = gateway.pki.sign(&asked.csr, agent, validity, now)?;
    gateway.fleet.renewed(agent, signed.expires).await?;
    Ok(Papers::of(gateway, agent, signed))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::new(Cause::Malformed, error.to_string()))
}
