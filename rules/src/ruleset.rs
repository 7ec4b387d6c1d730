//! All rules, compiled, and the question they are asked about every event.

mod draft;
mod extension;
mod load;
mod look_back;
mod options;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::correlation::Correlation;
use crate::detection::{Detection, Predicate, Predicates};
use crate::event::Event;
use crate::logsource::Router;
use crate::problem::Problem;
use crate::program::Program;
use crate::rule::Rule;
use crate::source::Source;
use crate::view::{Plain, View};

pub use look_back::CarriedFields;
pub use options::Options;

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
    router: Router,
    /// By number of rule: a hash of its text and that of the filters that restrict it.
    meanings: Vec<[u8; 32]>,
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
        Self::load_with(sources, Options::default())
    }

    /// The same with what a site knows better than the rules' authors.
    pub fn load_with<'a>(
        sources: impl IntoIterator<Item = Source<'a>>,
        options: Options,
    ) -> (Self, Vec<Problem>) {
        let (inner, problems) = load::load(sources, options, None);
        (Self { inner: Arc::new(inner) }, problems)
    }

    /// Only the rules with these ids, as they are among all of the sources: with the filters that
    /// restrict them, and for correlations with the rules they rest on ([`Ruleset::with_members`]),
    /// which have to be named. It looks at no field that only other rules ask for.
    pub fn load_only<'a>(
        sources: impl IntoIterator<Item = Source<'a>>,
        options: Options,
        ids: &'a HashSet<String>,
    ) -> (Self, Vec<Problem>) {
        let (inner, problems) = load::load(sources, options, Some(ids));
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
        let (view, candidates) = self.view(event);
        let holds = candidates.into_iter().filter(|rule| self.holds(*rule, &view));
        holds.map(|rule| Match { rule, predicates: self.why(rule, &view) }).collect()
    }

    /// The numbers of the rules that match, ascending: what [`Ruleset::evaluate`] says without why.
    ///
    /// The plain way, rule by rule: what an [`crate::Evaluator`] has to equal.
    pub fn matching(&self, event: &dyn Event) -> Vec<usize> {
        let (view, candidates) = self.view(event);
        candidates.into_iter().filter(|rule| self.holds(*rule, &view)).collect()
    }

    /// Whether a rule matches an event, whatever the event's logsource.
    pub fn is_match(&self, rule: usize, event: &dyn Event) -> bool {
        self.holds(rule, &self.view(event).0)
    }

    /// Why a rule matches an event: the comparisons that were true; empty when it does not match,
    /// whatever the event's logsource.
    pub fn explain(&self, rule: usize, event: &dyn Event) -> Vec<Predicate> {
        let (view, _) = self.view(event);
        if self.holds(rule, &view) { self.why(rule, &view) } else { Vec::new() }
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

    pub(crate) fn program(&self) -> &Program {
        &self.inner.program
    }

    pub(crate) fn predicates(&self) -> &Predicates {
        &self.inner.predicates
    }

    pub(crate) fn router(&self) -> &Router {
        &self.inner.router
    }

    /// The names of all slots.
    pub(crate) fn names(&self) -> &[String] {
        &self.inner.names
    }

    /// The numbers of the rules that look at events like this one, ascending.
    pub fn candidates(&self, event: &dyn Event) -> Vec<usize> {
        self.view(event).1
    }

    /// The event under the names its logsource gives it, and the rules that concerns.
    fn view<'e>(&'e self, event: &'e dyn Event) -> (View<'e>, Vec<usize>) {
        let router = &self.inner.router;
        let mut view = View::new(event, &self.inner.names, router.envelopes());
        let route = router.route(event.logsource(), &mut |slot| view.first(slot));
        view.alias(router.aliases(&route));
        (view, router.candidates(&route))
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
