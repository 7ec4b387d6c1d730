use rsigma_parser::{ConditionExpr, Quantifier};

/// What selections a condition is about; bits of an assignment of truth.
pub(super) struct Truth<'r> {
    /// In order: the bit of a name is its place.
    pub names: Vec<&'r str>,
    /// Selections that never hold.
    pub never: u32,
    /// Pairs of selections that never hold together.
    pub apart: Vec<(usize, usize)>,
}

/// Assignments are tried all: so many selections are looked at.
pub(super) const SELECTIONS_MAX: usize = 12;

impl Truth<'_> {
    /// All assignments that can be.
    fn possible(&self) -> impl Iterator<Item = u32> {
        (0..1_u32 << self.names.len()).filter(|bits| {
            let holds = |number: usize| bits & (1 << number) != 0;
            bits & self.never == 0 && !self.apart.iter().any(|(a, b)| holds(*a) && holds(*b))
        })
    }

    /// Whether the condition can hold.
    pub fn can_hold(&self, condition: &ConditionExpr) -> bool {
        self.possible().any(|bits| self.holds(condition, bits))
    }

    /// Whether the condition can depend on a selection.
    pub fn matters(&self, conditions: &[ConditionExpr], number: usize) -> bool {
        let holds = |bits| conditions.iter().any(|one| self.holds(one, bits));
        // Whatever the others are, also where it could not be: what cannot be is told otherwise.
        (0..1_u32 << self.names.len()).any(|bits| holds(bits) != holds(bits ^ (1 << number)))
    }

    fn holds(&self, condition: &ConditionExpr, bits: u32) -> bool {
        match condition {
            ConditionExpr::And(parts) => parts.iter().all(|part| self.holds(part, bits)),
            ConditionExpr::Or(parts) => parts.iter().any(|part| self.holds(part, bits)),
            ConditionExpr::Not(part) => !self.holds(part, bits),
            ConditionExpr::Identifier(name) => {
                let number = self.names.iter().position(|known| known == name);
                number.is_some_and(|number| bits & (1 << number) != 0)
            }
            ConditionExpr::Selector { quantifier, pattern } => {
                let numbered = self.names.iter().enumerate();
                let named = numbered.filter(|(_, name)| pattern.matches_detection_name(name));
                let named: Vec<usize> = named.map(|(number, _)| number).collect();
                let held = named.iter().filter(|number| bits & (1 << **number) != 0).count() as u64;
                match quantifier {
                    Quantifier::Any => held > 0,
                    Quantifier::All => held == named.len() as u64,
                    Quantifier::Count(count) => held >= *count,
                }
            }
        }
    }
}
