//! The one connection to the collector: HTTP/2 over TLS 1.3, trusting nobody but the pinned CA.
//!
//! The collector proves itself by a certificate for servers from the CA whose hash was given at
//! enrolment. Names and addresses prove nothing more and are not compared: that CA signs servers
//! for nobody else, and agents reach the collector through translated addresses. The calendar is no
//! obstacle either: a certificate "not yet valid" only shows a clock that is behind.
//! Knows nothing of events or batches. Fails by [`Error`]; after any error but a refused answer the
//! link is to be thrown away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use soc_event::limits;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::clock::JudgedClock;

mod address;
mod proxy;
mod verifier;

pub use address::{Address, Pin};
pub use proxy::Proxy;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one request may take: 1 MiB at 100 kbit/s, and some.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How often a silent connection is asked whether it still lives, which is also this machine's sign
/// of life: the collector calls it silent after 85 s without one.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// How long the answer to that may take: what is lost is sent again by then.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest answer that is read: a configuration, every byte of it escaped.
const ANSWER_BYTES_MAX: usize = 6 * limits::CONFIGURATION_BYTES_MAX + 8 * 1024;
/// Flow-control window: answers are small, so little is ever buffered.
const WINDOW_BYTES: u32 = 64 * 1024;

/// With whom to speak, and how to know them.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the collector listens.
    pub address: Address,
    /// The hash of its CA.
    pub pin: Pin,
    /// The CA itself, once known; before that the collector has to present it.
    pub ca: Option<CertificateDer<'static>>,
}

/// Who we are: the certificate and its key.
#[derive(Debug)]
pub struct Client {
    /// The certificate of this agent.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody there, or the network is down; try again later.
    #[error("cannot reach {address}: {source}")]
    Unreachable {
        /// Where.
        address: Address,
        /// What the system said.
        source: std::io::Error,
    },
    /// Took too long; try again later.
    #[error("no answer from {0} in time")]
    TimedOut(Address),
    /// Whoever answers there is not the collector we were told to trust.
    #[error("{address} is not the trusted collector: {reason}")]
    Untrusted {
        /// Where.
        address: Address,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// Our own certificate or key is unusable: enrol anew.
    #[error("the agent's own certificate or key cannot be used: {0}")]
    OwnCertificate(String),
    /// The proxy does not pass us on; its settings are wrong, or it cannot reach the collector.
    #[error("proxy {proxy}: {reason}")]
    Proxy {
        /// Which, without its password.
        proxy: String,
        /// What it answered, or why it could not be asked.
        reason: String,
    },
    /// The connection broke; connect again.
    #[error("connection to the collector: {0}")]
    Broken(String),
}

/// An open connection. Requests may run beside each other.
pub struct Link {
    address: Address,
    sender: http2::SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
}

/// What the collector answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// From the header `Retry-After`, where it was given in seconds.
    pub retry_after: Option<Duration>,
    /// The body, at most 392 KiB.
    pub body: Bytes,
    /// How long it took from the first byte sent.
    pub round_trip: Duration,
}

impl Link {
    /// Connects, through a proxy where there is one; with `client` the collector learns who we are.
    ///
    /// # Errors
    /// All but [`Error::Broken`] come from here.
    pub async fn connect(
        peer: &Peer,
        proxy: Option<&Proxy>,
        client: Option<Client>,
        clock: Arc<JudgedClock>,
    ) -> Result<Self, Error> {
        let config = tls_config(peer, client, clock)?;
        let connecting = open(&peer.address, proxy, config);
        let timed_out = |_| Error::TimedOut(peer.address.clone());
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(timed_out)?
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Error::Broken`] and [`Error::TimedOut`].
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Result<Answer, Error> {
        let started = tokio::time::Instant::now();
        let mut request = hyper::Request::post(format!("https://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(broken)?;
        let exchange = async {
            let mut sender = self.sender.clone();
            sender.ready().await.map_err(broken)?;
            let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(broken)?;
            Ok((head, body.to_bytes()))
        };
        let timed_out = |_| Error::TimedOut(self.address.clone());
        let (head, body) =
            tokio::time::timeout(REQUEST_TIMEOUT, exchange).await.map_err(timed_out)??;
        let retry_after = head.headers.get(http::header::RETRY_AFTER).and_then(seconds);
        let status = head.status.as_u16();
        Ok(Answer { status, retry_after, body, round_trip: started.elapsed() })
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub async fn post_json(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<Answer, Error> {
        let body = serde_json::to_vec(body).map_err(broken)?;
        self.post(path, &[("content-type", "application/json")], body.into()).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn open(
    address: &Address,
    proxy: Option<&Proxy>,
    config: ClientConfig,
) -> Result<Link, Error> {
    let unreachable = |source| Error::Unreachable { address: address.clone(), source };
    let stream = match proxy {
        Some(proxy) => proxy.connect(address).await?,
        None => TcpStream::connect((address.host(), address.port())).await.map_err(unreachable)?,
    };
    // Small alert batches must not wait for more bytes; without it they do, no harm else.
    let _ = stream.set_nodelay(true);
    let name = ServerName::try_from(address.host().to_owned())
        .map_err(|error| Error::Broken(error.to_string()))?;
    let tls = TlsConnector::from(Arc::new(config));
    let stream =
        tls.connect(name, stream).await.map_err(|source| handshake_error(address, source))?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_send_buf_size(WINDOW_BYTES as usize)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the collector ended");
        }
    });
    Ok(Link { address: address.clone(), sender, driver })
}

fn tls_config(
    peer: &Peer,
    client: Option<Client>,
    clock: Arc<JudgedClock>,
) -> Result<ClientConfig, Error> {
    let own = |error: rustls::Error| Error::OwnCertificate(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier::Pinned::new(peer, provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(own)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match client {
        Some(Client { certificate, key }) => {
            config.with_client_auth_cert(vec![certificate], key).map_err(own)?
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would carry the old certificate past a renewal.
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_sni = !peer.address.is_ip();
    Ok(config)
}

fn handshake_error(address: &Address, source: std::io::Error) -> Error {
    let tls = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let address = address.clone();
    match tls {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            Error::Untrusted { address, reason: verifier::in_words(reason) }
        }
        Some(error) => Error::Broken(error.to_string()),
        None => Error::Unreachable { address, source },
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Broken(error.to_string())
}

fn seconds(value: &http::HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
