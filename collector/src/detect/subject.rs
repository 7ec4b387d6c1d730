//! An entry of the journal with the machine it is about.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use soc_event::AgentId;

use crate::fleet::{Who, WhoThen};
use crate::journal::{Entry, Position};
use crate::seen::Seen;
use crate::subject::{self, About};

/// A machine as rules know it; made once for all its events of a batch.
pub(crate) struct Machine {
    pub agent: AgentId,
    agent_text: String,
    pub who: Option<Who>,
}

/// What is asked about a machine; several threads do.
pub(crate) type WhoIs<'w> = dyn Fn(AgentId, Position) -> WhoThen + Sync + 'w;

/// The machines met so far; asks for each once, and again when it was another's.
pub(crate) struct Machines<'w> {
    who: &'w WhoIs<'w>,
    known: HashMap<AgentId, (Range<Position>, Arc<Machine>)>,
}

/// An entry, with the machine it is about: who sent it or, for events of the collector itself, whom
/// they are about.
pub(crate) struct Subject<'a> {
    pub entry: &'a Entry,
    pub machine: &'a Machine,
}

impl Machine {
    /// Its id as text.
    pub(crate) fn text(&self) -> &str {
        &self.agent_text
    }

    /// Whose events correlations look at together with its own: code of its agency.
    pub(crate) fn scope(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.agency_code)
    }

    /// What is known about it.
    pub(crate) fn about(&self) -> About<'_> {
        let who = self.who.as_ref();
        let is_collector = self.agent == AgentId::COLLECTOR;
        About {
            agent: &self.agent_text,
            agency: who.map(|who| who.agency_code.as_str()).or((!is_collector).then_some("")),
            host: who.map(|who| who.hostname.as_str()).filter(|name| !name.is_empty()),
        }
    }
}

impl<'w> Machines<'w> {
    pub(crate) fn new(who: &'w WhoIs<'w>) -> Self {
        Self { who, known: HashMap::new() }
    }

    /// The machine an entry is about.
    pub(crate) fn of(&mut self, entry: &Entry) -> Arc<Machine> {
        self.of_agent(agent_of(entry), entry.position)
    }

    /// The machine of an agent, in an event at this position.
    pub(crate) fn of_agent(&mut self, agent: AgentId, position: Position) -> Arc<Machine> {
        match self.known.get(&agent) {
            Some((during, machine)) if during.contains(&position) => machine.clone(),
            _ => {
                let WhoThen { who, during } = (self.who)(agent, position);
                let machine = Arc::new(Machine { agent, agent_text: agent.to_string(), who });
                self.known.insert(agent, (during, machine.clone()));
                machine
            }
        }
    }
}

impl Subject<'_> {
    /// What the machine is called: as the fleet knows it, else as the event says, else its id.
    pub(crate) fn hostname(&self) -> &str {
        let who = self.machine.who.as_ref();
        let known = who.map(|who| who.hostname.as_str()).filter(|name| !name.is_empty());
        let said = || self.entry.event.text("host.hostname");
        known.or_else(said).unwrap_or(&self.machine.agent_text)
    }

    /// As rules see it.
    pub(crate) fn seen(&self) -> subject::Subject<'_, Seen<'_>> {
        subject::Subject { body: Seen(&self.entry.event), about: self.machine.about() }
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
