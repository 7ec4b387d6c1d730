use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;
use crate::json::{JsonError, JsonEvent};
use crate::ruleset::Ruleset;

/// Asks all rules about events, one event after the other. It owns the memory this needs, so make
/// one a thread and keep it.
pub struct Evaluator {
    ruleset: Ruleset,
    matches: Vec<usize>,
    parked: BTreeSet<usize>,
    uses: BTreeMap<usize, RuleUse>,
}

/// What asking a rule took and gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleUse {
    /// Events it was asked about.
    pub asked: u64,
    /// Events it matched.
    pub matched: u64,
    /// Steps of work, the same for the same events.
    pub steps: u64,
}

impl Evaluator {
    /// For these rules.
    pub fn new(ruleset: &Ruleset) -> Self {
        Self {
            ruleset: ruleset.clone(),
            matches: Vec::new(),
            parked: BTreeSet::new(),
            uses: BTreeMap::new(),
        }
    }

    /// Does not ask a rule any more.
    pub fn park(&mut self, rule: usize) {
        self.parked.insert(rule);
    }

    /// The rules for which an event since the last call was too much; they are parked.
    pub fn take_parked(&mut self) -> Vec<usize> {
        Vec::new()
    }

    /// What the rules took since the last call; those that took nothing are left out.
    pub fn take_use(&mut self) -> Vec<(usize, RuleUse)> {
        std::mem::take(&mut self.uses).into_iter().collect()
    }

    /// The rules it asks.
    pub fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// The numbers of the detection rules that match, ascending, also those that only serve
    /// correlations: [`crate::Rule::alerts`] tells.
    pub fn evaluate(&mut self, event: &dyn Event) -> &[usize] {
        self.matches = self.ruleset.matching(event);
        self.matches.retain(|rule| !self.parked.contains(rule));
        for rule in &self.matches {
            let sum = self.uses.entry(*rule).or_default();
            (sum.asked, sum.matched, sum.steps) = (sum.asked + 1, sum.matched + 1, sum.steps + 1);
        }
        &self.matches
    }

    /// The same for an event that is one JSON object, read as [`JsonEvent`] does.
    ///
    /// # Errors
    /// Text that is no JSON object.
    pub fn evaluate_json(&mut self, text: &[u8]) -> Result<&[usize], JsonError> {
        let event = JsonEvent::parse(text)?;
        Ok(self.evaluate(&event))
    }
}
