use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Fields, Timestamp, Value};

mod read;

pub(crate) use read::{Key, once};

/// What kind of thing was observed; kinds of our own are in [`kind`]. Open: a collector keeps and
/// shows kinds it does not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// A kind known at compile time.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A kind read from outside.
    pub fn from_name(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// `antivirus.status`
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The word before the first dot, which is the Sigma `service` of our own kinds: `antivirus`.
    pub fn family(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(family, _)| family)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kinds this project makes itself. Fields of each: `docs/events.md`.
pub mod kind {
    use super::Kind;

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
            $($(#[$doc])* pub const $name: Kind = Kind::new($text);)*
            /// All of them.
            pub const ALL: &[Kind] = &[$($name),*];
        };
    }

    kinds! {
        /// A line of a log, parsed as far as its format is known.
        LOG = "log";
        /// Events had to be dropped or a log could not be followed: from where to where, how many.
        LOG_GAP = "log.gap";
        /// A log says or does what it never did: a new template, a rate, silence, a new value.
        LOG_ANOMALY = "log.anomaly";
        /// Lines that filters left out, since when and how many.
        LOG_FILTERED = "log.filtered";
        /// Lines that stayed on the machine and were asked for are all sent, or as many as there are.
        LOG_ANSWERED = "log.answered";
        /// State of one antivirus product, or that there is none.
        ANTIVIRUS_STATUS = "antivirus.status";
        /// An antivirus product found malware.
        ANTIVIRUS_DETECTION = "antivirus.detection";
        /// Whether real-time protection caught the test file the agent wrote.
        ANTIVIRUS_SELFTEST = "antivirus.selftest";
        /// One listening socket, in the full state sent at start and daily.
        PORT_LISTENING = "port.listening";
        /// A program began to listen.
        PORT_OPENED = "port.opened";
        /// A program stopped listening.
        PORT_CLOSED = "port.closed";
        /// What the host is: system, hardware, interfaces, disks.
        HOST_INVENTORY = "host.inventory";
        /// The host is alive; load, memory, disks, clock, and what the agent itself uses.
        HOST_HEARTBEAT = "host.heartbeat";
        /// The agent's process began.
        AGENT_STARTED = "agent.started";
        /// The agent ends or the machine goes to sleep, by somebody's wish.
        AGENT_STOPPED = "agent.stopped";
        /// Made by the collector: an agent was not heard from and had not said goodbye.
        AGENT_SILENT = "agent.silent";
        /// Made by the collector: two machines were alive under one identity.
        AGENT_CLONED = "agent.cloned";
        /// A sensor failed and will be tried again; the others go on.
        AGENT_SENSOR_FAILED = "agent.sensor_failed";
        /// A configuration from the collector was applied, refused or rolled back.
        AGENT_CONFIGURATION = "agent.configuration";
        /// A sensor was switched off, or on again, for the agent to stay within its own caps.
        AGENT_SHED = "agent.shed";
        /// A machine on the network of this host: who it is and when it was seen.
        NETWORK_NEIGHBOUR = "network.neighbour";
        /// Somebody looks for open ports of this host, or for machines on its network.
        NETWORK_SCAN = "network.scan";
        /// Two machines claim one address, or the gateway has become another machine.
        NETWORK_ARP_CONFLICT = "network.arp_conflict";
        /// A second server gives addresses (DHCP).
        NETWORK_DHCP_CONFLICT = "network.dhcp_conflict";
        /// A router of IPv6 offers itself that was not there before.
        NETWORK_ROUTER_CONFLICT = "network.router_conflict";
        /// So much came from the network that part of it was not looked at.
        NETWORK_FLOOD = "network.flood";
        /// Made by the collector: an event was too much for a rule, which is not asked any more.
        RULE_PARKED = "rule.parked";
        /// Made by the collector: a port with what operators approved and how rare it is.
        PORT_JUDGED = "port.judged";
        /// Connections of a program to one destination in the last minutes.
        CONNECTION_OUTBOUND = "connection.outbound";
        /// Made by the collector: what a correlation remembered of an agency had to be given up.
        RULE_EVICTED = "rule.evicted";
        /// Made by the collector: an exception of rules ends within a week.
        EXCEPTION_EXPIRING = "exception.expiring";
        /// Made by the collector: a file of the archive, or an event, cannot be read or written.
        ARCHIVE_DAMAGED = "archive.damaged";
        /// Made by the collector: by its trend the disk will be full in so many days.
        ARCHIVE_DISK = "archive.disk";
    }
}

/// Sigma's logsource: which rules look at an event.
/// Source: Sigma specification 2.1, section "Log source".
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Logsource {
    /// `linux`, `windows`, `apache`, `soc` for our own kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// `process_creation`, `webserver`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `sshd`, `sudo`, `antivirus`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Logsource {
    /// Product and service, the most common form.
    pub fn service(product: &str, service: &str) -> Self {
        Self { product: Some(product.into()), category: None, service: Some(service.into()) }
    }
}

/// One observation.
///
/// As a line of JSON (the name of the sender and the sequence are in the [`crate::Envelope`]):
/// `{"time":"2026-11-22T10:16:42.123456Z","kind":"log","logsource":{"product":"linux","service":
/// "sshd"},"fields":{"source.ip":"192.0.2.7"},"raw":"Nov 22 …"}`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// When it happened, by the clock of the machine that observed it.
    pub time: Timestamp,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Which rules look at it.
    pub logsource: Logsource,
    /// What is known about it.
    pub fields: Fields,
    /// The line as it stood in the log, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Keys that a later version wrote and this one does not know; kept and passed on.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// An event of one of our own kinds: `product: soc`, `service` the family of the kind.
    pub fn own(time: Timestamp, kind: Kind) -> Self {
        let logsource = Logsource::service("soc", kind.family());
        Self::new(time, kind, logsource)
    }

    /// An event with no fields yet.
    pub fn new(time: Timestamp, kind: Kind, logsource: Logsource) -> Self {
        let unknown = serde_json::Map::new();
        Self { time, kind, logsource, fields: Fields::new(), raw: None, unknown }
    }

    /// The same with one more field.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The text of a field, where it is there and is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_text)
    }
}
