use rsigma_parser::{ConditionExpr, SelectorPattern};

/// A condition without selections of which nothing is left: neither true nor false, they are not
/// there. `None` when that was all of it.
pub(super) fn prune(
    condition: ConditionExpr,
    gone: &[String],
    left: &[&str],
) -> Option<ConditionExpr> {
    let several = |parts: Vec<ConditionExpr>| -> Vec<ConditionExpr> {
        parts.into_iter().filter_map(|part| prune(part, gone, left)).collect()
    };
    match condition {
        ConditionExpr::And(parts) => join(several(parts), ConditionExpr::And),
        ConditionExpr::Or(parts) => join(several(parts), ConditionExpr::Or),
        ConditionExpr::Not(part) => {
            prune(*part, gone, left).map(|part| ConditionExpr::Not(Box::new(part)))
        }
        ConditionExpr::Identifier(name) if gone.contains(&name) => None,
        ConditionExpr::Selector { quantifier, pattern } => {
            let named = |name: &str| SelectorPattern::matches_detection_name(&pattern, name);
            let lost = gone.iter().any(|name| named(name));
            let empty = lost && !left.iter().any(|name| named(name));
            (!empty).then_some(ConditionExpr::Selector { quantifier, pattern })
        }
        other => Some(other),
    }
}

fn join(
    mut parts: Vec<ConditionExpr>,
    how: fn(Vec<ConditionExpr>) -> ConditionExpr,
) -> Option<ConditionExpr> {
    match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(how(parts)),
    }
}
