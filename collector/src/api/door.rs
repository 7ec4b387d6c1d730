//! Connections: accepted, perhaps encrypted, served, and ended in time.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use prometheus::{IntCounter, Registry};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::Peer;
use crate::idle::{Activity, Busy};
use crate::pki::Pki;
use crate::places::{Places, network};
use crate::stop::stopped;

/// Connections at the same time.
const CONNECTIONS_MAX: usize = 512;
/// Of these, from one address beyond this machine: a team behind one address fits.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 128;
/// A connection on which nothing was asked yet, or not any more, is closed after so long.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(30);
const IDLE_MAX: Duration = Duration::from_secs(120);
/// How often HTTP/2 asks whether the other side is still there, and how long it may think.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WITHIN: Duration = Duration::from_secs(20);
/// How long a client may take for the TLS handshake, and for the header of a request.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long open requests may go on after the collector was told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after accepting failed, as it does when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// TLS for people, with the collector's own certificate.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// With the certificate that the agents' door has too.
    ///
    /// # Errors
    /// When certificate and key do not fit together.
    pub fn new(pki: &Pki) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(pki.server_chain(), pki.server_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// A listener and what answers behind it.
#[derive(Debug)]
pub struct Door {
    /// Where people come in.
    listener: TcpListener,
    /// What answers.
    router: Router,
    /// Encryption, where there is some.
    tls: Option<Tls>,
    /// Connections that were closed because their address had too many.
    refused: IntCounter,
}

impl Door {
    /// Prepares the door; [`Self::run`] opens it.
    ///
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn new(
        listener: TcpListener,
        router: Router,
        tls: Option<Tls>,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let refused = IntCounter::new(
            "soc_collector_people_connections_refused_total",
            "Connections at the people's door closed because their address had too many.",
        )?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self { listener, router, tls, refused })
    }

    /// Serves until told to stop; then open requests have a few seconds to end.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let places = Places::default();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut shutdown) => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&self.listener, &slots) => accepted,
            };
            match accepted {
                Ok((stream, peer, slot)) => {
                    let most = if peer.is_loopback() {
                        CONNECTIONS_MAX
                    } else {
                        CONNECTIONS_OF_ADDRESS_MAX
                    };
                    let Some(place) = places.take(network(peer), most) else {
                        self.refused.inc();
                        continue;
                    };
                    let service = self.router.clone();
                    let (tls, shutdown) = (self.tls.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _held = (slot, place);
                        serve(stream, Peer(peer), service, tls, shutdown).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "people's door: accepting failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(DRAIN, drained).await;
    }
}

type Accepted = (tokio::net::TcpStream, std::net::IpAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> io::Result<Accepted> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address.ip().to_canonical(), slot))
}

async fn serve(
    stream: tokio::net::TcpStream,
    peer: Peer,
    router: Router,
    tls: Option<Tls>,
    shutdown: watch::Receiver<bool>,
) {
    let Some(Tls(acceptor)) = tls else {
        return talk(stream, Some(peer), router, shutdown).await;
    };
    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, Some(peer), router, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%error, "people's door: handshake failed"),
        Err(_) => tracing::debug!("people's door: handshake took too long"),
    }
}

/// Speaks HTTP on one connection until it ends or the collector stops.
pub(crate) async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Option<Peer>,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::default());
    let of_requests = activity.clone();
    let service = tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let busy = Busy::begin(&of_requests);
        let answer = router.clone().oneshot(request.map(Body::new) as Request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| until_sent(body, busy))) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN);
    let service = hyper_util::service::TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = activity.idle(FIRST_REQUEST_WITHIN, IDLE_MAX) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN, connection).await
        }
        () = stopped(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            Ok(connection.await)
        }
    };
    if let Ok(Err(error)) = ended {
        tracing::debug!(%error, "people's door: connection ended");
    }
}

/// A request is being answered until the last of its answer was sent, which for a live stream is
/// when the browser goes.
fn until_sent(body: Body, busy: Busy) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _ = &busy;
        frame
    }))
}
