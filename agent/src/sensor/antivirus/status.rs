use serde::Serialize;
use soc_event::{Event, Timestamp, kind};

/// Signatures of this age are outdated.
const OUTDATED_DAYS: f64 = 7.0;
/// Signatures so far in the future say that a clock is wrong, so their age is not known.
const FUTURE_DAYS: f64 = -1.0;

/// Whether a product protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Engine and real-time scanner run, signatures are known to be fresh.
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
    /// Signatures are seven days old or older.
    SignaturesOutdated,
    /// When the signatures were made is not known.
    SignaturesUnknown,
    /// The real-time scanner does not run.
    RealtimeOff,
    /// Whether the real-time scanner runs is not known.
    RealtimeUnknown,
    /// The engine does not run.
    EngineStopped,
    /// The product does not tell its state here.
    StateUnknown,
    /// There is no product.
    NoProduct,
}

impl Reason {
    /// The word of the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignaturesOutdated => "signatures_outdated",
            Self::SignaturesUnknown => "signatures_unknown",
            Self::RealtimeOff => "realtime_off",
            Self::RealtimeUnknown => "realtime_unknown",
            Self::EngineStopped => "engine_stopped",
            Self::StateUnknown => "state_unknown",
            Self::NoProduct => "no_product",
        }
    }
}

/// Whether files are scanned when they are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Realtime {
    /// They are.
    On,
    /// They are not.
    Off,
    /// It could not be found out.
    Unknown,
}

impl Realtime {
    fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Unknown => "unknown",
        }
    }
}

/// What was read about a product, before anything is concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) product: String,
    pub(super) vendor: Option<String>,
    pub(super) engine_version: Option<String>,
    pub(super) engine_running: Option<bool>,
    pub(super) signatures_version: Option<String>,
    /// When the signatures were built, or a guess at it.
    pub(super) signatures_time: Option<Timestamp>,
    /// Whether that time is a guess.
    pub(super) signatures_guessed: bool,
    pub(super) realtime: Realtime,
    pub(super) updater_running: Option<bool>,
    /// Whether this program can tell how the product is at all.
    pub(super) is_known: bool,
    pub(super) sources: Vec<String>,
}

impl Facts {
    /// Concludes; only facts make a product `protected`, never their absence.
    pub(super) fn judge(self, now: Timestamp) -> Status {
        let age_days = self.signatures_time.map(|built| days_between(built, now));
        let reasons = self.reasons(age_days);
        let state = match self.engine_running {
            _ if !self.is_known => State::Unknown,
            Some(false) => State::Off,
            None => State::Unknown,
            Some(true) if reasons.is_empty() => State::Protected,
            Some(true) => State::Weak,
        };
        Status {
            product: self.product,
            vendor: self.vendor,
            state,
            reasons,
            engine_version: self.engine_version,
            engine_running: self.engine_running,
            signatures_version: self.signatures_version,
            signatures_time: self.signatures_time,
            signatures_age_days: age_days,
            realtime: self.realtime,
            updater_running: self.updater_running,
            sources: self.sources,
        }
    }

    fn reasons(&self, age_days: Option<f64>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if self.engine_running == Some(false) {
            reasons.push(Reason::EngineStopped);
        }
        if !self.is_known {
            reasons.push(Reason::StateUnknown);
            return reasons;
        }
        if self.engine_running.is_none() {
            reasons.push(Reason::StateUnknown);
        }
        match self.realtime {
            Realtime::On => {}
            Realtime::Off => reasons.push(Reason::RealtimeOff),
            Realtime::Unknown => reasons.push(Reason::RealtimeUnknown),
        }
        match age_days {
            Some(days) if days >= OUTDATED_DAYS => reasons.push(Reason::SignaturesOutdated),
            Some(days) if days > FUTURE_DAYS && !self.signatures_guessed => {}
            _ => reasons.push(Reason::SignaturesUnknown),
        }
        reasons
    }
}

/// The state of one product.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Its name; `none` when there is no product.
    pub product: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Whether it protects.
    pub state: State,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// Version of the engine.
    pub engine_version: Option<String>,
    /// Whether the engine runs, where that is known.
    pub engine_running: Option<bool>,
    /// Version of the signatures.
    pub signatures_version: Option<String>,
    /// When the signatures were built.
    pub signatures_time: Option<Timestamp>,
    /// Their age in days.
    pub signatures_age_days: Option<f64>,
    /// Whether files are scanned when opened.
    pub realtime: Realtime,
    /// Whether the program runs that fetches new signatures.
    pub updater_running: Option<bool>,
    /// What was read.
    pub sources: Vec<String>,
}

impl Status {
    /// No product was found.
    pub(super) fn missing() -> Self {
        Self {
            product: "none".to_owned(),
            vendor: None,
            state: State::Missing,
            reasons: vec![Reason::NoProduct],
            engine_version: None,
            engine_running: None,
            signatures_version: None,
            signatures_time: None,
            signatures_age_days: None,
            realtime: Realtime::Unknown,
            updater_running: None,
            sources: Vec::new(),
        }
    }

    /// A product that was there and has been removed.
    pub(super) fn gone(&self) -> Self {
        Self {
            product: self.product.clone(),
            vendor: self.vendor.clone(),
            state: State::Off,
            reasons: vec![Reason::EngineStopped, Reason::NoProduct],
            engine_running: Some(false),
            realtime: Realtime::Off,
            ..Self::missing()
        }
    }

    /// Whether another look is news: the age counts in whole days.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let in_days = |status: &Self| Self {
            signatures_age_days: status.signatures_age_days.map(f64::floor),
            ..status.clone()
        };
        in_days(self) != in_days(other)
    }

    /// The `antivirus.status` of this state.
    pub fn event(&self, now: Timestamp) -> Event {
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.as_str()).collect();
        Event::own(now, kind::ANTIVIRUS_STATUS)
            .with("antivirus.product", self.product.as_str())
            .with("antivirus.vendor", self.vendor.clone())
            .with("antivirus.state", self.state.as_str())
            .with("antivirus.reasons", reasons)
            .with("antivirus.engine.version", self.engine_version.clone())
            .with("antivirus.engine.running", self.engine_running)
            .with("antivirus.signatures.version", self.signatures_version.clone())
            .with("antivirus.signatures.time", self.signatures_time.map(|time| time.to_string()))
            .with("antivirus.signatures.age_days", self.signatures_age_days)
            .with("antivirus.realtime", self.realtime.as_str())
            .with("antivirus.updater.running", self.updater_running)
            .with("antivirus.licence.end", None::<String>)
            .with("antivirus.licence.days_left", None::<f64>)
            .with("antivirus.source", self.sources.clone())
    }
}

/// Days from one moment to a later one, to a tenth.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of ten thousand years are precise to a second"
)]
fn days_between(earlier: Timestamp, later: Timestamp) -> f64 {
    let micros = later.as_micros().saturating_sub(earlier.as_micros());
    (micros as f64 / 86_400_000_000.0 * 10.0).floor() / 10.0
}
