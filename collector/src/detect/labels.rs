use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounterVec, Opts, Registry};

/// Rules with series of their own under one name; there are collections of ten thousand.
pub(super) const RULES_MAX: usize = 200;
/// Label of all others; a rule that calls itself so is one of them.
const OTHERS: &str = "(other)";

/// A counter by rule. Labels are ids of rules in force, which operators write; nothing that agents
/// say. Who has a series keeps it while the rule is in force, so that no counter ever goes back.
#[derive(Clone, Debug)]
pub(super) struct ByRule {
    counter: IntCounterVec,
    named: Arc<Mutex<BTreeSet<String>>>,
}

impl ByRule {
    pub(super) fn new(registry: &Registry, name: &str, help: &str) -> prometheus::Result<Self> {
        let counter = IntCounterVec::new(Opts::new(name, help), &["rule"])?;
        registry.register(Box::new(counter.clone()))?;
        counter.with_label_values(&[OTHERS]);
        Ok(Self { counter, named: Arc::default() })
    }

    /// Counts for several rules at once; where not all have room, the largest go first.
    pub(super) fn add<'r>(&self, counts: impl Iterator<Item = (&'r str, u64)>) {
        let mut counts: Vec<(&str, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        counts.sort_by_key(|(rule, count)| (std::cmp::Reverse(*count), *rule));
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, count) in counts {
            let label = if named.contains(rule) {
                rule
            } else if named.len() < RULES_MAX && rule != OTHERS {
                named.insert(rule.to_owned());
                rule
            } else {
                OTHERS
            };
            self.counter.with_label_values(&[label]).inc_by(count);
        }
    }

    /// Ends the series of rules that are no longer in force; others get their room.
    pub(super) fn keep(&self, rules: &HashSet<&str>) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|rule| {
            let kept = rules.contains(rule.as_str());
            if !kept {
                let _ = self.counter.remove_label_values(&[rule]);
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_beyond_the_limit_are_counted_together_and_those_gone_make_room() {
        let registry = Registry::new();
        let counter = ByRule::new(&registry, "matches_total", "Matches.").unwrap();
        let ids: Vec<String> = (0..RULES_MAX + 30).map(|number| format!("rule{number}")).collect();
        let counts = |ids: &[String]| -> Vec<(String, u64)> {
            ids.iter().enumerate().map(|(number, id)| (id.clone(), number as u64)).collect()
        };
        let counts = counts(&ids);
        counter.add(counts.iter().map(|(id, count)| (id.as_str(), *count)));
        let text = crate::metrics::text(&registry).unwrap();
        let series = text.lines().filter(|line| line.starts_with("matches_total{")).count();
        assert_eq!(series, RULES_MAX + 1);
        assert!(text.contains(r#"{rule="rule229"} 229"#), "{text}");
        // 1 to 29: the smallest; nothing for the one that never matched.
        assert!(text.contains(r#"{rule="(other)"} 435"#), "{text}");
        counter.keep(&HashSet::from(["rule1", "rule229"]));
        counter.add([("rule1", 5)].into_iter());
        let text = crate::metrics::text(&registry).unwrap();
        assert!(!text.contains("rule228"), "{text}");
        assert!(text.contains(r#"{rule="rule1"} 5"#), "{text}");
    }
}
