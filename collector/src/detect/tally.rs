use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use soc_rules::RuleUse;

/// What each rule in force cost and gave since the start, by its id. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<HashMap<String, RuleUse>>>);

impl Tally {
    pub(super) fn add(&self, costs: &BTreeMap<String, RuleUse>) {
        let mut sums = self.sums();
        for (rule, more) in costs {
            let sum = match sums.get_mut(rule) {
                Some(sum) => sum,
                None => sums.entry(rule.clone()).or_default(),
            };
            sum.asked = sum.asked.saturating_add(more.asked);
            sum.matched = sum.matched.saturating_add(more.matched);
            sum.steps = sum.steps.saturating_add(more.steps);
        }
    }

    /// Forgets the rules that are no longer in force.
    pub(super) fn keep(&self, rules: &HashSet<&str>) {
        self.sums().retain(|rule, _| rules.contains(rule.as_str()));
    }

    pub(super) fn all(&self) -> HashMap<String, RuleUse> {
        self.sums().clone()
    }

    fn sums(&self) -> MutexGuard<'_, HashMap<String, RuleUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
