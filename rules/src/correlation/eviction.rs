//! What is given up when a limit is reached: in one table, else in the greatest table of the scope,
//! else in that of the greatest scope. Each time a little more than must be, so that the greatest is
//! looked for seldom.

use super::state::{host_row, row};
use super::table::Removed;
use super::{Correlation, Correlator, Eviction};

impl Correlator {
    /// How much evidence was given up because a limit was reached: groups, and events of groups that
    /// were too large.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The same by rule and scope, since the last call.
    pub fn take_evictions(&mut self) -> Vec<Eviction> {
        let ruleset = self.ruleset.clone();
        let taken = std::mem::take(&mut self.evictions).into_iter();
        let eviction = |((number, scope), count): ((usize, Box<str>), u64)| {
            let rule = ruleset.correlations().get(number)?.rule;
            Some(Eviction { rule, scope: scope.into(), count })
        };
        taken.filter_map(eviction).collect()
    }

    /// Bytes that are held, as [`super::CorrelationLimits`] counts them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn bytes_of(&self, scope: &str, number: usize) -> u64 {
        self.scopes.get(scope).map_or(0, |scope| scope.bytes_of(number))
    }

    /// Takes note of how a table has grown, and sees that every limit is kept.
    pub(super) fn make_room(&mut self, name: &str, number: usize, before: u64) {
        let Some(scope) = self.scopes.get_mut(name) else { return };
        let after = scope.bytes_of(number);
        scope.bytes = (scope.bytes + after).saturating_sub(before);
        self.bytes = (self.bytes + after).saturating_sub(before);
        if after > self.limits.bytes_per_rule {
            self.evict(name, number, with_room(self.limits.bytes_per_rule));
        }
        while let Some(scope) = self.scopes.get(name)
            && scope.bytes > self.limits.bytes_per_scope
        {
            let surplus = scope.bytes - with_room(self.limits.bytes_per_scope);
            if !self.evict_most(name.into(), surplus) {
                return;
            }
        }
        while self.bytes > self.limits.bytes {
            let surplus = self.bytes - with_room(self.limits.bytes);
            let Some(name) = self.greatest() else { return };
            if !self.evict_most(name, surplus) {
                return;
            }
        }
    }

    /// The scope that holds most.
    fn greatest(&self) -> Option<Box<str>> {
        let scopes = self.scopes.iter().map(|(name, scope)| (scope.bytes, name));
        scopes.max().map(|(_, name)| name.clone())
    }

    /// Gives up so much in the greatest table of a scope; false when there was nothing.
    fn evict_most(&mut self, name: Box<str>, surplus: u64) -> bool {
        let Some(scope) = self.scopes.get(&name) else { return false };
        let greatest = scope.tables.iter().max_by_key(|(_, table)| table.bytes());
        let Some((number, held)) = greatest.map(|(number, table)| (*number, table.bytes())) else {
            return false;
        };
        self.evict(&name, number, held.saturating_sub(surplus));
        self.bytes_of(&name, number) < held
    }

    fn evict(&mut self, name: &str, number: usize, bytes: u64) {
        let ruleset = self.ruleset.clone();
        let Some(correlation) = ruleset.correlations().get(number) else { return };
        let Some(scope) = self.scopes.get_mut(name) else { return };
        let before = scope.bytes_of(number);
        let removed = scope.evict(number, correlation, bytes);
        let freed = before - scope.bytes_of(number);
        scope.bytes = scope.bytes.saturating_sub(freed);
        self.bytes = self.bytes.saturating_sub(freed);
        let mut count = 0;
        for removed in &removed {
            count += u64::from(removed.held.look(|group| !group.entries.is_empty()));
            self.drop_row(correlation, name, removed);
        }
        self.gave_up(number, name, count);
    }

    pub(super) fn gave_up(&mut self, number: usize, name: &str, count: u64) {
        if count > 0 {
            self.evicted = self.evicted.saturating_add(count);
            *self.evictions.entry((number, name.into())).or_default() += count;
        }
    }

    pub(super) fn drop_row(&mut self, correlation: &Correlation, name: &str, removed: &Removed) {
        if removed.written {
            self.stale.insert(row(correlation, name, &removed.key));
        }
    }

    /// Forgets the clocks of hosts when there are too many.
    pub(super) fn forget_hosts(&mut self, name: &str) {
        let Some(scope) = self.scopes.get_mut(name) else { return };
        let gone = scope.hosts.shrink(self.limits.hosts_per_scope.max(1));
        self.stale.extend(gone.iter().map(|host| host_row(name, host)));
    }
}

fn with_room(limit: u64) -> u64 {
    limit - limit / 64
}
