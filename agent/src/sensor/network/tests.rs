//! Frames are built here byte by byte; that real programs make the same ones is shown in the tests
//! of the whole system.

mod frames;
mod kernel;
mod parse;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use soc_event::{Event, Value};

use super::frame::read;
use super::interfaces::{Own, Watched};
use super::mac::Mac;
use super::memory::Memory;
use super::*;

const OWN: Mac = Mac([0x00, 0x16, 0x3e, 0, 0, 1]);
const GATEWAY: Mac = Mac([0x00, 0x16, 0x3e, 0, 0, 0xfe]);
const THIEF: Mac = Mac([0x00, 0x0c, 0x29, 0x66, 0x66, 0x66]);
const BROADCAST: Mac = Mac([0xff; 6]);

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x00, 0x11, a, b, c, d])
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// A host at 192.0.2.10 whose gateway is 192.0.2.1, with a clock of its own.
struct Host {
    watcher: Watcher,
    at: Duration,
}

impl Host {
    fn new() -> Self {
        Self::with(Config { enabled: true, ..Config::default() }, Memory::new())
    }

    fn with(config: Config, memory: Memory) -> Self {
        let watcher = Watcher::new(moment(Duration::ZERO), config, memory);
        let mut host = Self { watcher, at: Duration::ZERO };
        host.plug("192.0.2.0/24");
        host
    }

    /// The interface comes up in a network, or the cable is put elsewhere.
    fn plug(&mut self, network: &str) {
        let interface = pnet_datalink::NetworkInterface {
            name: "eth0".into(),
            description: String::new(),
            index: 2,
            mac: None,
            ips: Vec::new(),
            flags: 0,
        };
        let networks = BTreeSet::from([network.to_owned()]);
        let watched = Watched { name: Arc::from("eth0"), networks, interface };
        let addresses = ["192.0.2.10", "2001:db8::10"].map(|it| it.parse().unwrap()).into();
        let own = Own { macs: [OWN].into(), addresses };
        let gateways: BTreeSet<IpAddr> = [v4("192.0.2.1").into()].into();
        let gateways = BTreeMap::from([("eth0".to_owned(), gateways)]);
        self.watcher.interfaces(moment(self.at), own, &[watched], &gateways);
    }

    fn unplug(&mut self) {
        self.watcher.interfaces(moment(self.at), Own::default(), &[], &BTreeMap::new());
    }

    fn see(&mut self, bytes: &[u8]) {
        let frame = read(bytes).expect("a frame that says something");
        self.watcher.see(moment(self.at), "eth0", frame);
    }

    /// Somebody says by ARP where it is.
    fn claims(&mut self, address: &str, mac: Mac) {
        self.see(&frames::arp(mac, v4(address), v4("192.0.2.77"), true));
    }

    /// Time passes, turn by turn; what was told meanwhile.
    fn pass(&mut self, time: Duration) -> Vec<Event> {
        let (end, mut events) = (self.at + time, Vec::new());
        // Days in larger steps, so that a test of a day takes no minute.
        let step = if time > seconds(3600) { seconds(60) } else { TURN_EVERY };
        while self.at < end {
            self.at = (self.at + step).min(end);
            let turn = self.watcher.tick(moment(self.at));
            events.extend(turn.findings.into_iter().chain(turn.neighbours));
        }
        events
    }

    /// The findings of some time, as kinds and words.
    fn findings(&mut self, time: Duration) -> Vec<String> {
        let word = |event: &Event| {
            let word = event.text("conflict.kind").or(event.text("scan.kind")).unwrap_or("");
            format!("{} {word}", event.kind).trim().to_owned()
        };
        let is_finding = |event: &Event| event.kind != soc_event::kind::NETWORK_NEIGHBOUR;
        self.pass(time).iter().filter(|event| is_finding(event)).map(word).collect()
    }
}

fn moment(at: Duration) -> Now {
    let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    Now { at, time: start.plus_micros(i64::try_from(at.as_micros()).unwrap()) }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn list(event: &Event, name: &str) -> Vec<String> {
    match event.fields.get(name) {
        Some(Value::List(values)) => values.iter().map(Value::to_string).collect(),
        other => panic!("{name} is {other:?}"),
    }
}
