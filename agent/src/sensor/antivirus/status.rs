use soc_event::{Event, Timestamp, Value, kind};

use super::claim::{Claim, Origin};
use super::facts::Facts;
use super::judgement::{Reason, State, days_between, judge};

/// What an event without a product is about.
pub(super) const NO_PRODUCT: &str = "none";
/// Sources named in an event at most.
const SOURCES_MAX: usize = 16;

/// The state of one product.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// What is known about it; the product is `none` when there is no product.
    pub facts: Facts,
    /// Whether it protects.
    pub state: State,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// Age of the signatures in days.
    pub signatures_age_days: Option<f64>,
    /// Days since the last scan of the whole machine.
    pub scan_age_days: Option<f64>,
    /// Days until the licence ends; negative when it has ended.
    pub licence_days_left: Option<f64>,
}

/// One claim as it is shown and sent: name of the field, value, who says so.
pub type Shown<'a> = (&'static str, Value, Option<&'a Origin>);

impl Status {
    /// Concludes from facts.
    pub(super) fn of(mut facts: Facts, now: Timestamp) -> Self {
        facts.derive_mode();
        let mut seen = std::collections::HashSet::new();
        facts.sources.retain(|source| seen.insert(source.clone()));
        facts.sources.truncate(SOURCES_MAX);
        let (state, reasons) = judge(&facts, now);
        let age = |time: Option<Timestamp>| time.map(|time| days_between(time, now));
        Self {
            state,
            reasons,
            signatures_age_days: age(facts.signatures_time.as_ref().map(|built| built.value)),
            scan_age_days: age(facts.scan.as_ref().map(|scan| scan.value.time)),
            licence_days_left: facts.licence_end.as_ref().map(|end| days_between(now, end.value)),
            facts,
        }
    }

    /// No product was found.
    pub(super) fn missing() -> Self {
        let facts = Facts { product: NO_PRODUCT.to_owned(), ..Facts::default() };
        Self {
            facts,
            state: State::Missing,
            reasons: vec![Reason::NoProduct],
            signatures_age_days: None,
            scan_age_days: None,
            licence_days_left: None,
        }
    }

    /// A product that was there and has been removed.
    pub(super) fn gone(&self, now: Timestamp) -> Self {
        let vanished = Origin::new("no program of it is left", now);
        let facts = Facts {
            product: self.facts.product.clone(),
            vendor: self.facts.vendor.clone(),
            engine_running: Some(vanished.claims(false)),
            ..Facts::default()
        };
        let reasons = vec![Reason::EngineStopped, Reason::NoProduct];
        Self { facts, state: State::Off, reasons, ..Self::missing() }
    }

    /// The product's name.
    pub fn product(&self) -> &str {
        &self.facts.product
    }

    /// Whether another look is news: ages count in whole days, and when something was read that
    /// says the same as before does not matter.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let told = |status: &Self| {
            let values: Vec<(&str, Value)> = status
                .shown()
                .into_iter()
                .filter(|(name, ..)| *name != "antivirus.updater.time")
                .map(|(name, value, _)| match value.as_f64() {
                    Some(days) if name.contains("days") => (name, Value::from(days.floor())),
                    _ => (name, value),
                })
                .collect();
            (status.state, status.reasons.clone(), values)
        };
        told(self) != told(other)
    }

    /// Every claim, known or not, in the order it is shown.
    pub fn shown(&self) -> Vec<Shown<'_>> {
        let facts = &self.facts;
        let scan = facts.scan.as_ref();
        let age = |days: Option<f64>| Value::from(days);
        vec![
            row("antivirus.version", facts.version.as_ref(), |it| it.as_str().into()),
            word("antivirus.mode", facts.mode.as_ref(), |it| it.as_str()),
            row("antivirus.engine.running", facts.engine_running.as_ref(), |it| (*it).into()),
            row("antivirus.engine.version", facts.engine_version.as_ref(), |it| it.as_str().into()),
            word("antivirus.realtime", facts.realtime.as_ref(), |it| it.as_str()),
            word("antivirus.realtime.blocking", facts.blocking.as_ref(), |it| it.as_str()),
            row("antivirus.signatures.version", facts.signatures_version.as_ref(), |it| {
                it.as_str().into()
            }),
            row("antivirus.signatures.time", facts.signatures_time.as_ref(), time),
            ("antivirus.signatures.age_days", age(self.signatures_age_days), None),
            row("antivirus.updater.running", facts.updater_running.as_ref(), |it| (*it).into()),
            word("antivirus.updater.state", facts.updates.as_ref(), |it| it.as_str()),
            row("antivirus.updater.time", facts.updated.as_ref(), time),
            row("antivirus.scan.time", scan, |it| time(&it.time)),
            row("antivirus.scan.result", scan, |it| it.result.as_str().into()),
            row("antivirus.scan.files", scan, |it| it.files.into()),
            ("antivirus.scan.age_days", age(self.scan_age_days), None),
            word("antivirus.tamper_protection", facts.tamper_protection.as_ref(), |it| it.as_str()),
            row("antivirus.licence.end", facts.licence_end.as_ref(), time),
            ("antivirus.licence.days_left", age(self.licence_days_left), None),
        ]
    }

    /// The `antivirus.status` of this state. Beside each claim stand its `….source` and, as
    /// `….at`, when that source said so.
    pub fn event(&self, now: Timestamp) -> Event {
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.as_str()).collect();
        let mut event = Event::own(now, kind::ANTIVIRUS_STATUS)
            .with("antivirus.product", self.facts.product.as_str())
            .with("antivirus.vendor", self.facts.vendor.clone())
            .with("antivirus.state", self.state.as_str())
            .with("antivirus.reasons", reasons)
            .with("antivirus.realtime.paths", self.facts.watched.clone())
            .with("antivirus.realtime.excluded", self.facts.excluded.clone())
            .with("antivirus.signatures.guessed", self.facts.is_time_guessed)
            .with("antivirus.source", self.facts.sources.clone());
        for (name, value, origin) in self.shown() {
            event = event.with(name, value);
            if let Some(origin) = origin {
                event = event
                    .with(&format!("{name}.source"), origin.source.as_str())
                    .with(&format!("{name}.at"), origin.at.to_string());
            }
        }
        event
    }
}

fn time(time: &Timestamp) -> Value {
    time.to_string().into()
}

fn row<'a, T>(
    name: &'static str,
    claim: Option<&'a Claim<T>>,
    value: impl FnOnce(&'a T) -> Value,
) -> Shown<'a> {
    match claim {
        Some(claim) => (name, value(&claim.value), Some(&claim.origin)),
        None => (name, Value::Null, None),
    }
}

/// One whose absence is a word of its own: `unknown`.
fn word<'a, T>(
    name: &'static str,
    claim: Option<&'a Claim<T>>,
    value: impl FnOnce(&'a T) -> &'static str,
) -> Shown<'a> {
    match claim {
        Some(claim) => (name, value(&claim.value).into(), Some(&claim.origin)),
        None => (name, "unknown".into(), None),
    }
}
