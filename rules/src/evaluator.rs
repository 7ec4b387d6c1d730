use crate::event::Event;
use crate::json::{JsonError, JsonEvent};
use crate::ruleset::Ruleset;

/// Asks all rules about events, one event after the other. It owns the memory this needs, so make
/// one a thread and keep it.
pub struct Evaluator {
    ruleset: Ruleset,
    matches: Vec<usize>,
}

impl Evaluator {
    /// For these rules.
    pub fn new(ruleset: &Ruleset) -> Self {
        Self { ruleset: ruleset.clone(), matches: Vec::new() }
    }

    /// The rules it asks.
    pub fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// The numbers of the detection rules that match, ascending, also those that only serve
    /// correlations: [`crate::Rule::alerts`] tells.
    pub fn evaluate(&mut self, event: &dyn Event) -> &[usize] {
        self.matches = self.ruleset.matching(event);
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
