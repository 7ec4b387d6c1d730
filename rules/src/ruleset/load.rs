use std::collections::HashMap;

use rsigma_parser::{FilterRule, FilterRuleTarget, LogSource, SigmaRule, is_unsupported};
use sha2::{Digest, Sha256};

use super::draft::{Body, Draft, Names};
use super::extension::{of_correlation, of_rule};
use super::{Index, Inner};
use crate::correlation::{Candidate, connect};
use crate::detection::{Builder, Placeholders};
use crate::problem::{Fault, Problem, Severity};
use crate::program::Program;
use crate::rule::{Logsource, Rule};
use crate::source::{Document, Parsed, Parts, Source, read};

/// Reads, compiles and connects everything.
pub(super) fn load<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    placeholders: Placeholders,
) -> (Inner, Vec<Problem>) {
    let mut loading = Loading::new(placeholders);
    let mut hash = Sha256::new();
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

/// The first 16 bytes in hexadecimal: enough to tell versions apart.
fn hex(hash: &[u8]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

struct Loading<'a> {
    builder: Builder,
    drafts: Vec<Draft<'a>>,
    names: Names,
    filters: Vec<(Document<'a>, FilterRule)>,
    problems: Vec<Problem>,
}

impl<'a> Loading<'a> {
    fn new(placeholders: Placeholders) -> Self {
        Self {
            builder: Builder::new(placeholders),
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
        let alerts_said = value.get("soc").is_some_and(|soc| soc.get("alerts").is_some());
        match parts {
            Parts::Filter(filter) => self.filters.push((document, *filter)),
            Parts::Rule(parsed) => {
                let (rule, faults) = of_rule(&parsed, &document);
                match self.detection(document, &rule, &parsed) {
                    Ok(body) => self.draft(document, rule, faults, body, alerts_said),
                    Err(fault) => self.error(document, fault, &rule.id),
                }
            }
            Parts::Correlation(parsed) => {
                let (rule, faults) = of_correlation(&parsed, &document);
                self.draft(document, rule, faults, Body::Correlation(parsed), alerts_said);
            }
        }
    }

    fn draft(
        &mut self,
        document: Document<'a>,
        rule: Rule,
        faults: Vec<Fault>,
        body: Body,
        alerts_said: bool,
    ) {
        let id = rule.id.clone();
        if let Err(earlier) = self.names.add(&rule, self.drafts.len()) {
            let other = self.drafts.get(earlier).map(|draft| &draft.rule);
            let place = other.map_or(String::new(), |rule| format!("{}:{}", rule.path, rule.line));
            let fault = Fault::new(format!("the id {id} is taken by {place}")).at(["id"]);
            return self.error(document, fault.hint("give this rule an id of its own"), &id);
        }
        self.drafts.push(Draft { document, rule, body, alerts_said });
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
        for (document, filter) in std::mem::take(&mut self.filters) {
            let label = filter.id.clone().unwrap_or_else(|| filter.title.clone());
            match self.apply(&filter) {
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
    fn apply(&mut self, filter: &FilterRule) -> Result<usize, Fault> {
        let (detection, _) = self.builder.detection(&filter.detection, "filter")?;
        let detection = std::sync::Arc::new(detection);
        let mut applied = 0;
        for draft in &mut self.drafts {
            let Body::Detection { logsource, detection: of_rule } = &mut draft.body else {
                continue;
            };
            let named = match &filter.rules {
                FilterRuleTarget::Any => true,
                FilterRuleTarget::Specific(names) => names
                    .iter()
                    .any(|name| *name == draft.rule.id || Some(name) == draft.rule.name.as_ref()),
            };
            if named && covers(filter.logsource.as_ref(), logsource) {
                of_rule.restrict(detection.clone());
                applied += 1;
            }
        }
        Ok(applied)
    }

    fn finish(mut self, version: String) -> (Inner, Vec<Problem>) {
        let correlations = self.correlations();
        let mut inner = Inner {
            rules: Vec::new(),
            ids: HashMap::new(),
            detections: Vec::new(),
            correlations,
            index: Index::default(),
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
                    inner.index.add(&logsource, number);
                    Some(detection)
                }
            };
            inner.ids.insert(draft.rule.id.clone(), number);
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
            candidates.push(Candidate { rule: &draft.rule, correlation });
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
