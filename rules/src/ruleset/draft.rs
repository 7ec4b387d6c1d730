use std::collections::HashMap;

use rsigma_parser::CorrelationRule;

use crate::detection::Detection;
use crate::rule::{Logsource, Rule};
use crate::source::Document;

/// A rule that was read but not yet connected with the others.
pub(super) struct Draft<'a> {
    pub document: Document<'a>,
    pub rule: Rule,
    pub body: Body,
    /// Whether its author said himself whether it alerts.
    pub alerts_said: bool,
    /// Whether it is a correlation without a condition.
    pub unconditioned: bool,
    /// The filters that restrict it, as written.
    pub filters: Vec<&'a str>,
}

/// What kind of rule.
pub(super) enum Body {
    Detection {
        logsource: Logsource,
        detection: Detection,
    },
    Correlation(Box<CorrelationRule>),
    /// Turned out broken when it was connected.
    Disabled,
}

/// Finds rules by what other documents call them.
#[derive(Default)]
pub(super) struct Names {
    ids: HashMap<String, usize>,
    names: HashMap<String, usize>,
}

impl Names {
    /// Notes a rule. `Err` with the earlier one when the id is taken.
    pub fn add(&mut self, rule: &Rule, number: usize) -> Result<(), usize> {
        if let Some(earlier) = self.ids.get(&rule.id) {
            return Err(*earlier);
        }
        self.ids.insert(rule.id.clone(), number);
        if let Some(name) = &rule.name {
            self.names.entry(name.clone()).or_insert(number);
        }
        Ok(())
    }

    /// By id, else by name.
    pub fn find(&self, reference: &str) -> Option<usize> {
        self.ids.get(reference).or_else(|| self.names.get(reference)).copied()
    }
}
