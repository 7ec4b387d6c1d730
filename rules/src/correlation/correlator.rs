use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::group::{Entry, Group, ids};
use super::table::{Key, Table};
use super::{Correlation, CorrelationLimits, CorrelationMatch, window};
use crate::event::{Event, FieldValue};
use crate::limits;
use crate::ruleset::Ruleset;

/// Looks at matches over time. Owns all window state; see the room's documentation for what it
/// promises.
pub struct Correlator {
    ruleset: Ruleset,
    limits: CorrelationLimits,
    /// By number of rule: the correlations it feeds and as which member.
    fed: HashMap<usize, Vec<(usize, usize)>>,
    tables: Vec<Table>,
    changed: BTreeSet<(usize, String, Key)>,
    /// Rows of rules that are gone.
    stale: BTreeSet<String>,
    /// Changes so far: the clock of eviction.
    changes: u64,
    evicted: u64,
}

/// A match on its way to a group.
struct Signal {
    key: Key,
    entry: Entry,
}

impl Correlator {
    /// With no state yet.
    pub fn new(ruleset: &Ruleset, limits: CorrelationLimits) -> Self {
        let mut fed: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for (number, correlation) in ruleset.correlations().iter().enumerate() {
            for (position, member) in correlation.members.iter().enumerate() {
                fed.entry(member.rule).or_default().push((number, position));
            }
        }
        let tables = ruleset.correlations().iter().map(|_| Table::default()).collect();
        Self {
            ruleset: ruleset.clone(),
            limits,
            fed,
            tables,
            changed: BTreeSet::new(),
            stale: BTreeSet::new(),
            changes: 0,
            evicted: 0,
        }
    }

    /// Takes in one event with what [`Ruleset::matching`] said about it. `host` is who observed it,
    /// any stable text; `id` names the event in the evidence.
    ///
    /// What fires is returned members first; [`crate::Rule::alerts`] tells which of it to show.
    pub fn feed(
        &mut self,
        host: &str,
        id: &str,
        event: &dyn Event,
        matches: &[usize],
    ) -> Vec<CorrelationMatch> {
        let ruleset = self.ruleset.clone();
        let correlations = ruleset.correlations();
        let mut waiting: BTreeMap<usize, Vec<Signal>> = BTreeMap::new();
        for matched in matches {
            for (number, position) in self.fed.get(matched).into_iter().flatten() {
                let correlation = correlations.get(*number);
                let signal = correlation.and_then(|c| signal_of_event(c, *position, id, event));
                if let Some(signal) = signal {
                    waiting.entry(*number).or_default().push(signal);
                }
            }
        }
        let mut fired = Vec::new();
        // Members have smaller numbers than those that refer to them, so each is visited once.
        while let Some((number, signals)) = waiting.pop_first() {
            let Some(correlation) = correlations.get(number) else { continue };
            for signal in signals {
                let Some(found) = self.take_in(number, correlation, host, signal) else { continue };
                for (above, position) in self.fed.get(&found.rule).into_iter().flatten() {
                    let parent = correlations.get(*above);
                    let signal = parent.and_then(|c| signal_of_match(c, *position, id, &found));
                    if let Some(signal) = signal {
                        waiting.entry(*above).or_default().push(signal);
                    }
                }
                fired.push(found);
            }
        }
        fired
    }

    /// Rows of state that changed since the last call: key and bytes, `None` for a deleted row.
    /// Write them together with what was fired.
    pub fn take_changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut rows: Vec<(String, Option<Vec<u8>>)> =
            std::mem::take(&mut self.stale).into_iter().map(|row| (row, None)).collect();
        for (number, host, key) in std::mem::take(&mut self.changed) {
            let Some(correlation) = self.ruleset.correlations().get(number) else { continue };
            let group = self.tables.get(number).and_then(|table| table.get(&host, &key));
            let bytes = group.and_then(|group| serde_json::to_vec(group).ok());
            rows.push((row(correlation, &host, &key), bytes));
        }
        rows
    }

    /// Restores rows written before. Rows of rules that are gone or changed are ignored, and told
    /// as deleted by the next [`Correlator::take_changes`].
    pub fn restore(&mut self, rows: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let known = self.ruleset.correlations().iter().enumerate();
        let numbers: HashMap<String, usize> =
            known.map(|(number, correlation)| (correlation.fingerprint.clone(), number)).collect();
        for (row, bytes) in rows {
            let Some((number, host, key, group)) = read_row(&row, &bytes, &numbers) else {
                self.stale.insert(row);
                continue;
            };
            let newest = group.entries.iter().map(|entry| entry.arrived).max().unwrap_or(0);
            self.changes = self.changes.max(group.touched).max(newest);
            if let Some(table) = self.tables.get_mut(number) {
                table.put(&host, key, group);
            }
        }
    }

    /// How much evidence was given up because a limit was reached: events, and groups.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn take_in(
        &mut self,
        number: usize,
        correlation: &Correlation,
        host: &str,
        signal: Signal,
    ) -> Option<CorrelationMatch> {
        let table = self.tables.get_mut(number)?;
        let Signal { key, mut entry } = signal;
        let mut group = table.take(host, &key);
        self.changes += 1;
        entry.arrived = self.changes;
        let kept_us = correlation.timespan_us.saturating_add(self.limits.lateness_us.max(0));
        let before = entry.time_us.saturating_sub(kept_us);
        if !group.add(entry) {
            if !group.is_empty() {
                table.put(host, key, group);
            }
            return None;
        }
        group.touched = self.changes;
        group.forget(before);
        self.evicted += group.shrink(self.limits.events_per_group.max(correlation.needed()));
        let found = window::find(correlation, &group.entries).map(|(range, count)| {
            let evidence = group.fire(range);
            told(correlation, &key, &evidence, count)
        });
        self.changed.insert((number, host.to_owned(), key.clone()));
        table.put(host, key, group);
        while let Some((host, key)) = table.surplus(host, &self.limits) {
            let group = table.take(&host, &key);
            self.evicted += u64::from(!group.entries.is_empty());
            self.changed.insert((number, host, key));
        }
        found
    }
}

fn told(correlation: &Correlation, key: &Key, evidence: &[Entry], count: u64) -> CorrelationMatch {
    let group = correlation.group_by.iter().cloned().zip(key.iter().cloned()).collect();
    CorrelationMatch {
        rule: correlation.rule,
        group,
        count,
        first_us: evidence.iter().map(|entry| entry.first_us).min().unwrap_or(0),
        last_us: evidence.iter().map(|entry| entry.time_us).max().unwrap_or(0),
        events: ids(evidence),
    }
}

fn signal_of_event(
    correlation: &Correlation,
    position: usize,
    id: &str,
    event: &dyn Event,
) -> Option<Signal> {
    let member = correlation.members.get(position)?;
    let values = |names: &[String]| -> Option<Key> {
        names.iter().map(|name| event.field(name).and_then(|value| text(&value))).collect()
    };
    let key = values(&member.group_by)?;
    let value = counted(values(&member.value)?);
    let time_us = event.time_us();
    let entry = Entry {
        time_us,
        first_us: time_us,
        key: id.to_owned(),
        ids: Vec::new(),
        members: bit(position),
        weight: event.occurrences().max(1),
        value,
        arrived: 0,
    };
    Some(Signal { key, entry })
}

/// A correlation that fired is an event of its own for those above it: it happened when its last
/// event did.
fn signal_of_match(
    correlation: &Correlation,
    position: usize,
    id: &str,
    found: &CorrelationMatch,
) -> Option<Signal> {
    let member = correlation.members.get(position)?;
    let values = |names: &[String]| -> Option<Key> {
        let value = |name: &String| found.group.iter().find(|(known, _)| known == name);
        names.iter().map(|name| value(name).map(|(_, value)| value.clone())).collect()
    };
    let entry = Entry {
        time_us: found.last_us,
        first_us: found.first_us,
        key: format!("{id} {}", member.rule),
        ids: found.events.clone(),
        members: bit(position),
        weight: found.count,
        value: counted(values(&member.value)?),
        arrived: 0,
    };
    Some(Signal { key: values(&member.group_by)?, entry })
}

fn bit(position: usize) -> u64 {
    u32::try_from(position).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0)
}

/// Several fields count as one value.
fn counted(values: Key) -> Option<String> {
    (!values.is_empty()).then(|| values.join("\u{1f}"))
}

/// A value as part of a key; `None` for null. Long ones keep their beginning and a hash of all.
fn text(value: &FieldValue<'_>) -> Option<String> {
    let text = match value {
        FieldValue::Null => return None,
        FieldValue::Boolean(value) => value.to_string(),
        FieldValue::Integer(n) => n.to_string(),
        FieldValue::Float(n) => n.to_string(),
        FieldValue::Text(text) => text.clone().into_owned(),
        FieldValue::List(values) => values.iter().filter_map(text_of).collect::<Vec<_>>().join(","),
    };
    if text.len() <= limits::GROUP_VALUE_BYTES_MAX {
        return Some(text);
    }
    let hash: String =
        Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let end = text.floor_char_boundary(limits::GROUP_VALUE_BYTES_MAX - 20);
    Some(format!("{}…{hash}", text.get(..end).unwrap_or("")))
}

fn text_of(value: &FieldValue<'_>) -> Option<String> {
    match value {
        FieldValue::List(_) => None,
        scalar => text(scalar),
    }
}

/// `<fingerprint>/["host","value of group-by",…]`
fn row(correlation: &Correlation, host: &str, key: &Key) -> String {
    let mut parts = vec![host];
    parts.extend(key.iter().map(String::as_str));
    let parts = serde_json::to_string(&parts).unwrap_or_default();
    format!("{}/{parts}", correlation.fingerprint)
}

fn read_row(
    row: &str,
    bytes: &[u8],
    numbers: &HashMap<String, usize>,
) -> Option<(usize, String, Key, Group)> {
    let (fingerprint, parts) = row.split_once('/')?;
    let number = numbers.get(fingerprint)?;
    let mut parts: Vec<String> = serde_json::from_str(parts).ok()?;
    let group = serde_json::from_slice(bytes).ok()?;
    if parts.is_empty() {
        return None;
    }
    let host = parts.remove(0);
    Some((*number, host, parts, group))
}
