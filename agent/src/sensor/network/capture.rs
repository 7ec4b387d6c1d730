//! Frames from the kernel. The only place that touches a socket.

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pnet_datalink::NetworkInterface;
use socket2::{Domain, InterfaceIndexOrAddress, SockFilter, Socket, Type};
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::frame::{self, Frame};

/// Frames of one kind at one interface that are read: so many at once, so many a second. What comes
/// faster waits in the kernel's small buffer and is dropped there.
const FRAMES_AT_ONCE: u32 = 8192;
const FRAMES_PER_SECOND: f64 = 1000.0;
/// How long reading pauses when that is used up.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest frame.
const FRAME_BYTES_MAX: usize = 1514;
/// Where machines say their names. Source: RFC 6762, section 3.
const NAMES_V4: std::net::Ipv4Addr = std::net::Ipv4Addr::new(224, 0, 0, 251);
const NAMES_V6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// Frames on their way from the readers to the watcher.
pub(super) type Frames = mpsc::Sender<(Arc<str>, Frame)>;

/// Hears what a filter lets through at one interface.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_RAW.
pub(super) fn open(
    interface: &NetworkInterface,
    filter: &[SockFilter],
) -> io::Result<UnixDatagram> {
    // Of no protocol it hears nothing, until the filter is there and pnet ties it to the interface.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.attach_filter(filter)?;
    let twin = socket.try_clone()?;
    // pnet takes the twin over and closes it. Nothing is sent, and only what is meant for this host
    // or for all is heard: no promiscuous mode.
    let config = pnet_datalink::Config {
        socket_fd: Some(twin.into_raw_fd()),
        promiscuous: false,
        read_buffer_size: 0,
        write_buffer_size: 0,
        ..pnet_datalink::Config::default()
    };
    drop(pnet_datalink::channel(interface, config)?);
    socket.set_nonblocking(true)?;
    // Only received from, which is the same for every kind of datagram; so the runtime's type for
    // one of them waits for these without a thread.
    UnixDatagram::from_std(OwnedFd::from(socket).into())
}

/// Asks the network for what machines say about their names; network cards filter it otherwise.
/// Without it there are fewer names, no more.
pub(super) fn listen_to_names(interface: &NetworkInterface) -> Vec<Socket> {
    let v4 = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.join_multicast_v4_n(&NAMES_V4, &InterfaceIndexOrAddress::Index(interface.index))?;
        io::Result::Ok(socket)
    };
    let v6 = || {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
        socket.join_multicast_v6(&NAMES_V6, interface.index)?;
        io::Result::Ok(socket)
    };
    [v4(), v6()].into_iter().flatten().collect()
}

/// Reads until the interface or whoever takes the frames is gone. `unread` counts how often frames
/// came too fast.
pub(super) async fn forward(
    socket: UnixDatagram,
    name: Arc<str>,
    frames: Frames,
    unread: Arc<AtomicU64>,
) {
    let began = Instant::now();
    let mut bucket = Bucket::new(FRAMES_AT_ONCE, FRAMES_PER_SECOND);
    let mut bytes = [0; FRAME_BYTES_MAX];
    loop {
        // An error: the interface went down. Whoever opened this one opens it again.
        let Ok(count) = socket.recv(&mut bytes).await else { return };
        if !bucket.take(began.elapsed()) {
            unread.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let Some(frame) = bytes.get(..count).and_then(frame::read) else { continue };
        if frames.send((Arc::clone(&name), frame)).await.is_err() {
            return;
        }
    }
}

/// Whether frames can be heard at all, for `soc-agent check`; nothing is read.
///
/// # Errors
/// As [`open`].
pub(super) fn try_open() -> io::Result<()> {
    Socket::new(Domain::PACKET, Type::RAW, None).map(drop)
}
