use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Inner;
use super::watched::Watched;
use crate::fleet::Standing;
use crate::idle::{Activity, Busy};
use crate::pki::{self, Identity};
use crate::places::{Place, network};

/// A TLS handshake is done by then, or never.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The first request has begun by then.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection on which nothing comes is closed; agents give a sign of life every minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// A connection without certificate is for one enrolment.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests that have begun are given so long when stopping.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause when the system has no sockets left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Requests at the same time on one connection: a batch per lane, and some.
const STREAMS_MAX: u32 = 8;
/// Bytes that are received before they are asked for: bounds memory per connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Longer than agents are quiet: they ask first.
const PING_INTERVAL: Duration = Duration::from_secs(100);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Whom a request is from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// What its certificate says, if it has one.
    pub(super) identity: Option<Identity>,
    /// Connections are numbered in the order in which they were accepted, across restarts.
    pub(super) connection: u64,
}

/// The number of the first connection after so many starts.
pub(super) fn first_number(start: u64) -> u64 {
    start << 32
}

/// Accepts until told to stop, then lets connections end.
pub(super) async fn accept(
    gateway: Arc<Inner>,
    listener: TcpListener,
    mut number: u64,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    while !*shutdown.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.changed() => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                number += 1;
                let Some(guest) = Guest::admit(&gateway, address) else { continue };
                let shutdown = shutdown.clone();
                let peer = Peer { address, identity: None, connection: number };
                connections.spawn(serve(gateway.clone(), stream, peer, guest, shutdown));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ =
        timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await;
}

/// A place among the connections. Everybody is a stranger until a certificate says otherwise.
struct Guest {
    _connection: OwnedSemaphorePermit,
    stranger: Option<(OwnedSemaphorePermit, Place<IpAddr>)>,
}

impl Guest {
    fn admit(gateway: &Arc<Inner>, address: SocketAddr) -> Option<Self> {
        let refused = |limit| gateway.metrics.connection_refused(limit);
        let Ok(connection) = gateway.connections.clone().try_acquire_owned() else {
            refused("connections");
            return None;
        };
        let Ok(stranger) = gateway.strangers.clone().try_acquire_owned() else {
            refused("strangers");
            return None;
        };
        let most = gateway.config.strangers_per_address_max;
        let Some(place) = gateway.strangers_of.take(network(address.ip()), most) else {
            refused("address");
            return None;
        };
        gateway.metrics.connected();
        Some(Self { _connection: connection, stranger: Some((stranger, place)) })
    }
}

async fn serve(
    gateway: Arc<Inner>,
    stream: TcpStream,
    mut peer: Peer,
    mut guest: Guest,
    shutdown: watch::Receiver<bool>,
) {
    if let Some(stream) = handshake(&gateway, stream, &mut peer).await {
        if let Some(identity) = peer.identity {
            let most = gateway.config.connections_per_agent_max;
            let place = gateway.connections_of.take(identity.agent, most);
            guest.stranger = None;
            match place {
                Some(_place) => converse(&gateway, stream, peer, shutdown).await,
                None => gateway.metrics.connection_refused("agent"),
            }
        } else {
            let _ = timeout(STRANGER_TIMEOUT, converse(&gateway, stream, peer, shutdown)).await;
        }
    }
    gateway.metrics.disconnected();
}

/// Nothing when it fails or what it shows is no certificate of an agent.
async fn handshake(
    gateway: &Arc<Inner>,
    stream: TcpStream,
    peer: &mut Peer,
) -> Option<TlsStream<TcpStream>> {
    let _ = stream.set_nodelay(true);
    let accepting = TlsAcceptor::from(gateway.tls.clone()).accept(stream);
    let stream = match timeout(HANDSHAKE_TIMEOUT, accepting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            gateway.metrics.connection_refused("handshake");
            tracing::debug!(address = %peer.address, %error, "handshake failed");
            return None;
        }
        Err(_) => {
            gateway.metrics.connection_refused("handshake");
            return None;
        }
    };
    if let Some(certificate) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
        peer.identity = Some(pki::identity(certificate).ok()?);
    }
    Some(stream)
}

/// Answers requests until the other side, idleness or the end of the collector ends it.
async fn converse(
    gateway: &Arc<Inner>,
    stream: TlsStream<TcpStream>,
    peer: Peer,
    mut shutdown: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        let (gateway, busy) = (gateway.clone(), Busy::begin(&activity));
        async move {
            let answer = super::request::answer(&gateway, &peer, request).await;
            drop(busy);
            Ok::<_, Infallible>(answer)
        }
    });
    let builder = builder();
    let (of, seen) = (gateway.clone(), activity.clone());
    let stream = Watched::new(stream, move || sign_of_life(&of, &peer, &seen));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = activity.idle(FIRST_REQUEST_TIMEOUT, IDLE_TIMEOUT) => {}
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(DRAIN_TIMEOUT, connection).await;
}

/// Bytes came from the other side: an agent of ours is alive.
fn sign_of_life(gateway: &Inner, peer: &Peer, activity: &Activity) {
    let Some(identity) = peer.identity else { return };
    if gateway.fleet.standing(identity.agent) == Standing::Good {
        gateway.fleet.heard(identity.agent);
        activity.notice();
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(FIRST_REQUEST_TIMEOUT)
        .max_headers(64)
        .max_buf_size(STREAM_WINDOW_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(STREAM_WINDOW_BYTES as usize)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
