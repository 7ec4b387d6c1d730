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
//! `/proc/net`) and looks through processes only when an unknown socket appears.

mod owner;
mod proc_net;
mod remembered;
mod sock_diag;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use soc_event::{Event, Kind, Timestamp, kind};
use tokio::time::Instant;

pub use owner::Owner;
pub use proc_net::{Scope, Transport};

use super::{Context, Delivery, Error, Observation, Root, Running, Sensor};
use owner::{Owners, Patience};
use proc_net::Socket;
use table::{Change, Table};

/// How often everything is sent.
const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// A UDP socket with a number from the kernel's range is a port when it is so old.
const UDP_SETTLED: Duration = Duration::from_secs(60);
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
        Self { enabled: true, poll_ms: 1500, grace_s: 5 }
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
        Event::own(now, kind)
            .with("network.transport", self.transport.as_str())
            .with("network.type", family)
            .with("server.ip", self.address.to_string())
            .with("server.port", self.port)
            .with("port.scope", self.scope.as_str())
            .with("process.pid", self.owner.pid)
            .with("process.name", self.owner.name.clone())
            .with("process.executable", self.owner.executable.clone())
            .with("process.command_line", self.owner.command_line.clone())
            .with("user.name", self.owner.user.clone())
            .with("service.unit", self.owner.unit.clone())
    }
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
    let sockets = proc_net::read(root)?;
    let range = proc_net::ephemeral_range(root);
    let is_port =
        |socket: &&Socket| socket.transport == Transport::Tcp || !range.contains(&socket.port);
    let wanted: Vec<&Socket> = sockets.iter().filter(is_port).collect();
    let mut owners = Owners::new(root.clone());
    owners.resolve(&wanted, Patience::None);
    let mut ports = BTreeMap::new();
    for socket in wanted {
        let port = owners.port(socket);
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

struct Watcher {
    root: Root,
    owners: Owners,
    table: Table,
    /// UDP sockets with a number from the kernel's range, and since when they are there; nothing
    /// for those known from before this start.
    unsettled: BTreeMap<u64, Option<Instant>>,
    /// Ports as last committed.
    remembered: Option<Vec<u8>>,
    is_first: bool,
    /// What was last seen, when nothing about it waits for time to pass: seen again, it is no news.
    quiet: Option<Vec<Socket>>,
    /// Processor time the tables took.
    reading_took: Duration,
}

impl Watcher {
    fn new(config: &Config, context: &Context) -> Self {
        Self {
            root: context.root.clone(),
            owners: Owners::new(context.root.clone()),
            table: Table::new(Duration::from_secs(config.grace_s)),
            unsettled: BTreeMap::new(),
            remembered: context.positions.position(remembered::SOURCE),
            is_first: true,
            quiet: None,
            reading_took: Duration::ZERO,
        }
    }

    /// One look, and what is to be told of it.
    fn turn(&mut self, full: bool, now: Instant, time: Timestamp) -> Result<Vec<Delivery>, Error> {
        let started = processor_time();
        let sockets = proc_net::read(&self.root)?;
        self.reading_took = processor_time().saturating_sub(started);
        if !full && self.quiet.as_ref() == Some(&sockets) {
            return Ok(Vec::new());
        }
        let settled = self.settled(&sockets, now);
        let is_first = std::mem::take(&mut self.is_first);
        let patience = if is_first { Patience::None } else { Patience::SomeLooks };
        let unresolved = self.owners.resolve(&settled, patience);
        // The owner of a socket just made may not be visible yet; it is asked for again.
        let known = settled.iter().filter(|socket| !unresolved.contains(&socket.inode));
        let ports: Vec<Port> = known.map(|socket| self.owners.port(socket)).collect();
        let changes = self.table.update(ports, now);
        let waits = !unresolved.is_empty() || self.has_unsettled(now) || self.table.has_closing();
        let mut observations = Vec::new();
        if is_first {
            observations.extend(self.opened_meanwhile(time));
        } else {
            observations.extend(changes.iter().map(|change| match change {
                Change::Opened(port) => Observation::state(port.event(time, kind::PORT_OPENED)),
                Change::Closed(port) => Observation::state(port.event(time, kind::PORT_CLOSED)),
            }));
        }
        if full {
            observations.extend(self.snapshot(time));
        }
        self.quiet = (!waits).then_some(sockets);
        if observations.is_empty() {
            return Ok(Vec::new());
        }
        Ok(deliveries(observations, remembered::position(self.table.ports())))
    }

    /// The sockets that are ports.
    fn settled<'a>(&mut self, sockets: &'a [Socket], now: Instant) -> Vec<&'a Socket> {
        let range = proc_net::ephemeral_range(&self.root);
        let is_client =
            |socket: &Socket| socket.transport == Transport::Udp && range.contains(&socket.port);
        let clients: Vec<&Socket> = sockets.iter().filter(|socket| is_client(socket)).collect();
        self.unsettled.retain(|inode, _| clients.iter().any(|socket| socket.inode == *inode));
        if self.is_first {
            self.recognise(&clients);
        }
        for socket in clients {
            self.unsettled.entry(socket.inode).or_insert(Some(now));
        }
        let is_old = |socket: &Socket| match self.unsettled.get(&socket.inode) {
            Some(Some(since)) => now.saturating_duration_since(*since) >= UDP_SETTLED,
            Some(None) => true,
            None => false,
        };
        sockets.iter().filter(|socket| !is_client(socket) || is_old(socket)).collect()
    }

    /// Whether a client may still become a port.
    fn has_unsettled(&self, now: Instant) -> bool {
        let is_young = |since: &Option<Instant>| {
            since.is_some_and(|since| now.saturating_duration_since(since) < UDP_SETTLED)
        };
        self.unsettled.values().any(is_young)
    }

    /// Those that were ports before this start are ports at once, not after a minute again.
    fn recognise(&mut self, clients: &[&Socket]) {
        let Some(remembered) = &self.remembered else { return };
        self.owners.resolve(clients, Patience::None);
        for socket in clients {
            if remembered::has(remembered, &self.owners.port(socket).key()) {
                self.unsettled.insert(socket.inode, None);
            }
        }
    }

    /// What was opened since the ports were last remembered; nothing at the very first start.
    fn opened_meanwhile(&mut self, time: Timestamp) -> Vec<Observation> {
        let Some(remembered) = self.remembered.take() else { return Vec::new() };
        let news = self.table.ports().filter(|port| !remembered::has(&remembered, &port.key()));
        news.map(|port| Observation::state(port.event(time, kind::PORT_OPENED))).collect()
    }

    fn snapshot(&self, time: Timestamp) -> Vec<Observation> {
        let count = self.table.ports().count() as u64;
        let belonging = |event: Event| {
            let event = event.with("port.snapshot", time.to_string());
            Observation::state(event.with("port.snapshot.count", count))
        };
        if count == 0 {
            return vec![belonging(Event::own(time, kind::PORT_LISTENING))];
        }
        let events = self.table.ports().map(|port| port.event(time, kind::PORT_LISTENING));
        events.map(belonging).collect()
    }
}

/// What this thread has used.
fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// Cuts a long list into deliveries; the position goes with the last.
fn deliveries(observations: Vec<Observation>, position: super::Position) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = observations
        .chunks(super::DELIVERY_MAX)
        .map(|part| Delivery { observations: part.to_vec(), positions: Vec::new() })
        .collect();
    if let Some(last) = deliveries.last_mut() {
        last.positions.push(position);
    }
    deliveries
}

#[cfg(test)]
mod tests;
