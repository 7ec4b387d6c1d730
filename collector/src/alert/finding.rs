use sha2::{Digest, Sha256};
use soc_event::{AgentId, EventId, Timestamp};

use super::{CorrelationView, EventView, PredicateView};

/// How bad it is, as the rule says.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Informational,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Drop everything else.
    Critical,
}

impl Level {
    /// All, mildest first.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word of Sigma, also a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level of a word that [`Self::as_str`] gave.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    pub(crate) fn index(self) -> i64 {
        Self::ALL.iter().zip(0..).find(|(level, _)| **level == self).map_or(0, |(_, index)| index)
    }

    pub(crate) fn from_index(index: i64) -> Self {
        let place = usize::try_from(index).unwrap_or_default();
        Self::ALL.get(place).copied().unwrap_or(Self::Critical)
    }
}

/// A sentence in the languages it is known in.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Text {
    /// English.
    pub en: String,
    /// Vietnamese.
    pub vi: Option<String>,
}

/// What to do first, in the languages it is known in.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Steps {
    /// English.
    pub en: Vec<String>,
    /// Vietnamese.
    pub vi: Vec<String>,
}

/// What the rule said when it fired.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Said {
    /// What happened.
    pub title: Text,
    /// Why it matters.
    pub description: Text,
    /// What to do first.
    pub steps: Steps,
    /// ATT&CK and other tags: `attack.t1110`.
    pub tags: Vec<String>,
}

/// Which agency, as it was called when the alert was raised.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct AgencyRef {
    /// Its number; 0 when the machine belongs to none.
    pub id: i64,
    /// Its code: `LOCAL`.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// One match of one rule that wants an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: String,
    /// How bad.
    pub level: Level,
    /// What the rule says about it.
    pub said: Said,
    /// On which machine.
    pub agent: AgentId,
    /// What that machine is called.
    pub hostname: String,
    /// Whose machine it is.
    pub agency: AgencyRef,
    /// Fields and values that tell this finding from others of the same rule on the same machine.
    pub group: Vec<(String, String)>,
    /// What matched.
    pub predicates: Vec<PredicateView>,
    /// How many events and when, if it took several.
    pub correlation: Option<CorrelationView>,
    /// The event that made the rule fire.
    pub event_id: EventId,
    /// The same as it is shown.
    pub event: EventView,
    /// Where in the journal the events are.
    pub positions: Vec<u64>,
    /// When it happened, never after it was received.
    pub at: Timestamp,
    /// When the event was received.
    pub received: Timestamp,
    /// Whether the event came long after it happened.
    pub late: bool,
}

impl Finding {
    /// What repeats of the same thing have in common.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.rule, self.agent, &self.group)
    }

    /// The id of the alert this finding makes, if it makes one.
    pub fn alert_id(&self, fingerprint: &str) -> String {
        let event = self.event_id.to_string();
        digest([self.rule.as_str(), fingerprint, &event].into_iter())
    }
}

/// Hash of rule, machine and the values grouped by, as 32 hex digits.
pub fn fingerprint(rule: &str, agent: AgentId, group: &[(String, String)]) -> String {
    let agent = agent.to_string();
    let group = group.iter().flat_map(|(field, value)| [field.as_str(), value.as_str()]);
    digest([rule, &agent].into_iter().chain(group))
}

/// | bytes | what |
/// |---|---|
/// | 8 | length of the first text, little endian |
/// | n | the first text |
/// | … | the others likewise |
///
/// SHA-256 over this, its first 16 bytes in hex.
fn digest<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    crate::hex(hash.finalize().get(..16).unwrap_or_default())
}
