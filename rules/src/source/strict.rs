use serde::de::DeserializeOwned;

use super::read::{whole, yaml_fault};
use super::{Document, Source, guard, yaml};
use crate::limits;
use crate::problem::{Fault, Problem, Severity};

/// The documents of a file that holds no rules but what rules are read with.
pub(crate) fn documents(source: Source<'_>) -> Result<Vec<Document<'_>>, Box<Problem>> {
    whole(source).map_err(|fault| {
        let file = Document { path: source.path, text: "", first_line: 1 };
        Box::new(file.problem_at(fault, None, Severity::Error, (Some(1), Some(1))))
    })
}

/// Reads a document into a type that says what may stand in it.
pub(crate) fn strict<T: DeserializeOwned>(document: Document<'_>) -> Result<T, Box<Problem>> {
    if guard::opens_too_much(document.text) {
        let what = format!("more than {} lists or mappings in brackets", limits::FLOWS_MAX);
        return Err(Box::new(document.problem(Fault::new(what), None, Severity::Error)));
    }
    yaml::parse(document.text).map_err(|error| {
        let fault = yaml_fault(&error.to_string());
        located(document, &error, fault)
    })?;
    yaml_serde::from_str(document.text).map_err(|error: yaml_serde::Error| {
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        located(document, &error, Fault::new(what))
    })
}

fn located(document: Document<'_>, error: &yaml_serde::Error, fault: Fault) -> Box<Problem> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let at = error.location().map(|at| (number(at.line()), number(at.column())));
    let line = at.map_or(document.line(), |(line, _)| document.first_line + line - 1);
    let position = (Some(line), Some(at.map_or(1, |(_, column)| column)));
    Box::new(document.problem_at(fault, None, Severity::Error, position))
}
