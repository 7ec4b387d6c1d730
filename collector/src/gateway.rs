//! The agents' door: HTTP/2 (and 1.1) over TLS 1.3, where agents enrol, renew and deliver.
//!
//! | route | needs | does |
//! |---|---|---|
//! | `POST /v1/enrol` | a token | makes a machine an agent |
//! | `POST /v1/renew` | a certificate of ours, expired or not | signs a new one |
//! | `POST /v1/events` | a certificate of ours that is valid now | takes a batch into the journal |
//! | `POST /v1/configuration` | a certificate of ours | gives the configuration the agent should run with |
//!
//! Who speaks is what the certificate says and nothing in a body. An acknowledgement is made of a
//! [`crate::journal::Durable`] and of nothing else. Every refusal has a [`soc_event::Cause`], is
//! counted, and is logged at most once in thirty seconds per cause, so that one broken agent fills
//! neither the log nor the disk. The rest of the world goes on.
//!
//! A batch that does not follow what is stored of its lane is asked for once more, from there: the
//! answer's `durable` is before the batch, of which nothing was taken. An agent that still has what
//! is missing (the collector has lost its disk, or was brought back from an earlier day) sends it;
//! one that has not sends the batch again, and then it is taken.
//!
//! Whatever an agent sends shows that it is alive, the frames HTTP/2 itself sends included: an agent
//! with nothing to say need say no more.
//!
//! Limits, and what happens there: connections, strangers (connections without a certificate),
//! strangers of one address and connections of one agent: closed at once. Headers, the size of a
//! body as it arrives and as it decompresses: refused. Bytes in memory and decoders: waited for, then
//! refused for the moment. Batches of one agent at the same time: told to wait. An agent far over its pace: told to wait. Slow handshakes, headers and
//! bodies: cut off. How two machines under one identity are told from a restart: `gateway/runs.rs`.

mod asked;
mod attempts;
mod connection;
mod events;
mod metrics;
mod papers;
mod refusal;
mod request;
mod runs;
mod tls;
mod watched;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use soc_event::{AgentId, Pace};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::archive::Archive;
use crate::configuration::Configurations;
use crate::fleet::{self, Fleet};
use crate::journal::Journal;
use crate::pki::{self, Pki};
use crate::places::Places;

/// How many, how much, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long agents' certificates live; at most [`pki::VALIDITY_MAX`].
    pub certificate_validity: Duration,
    /// What agents are told about how fast to send.
    pub pace: Pace,
    /// Connections at the same time.
    pub connections_max: usize,
    /// Of these, connections without a certificate.
    pub strangers_max: usize,
    /// Of these, from one address.
    pub strangers_per_address_max: usize,
    /// Connections of one agent.
    pub connections_per_agent_max: usize,
    /// Batches of one agent at the same time: one a lane, and as many of a connection that died.
    pub batches_per_agent_max: usize,
    /// Compressed batches in memory, in bytes.
    pub batches_bytes_max: usize,
    /// Batches decompressed and decoded at the same time; each takes some ten times 8 MiB at worst.
    pub decoders_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            certificate_validity: pki::VALIDITY_MAX,
            pace: Pace { bytes_per_second: 4 << 20, wait_ms: 0 },
            connections_max: 20_000,
            strangers_max: 1024,
            strangers_per_address_max: 64,
            connections_per_agent_max: 8,
            batches_per_agent_max: 6,
            batches_bytes_max: 256 << 20,
            decoders_max: 4,
        }
    }
}

/// The door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificates do not make a TLS server.
    #[error("TLS of the agents' door: {0}")]
    Tls(#[from] rustls::Error),
    /// The authority makes no verifier.
    #[error("TLS of the agents' door: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// The opening could not be noted.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// A metric was registered twice.
    #[error("gateway metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// The agents' door. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    config: Config,
    pki: Pki,
    journal: Journal,
    fleet: Fleet,
    configurations: Configurations,
    archive: Archive,
    asked: asked::Asked,
    metrics: metrics::Metrics,
    log: refusal::Log,
    attempts: attempts::Attempts,
    tls: Arc<rustls::ServerConfig>,
    runs: RunsOfAll,
    /// In KiB.
    memory: Arc<Semaphore>,
    decoders: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    strangers_of: Places<IpAddr>,
    connections_of: Places<AgentId>,
    batches_of: Places<AgentId>,
    rates: attempts::Rates,
}

/// The starts of each agent, read from the database when it first speaks.
#[derive(Default)]
struct RunsOfAll(Mutex<HashMap<AgentId, RunsOfOne>>);

type RunsOfOne = Arc<tokio::sync::Mutex<Option<runs::Runs>>>;

impl RunsOfAll {
    fn of(&self, agent: AgentId) -> RunsOfOne {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(agent).or_default().clone()
    }
}

impl Gateway {
    /// Prepares the door; [`Self::run`] opens it.
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Metrics`].
    pub fn new(
        config: Config,
        pki: Pki,
        journal: Journal,
        fleet: Fleet,
        configurations: Configurations,
        archive: Archive,
        registry: &prometheus::Registry,
    ) -> Result<Self, Error> {
        let tls = Arc::new(tls::server_config(&pki)?);
        let metrics = metrics::Metrics::new(registry)?;
        Ok(Self(Arc::new(Inner {
            memory: Arc::new(Semaphore::new(config.batches_bytes_max / 1024)),
            decoders: Arc::new(Semaphore::new(config.decoders_max)),
            connections: Arc::new(Semaphore::new(config.connections_max)),
            strangers: Arc::new(Semaphore::new(config.strangers_max)),
            strangers_of: Places::default(),
            connections_of: Places::default(),
            batches_of: Places::default(),
            rates: attempts::Rates::default(),
            config,
            pki,
            journal,
            fleet,
            configurations,
            archive,
            asked: asked::Asked::default(),
            metrics,
            log: refusal::Log::default(),
            attempts: attempts::Attempts::default(),
            tls,
            runs: RunsOfAll::default(),
        })))
    }

    /// Serves agents until told to stop; then ends what has begun, for ten seconds at the most.
    ///
    /// # Errors
    /// [`Error::Fleet`] when the database cannot be written at the start.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let start = self.0.fleet.gateway_start().await?;
        connection::accept(self.0, listener, connection::first_number(start), shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
