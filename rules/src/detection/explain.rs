use serde::{Deserialize, Serialize};

use super::condition::Expression;
use super::item::{Hit, Item, Pattern, Predicates};
use super::{Detection, Group};
use crate::limits;
use crate::view::{Plain, Values, View};

/// One comparison of a rule that was true of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicate {
    /// The selection it stands in.
    pub selection: String,
    /// The field; `None` for a keyword.
    pub field: Option<String>,
    /// As written: `contains|all`.
    pub modifiers: String,
    /// The rule's value as written.
    pub pattern: String,
    /// What the event held, or the part of it around the match, at most 1 KiB; empty when the rule
    /// asked for absence.
    pub value: String,
    /// First byte of `value` that matched, where text was matched.
    pub start: Option<usize>,
    /// One past the last.
    pub end: Option<usize>,
}

/// An event that is explained.
#[derive(Clone, Copy)]
struct Explained<'a, 'e> {
    view: &'a View<'e>,
    predicates: &'a Predicates,
}

impl<'a, 'e> Explained<'a, 'e> {
    fn facts(self) -> Plain<'a, View<'e>> {
        Plain { view: self.view, predicates: self.predicates }
    }
}

impl Detection {
    /// Why the event matches: the true comparisons outside of every `not`. Call it after
    /// [`Detection::holds`] said yes.
    pub fn explain(&self, view: &View<'_>, known: &Predicates) -> Vec<Predicate> {
        let event = Explained { view, predicates: known };
        let mut numbers = Vec::new();
        for condition in &self.conditions {
            self.contributing(condition, event, &mut numbers);
        }
        numbers.sort_unstable();
        numbers.dedup();
        let mut predicates = Vec::new();
        for selection in numbers.iter().filter_map(|number| self.selections.get(*number)) {
            selection.group.explain(&selection.name, event, &mut predicates);
        }
        predicates
    }

    fn contributing(
        &self,
        expression: &Expression,
        event: Explained<'_, '_>,
        numbers: &mut Vec<usize>,
    ) {
        let holds = |number: usize| {
            let selection = self.selections.get(number);
            selection.is_some_and(|selection| selection.group.holds(&mut event.facts()))
        };
        if !expression.holds(&holds) {
            return;
        }
        match expression {
            Expression::And(parts) | Expression::Or(parts) => {
                parts.iter().for_each(|part| self.contributing(part, event, numbers));
            }
            Expression::Not(_) => {}
            Expression::Selection(number) => numbers.push(*number),
            Expression::AtLeast(_, several) => {
                numbers.extend(several.iter().filter(|number| holds(**number)));
            }
        }
    }
}

impl Group {
    fn explain(&self, selection: &str, event: Explained<'_, '_>, predicates: &mut Vec<Predicate>) {
        match self {
            Self::All(groups) | Self::Any(groups) => {
                for group in groups.iter().filter(|group| group.holds(&mut event.facts())) {
                    group.explain(selection, event, predicates);
                }
            }
            Self::Item(item) => item.explain(selection, event, predicates),
        }
    }
}

impl Item {
    /// With `all` every pattern, otherwise the first that is true: it alone decided.
    fn explain(&self, selection: &str, event: Explained<'_, '_>, predicates: &mut Vec<Predicate>) {
        if self.negated {
            let mut value = None;
            event.view.each(self.slot, &mut |held| {
                value = Some(held.text);
                true
            });
            let hit = Hit { value, range: None };
            let patterns = self.patterns.iter();
            predicates.extend(patterns.map(|p| self.predicate(selection, p, &hit)));
            return;
        }
        let hit = |pattern: &Pattern| event.predicates.get(pattern.predicate)?.hit(event.view);
        let hits = self.patterns.iter().filter_map(|p| Some((p, hit(p)?)));
        let wanted = if self.all { usize::MAX } else { 1 };
        let hits = hits.take(wanted);
        predicates.extend(hits.map(|(pattern, hit)| self.predicate(selection, pattern, &hit)));
    }

    fn predicate(&self, selection: &str, pattern: &Pattern, hit: &Hit<'_>) -> Predicate {
        let value = hit.value.unwrap_or("");
        let (from, to) = shown(value, hit.range.as_ref().map_or(0, |range| range.start));
        let inside = |at: usize| at.clamp(from, to) - from;
        Predicate {
            selection: selection.to_owned(),
            field: self.field.clone(),
            modifiers: self.modifiers.clone(),
            pattern: pattern.text.clone(),
            value: value.get(from..to).unwrap_or("").to_owned(),
            start: hit.range.as_ref().map(|range| inside(range.start)),
            end: hit.range.as_ref().map(|range| inside(range.end)),
        }
    }
}

/// The part of a long value to show: what is around the match.
fn shown(value: &str, start: usize) -> (usize, usize) {
    if value.len() <= limits::SHOWN_BYTES_MAX {
        return (0, value.len());
    }
    let before = limits::SHOWN_BYTES_MAX / 4;
    let latest = value.len() - limits::SHOWN_BYTES_MAX;
    let from = value.ceil_char_boundary(start.saturating_sub(before).min(latest));
    (from, value.floor_char_boundary(from + limits::SHOWN_BYTES_MAX))
}
