use std::collections::BTreeSet;

use rsigma_parser::{Detection, DetectionItem, Modifier, SigmaRule, SigmaValue};

use super::truth::{SELECTIONS_MAX, Truth};
use super::{items, place};
use crate::problem::Fault;

/// Items, selections and conditions that can never hold, and selections that change nothing.
pub(super) fn check(rule: &SigmaRule, faults: &mut Vec<Fault>) {
    items(rule, &mut |selection, item| {
        if let Some(what) = impossible(item) {
            let hint = "only a field that holds a list can; without 'all' one of them is enough";
            faults.push(Fault::new(what).hint(hint).at(place(selection, item)));
        }
    });
    let mut named: Vec<(&str, &Detection)> =
        rule.detection.named.iter().map(|(name, one)| (name.as_str(), one)).collect();
    named.sort_by_key(|(name, _)| *name);
    if named.len() > SELECTIONS_MAX {
        return;
    }
    let mut truth =
        Truth { names: named.iter().map(|(name, _)| *name).collect(), never: 0, apart: Vec::new() };
    for (number, (name, detection)) in named.iter().enumerate() {
        if let Some((item, what)) = contradiction(detection) {
            truth.never |= 1 << number;
            let fault = Fault::new(format!("the selection '{name}' can never hold: {what}"));
            faults.push(fault.at(place(name, item)));
        }
        for (other, (_, detection_of_other)) in named.iter().enumerate().skip(number + 1) {
            if are_apart(detection, detection_of_other) {
                truth.apart.push((number, other));
            }
        }
    }
    for condition in &rule.detection.conditions {
        if !truth.can_hold(condition) {
            let fault = Fault::new(format!("the condition can never hold: '{condition}'"));
            faults.push(fault.at(["detection", "condition"]));
        }
    }
    unneeded(rule, &truth, faults);
}

/// Selections that a condition names, and that change nothing about it.
fn unneeded(rule: &SigmaRule, truth: &Truth<'_>, faults: &mut Vec<Fault>) {
    let text = rule.detection.condition_strings.join(" ");
    for (number, name) in truth.names.iter().enumerate() {
        let is_named =
            text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == *name);
        if is_named && !truth.matters(&rule.detection.conditions, number) {
            let fault = Fault::new(format!("whether '{name}' holds changes nothing"));
            let hint = "the condition holds, or does not, whatever it is";
            faults.push(fault.hint(hint).at(["detection", name]));
        }
    }
}

/// Values that one value of a field cannot be all at once.
fn impossible(item: &DetectionItem) -> Option<String> {
    let all = item.field.modifiers == [Modifier::All];
    let values = exact(&item.values).filter(|values| all && values.len() > 1)?;
    let name = item.field.name.as_ref()?;
    let values: Vec<String> = values.into_iter().collect();
    Some(format!("no single value of '{name}' is all of {}", values.join(", ")))
}

/// Why a mapping can never hold: a value it wants fits none of what it says besides about the field.
fn contradiction(detection: &Detection) -> Option<(&DetectionItem, String)> {
    let Detection::AllOf(items) = detection else { return None };
    for item in items {
        let name = item.field.name.as_ref()?;
        let Some(values) = wanted(item) else { continue };
        let others = items.iter().filter(|other| other.field.name.as_ref() == Some(name));
        for other in others {
            if let Some(fits) = test(other)
                && !values.iter().any(fits)
            {
                let what = format!("no value of '{name}' fits all that is said of it");
                return Some((other, what));
            }
        }
    }
    None
}

/// Whether two mappings want different values of one field.
fn are_apart(one: &Detection, other: &Detection) -> bool {
    let (Detection::AllOf(one), Detection::AllOf(other)) = (one, other) else { return false };
    one.iter().any(|item| {
        let Some(values) = wanted(item) else { return false };
        let same = other.iter().filter(|other| other.field.name == item.field.name);
        let mut others = same.filter_map(wanted);
        others.any(|others| values.is_disjoint(&others))
    })
}

/// The values one of which the field has to be, whole.
fn wanted(item: &DetectionItem) -> Option<BTreeSet<String>> {
    let plain = item.field.name.is_some() && item.field.modifiers.is_empty();
    if plain { exact(&item.values) } else { None }
}

/// Values without wildcards, case aside.
fn exact(values: &[SigmaValue]) -> Option<BTreeSet<String>> {
    let each = values.iter().map(|value| match value {
        SigmaValue::String(text) => text.as_plain().map(|text| text.to_lowercase()),
        SigmaValue::Integer(n) => Some(n.to_string()),
        SigmaValue::Bool(value) => Some(value.to_string()),
        SigmaValue::Float(_) | SigmaValue::Null => None,
    });
    each.collect()
}

/// How a value is tried by an item with one of the simple modifiers.
fn test(item: &DetectionItem) -> Option<impl Fn(&String) -> bool> {
    let values = exact(&item.values)?;
    let fits: fn(&String, &String) -> bool = match item.field.modifiers.as_slice() {
        [Modifier::Contains] => |value, part| value.contains(part.as_str()),
        [Modifier::StartsWith] => |value, part| value.starts_with(part.as_str()),
        [Modifier::EndsWith] => |value, part| value.ends_with(part.as_str()),
        _ => return None,
    };
    Some(move |value: &String| values.iter().any(|part| fits(value, part)))
}
