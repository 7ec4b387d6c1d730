use rsigma_parser::{ConditionExpr, Quantifier, SelectorPattern};

use crate::problem::Fault;

/// A condition over numbered selections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Selection(usize),
    /// At least so many of these hold.
    AtLeast(usize, Vec<usize>),
}

impl Expression {
    /// Whether it holds, asking `selection` for the truth of each selection it needs.
    pub fn holds(&self, selection: &dyn Fn(usize) -> bool) -> bool {
        self.decide(&mut |number| selection(number))
    }

    /// The same where answering changes something.
    pub fn decide(&self, selection: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.decide(selection)),
            Self::Or(parts) => parts.iter().any(|part| part.decide(selection)),
            Self::Not(part) => !part.decide(selection),
            Self::Selection(number) => selection(*number),
            Self::AtLeast(count, numbers) => {
                numbers.iter().filter(|number| selection(**number)).take(*count).count() == *count
            }
        }
    }

    /// The selections it names.
    pub fn named(&self, numbers: &mut Vec<usize>) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.named(numbers)),
            Self::Not(part) => part.named(numbers),
            Self::Selection(number) => numbers.push(*number),
            Self::AtLeast(_, several) => numbers.extend(several),
        }
    }
}

/// Resolves the names of a condition.
///
/// # Errors
/// A name, or a pattern of names, that stands for no selection; more wanted than there are.
pub(crate) fn build(parsed: &ConditionExpr, names: &[&str]) -> Result<Expression, Fault> {
    let all = |parts: &[ConditionExpr]| {
        parts.iter().map(|part| build(part, names)).collect::<Result<Vec<_>, _>>()
    };
    match parsed {
        ConditionExpr::And(parts) => Ok(Expression::And(all(parts)?)),
        ConditionExpr::Or(parts) => Ok(Expression::Or(all(parts)?)),
        ConditionExpr::Not(part) => Ok(Expression::Not(Box::new(build(part, names)?))),
        ConditionExpr::Identifier(name) => match names.iter().position(|known| known == name) {
            Some(number) => Ok(Expression::Selection(number)),
            None => Err(unknown(name, names)),
        },
        ConditionExpr::Selector { quantifier, pattern } => several(quantifier, pattern, names),
    }
}

fn several(
    quantifier: &Quantifier,
    pattern: &SelectorPattern,
    names: &[&str],
) -> Result<Expression, Fault> {
    let fits =
        |number: &usize| names.get(*number).is_some_and(|n| pattern.matches_detection_name(n));
    let numbers: Vec<usize> = (0..names.len()).filter(fits).collect();
    if numbers.is_empty() {
        return Err(unknown(&pattern.to_string(), names));
    }
    let count = match quantifier {
        Quantifier::Any => 1,
        Quantifier::All => numbers.len(),
        Quantifier::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
    };
    if count == 0 || count > numbers.len() {
        let what = format!("'{quantifier} of {pattern}', but there are {}", numbers.len());
        return Err(Fault::new(what));
    }
    Ok(Expression::AtLeast(count, numbers))
}

fn unknown(name: &str, names: &[&str]) -> Fault {
    Fault::new(format!("the condition names '{name}', which is no selection of this rule"))
        .hint(format!("its selections are: {}", names.join(", ")))
}
