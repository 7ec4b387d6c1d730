use std::collections::BTreeMap;

use crate::limits;
use crate::problem::{Fault, Problem, Severity};
use crate::source::{Document, Source, Values, documents, strict};

/// One document of a logsource file: one product, or what is common to many.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Written {
    /// Every entry is of this product, and an event that one of them fits is.
    pub product: Option<String>,
    /// Who is tried first when an event does not say what it is: the lower.
    #[serde(default = "priority")]
    pub priority: i32,
    /// Fields one of which an event of the product has, else nothing is known about it.
    pub telltale: Vec<String>,
    pub entries: Vec<Entry>,
    /// What no entry makes an event, but it may say of itself.
    pub claimed: Vec<Of>,
    /// Fields every event of the product has.
    pub common: Vec<String>,
    /// The fields of a category, complete.
    pub known: Vec<Known>,
    pub envelopes: Envelopes,
}

fn priority() -> i32 {
    50
}

/// What an event has to be, and then is besides.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Entry {
    /// What it claims, or entries without `of` make it.
    pub of: Of,
    /// Fields and their values; `*`: it has the field.
    pub when: BTreeMap<String, Values>,
    pub category: Values,
    pub service: Values,
    /// Sigma's name of a field: the event's, the first that is there.
    pub fields: BTreeMap<String, Values>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Of {
    pub category: Values,
    pub service: Values,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    pub of: Of,
    pub fields: Vec<String>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Envelopes {
    /// Taken away from the front of a field's name; `*` stands for one name between dots.
    pub prefixes: Vec<String>,
    /// A field's path and the name it answers to.
    pub paths: BTreeMap<String, String>,
}

/// In `when`: the field is there, whatever it holds.
pub(crate) const ANY: &str = "*";
/// Fields with values in one `when`.
pub(crate) const EXACT_MAX: usize = 4;

/// The good documents of a file.
pub(super) fn read(source: Source<'_>, problems: &mut Vec<Problem>) -> Vec<Written> {
    let documents = match documents(source) {
        Ok(documents) => documents,
        Err(problem) => {
            problems.push(*problem);
            return Vec::new();
        }
    };
    let mut written = Vec::new();
    for document in documents {
        match one(document) {
            Ok(one) => written.push(one),
            Err(problem) => problems.push(*problem),
        }
    }
    written
}

fn one(document: Document<'_>) -> Result<Written, Box<Problem>> {
    let written: Written = strict(document)?;
    let fault = |fault: Fault| Box::new(document.problem(fault, None, Severity::Error));
    for (number, entry) in written.entries.iter().enumerate() {
        check(entry, written.product.is_none())
            .map_err(|what| fault(Fault::new(what).at(["entries", &format!("[{number}]")])))?;
    }
    for (number, known) in written.known.iter().enumerate() {
        if known.of.category.0.is_empty() {
            let what = "'known' says which fields a category has: it needs 'of: {category: …}'";
            return Err(fault(Fault::new(what).at(["known", &format!("[{number}]")])));
        }
    }
    Ok(written)
}

fn check(entry: &Entry, general: bool) -> Result<(), String> {
    let of_nothing = entry.of.category.0.is_empty() && entry.of.service.0.is_empty();
    if general && of_nothing && entry.when.is_empty() {
        return Err("an entry without 'of', 'when' and product would fit every event".to_owned());
    }
    if let Some((field, _)) = entry.when.iter().find(|(_, values)| values.0.is_empty()) {
        return Err(format!("'{field}' has no value; '*' means that the field is there"));
    }
    let exact = entry.when.values().filter(|values| !is_any(values));
    if exact.clone().count() > EXACT_MAX {
        return Err(format!("more than {EXACT_MAX} fields with values in one 'when'"));
    }
    let variants = exact.map(|values| values.0.len()).fold(1, usize::saturating_mul);
    if variants > limits::VARIANTS_MAX {
        return Err(format!("a 'when' of more than {} combinations", limits::VARIANTS_MAX));
    }
    Ok(())
}

/// Whether it asks only for the field to be there.
pub(crate) fn is_any(values: &Values) -> bool {
    values.0.iter().any(|value| value == ANY)
}
