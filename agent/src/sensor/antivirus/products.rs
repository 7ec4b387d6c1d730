use serde::Deserialize;

use super::processes::Processes;
use super::status::{Facts, Realtime};
use crate::sensor::Root;

/// Folders in which systemd looks for units.
const UNIT_FOLDERS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// How a product is recognised.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    name: String,
    vendor: String,
    paths: Vec<String>,
    units: Vec<String>,
    processes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    product: Vec<Product>,
}

/// The products of `products.toml`; a test makes sure that it can be read.
fn known() -> Vec<Product> {
    let table: Result<Table, _> = toml::from_str(include_str!("products.toml"));
    table.map(|table| table.product).unwrap_or_default()
}

/// Products that are installed or run.
pub(super) fn read(root: &Root, processes: &Processes) -> Vec<Facts> {
    known().into_iter().filter_map(|product| product.facts(root, processes)).collect()
}

impl Product {
    fn facts(self, root: &Root, processes: &Processes) -> Option<Facts> {
        let mut sources = Vec::new();
        for path in self.paths.iter().filter(|path| root.path(path).exists()) {
            sources.push(format!("file {path}"));
        }
        for unit in &self.units {
            let mut paths = UNIT_FOLDERS.iter().map(|folder| format!("{folder}/{unit}"));
            sources.extend(
                paths.find(|path| root.path(path).is_file()).map(|path| format!("file {path}")),
            );
        }
        let mut running = self.processes.iter().filter(|name| processes.runs(name) == Some(true));
        let process = running.next();
        sources.extend(process.map(|name| format!("process {name}")));
        if sources.is_empty() {
            return None;
        }
        Some(Facts {
            product: self.name,
            vendor: Some(self.vendor),
            engine_version: None,
            engine_running: if process.is_some() {
                Some(true)
            } else {
                processes.are_known().then_some(false)
            },
            signatures_version: None,
            signatures_time: None,
            signatures_guessed: false,
            realtime: Realtime::Unknown,
            updater_running: None,
            is_known: false,
            sources,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_products_names_paths_units_and_processes_of_each() {
        let table: Table = toml::from_str(include_str!("products.toml")).unwrap();
        assert_eq!(table.product.len(), 8);
        for product in table.product {
            assert!(product.paths.iter().all(|path| path.starts_with('/')), "{}", product.name);
            assert!(!product.paths.is_empty() && !product.units.is_empty(), "{}", product.name);
            assert!(!product.processes.is_empty(), "{}", product.name);
        }
    }
}
