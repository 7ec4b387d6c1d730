//! State as rows, so that a crash changes nothing.
//!
//! ```text
//! key                                        row
//! <fingerprint>/["scope","value",…]          touched (number), who began it (text), the group
//! host/["scope","host"]                      clock: newest (signed), behind, newest behind (signed)
//! ```
//! Numbers, texts and groups as in `code.rs`. With `scope: host` the first value is the host.

use std::collections::HashMap;

use super::code::{Reader, write_number, write_signed, write_text};
use super::group::Group;
use super::held::Opened;
use super::host::Clock;
use super::signal::Key;
use super::{Correlation, Correlator};

/// A row of a group that was read.
struct Row {
    number: usize,
    scope: String,
    key: Key,
    touched: u64,
    host: String,
    group: Group,
}

impl Correlator {
    /// Rows of state that changed since the last call: key and bytes, `None` for a deleted row.
    /// Write them together with what was fired.
    pub fn take_changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut rows: Vec<(String, Option<Vec<u8>>)> =
            std::mem::take(&mut self.stale).into_iter().map(|row| (row, None)).collect();
        for (name, scope) in &mut self.scopes {
            for host in scope.hosts.iter_mut().filter(|host| host.changed) {
                (host.changed, host.written) = (false, true);
                rows.push((host_row(name, &host.name), Some(write_clock(host.clock))));
            }
            let hosts = &scope.hosts;
            for (number, table) in &mut scope.tables {
                let Some(correlation) = self.ruleset.correlations().get(*number) else { continue };
                table.take_changed(|slot| {
                    let mut bytes = Vec::new();
                    write_number(&mut bytes, slot.touched);
                    write_text(&mut bytes, hosts.name(slot.host));
                    slot.held.write(&mut bytes);
                    rows.push((row(correlation, name, &slot.key), Some(bytes)));
                });
            }
            scope.tables.retain(|_, table| !table.is_empty());
        }
        rows
    }

    /// Restores rows written before. Rows of rules that are gone or changed are ignored, and told
    /// as deleted by the next [`Correlator::take_changes`].
    pub fn restore(&mut self, rows: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let ruleset = self.ruleset.clone();
        let known = ruleset.correlations().iter().enumerate();
        let numbers: HashMap<&str, usize> =
            known.map(|(number, correlation)| (&*correlation.fingerprint, number)).collect();
        let mut groups = Vec::new();
        for (key, bytes) in rows {
            match read_row(&key, &bytes, &numbers) {
                Some(row) => groups.push(row),
                None if self.restore_host(&key, &bytes).is_some() => {}
                None => {
                    self.stale.insert(key);
                }
            }
        }
        // In the order they changed, which is the order they are given up in.
        groups.sort_by_key(|row| row.touched);
        for row in groups {
            if let Some(correlation) = ruleset.correlations().get(row.number) {
                self.restore_group(correlation, row);
            }
        }
    }

    fn restore_group(&mut self, correlation: &Correlation, row: Row) {
        let Row { number, scope: name, key, touched, host, group } = row;
        let arrived = group.entries.iter().map(|entry| entry.arrived).max().unwrap_or(0);
        self.changes = self.changes.max(touched).max(arrived);
        let scope = self.scopes.entry(name.into_boxed_str()).or_default();
        if scope.tables.get(&number).is_some_and(|table| table.find(&key).is_some()) {
            return;
        }
        let before = scope.bytes_of(number);
        let host = scope.hosts.number(&host);
        let slot = scope.begin(number, key, host);
        scope.expect(number, correlation, slot, &group);
        if let Some(table) = scope.tables.get_mut(&number) {
            table.close(slot, Box::new(Opened::of(correlation, group)), touched);
            table.restored(slot);
        }
        let grown = scope.bytes_of(number) - before;
        scope.bytes += grown;
        self.bytes += grown;
    }

    fn restore_host(&mut self, key: &str, bytes: &[u8]) -> Option<()> {
        let [scope, host]: [String; 2] = serde_json::from_str(key.strip_prefix("host/")?).ok()?;
        let mut reader = Reader(bytes);
        let newest_us = reader.signed()?;
        let (behind, newest_behind_us) = (reader.number()?, reader.signed()?);
        let scope = self.scopes.entry(scope.into_boxed_str()).or_default();
        let host = scope.hosts.number(&host);
        let host = scope.hosts.get_mut(host)?;
        (host.clock, host.written) = (Clock { newest_us, behind, newest_behind_us }, true);
        Some(())
    }
}

fn write_clock(clock: Clock) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_signed(&mut bytes, clock.newest_us);
    write_number(&mut bytes, clock.behind);
    write_signed(&mut bytes, clock.newest_behind_us);
    bytes
}

pub(super) fn row(correlation: &Correlation, scope: &str, key: &Key) -> String {
    let mut parts = vec![scope];
    parts.extend(key.values());
    let parts = serde_json::to_string(&parts).unwrap_or_default();
    format!("{}/{parts}", correlation.fingerprint)
}

pub(super) fn host_row(scope: &str, host: &str) -> String {
    format!("host/{}", serde_json::to_string(&[scope, host]).unwrap_or_default())
}

fn read_row(row: &str, bytes: &[u8], numbers: &HashMap<&str, usize>) -> Option<Row> {
    let (fingerprint, parts) = row.split_once('/')?;
    let number = *numbers.get(fingerprint)?;
    let parts: Vec<String> = serde_json::from_str(parts).ok()?;
    let (scope, values) = parts.split_first()?;
    let mut reader = Reader(bytes);
    let touched = reader.number()?;
    let host = reader.text()?.to_owned();
    let group = reader.group()?;
    Some(Row { number, scope: scope.clone(), key: Key::of(values), touched, host, group })
}
