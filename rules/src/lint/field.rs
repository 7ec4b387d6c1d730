use std::collections::BTreeSet;

use rsigma_parser::SigmaRule;

use super::{items, place};
use crate::logsource::Logsources;
use crate::problem::Fault;
use crate::rule::Logsource;
use crate::source::similar;

/// Fields that events of the logsource do not have, where all they have is known.
pub(super) fn check(rule: &SigmaRule, known: &Logsources, faults: &mut Vec<Fault>) {
    let logsource = Logsource {
        product: rule.logsource.product.clone(),
        category: rule.logsource.category.clone(),
        service: rule.logsource.service.clone(),
    };
    let Some(fields) = known.fields(&logsource) else { return };
    let category = logsource.category.unwrap_or_default();
    let mut told = BTreeSet::new();
    items(rule, &mut |selection, item| {
        let Some(name) = item.field.name.as_deref() else { return };
        if fields.contains(name) || !told.insert(name) {
            return;
        }
        let what = format!("events of the category '{category}' have no field '{name}'");
        let fault = Fault::new(what).at(place(selection, item));
        faults.push(match similar(name, fields.iter().copied()) {
            Some(meant) => fault.hint(format!("did you mean '{meant}'?")),
            None => fault.hint("if your events do, name it in a logsource file under 'known'"),
        });
    });
}
