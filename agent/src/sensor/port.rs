//! Which programs wait for connections: listening TCP sockets and bound UDP sockets.
//!
//! A port is transport, scope of its address, number and executable: not process, inode or single
//! address, so a service that restarts within the grace period is no change. Client sockets are no
//! ports: a UDP socket counts when it is bound, unconnected, and either outside of the range from
//! which the kernel gives numbers, or still there after a minute.
//!
//! Sends all ports at start and daily (`port.snapshot` says which belong together), changes in
//! between. Ports that were opened while the agent was down are told as opened at its next start.
//! Asks the kernel for what listens every poll (where it does not answer, and for UDP, reads
//! `/proc/net`) and looks through processes only when an unknown socket appears. Sockets of other
//! network namespaces (containers) are read through one process of each. Whether the firewall lets
//! others reach a port is told with it, and again when that changes. What opens and closes between
//! two looks is not seen.

mod namespace;
mod proc_net;
mod remembered;
mod table;
mod watcher;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use soc_event::{Event, Kind, Timestamp};
use tokio::time::Instant;

pub use super::firewall::{Reach, Reachable};
pub use super::owner::Owner;
pub(super) use proc_net::ephemeral_range;
pub use proc_net::{Scope, Transport};
pub(super) use watcher::processor_time;

use super::firewall::{Firewall, Wanted};
use super::owner::{Handle, Owners, Patience};
use super::{Context, Error, Root, Running, Sensor};
use namespace::Namespaces;
use proc_net::Socket;
use watcher::Watcher;

/// However often it looks: a machine under load may take its time.
const HANGS_AFTER_MIN: Duration = Duration::from_secs(120);
/// How often everything is sent.
const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Reading the tables may take a 200th of one processor: with very many sockets polls become rarer.
const DUTY: u32 = 200;
/// But not rarer than this.
const POLL_MAX: Duration = Duration::from_secs(15);

/// How the ports are watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// How often, in milliseconds.
    pub poll_ms: u64,
    /// A port that comes back within so many seconds was never closed.
    pub grace_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, poll_ms: 2000, grace_s: 5 }
    }
}

/// One port and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// TCP or UDP.
    pub transport: Transport,
    /// The bound address; of several in one scope the first.
    pub address: IpAddr,
    /// Who can reach it.
    pub scope: Scope,
    /// Its number.
    pub port: u16,
    /// Whether others can reach it.
    pub reach: Reach,
    /// The network namespace, where it is not the host's.
    pub namespace: Option<u64>,
    /// Who holds it.
    pub owner: Owner,
}

/// What makes a port the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    transport: Transport,
    scope: Scope,
    port: u16,
    executable: Option<String>,
}

impl Port {
    /// What makes it the same one.
    pub fn key(&self) -> Key {
        Key {
            transport: self.transport,
            scope: self.scope,
            port: self.port,
            executable: self.owner.executable.clone(),
        }
    }

    /// The event of one of the kinds about ports.
    pub fn event(&self, now: Timestamp, kind: Kind) -> Event {
        let family = if self.address.is_ipv4() { "ipv4" } else { "ipv6" };
        let event = Event::own(now, kind)
            .with("network.transport", self.transport.as_str())
            .with("network.type", family)
            .with("server.ip", self.address.to_string())
            .with("server.port", self.port)
            .with("port.scope", self.scope.as_str());
        let event = match self.namespace {
            Some(namespace) => event.with("network.namespace", namespace),
            None => event,
        };
        self.owner.describe(self.reach.describe(event))
    }

    /// A socket as a port.
    fn of(socket: &Socket, owners: &Owners, firewall: &Firewall) -> Self {
        Self {
            transport: socket.transport,
            address: socket.address,
            scope: socket.scope(),
            port: socket.port,
            reach: reach(socket, firewall),
            namespace: socket.namespace,
            owner: owners.owner(socket.inode),
        }
    }
}

fn reach(socket: &Socket, firewall: &Firewall) -> Reach {
    if socket.namespace.is_some() {
        return Reach::plain(Reachable::Unknown, "network namespace");
    }
    firewall.reach(&Wanted {
        address: socket.address,
        port: socket.port,
        is_tcp: socket.transport == Transport::Tcp,
        is_v6_only: socket.is_v6_only,
    })
}

fn handles<'a>(sockets: impl IntoIterator<Item = &'a Socket>) -> Vec<Handle> {
    let handle = |socket: &Socket| Handle { inode: socket.inode, uid: socket.uid };
    sockets.into_iter().map(handle).collect()
}

/// What one look gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// All ports, UDP sockets of the kernel's range left out.
    pub ports: Vec<Port>,
    /// What could not be seen, in sentences.
    pub could_not_see: Vec<String>,
}

/// Looks once.
///
/// # Errors
/// [`Error::Io`] when `/proc/net` cannot be read.
pub fn observe(root: &Root) -> Result<Observed, Error> {
    let mut sockets = proc_net::read(root)?;
    let mut namespaces = Namespaces::default();
    namespaces.find(root);
    namespaces.append(root, &mut sockets);
    let range = proc_net::ephemeral_range(root);
    let is_port =
        |socket: &&Socket| socket.transport == Transport::Tcp || !range.contains(&socket.port);
    let wanted: Vec<&Socket> = sockets.iter().filter(is_port).collect();
    let (mut owners, firewall) = (Owners::new(root.clone()), Firewall::read(root));
    owners.resolve(&handles(wanted.iter().copied()), Patience::None);
    while owners.hash() {}
    let mut ports = BTreeMap::new();
    for socket in wanted {
        let port = Port::of(socket, &owners, &firewall);
        ports.entry(port.key()).or_insert(port);
    }
    let unseen = ports.values().filter(|port| port.owner.pid.is_none()).count();
    let mut could_not_see = Vec::new();
    if unseen > 0 {
        could_not_see.push(format!(
            "The program behind {unseen} of {} ports belongs to another user or to the kernel.",
            ports.len()
        ));
    }
    if let Some(reason) = firewall.blind().filter(|_| *root == Root::default()) {
        could_not_see.push(format!("Whether the firewall lets ports be reached: {reason}."));
    }
    if namespaces.left_out > 0 {
        could_not_see.push(format!("{} processes in further containers.", namespaces.left_out));
    }
    Ok(Observed { ports: ports.into_values().collect(), could_not_see })
}

/// The sensor.
#[derive(Debug)]
pub struct Ports {
    config: Config,
}

impl Ports {
    /// Watches as configured.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Sensor for Ports {
    fn name(&self) -> &'static str {
        "port"
    }

    fn hangs_after(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.config.poll_ms).saturating_mul(20).max(HANGS_AFTER_MIN))
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(watch(self.config, context))
    }
}

async fn watch(config: Config, mut context: Context) -> Result<(), Error> {
    let mut watcher = Watcher::new(&config, &context);
    let mut full_at = Instant::now();
    loop {
        let now = Instant::now();
        let full = now >= full_at;
        let time = context.clock.now();
        let turn = tokio::task::spawn_blocking(move || {
            let result = watcher.turn(full, now, time);
            (watcher, result)
        });
        let (returned, result) = turn.await.map_err(|error| Error::Io {
            what: "reading ports".to_owned(),
            source: std::io::Error::other(error),
        })?;
        watcher = returned;
        context.alive();
        for delivery in result? {
            context.outlet.send(delivery).await?;
        }
        if full {
            full_at = now + FULL_EVERY;
        }
        let poll = Duration::from_millis(config.poll_ms.max(1));
        let pause = (watcher.reading_took * DUTY).min(POLL_MAX).max(poll);
        tokio::select! {
            () = context.stopped() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests;
