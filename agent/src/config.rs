//! The configuration file, and nothing else that reads settings.
//!
//! One TOML file of the rooms' own `Config`s; everything has a default, so no file is needed.
//! Unknown keys are errors. All mistakes are reported together, each with its line, and nothing is
//! started. The tables `spool`, `ring`, `uplink`, `metrics`, `self` and `remote` are the agent's; every
//! sensor has a table of its own beside them.
//!
//! What the collector sends is laid over it by [`Local::with`], a pure function: it can choose among
//! the sensors and among the logs this file allows, and make the agent's share of the machine
//! smaller, and nothing else, whatever it sends.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, ValueDeserializer};

use crate::{caps, metrics, remote, ring, sensor, spool, uplink};

mod effective;
mod paths;
mod tree;

pub use effective::{Effective, Local};

/// The settings of all rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[spool]`
    pub spool: spool::Config,
    /// `[ring]`
    pub ring: ring::Config,
    /// `[uplink]`
    pub uplink: uplink::Config,
    /// `[metrics]`
    pub metrics: metrics::Config,
    /// `[self]`
    pub own: caps::Config,
    /// `[remote]`
    pub remote: remote::Config,
    /// `[antivirus]`, `[port]`, … one table a sensor.
    pub sensor: sensor::Config,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// In which line, from 1, where that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file was named but cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Everything that is wrong in it.
    #[error("{}", list(path, mistakes))]
    Mistakes {
        /// Which file.
        path: String,
        /// At least one.
        mistakes: Vec<Mistake>,
    },
}

/// What this file's own tables hold; the rest is the sensors'.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Own {
    spool: spool::Config,
    ring: ring::Config,
    uplink: uplink::Config,
    metrics: metrics::Config,
    #[serde(rename = "self")]
    own: caps::Config,
    remote: remote::Config,
}

const OWN: [&str; 6] = ["spool", "ring", "uplink", "metrics", "self", "remote"];

impl Config {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// All mistakes, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let (root, errors) = DeTable::parse_recoverable(text);
        mistakes.extend(errors.iter().map(|error| Mistake::of(text, error)));
        let (own, sensors) = tree::split(root.get_ref(), &OWN);
        let own: Own = lenient(text, own, &mut mistakes);
        let sensor: sensor::Config = lenient(text, sensors, &mut mistakes);
        let in_range = out_of_range(&own, &sensor).into_iter().map(|what| {
            let line = tree::find(root.get_ref(), &what).map(|at| line_of(text, at));
            Mistake { line, what }
        });
        mistakes.extend(in_range);
        if !mistakes.is_empty() {
            mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
            return Err(mistakes);
        }
        Ok(Self::of(own, sensor))
    }

    fn of(own: Own, sensor: sensor::Config) -> Self {
        let Own { spool, ring, uplink, metrics, own, remote } = own;
        Self { spool, ring, uplink, metrics, own, remote, sensor }
    }
}

/// Everything that is out of range, each as one sentence with the name of the setting.
fn out_of_range(own: &Own, sensor: &sensor::Config) -> Vec<String> {
    let ranges = [
        own.spool.mistakes(),
        own.ring.mistakes(),
        own.uplink.mistakes(),
        own.own.mistakes(),
        own.remote.mistakes(),
        sensor.mistakes(),
    ];
    ranges.into_iter().flatten().collect()
}

/// Reads what can be read: at a mistake the entry it stands in is left out and reading begins
/// again, so that every mistake is found.
fn lenient<T: DeserializeOwned + Default>(
    text: &str,
    mut table: DeTable<'_>,
    mistakes: &mut Vec<Mistake>,
) -> T {
    loop {
        let error = match T::deserialize(ValueDeserializer::from(tree::root(table.clone()))) {
            Ok(value) => return value,
            Err(error) => error,
        };
        mistakes.push(Mistake::of(text, &error));
        let removed = error.span().is_some_and(|span| tree::remove(&mut table, &span));
        if !removed {
            return T::default();
        }
    }
}

impl Mistake {
    fn of(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_of(text, span.start));
        Self { line, what: error.message().replace('\n', " ") }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn list(path: &str, mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|Mistake { line, what }| match line {
            Some(line) => format!("{path}:{line}: {what}"),
            None => format!("{path}: {what}"),
        })
        .collect();
    lines.join("\n")
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

#[cfg(test)]
mod tests;
