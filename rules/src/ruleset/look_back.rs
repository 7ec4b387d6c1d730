//! What somebody has to know who shows a rule set events of the past: only what it asks for is read.

use std::collections::{BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::{Options, Ruleset};
use crate::event::LogsourceRef;
use crate::source::hex;

/// Fields whose values have to be kept of an event until correlations have seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedFields {
    /// Of events that a rule matched.
    pub of_matches: Vec<String>,
    /// Of all others: a window may end by any event, and its alert is then grouped by that event.
    pub of_others: Vec<String>,
}

impl Ruleset {
    /// Whether what a field holds can make a difference to what matches. Fields of `group-by` are
    /// not looked at by matching: [`Ruleset::carried_fields`], [`crate::Rule::group_by`].
    pub fn asks(&self, field: &str) -> bool {
        let names = &self.inner.names;
        let is_slot = |name: &str| names.iter().any(|slot| slot == name);
        is_slot(field) || self.inner.router.envelopes().answers_to(field).iter().any(|n| is_slot(n))
    }

    /// Whether some rule looks for keywords, in every text of an event.
    pub fn asks_texts(&self) -> bool {
        self.inner.predicates.iter().any(|compared| compared.slot.is_none())
    }

    /// Whether there is a rule for events that claim this logsource; where only the product is known
    /// to be none of any rule's, this says so, and else it says yes.
    pub fn concerns(&self, logsource: LogsourceRef<'_>) -> bool {
        let Some(product) = logsource.product else { return true };
        let of_rules = self.inner.rules.iter().filter_map(|rule| rule.logsource.as_ref());
        let mut products = of_rules.map(|logsource| logsource.product.as_deref());
        products.any(|named| named.is_none_or(|named| named.eq_ignore_ascii_case(product)))
    }

    /// Whether there are correlations.
    pub fn correlates(&self) -> bool {
        !self.inner.correlations.is_empty()
    }

    /// The longest time a correlation looks at, with those it rests on, in microseconds; 0 without
    /// correlations.
    pub fn timespan_us(&self) -> i64 {
        let mut spans: HashMap<usize, i64> = HashMap::new();
        // Members stand before those that refer to them.
        for correlation in &self.inner.correlations {
            let below = correlation.members.iter().filter_map(|member| spans.get(&member.rule));
            let span = correlation.timespan_us.saturating_add(below.copied().max().unwrap_or(0));
            spans.insert(correlation.rule, span);
        }
        spans.into_values().max().unwrap_or(0)
    }

    /// What correlations need of events besides what matches.
    pub fn carried_fields(&self) -> CarriedFields {
        let (mut matches, mut others) = (BTreeSet::new(), BTreeSet::new());
        for correlation in &self.inner.correlations {
            for member in &correlation.members {
                matches.extend(member.group_by.iter().chain(&member.value).cloned());
            }
            matches.extend(correlation.group_by.iter().chain(&correlation.carried).cloned());
            let grouped = self.inner.rules.get(correlation.rule);
            others.extend(grouped.into_iter().flat_map(|rule| rule.group_by.iter().cloned()));
        }
        if self.correlates() {
            matches.insert("event.count".to_owned());
        }
        matches.extend(others.iter().cloned());
        let (of_matches, of_others) = (matches.into_iter().collect(), others.into_iter().collect());
        CarriedFields { of_matches, of_others }
    }

    /// The ids of these rules and of all that correlations among them rest on.
    pub fn with_members(&self, ids: impl IntoIterator<Item = String>) -> HashSet<String> {
        let mut wanted: HashSet<String> = ids.into_iter().collect();
        // Members stand before those that refer to them.
        for correlation in self.inner.correlations.iter().rev() {
            let id = |rule: usize| self.inner.rules.get(rule).map(|rule| rule.id.clone());
            if id(correlation.rule).is_some_and(|id| wanted.contains(&id)) {
                wanted.extend(correlation.members.iter().filter_map(|member| id(member.rule)));
            }
        }
        wanted
    }

    /// What a rule says, as a hash: of its own text, of the filters that restrict it, and of the
    /// rules it rests on. It changes when one of them does; lists ([`Ruleset::lists`]) are apart.
    pub fn meaning(&self, rule: usize) -> Option<String> {
        let own = self.inner.meanings.get(rule)?;
        let correlation = self.inner.correlations.iter().find(|one| one.rule == rule);
        let mut hash = Sha256::new().chain_update(own);
        if let Some(correlation) = correlation {
            hash.update(&correlation.fingerprint);
        }
        Some(hex(&hash.finalize()))
    }

    /// The lists of values (placeholders) a rule refers to, itself or through the rules it rests on,
    /// as a hash of what they hold; `None` where it refers to none.
    pub fn lists(&self, rule: usize, options: &Options) -> Option<String> {
        let ids = self.with_members([self.inner.rules.get(rule)?.id.clone()]);
        let rules: Vec<_> = self.inner.rules.iter().filter(|rule| ids.contains(&rule.id)).collect();
        let mut hash = Sha256::new();
        let mut any = false;
        for (name, values) in &options.placeholders {
            let written = format!("%{name}%");
            if !rules.iter().any(|rule| rule.source.contains(&written)) {
                continue;
            }
            any = true;
            hash.update(name);
            for value in values {
                hash.update([0]);
                hash.update(value);
            }
        }
        any.then(|| hex(&hash.finalize()))
    }
}
