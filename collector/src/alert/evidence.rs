use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Event, EventId, Fields, Logsource, Timestamp};
use utoipa::ToSchema;

/// Which machine, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineRef {
    /// Its agent's id.
    #[schema(value_type = String)]
    pub id: AgentId,
    /// Its name.
    pub hostname: String,
}

/// An event as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Place in the journal.
    pub position: u64,
    /// `agent/epoch/lane/sequence`
    pub id: String,
    /// When the collector had it.
    #[schema(value_type = String, format = DateTime)]
    pub received: Timestamp,
    /// When it happened, by the machine's clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// What kind of thing it is.
    pub kind: String,
    /// Which rules look at it.
    #[schema(value_type = Object)]
    pub logsource: Logsource,
    /// What is known about it.
    #[schema(value_type = Object)]
    pub fields: Fields,
    /// The line as it stood in the log.
    pub raw: Option<String>,
    /// Where it was observed.
    pub machine: MachineRef,
}

impl EventView {
    /// An event of the journal, observed on that machine.
    pub fn new(
        position: u64,
        id: &EventId,
        received: Timestamp,
        event: &Event,
        machine: MachineRef,
    ) -> Self {
        Self {
            position,
            id: id.to_string(),
            received,
            time: event.time,
            kind: event.kind.as_str().to_owned(),
            logsource: event.logsource.clone(),
            fields: event.fields.clone(),
            raw: event.raw.clone(),
            machine,
        }
    }
}

/// One condition of a rule that the event met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PredicateView {
    /// The selection it stands in.
    pub selection: String,
    /// The field it looked at; none for keywords.
    pub field: Option<String>,
    /// How it compared: `contains|all`.
    pub modifiers: String,
    /// What it looked for.
    pub pattern: String,
    /// What the event held.
    pub value: String,
    /// Where in the value the match begins, in bytes.
    pub start: Option<usize>,
    /// Where it ends.
    pub end: Option<usize>,
}
