use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an alert turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// An attack, or a breach of the rules.
    TruePositive,
    /// What the rule says did not happen.
    FalsePositive,
    /// It happened, and is allowed.
    Benign,
}

impl Verdict {
    /// All.
    pub const ALL: [Self; 3] = [Self::TruePositive, Self::FalsePositive, Self::Benign];

    /// The word used everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::FalsePositive => "false_positive",
            Self::Benign => "benign",
        }
    }

    /// The verdict of a word that [`Self::as_str`] gave.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }

    /// Whether the alert still says something about the risk of whom it is about.
    pub(super) fn is_risk(self) -> bool {
        self == Self::TruePositive
    }
}
