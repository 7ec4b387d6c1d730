use soc_event::{AgentId, Event, kind};

use super::known::Agent;
use super::{Error, Fleet};
use crate::journal::Position;

/// Silences told in one batch of the journal.
const TOLD_MAX: usize = 1000;

impl Fleet {
    /// Tells the journal about agents that have fallen silent. `projected` is how far the
    /// projection is and `seen` the end of the journal some time ago: while the projection is
    /// behind that, a goodbye may still be on its way, and nobody is judged.
    pub(super) async fn tell_silences(
        &self,
        projected: Position,
        seen: Position,
    ) -> Result<usize, Error> {
        if projected < seen {
            return Ok(0);
        }
        let silent = self.0.known.take_silent(self.0.config.silence_after);
        for (index, some) in silent.chunks(TOLD_MAX).enumerate() {
            let events = some.iter().map(|(id, agent)| self.silence(*id, agent)).collect();
            if let Err(error) = self.0.journal.append_own(events).await {
                let untold = silent.iter().skip(index * TOLD_MAX).map(|(id, _)| *id);
                self.0.known.not_told(untold);
                return Err(error.into());
            }
        }
        Ok(silent.len())
    }

    fn silence(&self, id: AgentId, agent: &Agent) -> Event {
        let now = self.0.clock.now();
        let heard_at = agent.heard_at.unwrap_or(now);
        let silent_s = now.as_micros().saturating_sub(heard_at.as_micros()) / 1_000_000;
        Event::own(now, kind::AGENT_SILENT)
            .with("agent.id", id.to_string())
            .with("host.hostname", agent.who.hostname.as_str())
            .with("agency.name", agent.who.agency_name.as_str())
            .with("agent.last_heard", heard_at.to_string())
            .with("agent.silent_s", silent_s)
    }
}
