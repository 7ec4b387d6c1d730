use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use soc_event::{Event, Timestamp, kind};
use tokio::time::Instant;

use super::namespace::Namespaces;
use super::proc_net::{self, Socket, Transport};
use super::table::{Change, Table};
use super::{Config, Port, handles, remembered};
use crate::sensor::firewall::Firewall;
use crate::sensor::owner::{Owners, Patience};
use crate::sensor::{Context, DELIVERY_MAX, Delivery, Error, Observation, Position, Root};

/// A UDP socket with a number from the kernel's range is a port when it is so old.
const UDP_SETTLED: Duration = Duration::from_secs(60);
/// How often it is looked whether the firewall has changed and which network namespaces there are.
const SURROUNDINGS_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Watcher {
    root: Root,
    owners: Owners,
    table: Table,
    firewall: Firewall,
    namespaces: Namespaces,
    /// When the surroundings are looked at again.
    surroundings_at: Option<Instant>,
    /// UDP sockets with a number from the kernel's range, and since when they are there; nothing
    /// for those known from before this start.
    unsettled: BTreeMap<u64, Option<Instant>>,
    /// Ports as last committed.
    remembered: Option<Vec<u8>>,
    is_first: bool,
    /// What was last seen, when nothing about it waits for time to pass: seen again, it is no news.
    quiet: Option<Vec<Socket>>,
    /// Processor time the tables took.
    pub(super) reading_took: Duration,
}

impl Watcher {
    pub(super) fn new(config: &Config, context: &Context) -> Self {
        Self {
            root: context.root.clone(),
            owners: Owners::new(context.root.clone()),
            table: Table::new(Duration::from_secs(config.grace_s)),
            firewall: Firewall::default(),
            namespaces: Namespaces::default(),
            surroundings_at: None,
            unsettled: BTreeMap::new(),
            remembered: context.positions.position(remembered::SOURCE),
            is_first: true,
            quiet: None,
            reading_took: Duration::ZERO,
        }
    }

    /// One look, and what is to be told of it.
    pub(super) fn turn(
        &mut self,
        full: bool,
        now: Instant,
        time: Timestamp,
    ) -> Result<Vec<Delivery>, Error> {
        let started = processor_time();
        let sockets = self.sockets(now)?;
        self.reading_took = processor_time().saturating_sub(started);
        if !full && self.quiet.as_ref() == Some(&sockets) {
            return Ok(Vec::new());
        }
        let settled = self.settled(&sockets, now);
        let is_first = std::mem::take(&mut self.is_first);
        let patience = if is_first { Patience::None } else { Patience::SomeLooks };
        let unresolved = self.owners.resolve(&handles(settled.iter().copied()), patience);
        let is_hashing = self.owners.hash();
        // The owner of a socket just made may not be visible yet; it is asked for again.
        let known = settled.iter().filter(|socket| !unresolved.contains(&socket.inode));
        let ports = known.map(|socket| Port::of(socket, &self.owners, &self.firewall));
        let changes = self.table.update(ports.collect(), now);
        let waits = is_hashing
            || !unresolved.is_empty()
            || self.has_unsettled(now)
            || self.table.has_closing();
        let mut observations = Vec::new();
        if is_first {
            observations.extend(self.opened_meanwhile(time));
        } else {
            observations.extend(changes.iter().map(|change| change_event(change, time)));
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

    /// All sockets that wait, of this and of other network namespaces. Looks at the surroundings
    /// from time to time.
    fn sockets(&mut self, now: Instant) -> Result<Vec<Socket>, Error> {
        if self.surroundings_at.is_none_or(|at| now >= at) {
            if self.surroundings_at.is_none() || self.firewall.has_changed(&self.root) {
                self.firewall = Firewall::read(&self.root);
                self.quiet = None;
            }
            self.namespaces.find(&self.root);
            self.surroundings_at = Some(now + SURROUNDINGS_EVERY);
        }
        let own = proc_net::read(&self.root)?;
        let mut sockets = own.clone();
        if !self.namespaces.append(&self.root, &mut sockets) {
            // The process that showed a namespace has ended; another may be in it.
            sockets = own;
            self.namespaces.find(&self.root);
            self.namespaces.append(&self.root, &mut sockets);
        }
        Ok(sockets)
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
        self.owners.resolve(&handles(clients.iter().copied()), Patience::None);
        for socket in clients {
            if remembered::has(remembered, &Port::of(socket, &self.owners, &self.firewall).key()) {
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

fn change_event(change: &Change, time: Timestamp) -> Observation {
    Observation::state(match change {
        Change::Opened(port) => port.event(time, kind::PORT_OPENED),
        Change::Closed(port) => port.event(time, kind::PORT_CLOSED),
        Change::Altered(port) => port.event(time, kind::PORT_LISTENING),
    })
}

/// What this thread has used.
pub(in crate::sensor) fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// Cuts a long list into deliveries; the position goes with the last.
fn deliveries(observations: Vec<Observation>, position: Position) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = observations
        .chunks(DELIVERY_MAX)
        .map(|part| Delivery { observations: part.to_vec(), positions: Vec::new() })
        .collect();
    if let Some(last) = deliveries.last_mut() {
        last.positions.push(position);
    }
    deliveries
}
