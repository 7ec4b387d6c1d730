//! How an entry of the journal looks to a rule: its own fields, and what the collector knows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use soc_event::{AgentId, Value};
use soc_rules::{FieldValue, LogsourceRef};

use crate::fleet::Who;
use crate::journal::Entry;

/// Fields the collector adds; see [`Subject::added`].
const ADDED: [&str; 5] = ["agent.id", "agency.code", "event.kind", "kind", "host.hostname"];

/// A machine as rules know it; made once for all its events of a batch.
pub(super) struct Machine {
    pub agent: AgentId,
    agent_text: String,
    pub who: Option<Who>,
}

/// The machines met so far; asks for each once.
pub(super) struct Machines<'w> {
    who: &'w (dyn Fn(AgentId) -> Option<Who> + Sync),
    known: HashMap<AgentId, Arc<Machine>>,
}

/// An entry, with the machine it is about: who sent it or, for events of the collector itself, whom
/// they are about.
pub(super) struct Subject<'a> {
    pub entry: &'a Entry,
    pub machine: &'a Machine,
}

impl Machine {
    /// Its id as text.
    pub(super) fn text(&self) -> &str {
        &self.agent_text
    }
}

impl<'w> Machines<'w> {
    pub(super) fn new(who: &'w (dyn Fn(AgentId) -> Option<Who> + Sync)) -> Self {
        Self { who, known: HashMap::new() }
    }

    /// The machine an entry is about.
    pub(super) fn of(&mut self, entry: &Entry) -> Arc<Machine> {
        let agent = agent_of(entry);
        let make =
            || Arc::new(Machine { agent, agent_text: agent.to_string(), who: (self.who)(agent) });
        self.known.entry(agent).or_insert_with(make).clone()
    }
}

impl Subject<'_> {
    /// What the machine is called: as the fleet knows it, else as the event says, else its id.
    pub(super) fn hostname(&self) -> &str {
        let who = self.machine.who.as_ref();
        let known = who.map(|who| who.hostname.as_str()).filter(|name| !name.is_empty());
        let said = || self.entry.event.text("host.hostname");
        known.or_else(said).unwrap_or(&self.machine.agent_text)
    }

    /// What a field holds, as text for people and for grouping; empty where it is missing.
    pub(super) fn text(&self, name: &str) -> String {
        if let Some(text) = self.added(name) {
            return text.to_owned();
        }
        self.entry.event.fields.get(name).map(Value::to_string).unwrap_or_default()
    }

    /// Fields the collector vouches for; an agent cannot set them.
    fn added(&self, name: &str) -> Option<&str> {
        match name {
            "agent.id" => Some(&self.machine.agent_text),
            "agency.code" => match &self.machine.who {
                Some(who) => Some(&who.agency_code),
                // What the collector says of itself may be about an agency.
                None if self.machine.agent == AgentId::COLLECTOR => None,
                None => Some(""),
            },
            "event.kind" | "kind" => Some(self.entry.event.kind.as_str()),
            "host.hostname" if !self.entry.event.fields.contains_key(name) => Some(self.hostname()),
            _ => None,
        }
    }
}

impl soc_rules::Event for Subject<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        match self.added(name) {
            Some(text) => Some(FieldValue::Text(Cow::Borrowed(text))),
            None => self.entry.event.fields.get(name).map(field_value),
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in ADDED {
            if let Some(text) = self.added(name) {
                visit(name, FieldValue::Text(Cow::Borrowed(text)));
            }
        }
        for (name, value) in &self.entry.event.fields {
            if self.added(name).is_none() {
                visit(name, field_value(value));
            }
        }
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        if self.entry.event.raw.as_deref().is_some_and(&mut *visit) {
            return;
        }
        for value in self.entry.event.fields.values() {
            let stop = match value {
                Value::Text(text) => visit(text),
                Value::List(items) => items.iter().filter_map(Value::as_text).any(&mut *visit),
                Value::Null | Value::Boolean(_) | Value::Number(_) => false,
            };
            if stop {
                return;
            }
        }
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        let logsource = &self.entry.event.logsource;
        LogsourceRef {
            product: logsource.product.as_deref(),
            category: logsource.category.as_deref(),
            service: logsource.service.as_deref(),
        }
    }

    fn time_us(&self) -> i64 {
        self.entry.event.time.as_micros()
    }
}

/// Whom an entry is about.
pub(crate) fn agent_of(entry: &Entry) -> AgentId {
    if entry.id.agent != AgentId::COLLECTOR {
        return entry.id.agent;
    }
    let named = entry.event.text("agent.id").and_then(|id| id.parse().ok());
    named.unwrap_or(AgentId::COLLECTOR)
}

fn field_value(value: &Value) -> FieldValue<'_> {
    match value {
        Value::Null => FieldValue::Null,
        Value::Boolean(value) => FieldValue::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => FieldValue::Integer(number),
            None => FieldValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Text(text) => FieldValue::Text(Cow::Borrowed(text)),
        Value::List(items) => FieldValue::List(items.iter().map(field_value).collect()),
    }
}
