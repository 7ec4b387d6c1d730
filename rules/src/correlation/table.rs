use std::collections::{BTreeMap, HashMap};

use super::CorrelationLimits;
use super::group::Group;

/// The values of `group-by`.
pub(super) type Key = Vec<String>;

/// The groups of one correlation, by host.
#[derive(Default)]
pub(super) struct Table {
    hosts: BTreeMap<String, Share>,
    groups: usize,
}

/// The groups of one host, and in which order they changed.
#[derive(Default)]
struct Share {
    groups: HashMap<Key, Group>,
    order: BTreeMap<u64, Key>,
}

impl Table {
    /// Takes a group out, or a new one.
    pub fn take(&mut self, host: &str, key: &Key) -> Group {
        let Some(share) = self.hosts.get_mut(host) else { return Group::default() };
        let Some(group) = share.groups.remove(key) else { return Group::default() };
        share.order.remove(&group.touched);
        self.groups -= 1;
        if share.groups.is_empty() {
            self.hosts.remove(host);
        }
        group
    }

    /// Puts a group in.
    pub fn put(&mut self, host: &str, key: Key, group: Group) {
        let share = self.hosts.entry(host.to_owned()).or_default();
        share.order.insert(group.touched, key.clone());
        if share.groups.insert(key, group).is_none() {
            self.groups += 1;
        }
    }

    /// The group, to be written down.
    pub fn get(&self, host: &str, key: &Key) -> Option<&Group> {
        self.hosts.get(host)?.groups.get(key)
    }

    /// A group too many, if there is one: of this host when it has too many, else of the host that
    /// has most.
    pub fn surplus(&self, host: &str, limits: &CorrelationLimits) -> Option<(String, Key)> {
        let own = self.hosts.get(host)?;
        let (host, share) = if own.groups.len() > limits.groups_per_host {
            (host, own)
        } else if self.groups > limits.groups_per_rule {
            let most = self.hosts.iter().max_by_key(|(_, share)| share.groups.len());
            most.map(|(host, share)| (host.as_str(), share))?
        } else {
            return None;
        };
        share.order.values().next().map(|key| (host.to_owned(), key.clone()))
    }
}
