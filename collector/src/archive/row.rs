use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use soc_archive::Row;
use soc_event::AgentId;

use crate::detect::agent_of;
use crate::fleet::{Fleet, WhoThen};
use crate::journal::{Entry, Position};

/// A row, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The agency's number in the fleet; 0 is none.
    pub agency: i64,
    /// The event.
    pub row: Row,
}

/// Makes rows of entries, each of the agency the machine had at its position; asks for each machine
/// once as long as that is the same. Everybody who reads the
/// journal's tail beside the archive makes rows with this, so that both say the same.
pub struct Rows<'f> {
    fleet: &'f Fleet,
    known: HashMap<AgentId, (Range<Position>, Machine)>,
    none: Arc<str>,
}

#[derive(Clone)]
struct Machine {
    agency: i64,
    code: Arc<str>,
    /// As the fleet knows it.
    host: Option<Arc<str>>,
    text: Arc<str>,
}

/// One entry as a row; for many, [`Rows`].
pub fn row(entry: Entry, fleet: &Fleet) -> Placed {
    Rows::new(fleet).of(entry)
}

impl<'f> Rows<'f> {
    /// Knows nobody yet.
    pub fn new(fleet: &'f Fleet) -> Self {
        Self { fleet, known: HashMap::new(), none: Arc::from("") }
    }

    /// One entry. The machine is the one it is about: who sent it or, for events of the collector
    /// itself, whom they name. An agent that is not enrolled is of no agency.
    pub fn of(&mut self, entry: Entry) -> Placed {
        let machine = self.machine(agent_of(&entry), entry.position);
        let host = match &machine.host {
            Some(host) => host.clone(),
            None => entry.event.text("host.hostname").map_or(machine.text, Arc::from),
        };
        let Entry { position, received, id, event } = entry;
        let row = Row { position: position.0, received, agency: machine.code, host, id, event };
        Placed { agency: machine.agency, row }
    }

    fn machine(&mut self, agent: AgentId, position: Position) -> Machine {
        if let Some((during, machine)) = self.known.get(&agent)
            && during.contains(&position)
        {
            return machine.clone();
        }
        let WhoThen { who, during } = self.fleet.who_at(agent, position);
        let host = who.as_ref().map(|who| who.hostname.as_str());
        let machine = Machine {
            agency: who.as_ref().map_or(0, |who| who.agency_id),
            host: host.filter(|host| !host.is_empty()).map(Arc::from),
            code: who.as_ref().map_or_else(|| self.none.clone(), |who| who.agency_code[..].into()),
            text: agent.to_string().into(),
        };
        self.known.insert(agent, (during, machine.clone()));
        machine
    }
}
