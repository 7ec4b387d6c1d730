use std::collections::HashMap;

use super::needle::{Needle, needles};
use crate::detection::{Demand, Demands, Matcher, Predicates};

/// For each predicate what an index can find it by; `None`: nothing.
pub(super) struct Anchors {
    needles: Vec<Option<Vec<Needle>>>,
    weights: Vec<f64>,
}

/// Predicates of which one must be true, and how often one of them is, by guess.
#[derive(Clone, Debug)]
struct Set {
    weight: f64,
    predicates: Vec<usize>,
}

/// Sets of predicates that are larger than this are not worth an index.
const SET_MAX: usize = 2_000;

impl Anchors {
    pub fn new(predicates: &Predicates, uses: &[u32]) -> Self {
        let needles: Vec<_> =
            predicates.iter().map(|compared| found_by(&compared.matcher)).collect();
        let mut spoken: HashMap<&str, u32> = HashMap::new();
        for (needle, uses) in needles.iter().zip(uses) {
            for text in needle.iter().flatten().filter_map(text_of) {
                *spoken.entry(text).or_default() += uses;
            }
        }
        let weigh = |needles: &Option<Vec<Needle>>| {
            let needles = needles.as_deref().unwrap_or_default();
            needles.iter().map(|needle| weight(needle, &spoken)).sum()
        };
        let weights = needles.iter().map(weigh).collect();
        Self { needles, weights }
    }

    pub fn needles(&self, predicate: usize) -> &[Needle] {
        self.needles.get(predicate).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The predicates of which one must be true for the demands to be met: of all such sets the one
    /// that is true least often, by guess. `None`: they may be met without.
    pub fn choose(&self, demands: &Demands) -> Option<Vec<usize>> {
        let of_selection = |demand| self.best(demand, &[]);
        let selections: Vec<_> = demands.selections.iter().map(of_selection).collect();
        self.best(&demands.condition, &selections).map(|set| set.predicates)
    }

    fn best(&self, demand: &Demand, selections: &[Option<Set>]) -> Option<Set> {
        match demand {
            Demand::Unknown => None,
            Demand::Selection(number) => selections.get(*number)?.clone(),
            Demand::Predicate(number) => {
                self.needles.get(*number)?.as_ref()?;
                Some(Set { weight: *self.weights.get(*number)?, predicates: vec![*number] })
            }
            Demand::All(parts) => {
                let sets = parts.iter().filter_map(|part| self.best(part, selections));
                sets.min_by(|a, b| a.weight.total_cmp(&b.weight))
            }
            Demand::Any(parts) => self.union(parts, parts.len(), selections),
            Demand::AtLeast(count, parts) => {
                // Whichever are met, one is among any so many.
                self.union(parts, parts.len().checked_sub(*count)? + 1, selections)
            }
        }
    }

    /// Together the lightest so many sets.
    fn union(&self, parts: &[Demand], count: usize, selections: &[Option<Set>]) -> Option<Set> {
        let mut sets: Vec<_> =
            parts.iter().filter_map(|part| self.best(part, selections)).collect();
        if sets.len() < count {
            return None;
        }
        sets.sort_by(|a, b| a.weight.total_cmp(&b.weight));
        sets.truncate(count);
        let weight = sets.iter().map(|set| set.weight).sum();
        let mut predicates: Vec<usize> = sets.into_iter().flat_map(|set| set.predicates).collect();
        predicates.sort_unstable();
        predicates.dedup();
        (predicates.len() <= SET_MAX).then_some(Set { weight, predicates })
    }
}

fn found_by(matcher: &Matcher) -> Option<Vec<Needle>> {
    match matcher {
        Matcher::Tests(tests) => {
            let each = tests.iter().map(needles).collect::<Option<Vec<_>>>()?;
            Some(each.concat())
        }
        Matcher::Null | Matcher::Exists(_) | Matcher::Reference { .. } => None,
    }
}

fn text_of(needle: &Needle) -> Option<&str> {
    match needle {
        Needle::Whole(text) | Needle::Start(text) | Needle::End(text) | Needle::Part(text) => {
            Some(text)
        }
        Needle::Number(_) => None,
    }
}

/// How often it is found, by guess: long texts seldom, texts many rules speak of often.
fn weight(needle: &Needle, spoken: &HashMap<&str, u32>) -> f64 {
    let uses = |text: &str| f64::from(spoken.get(text).copied().unwrap_or(1)).ln() + 1.0;
    let rare = |text: &str, letters: usize| {
        0.7_f64.powi(i32::try_from(letters).unwrap_or(99)) * uses(text)
    };
    match needle {
        Needle::Number(_) => 0.2,
        Needle::Whole(text) => 0.02 + rare(text, 4 + text.len()),
        Needle::Start(text) => 0.02 + rare(text, text.len()),
        Needle::End(text) => 0.005 + rare(text, 2 + text.len().min(8)),
        Needle::Part(text) => rare(text, text.len().min(24)),
    }
}
