use soc_event::{Event, Timestamp, kind};

/// Whether a machine is there.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(rename_all = "lowercase")]
pub enum State {
    /// Enrolled, and has sent no event yet.
    Never,
    /// Heard lately.
    Online,
    /// Not heard, and had not said goodbye.
    Silent,
    /// Somebody stopped the agent or the machine.
    Stopped,
    /// The machine went to sleep.
    Asleep,
}

impl State {
    /// All states, for metrics.
    pub const ALL: [Self; 5] =
        [Self::Never, Self::Online, Self::Silent, Self::Stopped, Self::Asleep];

    /// The word used in the API and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Online => "online",
            Self::Silent => "silent",
            Self::Stopped => "stopped",
            Self::Asleep => "asleep",
        }
    }
}

/// The state, and when the agent said goodbye (by its own clock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) state: State,
    pub(super) stopped_at: Option<Timestamp>,
}

impl Life {
    /// After an event of the agent itself.
    ///
    /// Lanes overtake each other, so what the agent saw before it said goodbye may arrive after the
    /// goodbye and does not bring it back. What brings it back is a start (whatever the clocks say:
    /// they may have been reset by the reboot), or an observation of its own that is later than the
    /// goodbye by the same clock (waking up is no start). Lines of logs carry times of others and
    /// prove nothing.
    pub(super) fn after(self, event: &Event) -> Self {
        let online = Self { state: State::Online, stopped_at: None };
        if event.kind == kind::AGENT_STOPPED {
            let asleep = event.text("agent.stop.reason") == Some("sleep");
            let state = if asleep { State::Asleep } else { State::Stopped };
            return Self { state, stopped_at: Some(event.time) };
        }
        if event.kind == kind::AGENT_STARTED {
            return online;
        }
        match (self.state, self.stopped_at) {
            (State::Stopped | State::Asleep, Some(stopped_at)) => {
                let own = event.logsource.product.as_deref() == Some("soc");
                let log = event.kind.family() == "log";
                if own && !log && event.time > stopped_at { online } else { self }
            }
            _ => online,
        }
    }

    /// After the collector's own word that the agent is silent.
    pub(super) fn after_silence(self) -> Self {
        match self.state {
            State::Online => Self { state: State::Silent, ..self },
            _ => self,
        }
    }
}
