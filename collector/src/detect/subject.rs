//! How an entry of the journal looks to a rule: its own fields, and what the collector knows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use soc_event::{AgentId, Value};
use soc_rules::{FieldValue, LogsourceRef};

use crate::fleet::Who;
use crate::journal::Entry;
use crate::seen::Seen;

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
            None => Seen(&self.entry.event).value(name),
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in ADDED {
            if let Some(text) = self.added(name) {
                visit(name, FieldValue::Text(Cow::Borrowed(text)));
            }
        }
        for (name, value) in Seen(&self.entry.event).values() {
            if self.added(name).is_none() {
                visit(name, value);
            }
        }
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        Seen(&self.entry.event).texts(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        Seen(&self.entry.event).source()
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
