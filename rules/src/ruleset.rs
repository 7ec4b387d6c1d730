//! All rules, compiled, and the question they are asked about every event.

mod draft;
mod extension;
mod index;
mod load;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::correlation::Correlation;
use crate::detection::{Detection, Predicate, Predicates};
use crate::event::{Event, LogsourceRef};
use crate::problem::Problem;
use crate::program::Program;
use crate::rule::Rule;
use crate::source::Source;
use crate::view::{Plain, View};
use index::Index;

/// Compiled rules; cheap to clone and share.
#[derive(Clone)]
pub struct Ruleset {
    inner: Arc<Inner>,
}

struct Inner {
    rules: Vec<Rule>,
    ids: HashMap<String, usize>,
    /// By number of rule; `None` for correlations.
    detections: Vec<Option<Detection>>,
    /// Members before those that refer to them.
    correlations: Vec<Correlation>,
    index: Index,
    names: Vec<String>,
    predicates: Predicates,
    program: Program,
    version: String,
}

/// A rule that an event matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Its number in [`Ruleset::rules`].
    pub rule: usize,
    /// The comparisons that were true.
    pub predicates: Vec<Predicate>,
}

impl Ruleset {
    /// Loads all documents of all sources; a broken one disables that rule alone.
    pub fn load<'a>(sources: impl IntoIterator<Item = Source<'a>>) -> (Self, Vec<Problem>) {
        Self::load_with(sources, BTreeMap::new())
    }

    /// The same with values for the `%placeholders%` of rules that use `expand`.
    pub fn load_with<'a>(
        sources: impl IntoIterator<Item = Source<'a>>,
        placeholders: BTreeMap<String, Vec<String>>,
    ) -> (Self, Vec<Problem>) {
        let (inner, problems) = load::load(sources, placeholders);
        (Self { inner: Arc::new(inner) }, problems)
    }

    /// What is known about the rules, in load order; a [`Match`] refers to them by number.
    pub fn rules(&self) -> &[Rule] {
        &self.inner.rules
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.inner.ids.get(id).and_then(|number| self.inner.rules.get(*number))
    }

    /// All detection rules that match and why, in the order of [`Ruleset::rules`], also those that
    /// only serve correlations: [`Rule::alerts`] tells.
    pub fn evaluate(&self, event: &dyn Event) -> Vec<Match> {
        let view = self.view(event);
        let explained = |rule| Match { rule, predicates: self.why(rule, &view) };
        self.matching_view(event, &view).into_iter().map(explained).collect()
    }

    /// The numbers of the rules that match, ascending: what [`Ruleset::evaluate`] says without why.
    ///
    /// The plain way, rule by rule: what an [`crate::Evaluator`] has to equal.
    pub fn matching(&self, event: &dyn Event) -> Vec<usize> {
        self.matching_view(event, &self.view(event))
    }

    /// Why a rule matches an event: the comparisons that were true; empty when it does not match.
    pub fn explain(&self, rule: usize, event: &dyn Event) -> Vec<Predicate> {
        let view = self.view(event);
        if self.holds(rule, &view) { self.why(rule, &view) } else { Vec::new() }
    }

    /// The rules whose logsource an event has, ascending.
    pub(crate) fn candidates(&self, logsource: LogsourceRef<'_>) -> Vec<usize> {
        self.inner.index.candidates(logsource)
    }

    pub(crate) fn program(&self) -> &Program {
        &self.inner.program
    }

    pub(crate) fn predicates(&self) -> &Predicates {
        &self.inner.predicates
    }

    /// The names of all slots.
    pub(crate) fn names(&self) -> &[String] {
        &self.inner.names
    }

    fn view<'a>(&'a self, event: &'a dyn Event) -> View<'a> {
        View::new(event, &self.inner.names)
    }

    fn matching_view(&self, event: &dyn Event, view: &View<'_>) -> Vec<usize> {
        let candidates = self.inner.index.candidates(event.logsource());
        candidates.into_iter().filter(|rule| self.holds(*rule, view)).collect()
    }

    fn holds(&self, rule: usize, view: &View<'_>) -> bool {
        let mut facts = Plain { view, predicates: &self.inner.predicates };
        self.detection(rule).is_some_and(|detection| detection.holds(&mut facts))
    }

    fn why(&self, rule: usize, view: &View<'_>) -> Vec<Predicate> {
        let detection = self.detection(rule);
        detection.map_or(Vec::new(), |found| found.explain(view, &self.inner.predicates))
    }

    pub(crate) fn detection(&self, rule: usize) -> Option<&Detection> {
        self.inner.detections.get(rule)?.as_ref()
    }

    /// A hash over the text of the sources: same text, same version.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    pub(crate) fn correlations(&self) -> &[Correlation] {
        &self.inner.correlations
    }
}

#[cfg(test)]
mod tests;
