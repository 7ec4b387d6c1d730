//! The network around this host: who is there, who scans, who pretends to be somebody else.
//!
//! Off unless switched on, because it hears what is not meant for this host alone. Needs CAP_NET_RAW
//! and nothing else. Listens only (it joins the two groups in which machines tell their names), and
//! in the kernel a filter lets through only ARP, neighbour discovery, DHCP, multicast DNS and the
//! headers of packets that knock at ports: payload never reaches this process.
//!
//! ```text
//! capture ──frame──▶ watcher ─┬─ lan (one a network): claims, servers ──▶ network.*_conflict
//! (filter, sockets)   (pure)  ├─ scans                                ──▶ network.scan
//!                             └─ neighbours                           ──▶ network.neighbour
//! ```
//!
//! Everything is bounded: frames read a second, neighbours, sources, addresses. What is over is not
//! looked at and told as `network.flood`. What was there when the agent last ran (gateways, servers,
//! routers) is remembered, so that what changed meanwhile is noticed.

mod arp;
mod bucket;
mod bytes;
mod capture;
mod claims;
mod dhcp;
mod filter;
mod frame;
mod gateways;
mod interfaces;
mod ip;
mod lan;
mod listener;
mod mac;
mod mdns;
mod memory;
mod nd;
mod neighbours;
mod probe;
mod scans;
mod servers;
mod vendor;
mod watcher;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::Deserialize;
use soc_event::Timestamp;

use super::{Context, Delivery, Error, Observation, Root, Running, Sensor};
use interfaces::INTERFACES_MAX;
use listener::Listener;
use watcher::{Turn, Watcher};

/// How often changes are told and interfaces looked at.
const TURN_EVERY: Duration = Duration::from_secs(5);
/// How long the first interface is waited for: at boot the agent may be faster than the network.
const FIRST_INTERFACE: Duration = Duration::from_secs(60);
/// Servers and routers that may be named.
const NAMED_MAX: usize = servers::KNOWN_MAX / 2;

/// How the network is watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether this sensor runs.
    pub enabled: bool,
    /// Interfaces that are watched: names, `*` at the end stands for anything. None named: all of
    /// Ethernet that are up, but those of containers and virtual machines.
    pub interfaces: Vec<String>,
    /// For so many seconds routers of IPv6 are learned; whoever comes later is a stranger.
    pub learn_s: u64,
    /// Servers of DHCP that belong here, besides the first one heard.
    pub dhcp_servers: Vec<Ipv4Addr>,
    /// Routers of IPv6 that belong here, by their link-local addresses.
    pub routers: Vec<Ipv6Addr>,
}

impl Default for Config {
    fn default() -> Self {
        let (dhcp_servers, routers) = (Vec::new(), Vec::new());
        Self { enabled: false, interfaces: Vec::new(), learn_s: 3600, dhcp_servers, routers }
    }
}

impl Config {
    /// Everything that is wrong, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut most = |name: &str, count: usize, most: usize| {
            if count > most {
                mistakes.push(format!("{name} has {count} entries; at most {most} are possible"));
            }
        };
        most("network.interfaces", self.interfaces.len(), INTERFACES_MAX);
        most("network.dhcp_servers", self.dhcp_servers.len(), NAMED_MAX);
        most("network.routers", self.routers.len(), NAMED_MAX);
        if self.learn_s > 86_400 {
            let seconds = self.learn_s;
            mistakes.push(format!("network.learn_s is {seconds}; it must be 0 to 86400"));
        }
        mistakes
    }

    fn names(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => interface.starts_with(start),
            None => name == interface,
        })
    }
}

/// A moment: since the sensor began, which no setting of clocks moves, and by the clock, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    at: Duration,
    time: Timestamp,
}

/// What there is to watch, for `soc-agent check`: names of interfaces, or why nothing can be heard.
///
/// # Errors
/// A sentence.
pub fn look(root: &Root, config: &Config) -> Result<Vec<String>, String> {
    let (_, watched) = interfaces::look(root, config);
    if watched.is_empty() {
        return Err(NO_INTERFACE.to_owned());
    }
    capture::try_open().map_err(|error| listener::refusal(&error))?;
    Ok(watched.iter().map(|it| it.name.to_string()).collect())
}

const NO_INTERFACE: &str = "no interface of Ethernet is up";

/// The sensor.
#[derive(Debug)]
pub struct Network {
    config: Config,
}

impl Network {
    /// Watches as configured.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Sensor for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn is_optional(&self) -> bool {
        true
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(watch(self.config, context))
    }
}

async fn watch(config: Config, mut context: Context) -> Result<(), Error> {
    let began = tokio::time::Instant::now();
    let clock = std::sync::Arc::clone(&context.clock);
    let now = || Now { at: began.elapsed(), time: clock.now() };
    let committed = context.positions.position(memory::SOURCE);
    let mut told = committed.clone();
    let mut watcher = Watcher::new(now(), config.clone(), memory::read(committed));
    let mut listener = Listener::new(context.root.clone(), config);
    listener.refresh(&mut watcher, now())?;
    let mut has_heard = false;
    let mut turns = tokio::time::interval(TURN_EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = context.stopped() => return Ok(()),
            (interface, frame) = listener.next() => watcher.see(now(), &interface, frame),
            _ = turns.tick() => {
                watcher.unread(listener.take_unread());
                listener.refresh(&mut watcher, now())?;
                has_heard |= !listener.is_deaf();
                // One that was pulled out comes back; one that never was there may never come.
                if !has_heard && began.elapsed() >= FIRST_INTERFACE {
                    return Err(Error::Unavailable(NO_INTERFACE.to_owned()));
                }
                let turn = watcher.tick(now());
                let position = memory::position(watcher.memory());
                let position = position.filter(|it| told.as_ref() != Some(&it.bytes));
                told = position.as_ref().map(|it| it.bytes.clone()).or(told);
                for delivery in deliveries(turn, position) {
                    context.outlet.send(delivery).await?;
                }
            }
        }
    }
}

/// A turn in pieces that the spool takes; the position goes with the last.
fn deliveries(turn: Turn, position: Option<super::Position>) -> Vec<Delivery> {
    let findings = turn.findings.into_iter().map(Observation::alert);
    let observations: Vec<Observation> =
        findings.chain(turn.neighbours.into_iter().map(Observation::state)).collect();
    let part =
        |part: &[Observation]| Delivery { observations: part.to_vec(), positions: Vec::new() };
    let mut deliveries: Vec<Delivery> =
        observations.chunks(super::DELIVERY_MAX).map(part).collect();
    if let Some(position) = position {
        match deliveries.last_mut() {
            Some(last) => last.positions.push(position),
            None => deliveries.push(Delivery { observations, positions: vec![position] }),
        }
    }
    deliveries
}

#[cfg(test)]
mod tests;
