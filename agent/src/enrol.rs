//! Who this agent is: enrolment, the identity on disk, renewal.
//!
//! The key is made here and never leaves the machine; the collector is known by the hash of its CA
//! before anything is told to it, the token included. The identity is one file, replaced whole or
//! not at all. Every renewal has a new key. A refused renewal changes nothing: what we have stays
//! until something better is on disk. Knows nothing of events.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Timestamp};

use crate::clock::JudgedClock;
use crate::link::{self, Address, Link, Peer, Pin};
use crate::sensor::{self, Root};

mod fingerprint;
mod identity;
mod pending;
mod request;

pub use fingerprint::fingerprint;
pub use identity::Identity;
use request::Signing;

/// What is asked for with `soc-agent enrol`.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Where the collector listens.
    pub collector: Address,
    /// The one-time token.
    pub token: String,
    /// The hash of its CA.
    pub ca_pin: Pin,
    /// Name of this machine.
    pub hostname: String,
    /// Which machine and system this is ([`fingerprint`]).
    pub fingerprint: String,
    /// Name of the operating system, for people.
    pub os: String,
    /// The proxy on the way, if there is one.
    pub proxy: Option<link::Proxy>,
}

impl Enrolment {
    /// An enrolment of the machine below this root.
    pub fn of_machine(collector: Address, token: String, ca_pin: Pin, root: &Root) -> Self {
        let hostname = sensor::host::hostname(root);
        let (fingerprint, os) = (fingerprint(root), operating_system(root));
        Self { collector, token, ca_pin, hostname, fingerprint, os, proxy: None }
    }

    /// The same through a proxy.
    pub fn through(self, proxy: Option<link::Proxy>) -> Self {
        Self { proxy, ..self }
    }
}

/// Why there is no (new) identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collector could not be reached or not be trusted.
    #[error(transparent)]
    Link(#[from] link::Error),
    /// The collector refused, and said why.
    #[error("the collector refused ({status}): {title}: {detail}{hint}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// In one sentence.
        title: String,
        /// What exactly.
        detail: String,
        /// What to do, beginning with a line feed; may be empty.
        hint: &'static str,
    },
    /// The collector answered what cannot be used; nothing was changed.
    #[error("the collector's answer cannot be used: {0}")]
    Answer(String),
    /// The key could not be made.
    #[error("making a key: {0}")]
    Key(#[from] rcgen::Error),
    /// The identity could not be read or written.
    #[error("{path}: {source}")]
    Disk {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The identity on disk is damaged: enrol anew.
    #[error("{path} is damaged ({reason}); enrol this machine again")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Serialize)]
struct EnrolRequest<'a> {
    token: &'a str,
    csr: &'a str,
    hostname: &'a str,
    fingerprint: &'a str,
    os: &'a str,
    version: &'a str,
    time: Timestamp,
}

#[derive(Serialize)]
struct RenewRequest<'a> {
    csr: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    agent: Option<AgentId>,
    certificate: String,
    #[serde(default)]
    ca: Option<String>,
    #[serde(default)]
    time: Option<Timestamp>,
}

/// Enrols this machine and writes its identity into the folder.
///
/// Called again after a failure, with the same token, it goes on with the same key: a lost answer
/// does not use the token up.
///
/// # Errors
/// [`Error`]; then the identity in the folder is as it was.
pub async fn enrol(
    enrolment: &Enrolment,
    state: &Path,
    clock: &Arc<JudgedClock>,
) -> Result<Identity, Error> {
    let peer = Peer { address: enrolment.collector.clone(), pin: enrolment.ca_pin, ca: None };
    let link = Link::connect(&peer, enrolment.proxy.as_ref(), None, clock.clone()).await?;
    let (folder, token) = (state.to_owned(), enrolment.token.clone());
    let name = enrolment.hostname.clone();
    let signing = blocking(move || pending::signing(&folder, &token, &name)).await?;
    let body = EnrolRequest {
        token: &enrolment.token,
        csr: &signing.csr,
        hostname: &enrolment.hostname,
        fingerprint: &enrolment.fingerprint,
        os: &enrolment.os,
        version: env!("CARGO_PKG_VERSION"),
        time: clock.system(),
    };
    let answer = link.post_json("/v1/enrol", &body).await?;
    let granted = request::granted(&answer)?;
    let missing = |what| Error::Answer(format!("{what} is missing"));
    let agent = granted.agent.ok_or_else(|| missing("agent"))?;
    let ca = granted.ca.ok_or_else(|| missing("ca"))?;
    let identity = Identity::new(
        agent,
        peer,
        identity::Papers { ca, certificate: granted.certificate, key: signing.key },
    )?;
    learn(clock, granted.time, &answer);
    let identity = save(identity, state).await?;
    pending::forget(state);
    Ok(identity)
}

/// Asks for a new certificate over a link of the current identity, expired or not, and writes it
/// into the folder.
///
/// # Errors
/// [`Error`]; then the identity on disk is as it was.
pub async fn renew(
    identity: &Identity,
    link: &Link,
    state: &Path,
    clock: &Arc<JudgedClock>,
) -> Result<Identity, Error> {
    let signing = Signing::generate(&identity.agent().to_string())?;
    let answer = link.post_json("/v1/renew", &RenewRequest { csr: &signing.csr }).await?;
    let granted = request::granted(&answer)?;
    if granted.agent.is_some_and(|agent| agent != identity.agent()) {
        return Err(Error::Answer("the certificate is for another agent".to_owned()));
    }
    let renewed = identity.renewed(granted.certificate, signing.key)?;
    learn(clock, granted.time, &answer);
    save(renewed, state).await
}

async fn save(identity: Identity, state: &Path) -> Result<Identity, Error> {
    let state = state.to_owned();
    blocking(move || identity.save(&state).map(|()| identity)).await
}

/// Files are made durable, which may take long.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Answer(error.to_string()))?
}

fn learn(clock: &JudgedClock, told: Option<Timestamp>, answer: &link::Answer) {
    if let Some(told) = told {
        clock.learn(told, answer.round_trip);
    }
}

fn operating_system(root: &Root) -> String {
    let text = std::fs::read_to_string(root.path("/etc/os-release")).unwrap_or_default();
    let pretty = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    pretty.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests;
