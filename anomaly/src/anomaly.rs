use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TemplateId;
use crate::template::key;

/// What is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A line that says something no line said before.
    NewTemplate,
    /// A template that was not seen for long, and longer than ever before.
    ReturnedTemplate,
    /// More lines than this hour of the week ever had.
    RateSpike,
    /// Fewer lines than this hour of the week ever had.
    RateDrop,
    /// No line at all from a log that always has some at this time.
    SourceSilent,
    /// A user, network, program or pair of programs never seen before.
    FirstSeen,
    /// More failures within minutes than there are in hours otherwise.
    FailureBurst,
}

impl Kind {
    /// `new_template`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewTemplate => "new_template",
            Self::ReturnedTemplate => "returned_template",
            Self::RateSpike => "rate_spike",
            Self::RateDrop => "rate_drop",
            Self::SourceSilent => "source_silent",
            Self::FirstSeen => "first_seen",
            Self::FailureBurst => "failure_burst",
        }
    }
}

/// What is judged: a kind, a source, and a template or value. The same on every machine and in every
/// run, so that an operator can say once that it is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnomalyId(pub u64);

impl AnomalyId {
    pub(crate) fn new(kind: Kind, source: &str, of: &str) -> Self {
        Self(key::hash(format!("{}\0{source}\0{of}", kind.as_str()).as_bytes()))
    }

    /// From 16 hexadecimal digits, as [`fmt::Display`] writes them.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for AnomalyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One anomaly, complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// What is unusual.
    pub kind: Kind,
    /// What is judged.
    pub id: AnomalyId,
    /// Which log.
    pub source: String,
    /// What was expected, in figures: `12 lines/h, at most 20`.
    pub expected: String,
    /// What was seen, in figures: `110 lines/h`.
    pub seen: String,
    /// How far from normal, 0 to 1. Of templates and values: the chance that a day passes without a
    /// new one. Of rates: how much of what was seen (spikes, bursts) or of what is normal (drops,
    /// silence) is beyond the most extreme hour that was learned.
    pub score: f64,
    /// Lines that show it, at most [`crate::limits::SAMPLES_MAX`].
    pub samples: Vec<String>,
    /// The template it is about, and its text.
    pub template: Option<(TemplateId, String)>,
    /// The field and the value it is about; of a new template the program, where that is new, too.
    pub value: Option<(Field, String)>,
}

/// What is seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// An administrator from a network he or she never came from: `root@192.0.2.0/24`.
    AdministratorNetwork,
    /// A user who got in: `lan`.
    User,
    /// A network from which somebody got in: `192.0.2.0/24`, `2001:db8:1::/48`.
    Network,
    /// A program that started another: `nginx>sh`.
    Pair,
    /// A program that writes to the log: `sshd`.
    Program,
}

impl Field {
    /// All, the one that says most first.
    pub const ALL: [Self; 5] =
        [Self::AdministratorNetwork, Self::User, Self::Network, Self::Pair, Self::Program];

    /// `user.name`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdministratorNetwork => "administrator.network",
            Self::User => "user.name",
            Self::Network => "source.network",
            Self::Pair => "process.pair",
            Self::Program => "process.name",
        }
    }
}
