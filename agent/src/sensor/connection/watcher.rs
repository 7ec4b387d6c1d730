use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use soc_event::{Event, Timestamp};
use tokio::time::Instant;

use super::Config;
use super::known::{Known, Meeting};
use super::sum::{Key, Place, Sum, described};
use crate::sensor::owner::{Handle, Owner, Owners, Patience};
use crate::sensor::port::{self, Transport, processor_time};
use crate::sensor::sock_diag::{self, Diag, Ended};
use crate::sensor::{Context, DELIVERY_MAX, Delivery, Error, Observation, Root};

/// Connections that are followed at once; of further ones only that they end is counted.
const ALIVE_MAX: usize = 4096;
/// A day counts as one of learning after so long.
const HOUR: Duration = Duration::from_secs(3600);
const DAY_MICROS: i64 = 86_400_000_000;

pub(super) struct Watcher {
    config: Config,
    root: Root,
    owners: Owners,
    ended: Vec<(Transport, Ended)>,
    /// Sockets that were counted and have not ended.
    alive: BTreeSet<u64>,
    sum: Sum,
    known: Known,
    window_began: Option<Instant>,
    day_began: Option<Instant>,
    /// Processor time the last look took.
    pub(super) looking_took: Duration,
}

/// What one look gave.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub listening: Vec<(IpAddr, u16)>,
    pub connected: Vec<(Transport, Diag)>,
    pub ended: Vec<(Transport, Diag)>,
    /// From which numbers clients get their ports.
    pub range: Option<RangeInclusive<u16>>,
}

impl Look {
    /// Whether this host began it: another host, and no service of this one on its own port.
    fn is_outbound(&self, transport: Transport, diag: &Diag) -> bool {
        let (here, there) = (diag.local, diag.remote);
        let is_elsewhere = there.port() != 0
            && !there.ip().is_loopback()
            && !there.ip().is_unspecified()
            && !there.ip().is_multicast()
            && there.ip() != here.ip();
        let is_service = match transport {
            Transport::Tcp => self.listening.iter().any(|(address, port)| {
                *port == here.port() && (address.is_unspecified() || *address == here.ip())
            }),
            Transport::Udp => {
                self.range.as_ref().is_some_and(|range| !range.contains(&here.port()))
            }
        };
        is_elsewhere && !is_service
    }
}

impl Watcher {
    pub(super) fn new(config: Config, context: &Context) -> Self {
        let listen = |transport| Ended::listen(transport).ok().map(|ended| (transport, ended));
        let (days, most) = (config.learning_days, config.destinations_max);
        Self {
            config,
            root: context.root.clone(),
            owners: Owners::new(context.root.clone()),
            ended: [Transport::Tcp, Transport::Udp].into_iter().filter_map(listen).collect(),
            alive: BTreeSet::new(),
            sum: Sum::default(),
            known: Known::read(context.positions.as_ref(), days, most),
            window_began: None,
            day_began: None,
            looking_took: Duration::ZERO,
        }
    }

    /// One look, and what is to be told of it; at the end of a window (or of all) its sum.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        time: Timestamp,
        is_last: bool,
    ) -> Result<Vec<Delivery>, Error> {
        let started = processor_time();
        let look = self.look()?;
        let mut events = self.take(&look, time);
        self.looking_took = processor_time().saturating_sub(started);
        let window = Duration::from_secs(self.config.window_s);
        let began = *self.window_began.get_or_insert(now);
        if is_last || now.saturating_duration_since(began) >= window {
            self.window_began = Some(now);
            events.extend(self.sum.take(time));
        }
        let day_began = *self.day_began.get_or_insert(now);
        if now.saturating_duration_since(day_began) >= HOUR {
            self.day_began = Some(now);
            self.known.day(time.as_micros().div_euclid(DAY_MICROS));
        }
        Ok(self.deliveries(events))
    }

    fn look(&self) -> Result<Look, Error> {
        // Only the running system can be asked.
        if self.root != Root::default() {
            return Err(Error::Unavailable("connections are asked of the kernel".to_owned()));
        }
        let refused = |source| Error::Io { what: "asking for connections".to_owned(), source };
        let mut look = Look { range: Some(port::ephemeral_range(&self.root)), ..Look::default() };
        // Ends first: a socket that ends after this is told next time.
        for (transport, ended) in &self.ended {
            ended.take(&mut |diag| look.ended.push((*transport, diag))).map_err(refused)?;
        }
        for transport in [Transport::Tcp, Transport::Udp] {
            let found = sock_diag::connected(transport).map_err(refused)?;
            look.connected.extend(found.into_iter().map(|diag| (transport, diag)));
        }
        let listening = sock_diag::listening().map_err(refused)?;
        look.listening = listening.iter().map(|one| (one.local.ip(), one.local.port())).collect();
        Ok(look)
    }

    /// Counts what is new in a look; destinations to be told at once.
    pub(super) fn take(&mut self, look: &Look, time: Timestamp) -> Vec<Event> {
        let outbound =
            look.connected.iter().filter(|(transport, one)| look.is_outbound(*transport, one));
        let current: BTreeMap<u64, (Transport, Diag)> = outbound
            .take(ALIVE_MAX)
            .map(|(transport, one)| (one.cookie, (*transport, *one)))
            .collect();
        let handles: Vec<Handle> = current
            .values()
            .map(|(_, one)| Handle { inode: one.inode, uid: one.uid })
            .filter(|handle| handle.inode != 0)
            .collect();
        if current.keys().any(|cookie| !self.alive.contains(cookie)) {
            self.owners.resolve(&handles, Patience::None);
        }
        let mut events = Vec::new();
        for (cookie, (transport, one)) in &current {
            if !self.alive.contains(cookie) {
                let owner = self.owners.owner(one.inode);
                events.extend(self.count(*transport, one, &owner, time));
            }
        }
        for (transport, one) in &look.ended {
            let was_counted = self.alive.contains(&one.cookie) || current.contains_key(&one.cookie);
            if !was_counted && look.is_outbound(*transport, one) {
                // Who it was cannot be seen any more.
                events.extend(self.count(*transport, one, &Owner::default(), time));
            }
        }
        self.alive = current.into_keys().collect();
        events
    }

    fn count(
        &mut self,
        transport: Transport,
        one: &Diag,
        owner: &Owner,
        time: Timestamp,
    ) -> Option<Event> {
        let (address, port) = (one.remote.ip(), one.remote.port());
        let (executable, user) = (owner.executable.clone(), owner.user.clone());
        let key = Key { executable, user, transport, port, place: Place::Address(address) };
        self.sum.add(key.clone(), owner, time);
        let program = owner.executable.as_deref().unwrap_or_default();
        let network = Place::network(address).text();
        let destination = format!("{} {port} {network}", transport.as_str());
        let told = || described(&key, owner.name.as_deref(), time).with("connection.count", 0_u32);
        match self.known.meet(program, &destination) {
            Meeting::Known | Meeting::Learned => None,
            Meeting::New => Some(told().with("connection.first_seen", true)),
            Meeting::Wide => Some(told().with("connection.program.wide", true)),
        }
    }

    /// The sum of what was not told yet.
    #[cfg(test)]
    pub(super) fn finish(&mut self, time: Timestamp) -> Vec<Event> {
        self.sum.take(time)
    }

    fn deliveries(&mut self, events: Vec<Event>) -> Vec<Delivery> {
        let positions = self.known.changes();
        let observations: Vec<Observation> = events.into_iter().map(Observation::state).collect();
        let mut deliveries: Vec<Delivery> = observations
            .chunks(DELIVERY_MAX)
            .map(|part| Delivery { observations: part.to_vec(), positions: Vec::new() })
            .collect();
        match deliveries.last_mut() {
            Some(last) => last.positions = positions,
            None if positions.is_empty() => {}
            None => deliveries.push(Delivery { observations: Vec::new(), positions }),
        }
        deliveries
    }
}
