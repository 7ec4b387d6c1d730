use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::importance::Raise;
use super::{
    AgencyRef, Error, EventView, Level, MachineRef, PredicateView, Said, Steps, Text, Verdict,
};

/// Where an alert is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AlertState)]
pub enum State {
    /// Nobody has taken it.
    Open,
    /// Somebody works on it.
    Acknowledged,
    /// Done.
    Closed,
}

impl State {
    /// The word used everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }

    /// The state of a word that [`Self::as_str`] gave.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Acknowledged, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// An alert in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AlertRow {
    /// 32 hex digits.
    pub id: String,
    /// What people call it.
    pub number: i64,
    /// Id of the rule.
    pub rule: String,
    /// What happened.
    pub title: Text,
    /// How bad, here.
    pub level: Level,
    /// How bad the rule says it is.
    pub rule_level: Level,
    /// Why it is worse here than the rule says.
    pub raised_by: Vec<Raise>,
    /// Where it is on its way.
    pub state: State,
    /// What it turned out to be; of a closed one.
    pub verdict: Option<Verdict>,
    /// Grows with everything people do to it.
    pub version: i64,
    /// The silence it began under; none where it did not.
    pub silence: Option<SilenceRef>,
    /// Where it happened; none where the collector speaks of itself.
    pub machine: Option<MachineRef>,
    /// Whose machine that is.
    pub agency: AgencyRef,
    /// Values that tell it from others of the same rule on the same machine.
    pub group: BTreeMap<String, String>,
    /// How often it was seen.
    pub count: i64,
    /// First seen, in event time.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// Last seen, in event time.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// When the collector had the first event.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// When the collector raised it.
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Timestamp,
    /// Whether the event came long after it happened.
    pub late: bool,
    /// Who works on it.
    pub assignee: Option<String>,
}

/// The planned work that an alert began under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SilenceRef {
    /// Its number.
    pub id: i64,
    /// The alert is no work until it is seen again after this; none: it was, and is work now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// How many events it took, and from when to when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CorrelationView {
    /// Events, or distinct values.
    pub count: u64,
    /// Time of the first.
    #[schema(value_type = String, format = DateTime)]
    pub first_at: Timestamp,
    /// Time of the last.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
}

/// What was done, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryRow {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom; empty: by the collector.
    pub who: String,
    /// `raised`, `acknowledged`, `closed`, `reopened`, `commented`, `assigned`, `unassigned` or
    /// `excepted`
    pub action: String,
    /// Of `closed` the verdict, of `assigned` to whom, of `excepted` the exception's number.
    pub about: Option<String>,
    /// With which words.
    pub comment: Option<String>,
}

/// An alert with everything known about it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Alert {
    /// What a list shows.
    #[serde(flatten)]
    pub row: AlertRow,
    /// Why it matters.
    pub description: Text,
    /// What to do first.
    pub steps: Steps,
    /// ATT&CK and other tags.
    pub tags: Vec<String>,
    /// What repeats have in common.
    pub fingerprint: String,
    /// How many events it took, if several.
    pub correlation: Option<CorrelationView>,
    /// The event that raised it, then others the journal still has.
    pub events: Vec<EventView>,
    /// What matched in the first event.
    pub predicates: Vec<PredicateView>,
    /// What was done.
    pub history: Vec<HistoryRow>,
}

impl AlertRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<(Self, Said), Error> {
        let time = |column: &str| row.try_get(column).map(Timestamp::from_micros);
        let said: Said = serde_json::from_str(row.try_get("rule_said")?)?;
        let group: Vec<(String, String)> = serde_json::from_str(row.try_get("grouped_by")?)?;
        let agent: String = row.try_get("agent")?;
        let verdict: Option<String> = row.try_get("verdict")?;
        let silence: Option<i64> = row.try_get("silence")?;
        let until = row.try_get::<Option<i64>, _>("silenced_until")?.map(Timestamp::from_micros);
        let id: AgentId = agent.parse().unwrap_or(AgentId::COLLECTOR);
        let view = Self {
            id: row.try_get("id")?,
            number: row.try_get("number")?,
            rule: row.try_get("rule")?,
            title: said.title.clone(),
            level: Level::from_index(row.try_get("level")?),
            rule_level: Level::from_index(row.try_get("rule_level")?),
            raised_by: serde_json::from_str(row.try_get("raised_by")?)?,
            state: State::from_word(row.try_get("state")?).unwrap_or(State::Open),
            verdict: verdict.as_deref().and_then(Verdict::from_word),
            version: row.try_get("version")?,
            silence: silence.map(|id| SilenceRef { id, until }),
            machine: (id != AgentId::COLLECTOR)
                .then_some(MachineRef { id, hostname: row.try_get("hostname")? }),
            agency: AgencyRef {
                id: row.try_get("agency")?,
                code: row.try_get("agency_code")?,
                name: row.try_get("agency_name")?,
            },
            group: group.into_iter().collect(),
            count: row.try_get("count")?,
            starts_at: time("starts_at")?,
            last_at: time("last_at")?,
            received_at: time("received_at")?,
            raised_at: time("raised_at")?,
            late: row.try_get("late")?,
            assignee: row.try_get("assignee")?,
        };
        Ok((view, said))
    }
}
