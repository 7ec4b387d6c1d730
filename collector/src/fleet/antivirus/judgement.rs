//! The one rule that says whether a machine is protected: pure, and a table tests it.

use soc_event::Timestamp;

use crate::fleet::views::AntivirusState;

/// Signatures of this age are outdated, also while the machine is away and cannot say so itself.
pub(super) const OUTDATED_MICROS: i64 = 7 * 86_400 * 1_000_000;
/// A machine not heard for so long may be anything by now.
pub(super) const UNHEARD_MICROS: i64 = 30 * 86_400 * 1_000_000;

const OUTDATED: &str = "signatures_outdated";
const PASSIVE: &str = "passive_mode";
const NOT_HEARD: &str = "not_heard";

/// What a machine says about one of its products.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) product: String,
    pub(super) state: AntivirusState,
    pub(super) is_passive: bool,
    pub(super) reasons: Vec<String>,
    pub(super) signatures_at: Option<i64>,
}

/// What is concluded about the machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judgement {
    pub(super) state: AntivirusState,
    pub(super) product: Option<String>,
    pub(super) reasons: Vec<String>,
    pub(super) signatures_at: Option<i64>,
}

/// The best product decides; one that may be protecting is above one that surely is not, and of
/// equals the one with the newer signatures. `heard` is when the machine was last heard.
pub(super) fn judge(told: Vec<Told>, heard: Timestamp, now: Timestamp) -> Judgement {
    let sound = told.into_iter().map(|told| examined(told, now));
    let Some(best) = sound.max_by_key(|told| (rank(told.state), told.signatures_at)) else {
        let (state, reasons) = (AntivirusState::Unknown, Vec::new());
        return Judgement { state, product: None, reasons, signatures_at: None };
    };
    let is_unheard = heard.plus_micros(UNHEARD_MICROS) <= now;
    Judgement {
        state: if is_unheard { AntivirusState::Unknown } else { best.state },
        product: Some(best.product).filter(|product| product != super::NO_PRODUCT),
        reasons: if is_unheard { vec![NOT_HEARD.to_owned()] } else { best.reasons },
        signatures_at: best.signatures_at,
    }
}

/// "Protected" is taken back where what was said with it, or the time since, speaks against it.
fn examined(mut told: Told, now: Timestamp) -> Told {
    let is_old =
        told.signatures_at.is_some_and(|at| at.saturating_add(OUTDATED_MICROS) <= now.as_micros());
    let against = [(is_old, OUTDATED), (told.is_passive, PASSIVE)];
    for (_, reason) in against.iter().filter(|(holds, _)| *holds) {
        if told.state == AntivirusState::Protected {
            told.state = AntivirusState::Weak;
        }
        if told.state == AntivirusState::Weak && !told.reasons.iter().any(|it| it == reason) {
            told.reasons.push((*reason).to_owned());
        }
    }
    told
}

fn rank(state: AntivirusState) -> u8 {
    match state {
        AntivirusState::Protected => 4,
        AntivirusState::Weak => 3,
        AntivirusState::Unknown => 2,
        AntivirusState::Off => 1,
        AntivirusState::Missing => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AntivirusState::{Missing, Off, Protected, Unknown, Weak};

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn days_ago(days: i64) -> Timestamp {
        now().plus_micros(-days * 86_400_000_000)
    }

    /// A product in a state with signatures of so many days.
    fn told(product: &str, state: AntivirusState, days: i64) -> Told {
        Told {
            product: product.to_owned(),
            state,
            is_passive: false,
            reasons: Vec::new(),
            signatures_at: Some(days_ago(days).as_micros()),
        }
    }

    #[test]
    fn the_rule_as_a_table() {
        let passive = |product| Told { is_passive: true, ..told(product, Protected, 1) };
        let check =
            |products: Vec<Told>, heard: i64, expected: (AntivirusState, Option<&str>, &[&str])| {
                let found = judge(products, days_ago(heard), now());
                let reasons: Vec<&str> = found.reasons.iter().map(String::as_str).collect();
                let product = found.product.as_deref();
                assert_eq!((found.state, product, &*reasons), expected);
            };
        check(vec![], 0, (Unknown, None, &[]));
        check(vec![told("none", Missing, 0)], 0, (Missing, None, &[]));
        check(vec![told("A", Protected, 1)], 0, (Protected, Some("A"), &[]));
        check(vec![told("A", Off, 1), told("B", Unknown, 1)], 0, (Unknown, Some("B"), &[]));
        check(vec![told("A", Weak, 1), told("B", Protected, 1)], 0, (Protected, Some("B"), &[]));
        check(
            vec![told("A", Protected, 3), told("B", Protected, 1)],
            0,
            (Protected, Some("B"), &[]),
        );
        // What it said was true when it said it.
        check(vec![told("A", Protected, 7)], 2, (Weak, Some("A"), &[OUTDATED]));
        check(vec![told("A", Off, 9)], 0, (Off, Some("A"), &[]));
        check(vec![told("A", Protected, 1)], 29, (Protected, Some("A"), &[]));
        check(vec![told("A", Protected, 1)], 30, (Unknown, Some("A"), &[NOT_HEARD]));
        check(vec![told("none", Missing, 0)], 30, (Unknown, None, &[NOT_HEARD]));
        // Passive mode is no protection, but beside another product it does no harm.
        check(vec![passive("A")], 0, (Weak, Some("A"), &[PASSIVE]));
        check(vec![passive("A"), told("B", Protected, 1)], 0, (Protected, Some("B"), &[]));
    }
}
