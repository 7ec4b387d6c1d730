use std::collections::{BTreeMap, BTreeSet, HashMap};

use rsigma_parser::{ConditionExpr, FilterRule, SigmaRule};
use yaml_serde::Value;

use super::prune::prune;
use super::tree::Node;
use crate::source::Values;

/// What is remembered while one rule passes through.
pub(super) struct Run<'p> {
    pub vars: &'p BTreeMap<String, Values>,
    /// Set by `set_state`.
    pub state: BTreeMap<String, Value>,
    /// Ids of the steps done.
    pub applied: BTreeSet<String>,
    /// The same by name of field.
    pub applied_to_field: HashMap<String, BTreeSet<String>>,
    /// Selections added, for names of their own.
    pub added: usize,
}

impl<'p> Run<'p> {
    pub fn new(vars: &'p BTreeMap<String, Values>) -> Self {
        Self {
            vars,
            state: BTreeMap::new(),
            applied: BTreeSet::new(),
            applied_to_field: HashMap::new(),
            added: 0,
        }
    }

    /// Notes that a field got other names by a step.
    pub fn renamed(&mut self, field: &str, names: &[String], step: Option<&String>) {
        let mut applied = self.applied_to_field.remove(field).unwrap_or_default();
        applied.extend(step.cloned());
        for name in names {
            self.applied_to_field.insert(name.clone(), applied.clone());
        }
    }
}

/// A rule on its way, with its selections taken apart.
pub(super) struct Work<'w> {
    pub rule: &'w mut SigmaRule,
    pub selections: BTreeMap<String, Node>,
    pub run: Run<'w>,
    /// Selections of which nothing is left.
    gone: Vec<String>,
}

impl<'w> Work<'w> {
    pub fn new(rule: &'w mut SigmaRule, run: Run<'w>) -> Self {
        let named = std::mem::take(&mut rule.detection.named);
        let selections = named.into_iter().map(|(name, one)| (name, Node::of(one))).collect();
        Self { rule, selections, run, gone: Vec::new() }
    }

    /// Changes every item of every selection.
    pub fn map(
        &mut self,
        change: &mut dyn FnMut(super::tree::Item, &mut Run<'w>) -> Result<Option<Node>, String>,
    ) -> Result<(), String> {
        for (name, node) in std::mem::take(&mut self.selections) {
            match node.map(&mut |item| change(item, &mut self.run))? {
                Some(node) => {
                    self.selections.insert(name, node);
                }
                None => self.gone.push(name),
            }
        }
        Ok(())
    }

    /// Adds a selection that has to hold, or must not, besides what the rule says.
    pub fn require(&mut self, name: String, node: Node, negated: bool) {
        let wanted = ConditionExpr::Identifier(name.clone());
        let wanted = if negated { ConditionExpr::Not(Box::new(wanted)) } else { wanted };
        for condition in &mut self.rule.detection.conditions {
            *condition = ConditionExpr::And(vec![wanted.clone(), condition.clone()]);
        }
        self.selections.insert(name, node);
    }

    /// Puts the rule together again.
    pub fn finish(self) -> Result<(), String> {
        let left: Vec<&str> = self.selections.keys().map(String::as_str).collect();
        let conditions = std::mem::take(&mut self.rule.detection.conditions);
        let kept = conditions.into_iter().filter_map(|one| prune(one, &self.gone, &left));
        self.rule.detection.conditions = kept.collect();
        if self.rule.detection.conditions.is_empty() {
            return Err("the pipeline leaves nothing of the detection".to_owned());
        }
        let selections = self.selections.into_iter();
        self.rule.detection.named =
            selections.map(|(name, node)| (name, node.into_detection())).collect();
        Ok(())
    }
}

/// The rule a filter would be.
pub(super) fn as_rule(filter: &FilterRule) -> SigmaRule {
    let FilterRule { title, id, name, detection, logsource, .. } = filter.clone();
    SigmaRule {
        title,
        logsource: logsource.unwrap_or_default(),
        detection,
        sigma_version: filter.sigma_version,
        id,
        name,
        related: filter.related.clone(),
        taxonomy: filter.taxonomy.clone(),
        status: filter.status,
        description: filter.description.clone(),
        license: filter.license.clone(),
        author: filter.author.clone(),
        references: filter.references.clone(),
        date: filter.date.clone(),
        modified: filter.modified.clone(),
        fields: filter.fields.clone(),
        falsepositives: filter.falsepositives.clone(),
        level: filter.level,
        tags: filter.tags.clone(),
        scope: filter.scope.clone(),
        custom_attributes: filter.custom_attributes.clone(),
    }
}
