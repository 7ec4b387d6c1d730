use regex::RegexBuilder;
use rsigma_parser::{Modifier, SigmaRule, SigmaValue};

use super::{items, place};
use crate::problem::Fault;

/// A compiled expression past this is told about: of 3,754 public rules, two.
const COSTLY_BYTES: usize = 512 * 1024;

/// Regular expressions that cost more than they need.
pub(super) fn check(rule: &SigmaRule, faults: &mut Vec<Fault>) {
    items(rule, &mut |selection, item| {
        if !item.field.has_modifier(Modifier::Re) {
            return;
        }
        for value in &item.values {
            let SigmaValue::String(text) = value else { continue };
            let mut builder = RegexBuilder::new(&text.original);
            let costly = builder.size_limit(COSTLY_BYTES).build();
            if matches!(costly, Err(regex::Error::CompiledTooBig(_))) {
                let what =
                    format!("a costly regular expression: over {COSTLY_BYTES} bytes compiled");
                let fault = Fault::new(what).at(place(selection, item));
                faults.push(fault.hint("counts like {1,1000} are written out: make them smaller"));
            } else if is_plain(&text.original) {
                let what = format!("'{}' is plain text: no expression is needed", text.original);
                let fault = Fault::new(what).at(place(selection, item));
                faults.push(fault.hint("'contains' finds it, many times faster (case counts not)"));
            }
        }
    });
}

/// Whether it holds nothing but letters, digits and blanks.
fn is_plain(expression: &str) -> bool {
    !expression.is_empty() && expression.chars().all(|c| c.is_alphanumeric() || c == ' ')
}
