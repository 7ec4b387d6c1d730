//! What this machine's file and the collector's configuration come to together. Pure, but for
//! reading the file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use soc_event::{Layer, limits};
use toml::{Table, Value};

use super::{Config, Error, Mistake, OWN, Own, out_of_range, paths};
use crate::sensor;
use crate::size::Bytes;

/// This machine's own file: its settings, and the tables they were written as.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Local {
    /// The settings.
    pub config: Config,
    table: Table,
}

/// What the agent runs with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// The settings of all rooms.
    pub config: Config,
    /// What was written, table by table; a sensor is started again when its table has changed.
    pub tables: Table,
    /// Who wrote a table last: `collector, agency SO-TTTT`. A table nobody wrote is the default.
    pub by: BTreeMap<String, String>,
}

/// What the collector may say about the agent itself, and never more than the file says.
const UPLINK: [&str; 3] = ["bytes_per_day", "logs_between", "backlog_bytes_per_second"];
const SELF: [&str; 2] = ["memory_max", "cpu_max_pct"];
/// Below 768 MiB of memory a machine is small.
const SMALL_MACHINE: u64 = 768 << 20;
/// Who wrote a table that only the file has.
const BY_FILE: &str = "this machine's file";

impl Local {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error`] with all that is wrong.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let unreadable = |source| Error::Unreadable { path: shown.clone(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|mistakes| Error::Mistakes { path: shown, mistakes })
    }

    /// Reads the text of this machine's file.
    ///
    /// # Errors
    /// All mistakes, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let config = Config::parse(text)?;
        let not_read = |error: toml::de::Error| vec![Mistake::of(text, &error)];
        Ok(Self { config, table: text.parse().map_err(not_read)? })
    }

    /// Whether the file says something about a setting, so that a default must not be changed.
    pub fn says(&self, table: &str, key: &str) -> bool {
        self.table.get(table).and_then(Value::as_table).is_some_and(|table| table.contains_key(key))
    }

    /// Makes the defaults smaller on a small machine; what the file says stays.
    pub fn fit_to(&mut self, memory: Option<u64>) {
        if memory.is_none_or(|memory| memory >= SMALL_MACHINE) {
            return;
        }
        let mut smaller = |table: &str, key: &str, value: Bytes, set: fn(&mut Config, Bytes)| {
            if !self.says(table, key) {
                set(&mut self.config, value);
                let table = self.table.entry(table).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(table) = table {
                    table.insert(key.to_owned(), Value::String(value.to_string()));
                }
            }
        };
        smaller("spool", "bytes_max", Bytes::mebi(64), |config, value| {
            config.spool.bytes_max = value;
        });
        smaller("uplink", "batch_bytes", Bytes::kibi(64), |config, value| {
            config.uplink.batch_bytes = value;
        });
        smaller("self", "memory_max", Bytes::mebi(24), |config, value| {
            config.own.memory_max = value;
        });
    }

    /// What the file alone comes to.
    pub fn alone(&self) -> Effective {
        let (config, tables) = (self.config.clone(), self.table.clone());
        let by = tables.keys().map(|name| (name.clone(), BY_FILE.to_owned())).collect();
        Effective { config, tables, by }
    }

    /// The file with the collector's layers over it, the widest first.
    ///
    /// # Errors
    /// Everything in them that is wrong or not allowed, as sentences; then none of it is used.
    pub fn with(&self, layers: &[Layer]) -> Result<Effective, Vec<String>> {
        let bytes: usize = layers.iter().map(|layer| layer.text.len()).sum();
        if bytes > limits::CONFIGURATION_BYTES_MAX {
            return Err(vec![format!("larger than {} bytes", limits::CONFIGURATION_BYTES_MAX)]);
        }
        if layers.len() > limits::CONFIGURATION_LAYERS_MAX {
            return Err(vec![format!("more than {} layers", limits::CONFIGURATION_LAYERS_MAX)]);
        }
        let mut effective = self.alone();
        let mut wrong = Vec::new();
        for layer in layers {
            match self.checked(layer) {
                Ok(table) => effective.lay_over(layer, table),
                Err(mistakes) => {
                    let said = |what| format!("{}: {what}", layer.scope);
                    wrong.extend(mistakes.into_iter().map(said));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        effective.config = self.settings(&effective.tables)?;
        Ok(effective)
    }

    /// A layer's table, if it says only what a collector may say.
    fn checked(&self, layer: &Layer) -> Result<Table, Vec<String>> {
        Config::parse(&layer.text)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let table: Table = layer
            .text
            .parse()
            .map_err(|error: toml::de::Error| vec![error.message().to_owned()])?;
        let mut wrong: Vec<String> = table.iter().flat_map(not_its_business).collect();
        wrong.extend(paths::not_allowed(&table, &self.table, &self.config.remote.logs));
        if wrong.is_empty() { Ok(table) } else { Err(wrong) }
    }

    fn settings(&self, tables: &Table) -> Result<Config, Vec<String>> {
        let is_own = |name: &String| OWN.contains(&name.as_str());
        let (own, sensors): (Table, Table) =
            tables.clone().into_iter().partition(|(name, _)| is_own(name));
        let said = |error: toml::de::Error| vec![error.message().replace('\n', " ")];
        let own = Own::deserialize(own).map_err(said)?;
        let sensor = sensor::Config::deserialize(sensors).map_err(said)?;
        let mut wrong = out_of_range(&own, &sensor);
        let config = Config::of(own, sensor);
        wrong.extend(self.raised(&config));
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }

    /// What of the machine the collector wants more of than the file gives.
    fn raised(&self, config: &Config) -> Vec<String> {
        let (ours, theirs) = (&self.config, config);
        let raised = |name: &str, is: bool| {
            is.then(|| format!("{name} is more than this machine's file allows"))
        };
        // No budget is more than any.
        let more = |theirs: Option<u64>, ours: Option<u64>| {
            ours.is_some_and(|ours| theirs.is_none_or(|theirs| theirs > ours))
        };
        let per_day = |config: &Config| config.uplink.bytes_per_day.map(Bytes::get);
        [
            raised("self.memory_max", theirs.own.memory_max > ours.own.memory_max),
            raised("self.cpu_max_pct", theirs.own.cpu_max_pct > ours.own.cpu_max_pct),
            raised("uplink.bytes_per_day", more(per_day(theirs), per_day(ours))),
            raised(
                "uplink.backlog_bytes_per_second",
                theirs.uplink.backlog_bytes_per_second > ours.uplink.backlog_bytes_per_second,
            ),
            (ours.uplink.logs_between.is_some()
                && ours.uplink.logs_between != theirs.uplink.logs_between)
                .then(|| "uplink.logs_between is set by this machine's file".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Effective {
    fn lay_over(&mut self, layer: &Layer, table: Table) {
        for name in table.keys() {
            self.by.insert(name.clone(), format!("collector, {}", layer.scope));
        }
        merge(&mut self.tables, table);
    }

    /// Who decided about a sensor.
    pub fn by(&self, sensor: &str) -> &str {
        self.by.get(sensor).map_or("default", String::as_str)
    }
}

/// What stands in a table the collector has no say in.
fn not_its_business((name, value): (&String, &Value)) -> Vec<String> {
    let allowed: &[&str] = match name.as_str() {
        "uplink" => &UPLINK,
        "self" => &SELF,
        name if OWN.contains(&name) => &[],
        // A sensor's.
        _ => return Vec::new(),
    };
    let keys = value.as_table().into_iter().flat_map(Table::keys);
    let others = keys.filter(|key| !allowed.contains(&key.as_str()));
    let others: Vec<String> =
        others.map(|key| format!("{name}.{key} is set on the machine itself only")).collect();
    match allowed.is_empty() && others.is_empty() {
        true => vec![format!("{name} is set on the machine itself only")],
        false => others,
    }
}

/// Lays `over` over `under`: tables key by key, everything else whole.
fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
