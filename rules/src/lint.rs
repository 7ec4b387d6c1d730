//! What is odd about rules that load: fields their logsource does not have, logsources nobody knows,
//! selections and conditions that can never hold, expressions that cost much. All of it is a
//! [`Severity::Warning`], each with its place and a hint.
//!
//! Separate from loading, because it is for whoever writes rules: loading has to be fast.

mod cost;
mod field;
mod logsource;
mod reach;
mod truth;

use rsigma_parser::{DetectionItem, SigmaRule};

use crate::problem::{Fault, Problem, Severity};
use crate::ruleset::Options;
use crate::source::{Parts, Source, read};

/// Looks at every rule of these sources; what does not load is not looked at.
pub fn lint<'a>(sources: impl IntoIterator<Item = Source<'a>>, options: &Options) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        // Loading tells what is wrong with the file itself.
        for parsed in read(source, &mut Vec::new()) {
            let Parts::Rule(rule) = parsed.parts else { continue };
            let id = rule.id.clone().unwrap_or_else(|| rule.title.clone());
            for fault in faults(&rule, options) {
                problems.push(parsed.document.problem(fault, Some(&id), Severity::Warning));
            }
        }
    }
    problems
}

fn faults(rule: &SigmaRule, options: &Options) -> Vec<Fault> {
    let mut faults = Vec::new();
    field::check(rule, &options.logsources, &mut faults);
    cost::check(rule, &mut faults);
    reach::check(rule, &mut faults);
    // A pipeline may say which logsource is meant.
    let mut sent = rule.clone();
    if options.pipelines.rule(&mut sent).is_ok() {
        logsource::check(&sent, &options.logsources, &mut faults);
    }
    faults
}

/// The keys that lead to an item: `detection`, the selection, `Image|endswith`.
fn place(selection: &str, item: &DetectionItem) -> [String; 3] {
    let mut key = item.field.name.clone().unwrap_or_default();
    for modifier in &item.field.modifiers {
        key.push('|');
        key.push_str(crate::detection::word(*modifier));
    }
    ["detection".to_owned(), selection.to_owned(), key]
}

/// Every item of a rule with the name of its selection, in the order of the names.
fn items<'r>(rule: &'r SigmaRule, visit: &mut dyn FnMut(&'r str, &'r DetectionItem)) {
    use rsigma_parser::Detection;
    let mut named: Vec<_> = rule.detection.named.iter().collect();
    named.sort_by_key(|(name, _)| name.as_str());
    for (name, detection) in named {
        let mut parts = vec![detection];
        while let Some(part) = parts.pop() {
            match part {
                Detection::AllOf(items) => items.iter().for_each(|item| visit(name, item)),
                Detection::AnyOf(more) | Detection::And(more) => parts.extend(more.iter().rev()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
