//! The one rule that says whether a product protects.

use serde::Serialize;
use soc_event::Timestamp;

use super::claim::{Mode, Switch, Updates};
use super::facts::Facts;

/// Signatures of this age are outdated.
const OUTDATED_DAYS: f64 = 7.0;
/// Signatures so far in the future say that a clock is wrong, so their age is not known.
const FUTURE_DAYS: f64 = -1.0;

/// Whether a product protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Engine and real-time scanner run, signatures are known to be fresh, nothing speaks against.
    Protected,
    /// It runs, but something is missing; see the reasons.
    Weak,
    /// Its engine is stopped.
    Off,
    /// It is there; how it is could not be read.
    Unknown,
    /// There is no product.
    Missing,
}

impl State {
    /// The word of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Weak => "weak",
            Self::Off => "off",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
        }
    }
}

/// Why a product does not protect, or not surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The engine does not run.
    EngineStopped,
    /// The product is switched off by its settings.
    SwitchedOff,
    /// Whether the engine runs is not known.
    StateUnknown,
    /// It leaves protection to another product.
    PassiveMode,
    /// The real-time scanner does not run.
    RealtimeOff,
    /// Whether the real-time scanner runs is not known.
    RealtimeUnknown,
    /// Signatures are seven days old or older.
    SignaturesOutdated,
    /// When the signatures were made is not known.
    SignaturesUnknown,
    /// Signatures could not be fetched for a day.
    UpdaterFailing,
    /// Anybody with rights enough can switch it off.
    TamperProtectionOff,
    /// The licence has ended.
    LicenceEnded,
    /// There is no product.
    NoProduct,
}

impl Reason {
    /// The word of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EngineStopped => "engine_stopped",
            Self::SwitchedOff => "switched_off",
            Self::StateUnknown => "state_unknown",
            Self::PassiveMode => "passive_mode",
            Self::RealtimeOff => "realtime_off",
            Self::RealtimeUnknown => "realtime_unknown",
            Self::SignaturesOutdated => "signatures_outdated",
            Self::SignaturesUnknown => "signatures_unknown",
            Self::UpdaterFailing => "updater_failing",
            Self::TamperProtectionOff => "tamper_protection_off",
            Self::LicenceEnded => "licence_ended",
            Self::NoProduct => "no_product",
        }
    }
}

/// Concludes. Only claims make a product `protected`, never their absence.
pub(super) fn judge(facts: &Facts, now: Timestamp) -> (State, Vec<Reason>) {
    let reasons = reasons(facts, now);
    let is_off = facts.mode.as_ref().is_some_and(|mode| mode.value == Mode::Off);
    let state = match facts.engine_running.as_ref().map(|running| running.value) {
        Some(false) => State::Off,
        _ if is_off => State::Off,
        None => State::Unknown,
        Some(true) if reasons.is_empty() => State::Protected,
        // With something surely missing it is weak; otherwise it may be anything.
        Some(true) if reasons.contains(&Reason::RealtimeUnknown) && only_unknown(&reasons) => {
            State::Unknown
        }
        Some(true) => State::Weak,
    };
    (state, reasons)
}

fn only_unknown(reasons: &[Reason]) -> bool {
    use Reason::{RealtimeUnknown, SignaturesUnknown, StateUnknown};
    reasons.iter().all(|it| matches!(it, RealtimeUnknown | SignaturesUnknown | StateUnknown))
}

fn reasons(facts: &Facts, now: Timestamp) -> Vec<Reason> {
    let engine = match facts.engine_running.as_ref().map(|running| running.value) {
        Some(true) => None,
        Some(false) => Some(Reason::EngineStopped),
        None => Some(Reason::StateUnknown),
    };
    let mode = match facts.mode.as_ref().map(|mode| mode.value) {
        Some(Mode::Passive) => Some(Reason::PassiveMode),
        Some(Mode::Off) if engine != Some(Reason::EngineStopped) => Some(Reason::SwitchedOff),
        _ => None,
    };
    let realtime = match facts.realtime.as_ref().map(|realtime| realtime.value) {
        Some(Switch::On) => None,
        Some(Switch::Off) => Some(Reason::RealtimeOff),
        None => Some(Reason::RealtimeUnknown),
    };
    let failing = facts.updates.as_ref().is_some_and(|it| it.value == Updates::Failing);
    let open = facts.tamper_protection.as_ref().is_some_and(|it| it.value == Switch::Off);
    let ended = facts.licence_end.as_ref().is_some_and(|end| end.value < now);
    [
        engine,
        mode,
        realtime,
        signatures(facts, now),
        failing.then_some(Reason::UpdaterFailing),
        open.then_some(Reason::TamperProtectionOff),
        ended.then_some(Reason::LicenceEnded),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn signatures(facts: &Facts, now: Timestamp) -> Option<Reason> {
    if facts.has_no_signatures {
        return None;
    }
    let days = facts.signatures_time.as_ref().map(|built| days_between(built.value, now));
    match days {
        Some(days) if days >= OUTDATED_DAYS => Some(Reason::SignaturesOutdated),
        Some(days) if days > FUTURE_DAYS && !facts.is_time_guessed => None,
        _ => Some(Reason::SignaturesUnknown),
    }
}

/// Days from one moment to a later one, to a tenth.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of ten thousand years are precise to a second"
)]
pub(super) fn days_between(earlier: Timestamp, later: Timestamp) -> f64 {
    let micros = later.as_micros().saturating_sub(earlier.as_micros());
    (micros as f64 / 86_400_000_000.0 * 10.0).floor() / 10.0
}

#[cfg(test)]
mod tests {
    use super::super::claim::Origin;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn days_ago(days: i64) -> Timestamp {
        now().plus_micros(-days * 86_400_000_000)
    }

    /// A product about which everything is known to be well.
    fn well() -> Facts {
        let origin = Origin::new("test", now());
        Facts {
            mode: Some(origin.claims(Mode::Active)),
            engine_running: Some(origin.claims(true)),
            realtime: Some(origin.claims(Switch::On)),
            signatures_time: Some(origin.claims(days_ago(1))),
            ..Facts::named("Product", "Vendor")
        }
    }

    #[test]
    fn the_rule_as_a_table() {
        use Reason::{
            EngineStopped, LicenceEnded, PassiveMode, RealtimeOff, RealtimeUnknown,
            SignaturesOutdated, SignaturesUnknown, StateUnknown, SwitchedOff, TamperProtectionOff,
            UpdaterFailing,
        };
        let origin = Origin::new("test", now());
        let check = |change: &dyn Fn(&mut Facts), state: State, reasons: &[Reason]| {
            let mut facts = well();
            change(&mut facts);
            assert_eq!(judge(&facts, now()), (state, reasons.to_vec()), "{facts:?}");
        };
        check(&|_| (), State::Protected, &[]);
        check(&|it| it.mode = None, State::Protected, &[]);
        check(&|it| it.updates = Some(origin.claims(Updates::Retrying)), State::Protected, &[]);
        check(&|it| it.tamper_protection = Some(origin.claims(Switch::On)), State::Protected, &[]);
        let stopped = |it: &mut Facts| it.engine_running = Some(origin.claims(false));
        check(&stopped, State::Off, &[EngineStopped]);
        check(&|it| it.mode = Some(origin.claims(Mode::Off)), State::Off, &[SwitchedOff]);
        check(&|it| it.engine_running = None, State::Unknown, &[StateUnknown]);
        check(&|it| it.mode = Some(origin.claims(Mode::Passive)), State::Weak, &[PassiveMode]);
        check(&|it| it.realtime = Some(origin.claims(Switch::Off)), State::Weak, &[RealtimeOff]);
        check(&|it| it.realtime = None, State::Unknown, &[RealtimeUnknown]);
        check(&|it| it.signatures_time = None, State::Weak, &[SignaturesUnknown]);
        check(&|it| it.is_time_guessed = true, State::Weak, &[SignaturesUnknown]);
        let old = |it: &mut Facts| it.signatures_time = Some(origin.claims(days_ago(7)));
        check(&old, State::Weak, &[SignaturesOutdated]);
        let old_guess = |it: &mut Facts| {
            it.is_time_guessed = true;
            old(it);
        };
        check(&old_guess, State::Weak, &[SignaturesOutdated]);
        let future = |it: &mut Facts| it.signatures_time = Some(origin.claims(days_ago(-2)));
        check(&future, State::Weak, &[SignaturesUnknown]);
        let by_behaviour = |it: &mut Facts| {
            it.has_no_signatures = true;
            it.signatures_time = None;
        };
        check(&by_behaviour, State::Protected, &[]);
        let nothing_told = |it: &mut Facts| {
            it.realtime = None;
            it.signatures_time = None;
        };
        check(&nothing_told, State::Unknown, &[RealtimeUnknown, SignaturesUnknown]);
        let old_and_untold = |it: &mut Facts| {
            it.realtime = None;
            old(it);
        };
        check(&old_and_untold, State::Weak, &[RealtimeUnknown, SignaturesOutdated]);
        let failing = |it: &mut Facts| it.updates = Some(origin.claims(Updates::Failing));
        check(&failing, State::Weak, &[UpdaterFailing]);
        let open = |it: &mut Facts| it.tamper_protection = Some(origin.claims(Switch::Off));
        check(&open, State::Weak, &[TamperProtectionOff]);
        let ended = |it: &mut Facts| it.licence_end = Some(origin.claims(days_ago(1)));
        check(&ended, State::Weak, &[LicenceEnded]);
    }
}
