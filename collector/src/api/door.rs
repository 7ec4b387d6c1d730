//! Connections: accepted, perhaps encrypted, served, and ended in time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::Peer;
use crate::pki::Pki;
use crate::stop::stopped;

/// Connections at the same time.
const CONNECTIONS_MAX: usize = 512;
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
    pub listener: TcpListener,
    /// What answers.
    pub router: Router,
    /// Encryption, where there is some.
    pub tls: Option<Tls>,
}

impl Door {
    /// Serves until told to stop; then open requests have a few seconds to end.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut shutdown) => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&self.listener, &slots) => accepted,
            };
            match accepted {
                Ok((stream, peer, slot)) => {
                    let service = self.router.clone();
                    let (tls, shutdown) = (self.tls.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _slot = slot;
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
    let service = tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        router.clone().oneshot(request.map(axum::body::Body::new) as Request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_WITHIN);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100);
    let service = hyper_util::service::TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "people's door: connection ended");
    }
}
