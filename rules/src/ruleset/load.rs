use std::collections::{HashMap, HashSet};

use rsigma_parser::{
    CorrelationRule, FilterRule, FilterRuleTarget, LogSource, SigmaRule, is_unsupported,
};
use sha2::{Digest, Sha256};

use super::draft::{Body, Draft, Names};
use super::extension::{of_correlation, of_rule};
use super::{Inner, Options};
use crate::correlation::{Candidate, connect};
use crate::detection::Builder;
use crate::logsource::{Logsources, Router};
use crate::pipeline::Pipelines;
use crate::problem::{Fault, Problem, Severity};
use crate::program::Program;
use crate::rule::{Logsource, Rule};
use crate::source::{Document, Parsed, Parts, Source, hex, read};

/// Reads, compiles and connects everything, or only the rules with these ids.
pub(super) fn load<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    options: Options,
    only: Option<&'a HashSet<String>>,
) -> (Inner, Vec<Problem>) {
    let mut hash = Sha256::new();
    options.hash(&mut hash);
    let mut loading = Loading::new(options, only);
    for source in sources {
        let length = u64::try_from(source.text.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(source.text);
        let mut problems = Vec::new();
        loading.builder.next_file();
        for parsed in read(source, &mut problems) {
            loading.add(parsed);
        }
        loading.problems.extend(problems);
    }
    loading.filter();
    let version = hex(&hash.finalize());
    loading.finish(version)
}

struct Loading<'a> {
    builder: Builder,
    logsources: Logsources,
    pipelines: Pipelines,
    drafts: Vec<Draft<'a>>,
    names: Names,
    filters: Vec<(Document<'a>, FilterRule)>,
    problems: Vec<Problem>,
    /// Ids of the rules that are wanted; without it, all.
    only: Option<&'a HashSet<String>>,
}

/// What an author wrote himself, where leaving it out means something else.
#[derive(Clone, Copy)]
struct Said {
    alerts: bool,
    condition: bool,
}

impl<'a> Loading<'a> {
    fn new(options: Options, only: Option<&'a HashSet<String>>) -> Self {
        Self {
            only,
            builder: Builder::new(options.placeholders),
            logsources: options.logsources,
            pipelines: options.pipelines,
            drafts: Vec::new(),
            names: Names::default(),
            filters: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn error(&mut self, document: Document<'a>, fault: Fault, rule: &str) {
        self.problems.push(document.problem(fault, Some(rule), Severity::Error));
    }

    fn warn(&mut self, document: Document<'a>, fault: Fault, rule: &str) {
        self.problems.push(document.problem(fault, Some(rule), Severity::Warning));
    }

    fn add(&mut self, parsed: Parsed<'a>) {
        let Parsed { document, parts, value } = parsed;
        let said = Said {
            alerts: value.get("soc").is_some_and(|soc| soc.get("alerts").is_some()),
            condition: value.get("correlation").is_some_and(|c| c.get("condition").is_some()),
        };
        match parts {
            Parts::Filter(filter) => self.filters.push((document, *filter)),
            Parts::Rule(mut parsed) => {
                let accepted = self.pipelines.rule(&mut parsed);
                let (rule, faults) = of_rule(&parsed, &document);
                if !self.wants(&rule) {
                    return;
                }
                match accepted.and_then(|()| self.detection(document, &rule, &parsed)) {
                    Ok(body) => self.draft(document, rule, faults, body, said),
                    Err(fault) => self.error(document, fault, &rule.id),
                }
            }
            Parts::Correlation(parsed) => {
                let (rule, faults) = of_correlation(&parsed, &document);
                if !self.wants(&rule) {
                    return;
                }
                self.draft(document, rule, faults, Body::Correlation(parsed), said);
            }
        }
    }

    fn wants(&self, rule: &Rule) -> bool {
        self.only.is_none_or(|only| only.contains(&rule.id))
    }

    fn draft(
        &mut self,
        document: Document<'a>,
        rule: Rule,
        faults: Vec<Fault>,
        body: Body,
        said: Said,
    ) {
        let id = rule.id.clone();
        if let Err(earlier) = self.names.add(&rule, self.drafts.len()) {
            let other = self.drafts.get(earlier).map(|draft| &draft.rule);
            let place = other.map_or(String::new(), |rule| format!("{}:{}", rule.path, rule.line));
            let fault = Fault::new(format!("the id {id} is taken by {place}")).at(["id"]);
            return self.error(document, fault.hint("give this rule an id of its own"), &id);
        }
        let unconditioned = rule.is_correlation && !said.condition;
        let (alerts_said, filters) = (said.alerts, Vec::new());
        self.drafts.push(Draft { document, rule, body, alerts_said, unconditioned, filters });
        for fault in faults {
            self.warn(document, fault, &id);
        }
    }

    fn detection(
        &mut self,
        document: Document<'a>,
        rule: &Rule,
        parsed: &SigmaRule,
    ) -> Result<Body, Fault> {
        if is_unsupported(parsed.sigma_version) {
            return Err(Fault::new("a newer sigma-version than is known").at(["sigma-version"]));
        }
        let logsource = rule.logsource.clone().unwrap_or_default();
        if logsource == Logsource::default() {
            let fault = Fault::new("the rule names no logsource").at(["logsource"]);
            return Err(fault.hint("add 'logsource:' with product, category or service"));
        }
        let (detection, unused) = self.builder.detection(&parsed.detection, "detection")?;
        for name in unused {
            let fault = Fault::new(format!("no condition uses the selection '{name}'"));
            self.warn(document, fault.at(["detection", &name]), &rule.id);
        }
        Ok(Body::Detection { logsource, detection })
    }

    /// Applies every filter to the rules it names.
    fn filter(&mut self) {
        for (document, mut filter) in std::mem::take(&mut self.filters) {
            let label = filter.id.clone().unwrap_or_else(|| filter.title.clone());
            let accepted = self.pipelines.filter(&mut filter);
            match accepted.and_then(|()| self.apply(document.text, &filter)) {
                Ok(0) => {
                    let fault = Fault::new("the filter applies to no rule").at(["filter", "rules"]);
                    let hint = "name ids or names of rules whose logsource is the filter's";
                    self.warn(document, fault.hint(hint), &label);
                }
                Ok(_) => {}
                Err(fault) => self.error(document, fault, &label),
            }
        }
    }

    /// How many rules the filter was applied to.
    fn apply(&mut self, text: &'a str, filter: &FilterRule) -> Result<usize, Fault> {
        // What restricts none of a few rules must not bring its fields along.
        if self.only.is_some() && !self.drafts.iter().any(|draft| concerns(filter, draft)) {
            return Ok(0);
        }
        let (detection, _) = self.builder.detection(&filter.detection, "filter")?;
        let detection = std::sync::Arc::new(detection);
        let mut applied = 0;
        for draft in self.drafts.iter_mut().filter(|draft| concerns(filter, draft)) {
            if let Body::Detection { detection: of_rule, .. } = &mut draft.body {
                of_rule.restrict(detection.clone());
                draft.filters.push(text);
                applied += 1;
            }
        }
        Ok(applied)
    }

    /// Sends every correlation through the pipelines: now that all rules are known, so are the
    /// logsources of those it refers to.
    fn transform_correlations(&mut self) {
        for number in 0..self.drafts.len() {
            let Some(Draft { document, body: Body::Correlation(parsed), rule, .. }) =
                self.drafts.get(number)
            else {
                continue;
            };
            let (document, id, mut parsed) = (*document, rule.id.clone(), parsed.clone());
            let logsources = self.logsources_of(&parsed);
            let body = match self.pipelines.correlation(&mut parsed, &logsources) {
                Ok(()) => Body::Correlation(parsed),
                Err(fault) => {
                    self.error(document, fault.at(["correlation"]), &id);
                    Body::Disabled
                }
            };
            if let Some(draft) = self.drafts.get_mut(number) {
                draft.body = body;
            }
        }
    }

    /// The logsources of the rules a correlation refers to, also through other correlations.
    fn logsources_of(&self, correlation: &CorrelationRule) -> Vec<LogSource> {
        let mut logsources = Vec::new();
        let mut left: Vec<&String> = correlation.rules.iter().collect();
        let mut seen = Vec::new();
        while let Some(number) = left.pop().map(|reference| self.names.find(reference)) {
            let Some(number) = number.filter(|number| !seen.contains(number)) else { continue };
            seen.push(number);
            let Some(draft) = self.drafts.get(number) else { continue };
            if let Body::Correlation(other) = &draft.body {
                left.extend(&other.rules);
            }
            logsources.extend(draft.rule.logsource.clone().map(|of| LogSource {
                category: of.category,
                product: of.product,
                service: of.service,
                ..LogSource::default()
            }));
        }
        logsources
    }

    fn finish(mut self, version: String) -> (Inner, Vec<Problem>) {
        self.transform_correlations();
        let correlations = self.correlations();
        let mut inner = Inner {
            rules: Vec::new(),
            ids: HashMap::new(),
            detections: Vec::new(),
            correlations,
            router: Router::new(&self.logsources, &mut self.builder),
            meanings: Vec::new(),
            names: Vec::new(),
            predicates: Vec::new(),
            program: Program::default(),
            version,
        };
        let drafts = std::mem::take(&mut self.drafts);
        for draft in drafts {
            let number = inner.rules.len();
            let detection = match draft.body {
                Body::Disabled => continue,
                Body::Correlation(_) => None,
                Body::Detection { logsource, detection } => {
                    inner.router.add(&logsource, number);
                    Some(detection)
                }
            };
            inner.ids.insert(draft.rule.id.clone(), number);
            inner.meanings.push(meaning(&draft.rule, &draft.filters));
            inner.rules.push(draft.rule);
            inner.detections.push(detection);
        }
        (inner.names, inner.predicates) = self.builder.finish();
        inner.program = Program::new(&inner.detections, &inner.predicates, inner.names.len());
        (inner, self.problems)
    }

    /// Connects correlations with their members, disables those that cannot be, and numbers the
    /// rules as they will be numbered without the disabled ones.
    fn correlations(&mut self) -> Vec<crate::correlation::Correlation> {
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for draft in &self.drafts {
            let correlation = match &draft.body {
                Body::Correlation(correlation) => Some(&**correlation),
                _ => None,
            };
            candidates.push(Candidate {
                rule: &draft.rule,
                correlation,
                filters: &draft.filters,
                unconditioned: draft.unconditioned,
            });
        }
        let connected = connect(&candidates, &|reference| self.names.find(reference));
        let mut faults = Vec::new();
        for (number, fault) in connected.faults {
            if let Some(draft) = self.drafts.get_mut(number) {
                draft.body = Body::Disabled;
                faults.push((draft.document, fault, draft.rule.id.clone()));
            }
        }
        for (number, alerts) in connected.alerts {
            if let Some(draft) = self.drafts.get_mut(number).filter(|draft| !draft.alerts_said) {
                draft.rule.alerts = alerts;
            }
        }
        for (document, fault, id) in faults {
            self.error(document, fault, &id);
        }
        let mut kept = 0;
        let mut numbers = Vec::new();
        for draft in &self.drafts {
            numbers.push(kept);
            kept += usize::from(!matches!(draft.body, Body::Disabled));
        }
        let renumber = |number: usize| numbers.get(number).copied().unwrap_or(usize::MAX);
        let mut correlations = connected.correlations;
        correlations.iter_mut().for_each(|correlation| correlation.renumber(&renumber));
        correlations
    }
}

/// A hash of what a rule says by itself and what filters add.
fn meaning(rule: &Rule, filters: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new().chain_update(&*rule.source);
    for filter in filters {
        hash.update([0]);
        hash.update(filter);
    }
    hash.finalize().into()
}

/// Whether a filter restricts a rule.
fn concerns(filter: &FilterRule, draft: &Draft<'_>) -> bool {
    let Body::Detection { logsource, .. } = &draft.body else { return false };
    let named = match &filter.rules {
        FilterRuleTarget::Any => true,
        FilterRuleTarget::Specific(names) => names
            .iter()
            .any(|name| *name == draft.rule.id || Some(name) == draft.rule.name.as_ref()),
    };
    named && covers(filter.logsource.as_ref(), logsource)
}

/// Whether a filter's logsource, as far as it says, is the rule's.
fn covers(filter: Option<&LogSource>, rule: &Logsource) -> bool {
    let Some(filter) = filter else { return true };
    let same = |filter: &Option<String>, rule: &Option<String>| match (filter, rule) {
        (None, _) => true,
        (Some(filter), Some(rule)) => filter.eq_ignore_ascii_case(rule),
        (Some(_), None) => false,
    };
    same(&filter.product, &rule.product)
        && same(&filter.category, &rule.category)
        && same(&filter.service, &rule.service)
}
