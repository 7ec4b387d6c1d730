//! Processing pipelines, as pySigma writes them: what turns rules as published into rules about the
//! events of a site.
//!
//! A pipeline is a YAML file with `name`, `priority`, `vars` and a list of `transformations`, each with
//! conditions on the rule, its detection items and its field names. All pipelines are one list of steps,
//! ordered by priority (lower first), and every rule, filter and correlation passes through it after it
//! was parsed and before it is compiled. State set by a step is forgotten with the rule.
//!
//! A broken pipeline is a [`Problem`] and is left out whole; a step that refuses a rule disables that
//! rule alone. What makes sense for a query only (`postprocessing`, `finalizers`, query expressions) has
//! no meaning here and says so.
//!
//! Source: pySigma, documentation page "Processing Pipelines".

mod attribute;
mod condition;
mod fields;
mod file;
mod placeholder;
mod prune;
mod run;
mod transformation;
mod tree;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use rsigma_parser::{CorrelationRule, FilterRule, LogSource, SigmaRule};
use sha2::{Digest, Sha256};

use crate::problem::{Fault, Problem};
use crate::source::{Source, Values};
use run::{Run, Work};
use transformation::Step;

/// The pipelines of a site; by default none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pipelines {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    steps: Vec<Step>,
    vars: BTreeMap<String, Values>,
    hash: String,
}

impl std::fmt::Debug for Pipelines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipelines").field("steps", &self.inner.steps.len()).finish()
    }
}

impl Pipelines {
    /// Reads pipelines; those of equal priority stay in this order. A broken one is left out.
    pub fn load<'a>(sources: impl IntoIterator<Item = Source<'a>>) -> (Self, Vec<Problem>) {
        let (mut pipelines, mut problems) = (Vec::new(), Vec::new());
        let mut hash = Sha256::new();
        for source in sources {
            hash.update(source.text);
            pipelines.extend(file::read(source, &mut problems));
        }
        if pipelines.is_empty() {
            return (Self::default(), problems);
        }
        pipelines.sort_by_key(|pipeline| pipeline.priority);
        let mut inner = Inner { hash: crate::source::hex(&hash.finalize()), ..Inner::default() };
        for pipeline in pipelines {
            inner.steps.extend(pipeline.steps);
            inner.vars.extend(pipeline.vars);
        }
        (Self { inner: Arc::new(inner) }, problems)
    }

    pub(crate) fn hash(&self) -> &str {
        &self.inner.hash
    }

    /// Sends a rule through.
    pub(crate) fn rule(&self, rule: &mut SigmaRule) -> Result<(), Fault> {
        if self.inner.steps.is_empty() {
            return Ok(());
        }
        let mut work = Work::new(rule, Run::new(&self.inner.vars));
        for step in &self.inner.steps {
            step.rule(&mut work).map_err(|what| refused(step, &what))?;
        }
        work.finish().map_err(|what| Fault::new(what).at(["detection"]))
    }

    /// Sends a filter through, as the rule it would be by its logsource.
    pub(crate) fn filter(&self, filter: &mut FilterRule) -> Result<(), Fault> {
        let mut rule = run::as_rule(filter);
        self.rule(&mut rule)?;
        if filter.logsource.is_some() {
            filter.logsource = Some(rule.logsource);
        }
        filter.detection = rule.detection;
        Ok(())
    }

    /// Sends a correlation through; `logsources` are those of the rules it refers to.
    pub(crate) fn correlation(
        &self,
        rule: &mut CorrelationRule,
        logsources: &[LogSource],
    ) -> Result<(), Fault> {
        let mut run = Run::new(&self.inner.vars);
        for step in &self.inner.steps {
            step.correlation(rule, logsources, &mut run).map_err(|what| refused(step, &what))?;
        }
        Ok(())
    }
}

fn refused(step: &Step, what: &str) -> Fault {
    Fault::new(format!("the pipeline refuses the rule: {what}"))
        .hint(format!("by {}", step.place))
        .at(["logsource"])
}

#[cfg(test)]
mod tests;
