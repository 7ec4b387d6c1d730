use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What is known about a rule besides how it matches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// The rule's own id; one made from title and path when it has none.
    pub id: String,
    /// The short name other rules may refer to it by.
    pub name: Option<String>,
    /// One line for a list.
    pub title: Text,
    /// What it means when the rule fires.
    pub description: Text,
    /// First steps of handling.
    pub steps: Steps,
    /// How bad it is.
    pub level: Level,
    /// ATT&CK and others: `attack.t1110`.
    pub tags: Vec<String>,
    /// The file it was read from.
    pub path: String,
    /// The line its document starts at.
    pub line: u32,
    /// The document as written.
    #[serde(skip)]
    pub source: Arc<str>,
    /// Which events it looks at; `None` for correlations.
    pub logsource: Option<Logsource>,
    /// Fields, besides the host, whose equal values make repeats one alert.
    pub group_by: Vec<String>,
    /// Whether it looks at matches of other rules rather than at events.
    pub is_correlation: bool,
    /// Whose events a correlation looks at together.
    pub scope: Scope,
    /// False for a rule that only serves correlations.
    pub alerts: bool,
    /// Where to read more.
    pub references: Vec<String>,
    /// What may look the same and be harmless.
    pub false_positives: Vec<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// `stable`, `test`, `experimental`, …
    pub status: Option<String>,
}

/// Where events come from, as far as a rule cares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logsource {
    /// `linux`, `windows`, `soc` for our own kinds.
    pub product: Option<String>,
    /// `process_creation`, `webserver`.
    pub category: Option<String>,
    /// `sshd`, `sudo`.
    pub service: Option<String>,
}

/// A text in the languages of the interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English, or whatever language the rule's author wrote in.
    pub en: String,
    /// Vietnamese.
    pub vi: Option<String>,
}

/// First steps of handling, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steps {
    /// English.
    pub en: Vec<String>,
    /// Vietnamese.
    pub vi: Vec<String>,
}

/// How bad it is when a rule fires.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Context for other findings.
    Informational,
    /// Worth a look when there is time.
    Low,
    /// To be looked at; also the level of a rule that names none.
    #[default]
    Medium,
    /// To be looked at today.
    High,
    /// To be looked at now.
    Critical,
}

/// Whose events a correlation looks at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Those of all machines of an agency: groups are made by `group-by` alone, as in Sigma.
    #[default]
    Agency,
    /// Those of one machine.
    Host,
}

/// The block `soc:` of a rule: what this project adds to Sigma.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Extension {
    pub title: Translation,
    pub description: Translation,
    pub steps: Steps,
    pub group_by: Vec<String>,
    pub scope: Scope,
    /// Overrides what `generate` of the correlations above it says.
    pub alerts: Option<bool>,
}

/// The languages a rule's own title is not written in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Translation {
    pub vi: Option<String>,
}
