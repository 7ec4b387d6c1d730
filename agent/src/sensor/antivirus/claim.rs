use std::fmt;

use serde::Serialize;
use soc_event::Timestamp;

/// A value, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<T> {
    /// What is claimed.
    pub value: T,
    /// Who says so.
    pub origin: Origin,
}

/// Who says something, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `file /etc/clamav/clamd.conf: OnAccessIncludePath`, `process clamonacc`, `socket PATH`.
    pub source: String,
    /// When it was said: the time of the file, or the time of asking.
    pub at: Timestamp,
}

impl Origin {
    /// Something said by this source at this time.
    pub(super) fn new(source: impl Into<String>, at: Timestamp) -> Self {
        Self { source: source.into(), at }
    }

    /// The same source, with what in it was looked at.
    pub(super) fn part(&self, what: impl fmt::Display) -> Self {
        Self { source: format!("{}: {what}", self.source), at: self.at }
    }

    /// A claim of this origin.
    pub(super) fn claims<T>(&self, value: T) -> Claim<T> {
        Claim { value, origin: self.clone() }
    }
}

impl<T> Claim<T> {
    /// The same origin, another value.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Claim<U> {
        Claim { value: change(self.value), origin: self.origin }
    }
}

/// Whether something is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Switch {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "on" => Some(Self::On),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    pub(super) fn of(is_on: bool) -> Self {
        if is_on { Self::On } else { Self::Off }
    }
}

/// Whether a product acts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    Active,
    /// It only watches, or scans when it is told to: another product is to protect.
    Passive,
    /// It is switched off.
    Off,
}

impl Mode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Off => "off",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::Off].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// How fetching new signatures went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Updates {
    /// The last attempt succeeded.
    Working,
    /// Attempts fail, but not for long: a server may be away for an hour.
    Retrying,
    /// Attempts have failed for a day.
    Failing,
}

impl Updates {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Retrying => "retrying",
            Self::Failing => "failing",
        }
    }
}

/// What a scan of the whole machine gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// When it ended.
    pub time: Timestamp,
    /// Whether it found anything.
    pub result: ScanResult,
    /// Files it looked at, where it says so.
    pub files: Option<u64>,
}

/// What a scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanResult {
    /// Nothing.
    Clean,
    /// Malware.
    Infected,
}

impl ScanResult {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Infected => "infected",
        }
    }
}
