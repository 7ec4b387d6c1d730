use super::condition::Expression;
use super::item::Item;
use super::{Detection, Group};

/// What must be true for a detection to hold, without what must not.
#[derive(Debug)]
pub(crate) struct Demands {
    /// By number of selection.
    pub selections: Vec<Demand>,
    pub condition: Demand,
}

/// A part of it.
#[derive(Debug)]
pub(crate) enum Demand {
    /// Nothing that could be said: it may be met by what is absent.
    Unknown,
    Predicate(usize),
    /// As the selection of this number.
    Selection(usize),
    All(Vec<Demand>),
    Any(Vec<Demand>),
    AtLeast(usize, Vec<Demand>),
}

impl Detection {
    /// What its selections and conditions demand; filters only take away.
    pub fn demands(&self) -> Demands {
        Demands {
            selections: self.selections.iter().map(|s| s.group.demand()).collect(),
            condition: Demand::Any(self.conditions.iter().map(of_expression).collect()),
        }
    }

    /// Every predicate it names, as often as it does.
    pub fn count(&self, uses: &mut [u32]) {
        let mut groups: Vec<&Group> = self.selections.iter().map(|s| &s.group).collect();
        while let Some(group) = groups.pop() {
            match group {
                Group::All(parts) | Group::Any(parts) => groups.extend(parts),
                Group::Item(item) => {
                    for pattern in &item.patterns {
                        if let Some(count) = uses.get_mut(pattern.predicate) {
                            *count += 1;
                        }
                    }
                }
            }
        }
    }
}

fn of_expression(expression: &Expression) -> Demand {
    let each = |parts: &[Expression]| parts.iter().map(of_expression).collect();
    match expression {
        Expression::And(parts) => Demand::All(each(parts)),
        Expression::Or(parts) => Demand::Any(each(parts)),
        Expression::Not(_) => Demand::Unknown,
        Expression::Selection(number) => Demand::Selection(*number),
        Expression::AtLeast(count, numbers) => {
            Demand::AtLeast(*count, numbers.iter().map(|n| Demand::Selection(*n)).collect())
        }
    }
}

impl Group {
    fn demand(&self) -> Demand {
        let each = |parts: &[Group]| parts.iter().map(Group::demand).collect();
        match self {
            Self::All(parts) => Demand::All(each(parts)),
            Self::Any(parts) => Demand::Any(each(parts)),
            Self::Item(item) => item.demand(),
        }
    }
}

impl Item {
    fn demand(&self) -> Demand {
        if self.negated {
            return Demand::Unknown;
        }
        let parts = self.patterns.iter().map(|p| Demand::Predicate(p.predicate)).collect();
        if self.all { Demand::All(parts) } else { Demand::Any(parts) }
    }
}
