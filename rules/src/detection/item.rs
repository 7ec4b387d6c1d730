use crate::pattern::{Found, Test, Within, unfold};
use crate::view::{Held, Slot, View};

/// One field, or the whole event, compared with the values a rule gives.
#[derive(Debug)]
pub(crate) struct Item {
    /// `None`: a keyword, searched in every text of the event.
    pub slot: Option<Slot>,
    /// The field's name.
    pub field: Option<String>,
    /// As written: `contains|all`.
    pub modifiers: String,
    pub patterns: Vec<Pattern>,
    pub all: bool,
    pub negated: bool,
}

/// One value of a rule.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As written.
    pub text: String,
    pub matcher: Matcher,
}

/// How a value is tried.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// One of several tests, against each value of the field.
    Tests(Vec<Test>),
    /// The field is absent or null.
    Null,
    /// The field is there and not null, or is not.
    Exists(bool),
    /// The field stands so to another field.
    Reference { slot: Slot, within: Within, cased: bool },
}

/// A value of the event that made a pattern true.
pub(crate) struct Hit<'v> {
    /// `None` when the pattern is about absence.
    pub value: Option<&'v str>,
    pub range: Found,
}

impl Item {
    /// Whether the event matches the line of the rule.
    pub fn holds(&self, view: &View<'_>) -> bool {
        if self.negated {
            let present = self.slot.is_none_or(|slot| !view.values(slot).is_empty());
            return present && !self.patterns.iter().any(|p| self.hit(p, view).is_some());
        }
        if self.all {
            self.patterns.iter().all(|pattern| self.hit(pattern, view).is_some())
        } else {
            self.patterns.iter().any(|pattern| self.hit(pattern, view).is_some())
        }
    }

    /// The first value that matches a pattern.
    pub fn hit<'v>(&self, pattern: &Pattern, view: &'v View<'_>) -> Option<Hit<'v>> {
        let values = match self.slot {
            Some(slot) => view.values(slot),
            None => view.texts(),
        };
        match &pattern.matcher {
            Matcher::Tests(tests) => values.iter().find_map(|value| first(tests, value)),
            Matcher::Null => values.is_empty().then_some(Hit { value: None, range: None }),
            Matcher::Exists(wanted) => {
                let value = values.first().map(Held::text);
                (value.is_some() == *wanted).then_some(Hit { value, range: None })
            }
            Matcher::Reference { slot, within, cased } => {
                let others = view.values(*slot);
                let pair = |value| others.iter().find_map(|o| refer(value, o, *within, *cased));
                values.iter().find_map(pair)
            }
        }
    }
}

fn first<'v>(tests: &[Test], value: &'v Held<'_>) -> Option<Hit<'v>> {
    let range = tests.iter().find_map(|test| test.find(value))?;
    Some(Hit { value: Some(value.text()), range })
}

fn refer<'v>(
    value: &'v Held<'_>,
    other: &Held<'_>,
    within: Within,
    cased: bool,
) -> Option<Hit<'v>> {
    let (text, wanted) =
        if cased { (value.text(), other.text()) } else { (value.folded(), other.folded()) };
    let start = match within {
        Within::Whole => (text == wanted).then_some(0),
        Within::Contains => text.find(wanted),
        Within::StartsWith => text.starts_with(wanted).then_some(0),
        Within::EndsWith => text.ends_with(wanted).then(|| text.len() - wanted.len()),
    }?;
    let range = start..start + wanted.len();
    let range = if cased { range } else { unfold(value.text(), text, range) };
    Some(Hit { value: Some(value.text()), range: Some(range) })
}
