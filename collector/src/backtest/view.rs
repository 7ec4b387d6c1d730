//! A look back as it is shown.

use serde::Serialize;
use soc_event::Timestamp;
use utoipa::ToSchema;

use crate::alert::EventView;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = BacktestState)]
pub enum State {
    /// Others are before it.
    Waiting,
    /// It looks.
    Running,
    /// It has looked at everything there is.
    Done,
    /// Somebody stopped it.
    Stopped,
    /// It cannot be done; `error` says why.
    Failed,
}

impl State {
    const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Stopped, Self::Failed];

    /// The word used everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// The state of a word that [`Self::as_str`] gave.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing more comes.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed)
    }
}

/// How often on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DayCount {
    /// `2026-11-22`, UTC.
    pub date: String,
    /// How often.
    pub count: u64,
}

/// One rule that looks back. Nothing of it is an alert.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Backtest {
    /// 16 hex digits.
    pub id: String,
    /// Id of the rule; none of a draft.
    pub rule: Option<String>,
    /// What it is called.
    pub title: String,
    /// `asked`, `rule_added`, `rule_changed` or `list_changed`
    pub reason: String,
    /// How far it is.
    pub state: State,
    /// From this event time
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// to this.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Events looked at.
    pub events_done: u64,
    /// Of how many.
    pub events_total: u64,
    /// `would have fired 12 times on 3 hosts, first on 2026-11-02T…`
    pub sentence: String,
    /// How often it would have fired.
    pub matches: u64,
    /// On how many machines.
    pub hosts: u64,
    /// The first time, in event time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first: Option<Timestamp>,
    /// The last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last: Option<Timestamp>,
    /// By day, days without any left out.
    pub by_day: Vec<DayCount>,
    /// The earliest events, at most 32; shown when it is done.
    pub samples: Vec<EventView>,
    /// Files of the archive that could not be read and were left out.
    pub missing: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who asked; empty: the collector by itself.
    pub who: String,
    /// Since when it looks.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub began_at: Option<Timestamp>,
    /// Since when it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// `would have fired 12 times on 3 hosts, first on 2026-11-02T…`
pub(super) fn sentence(matches: u64, hosts: usize, first: Option<Timestamp>) -> String {
    let Some(first) = first else { return "would not have fired".into() };
    let times = if matches == 1 { "once".into() } else { format!("{matches} times") };
    let hosts = if hosts == 1 { "1 host".into() } else { format!("{hosts} hosts") };
    format!("would have fired {times} on {hosts}, first on {first}")
}
