use std::fmt;

use serde::{Deserialize, Serialize};

/// Something wrong in a rule file, placed as exactly as possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as the caller named it.
    pub path: String,
    /// From 1.
    pub line: Option<u32>,
    /// From 1, in characters.
    pub column: Option<u32>,
    /// Id or title of the rule, when it could be read.
    pub rule: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the rule works all the same.
    pub severity: Severity,
}

/// What a problem does to its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The rule is disabled.
    Error,
    /// The rule works; something about it should be looked at.
    Warning,
}

impl fmt::Display for Problem {
    /// `rules/x.yml:12:7: error: unknown modifier 'contain' (hint: did you mean 'contains'?)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

/// A problem before it is known where it stands: the keys that lead to it in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub what: String,
    pub hint: Option<String>,
    pub at: Vec<String>,
    /// Characters into the value of the last key, where that is known.
    pub offset: Option<u32>,
}

impl Fault {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, at: Vec::new(), offset: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn at<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.at = keys.into_iter().map(Into::into).collect();
        self
    }
}
