use rsigma_parser::SigmaRule;

use crate::logsource::{Logsources, Unknown};
use crate::problem::Fault;
use crate::rule::Logsource;

/// A logsource that no file knows: only events that claim it themselves are looked at.
pub(super) fn check(rule: &SigmaRule, known: &Logsources, faults: &mut Vec<Fault>) {
    let logsource = Logsource {
        product: rule.logsource.product.clone(),
        category: rule.logsource.category.clone(),
        service: rule.logsource.service.clone(),
    };
    let Err(Unknown { part, word, similar }) = known.knows(&logsource) else { return };
    let of = match (part, &logsource.product) {
        ("product", _) | (_, None) => String::new(),
        (_, Some(product)) => format!(" of '{product}'"),
    };
    let hint = match similar {
        Some(similar) => format!("did you mean '{similar}'?"),
        None => {
            "only events that claim it themselves are looked at; logsources are files".to_owned()
        }
    };
    let fault = Fault::new(format!("no logsource file knows the {part} '{word}'{of}"));
    faults.push(fault.hint(hint).at(["logsource", part]));
}
