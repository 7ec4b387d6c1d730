use std::fmt;

use serde::{Deserialize, Serialize};

/// One enrolled agent. Given by the collector at enrolment and carried by the certificate; never
/// believed from a body alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(uuid::Uuid);

impl AgentId {
    /// The collector itself, as the source of events it makes (`agent.silent`).
    pub const COLLECTOR: Self = Self(uuid::Uuid::nil());

    /// From sixteen random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the sixteen bytes that [`Self::as_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for AgentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("not an agent id: {error}"))
    }
}

/// One life of a spool. A new one begins when a spool is made anew or finds itself on other
/// hardware, so that ids are never given twice. Random, below 2⁵³ (safe in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// From random bits, of which 53 are used.
    pub fn from_random(bits: u64) -> Self {
        Self(bits >> 11)
    }
}

/// Place of an event in its lane, dense from 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The one after.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One start of an agent's process, random. A start that was followed by another and speaks again
/// shows that two machines live under one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl RunId {
    /// From random bits, of which 53 are used (safe in JSON).
    pub fn from_random(bits: u64) -> Self {
        Self(bits >> 11)
    }
}

/// What an event is worth when there is no room for all: the order in which events travel, and the
/// reverse of the order in which they are dropped. Each lane is a sequence of its own, because
/// lanes overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Findings: detections, anomalies, gaps, starts and stops. Dropped last.
    Alert,
    /// What the host is like: inventory, heartbeat, ports, antivirus state.
    State,
    /// Raw logs. Dropped first.
    Log,
}

impl Lane {
    /// All lanes, most important first.
    pub const ALL: [Self; 3] = [Self::Alert, Self::State, Self::Log];

    /// A small number for keys on disk: 0 alert, 1 state, 2 log.
    pub fn index(self) -> u8 {
        match self {
            Self::Alert => 0,
            Self::State => 1,
            Self::Log => 2,
        }
    }

    /// The lane of a small number that [`Self::index`] gave.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The word used on the wire and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::State => "state",
            Self::Log => "log",
        }
    }
}

/// The name of an event in the whole world: who, in which life of the spool, in which lane, as
/// which one. An event is stored once per id, however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId {
    /// Who observed it.
    pub agent: AgentId,
    /// In which life of the spool.
    pub epoch: Epoch,
    /// In which lane.
    pub lane: Lane,
    /// As which one of the lane.
    pub sequence: Sequence,
}

/// `agent/epoch/lane/sequence`, e.g. `6f1c…/42/log/1007`.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent, epoch, lane, sequence } = self;
        write!(f, "{agent}/{}/{}/{}", epoch.0, lane.as_str(), sequence.0)
    }
}
