//! Changes of the tree: what is asked for, and what is told of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A change of the tree of agencies. Agencies are named by their codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Change {
    /// A new agency.
    Add {
        /// Short and unique for all time.
        code: String,
        /// What it is called.
        name: String,
        /// Below which; at the top without.
        parent: Option<String>,
    },
    /// Another code or name.
    Rename {
        /// Which.
        agency: String,
        /// The code from now on.
        code: String,
        /// The name from now on.
        name: String,
    },
    /// Below another agency; what is below it goes with it.
    Move {
        /// Which.
        agency: String,
        /// Below which; at the top without.
        parent: Option<String>,
    },
    /// It ends. What it had, and what is below it, goes to its successor.
    Dissolve {
        /// Which.
        agency: String,
        /// Who takes over; the agency above it where nothing is said.
        successor: Option<String>,
    },
    /// They end, and another one, new or not, takes over all they had.
    Merge {
        /// Which.
        agencies: Vec<String>,
        /// Into which; it may be one of them, which then goes on.
        into: Target,
    },
    /// It ends, and several take over.
    Split {
        /// Which.
        agency: String,
        /// Who gets what; the first gets the rest.
        parts: Vec<Part>,
    },
}

/// An agency that takes over: one that is there or, with a name, a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its code.
    pub code: String,
    /// Of a new one: what it is called.
    pub name: Option<String>,
    /// Of a new one: below which; where those that end were, if nothing is said.
    pub parent: Option<String>,
}

/// What one of several successors gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Part {
    /// Who.
    pub into: Target,
    /// These machines.
    #[serde(default)]
    pub machines: Vec<String>,
    /// These of the agencies below.
    #[serde(default)]
    pub agencies: Vec<String>,
}

/// A change, since when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What.
    pub change: Change,
    /// Since which day, `2025-07-01`; today if nothing is said. Machines move now, whatever the day:
    /// what they have sent stays where it is.
    pub day: Option<String>,
    /// Number of the decision.
    #[serde(default)]
    pub decision: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Versions of agencies, by code, that whoever asks has seen: refused when one has changed since.
    #[serde(default)]
    pub versions: BTreeMap<String, i64>,
}

/// What a change did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outcome {
    /// Agencies it is about.
    pub agencies: Vec<OutcomeRow>,
    /// Machines that have another agency afterwards.
    pub machines: i64,
    /// Tokens that enrol to another agency afterwards.
    pub tokens: i64,
    /// Information systems with another owner or operator.
    pub systems: i64,
    /// Agencies whose events are kept longer from now on, or as long as before by a setting of their
    /// own.
    pub kept: Vec<String>,
    /// Agencies that got settings of agents from above, so that none is lost.
    pub configured: Vec<String>,
}

/// What becomes of one agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutcomeRow {
    /// `added`, `renamed`, `moved`, `ended`
    pub what: String,
    /// Its code before, or of a new one.
    pub code: String,
    /// Its name before, or of a new one.
    pub name: String,
    /// Code of the agency above it, or of its first successor, afterwards.
    pub to: Option<String>,
    /// Its machines.
    pub machines: i64,
}

impl Change {
    /// The word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Rename { .. } => "rename",
            Self::Move { .. } => "move",
            Self::Dissolve { .. } => "dissolve",
            Self::Merge { .. } => "merge",
            Self::Split { .. } => "split",
        }
    }
}
