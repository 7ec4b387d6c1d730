use std::collections::HashMap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use soc_event::{AgentId, Timestamp};
use sqlx::Row as _;
use tokio::time::Instant;

use super::life::{Life, State};
use super::{Agency, AgencyRef, Error};
use crate::journal::Position;
use crate::store::Store;

/// Who an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// What the machine calls itself.
    pub hostname: String,
    /// Its agency.
    pub agency_id: i64,
    /// The agency's code.
    pub agency_code: String,
    /// The agency's name.
    pub agency_name: String,
    /// Whether it has no agent: its logs were imported.
    pub imported: bool,
}

/// Whether an agent may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Enrolled.
    Good,
    /// Removed by an operator, or of another collector's database.
    Removed,
}

/// Who an agent is, as events at some positions of the journal are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoThen {
    /// Who; nothing where it is not enrolled.
    pub who: Option<Who>,
    /// At these positions.
    pub during: Range<Position>,
}

impl WhoThen {
    /// At every position the same.
    pub fn always(who: Option<Who>) -> Self {
        Self { who, during: Position(0)..Position(u64::MAX) }
    }
}

/// Whose an agent was up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Was {
    until: Position,
    agency: AgencyRef,
}

/// An agent that belongs to another agency than is remembered, or to one that is called otherwise.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) agent: AgentId,
    pub(super) from: AgencyRef,
    to: AgencyRef,
    formerly: (Vec<i64>, Vec<i64>),
}

impl Moved {
    /// Whether it is the agency that differs.
    pub(super) fn is_another(&self) -> bool {
        self.from != self.to
    }
}

/// What is kept in memory of each agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) who: Who,
    /// The oldest first.
    was: Vec<Was>,
    /// Past agencies it came from with them, nearest first.
    formerly: Vec<i64>,
    pub(super) fingerprint: String,
    pub(super) life: Life,
    pub(super) heard_at: Option<Timestamp>,
    revoked: bool,
    /// By a clock that cannot be set; not known for what an earlier process heard.
    heard: Option<Instant>,
    /// `heard_at` is newer than the database's.
    unsaved: bool,
    /// `agent.silent` is in the journal, or about to be, and not yet projected.
    silence_told: bool,
}

/// All enrolled agents, in memory: asked for every batch.
#[derive(Debug)]
pub(super) struct Known {
    agents: RwLock<HashMap<AgentId, Agent>>,
    started: Instant,
}

impl Known {
    pub(super) async fn load(store: &Store) -> Result<Self, Error> {
        let rows = sqlx::query(
            "SELECT agent.id, hostname, fingerprint, state, stopped_at, heard_at,
                    revoked_at IS NOT NULL AS revoked, agency, code, name, imported, formerly
             FROM agent JOIN agency ON agency.id = agent.agency",
        )
        .fetch_all(store.pool())
        .await?;
        let mut agents = HashMap::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get("id")?;
            let id: AgentId = id.parse().map_err(Error::Content)?;
            let time = |name: &str| -> Result<Option<Timestamp>, sqlx::Error> {
                Ok(row.try_get::<Option<i64>, _>(name)?.map(Timestamp::from_micros))
            };
            let who = Who {
                hostname: row.try_get("hostname")?,
                agency_id: row.try_get("agency")?,
                agency_code: row.try_get("code")?,
                agency_name: row.try_get("name")?,
                imported: row.try_get("imported")?,
            };
            let life = Life { state: row.try_get("state")?, stopped_at: time("stopped_at")? };
            let mut agent = Agent::new(who, row.try_get("fingerprint")?, life);
            agent.heard_at = time("heard_at")?;
            agent.revoked = row.try_get("revoked")?;
            agent.formerly = numbers(row.try_get("formerly")?)?;
            agents.insert(id, agent);
        }
        for (id, until, agency, code, name) in was(store).await? {
            let id: AgentId = id.parse().map_err(Error::Content)?;
            let until = Position(u64::try_from(until).unwrap_or_default());
            let agency = AgencyRef { id: agency, code, name };
            if let Some(agent) = agents.get_mut(&id) {
                agent.was.push(Was { until, agency });
            }
        }
        Ok(Self { agents: RwLock::new(agents), started: Instant::now() })
    }

    pub(super) fn enrolled(&self, id: AgentId, agency: &Agency, hostname: &str, fingerprint: &str) {
        let who = Who {
            hostname: hostname.to_owned(),
            agency_id: agency.id,
            agency_code: agency.code.clone(),
            agency_name: agency.name.clone(),
            imported: false,
        };
        let life = Life { state: State::Never, stopped_at: None };
        self.write(|agents| {
            agents.entry(id).or_insert_with(|| Agent::new(who, fingerprint.to_owned(), life));
        });
    }

    /// A machine without an agent.
    pub(super) fn imported(&self, id: AgentId, agency: &Agency, hostname: &str) {
        self.enrolled(id, agency, hostname, "");
        self.change(id, |agent| (agent.revoked, agent.who.imported) = (true, true));
    }

    /// Whether it is one.
    pub(super) fn is_imported(&self, id: AgentId) -> bool {
        self.read(|agents| agents.get(&id).is_some_and(|agent| agent.who.imported))
    }

    pub(super) fn who(&self, id: AgentId) -> Option<Who> {
        self.read(|agents| agents.get(&id).map(|agent| agent.who.clone()))
    }

    /// Who it is in an event at this position.
    pub(super) fn who_at(&self, id: AgentId, position: Position) -> WhoThen {
        self.read(|agents| agents.get(&id).map(|agent| agent.at(position)))
            .unwrap_or_else(|| WhoThen::always(None))
    }

    /// Past agencies a machine came from with them, nearest first.
    pub(super) fn formerly(&self, id: AgentId) -> Vec<i64> {
        self.read(|agents| agents.get(&id).map(|agent| agent.formerly.clone()).unwrap_or_default())
    }

    /// Agents that are to be moved to be as these rows say: id, agency and former ones.
    pub(super) fn to_move(&self, rows: Vec<(AgentId, AgencyRef, Vec<i64>)>) -> Vec<Moved> {
        self.read(|agents| {
            let differs = |(agent, to, formerly): (AgentId, AgencyRef, Vec<i64>)| {
                let known = agents.get(&agent)?;
                let from = known.agency();
                let is_same = from == to && known.formerly == formerly;
                let formerly = (known.formerly.clone(), formerly);
                (!is_same).then_some(Moved { agent, from, to, formerly })
            };
            rows.into_iter().filter_map(differs).collect()
        })
    }

    /// Moves them: events from the position that `end` says on are of the new agency. Nobody learns
    /// who an agent is while it is asked.
    pub(super) fn go(&self, moved: &[Moved], end: impl FnOnce() -> Position) -> Position {
        self.write(|agents| {
            let until = end();
            for Moved { agent, from, to, formerly } in moved {
                let Some(agent) = agents.get_mut(agent) else { continue };
                agent.set(to.clone(), formerly.1.clone());
                if from != to && agent.was.last().is_none_or(|was| was.until < until) {
                    agent.was.push(Was { until, agency: from.clone() });
                }
            }
            until
        })
    }

    /// They did not move after all.
    pub(super) fn go_back(&self, moved: &[Moved], until: Position) {
        self.write(|agents| {
            for Moved { agent, from, formerly, .. } in moved {
                let Some(agent) = agents.get_mut(agent) else { continue };
                agent.set(from.clone(), formerly.0.clone());
                agent.was.retain(|was| was.until != until || was.agency != *from);
            }
        });
    }

    pub(super) fn fingerprint(&self, id: AgentId) -> Option<String> {
        self.read(|agents| agents.get(&id).map(|agent| agent.fingerprint.clone()))
    }

    pub(super) fn life(&self, id: AgentId) -> Option<Life> {
        self.read(|agents| agents.get(&id).map(|agent| agent.life))
    }

    pub(super) fn heard_at(&self, id: AgentId) -> Option<Timestamp> {
        self.read(|agents| agents.get(&id).and_then(|agent| agent.heard_at))
    }

    pub(super) fn standing(&self, id: AgentId) -> Standing {
        self.read(|agents| match agents.get(&id) {
            Some(agent) if !agent.revoked => Standing::Good,
            _ => Standing::Removed,
        })
    }

    pub(super) fn revoked(&self, id: AgentId) {
        self.change(id, |agent| agent.revoked = true);
    }

    pub(super) fn heard(&self, id: AgentId, now: Timestamp) {
        let instant = Instant::now();
        self.change(id, |agent| {
            agent.heard = Some(instant);
            agent.heard_at = agent.heard_at.max(Some(now));
            agent.unsaved = true;
        });
    }

    /// Takes over what the projection has committed.
    pub(super) fn projected(
        &self,
        id: AgentId,
        life: Life,
        received: Option<Timestamp>,
        hostname: Option<String>,
    ) {
        self.change(id, |agent| {
            // A silence that is over, or is now known, may be followed by another.
            agent.silence_told &= life == agent.life;
            agent.life = life;
            agent.heard_at = agent.heard_at.max(received);
            if let Some(hostname) = hostname {
                agent.who.hostname = hostname;
            }
        });
    }

    /// Who has been online and unheard for too long, marked so that they are told once.
    pub(super) fn take_silent(&self, after: Duration) -> Vec<(AgentId, Agent)> {
        let now = Instant::now();
        let started = self.started;
        self.write(|agents| {
            let silent = agents.iter_mut().filter(|(_, agent)| {
                let since = agent.heard.unwrap_or(started);
                let unheard = now.saturating_duration_since(since) >= after;
                let judged = agent.life.state == State::Online && !agent.silence_told;
                unheard && judged && !agent.revoked
            });
            silent
                .map(|(id, agent)| {
                    agent.silence_told = true;
                    (*id, agent.clone())
                })
                .collect()
        })
    }

    /// They were not told after all.
    pub(super) fn not_told(&self, ids: impl Iterator<Item = AgentId>) {
        ids.for_each(|id| self.change(id, |agent| agent.silence_told = false));
    }

    /// Whose time of hearing is to be saved; afterwards it counts as saved.
    pub(super) fn take_unsaved(&self) -> Vec<(AgentId, Timestamp)> {
        self.write(|agents| {
            let unsaved = agents.iter_mut().filter(|(_, agent)| agent.unsaved);
            unsaved
                .filter_map(|(id, agent)| {
                    agent.unsaved = false;
                    agent.heard_at.map(|at| (*id, at))
                })
                .collect()
        })
    }

    fn read<T>(&self, ask: impl FnOnce(&HashMap<AgentId, Agent>) -> T) -> T {
        ask(&self.agents.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<AgentId, Agent>) -> T) -> T {
        change(&mut self.agents.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, id: AgentId, change: impl FnOnce(&mut Agent)) {
        self.write(|agents| {
            if let Some(agent) = agents.get_mut(&id) {
                change(agent);
            }
        });
    }
}

/// Rows of `agent_was`: agent, position, and the agency's number, code and name.
type WasRow = (String, i64, i64, String, String);

async fn was(store: &Store) -> Result<Vec<WasRow>, Error> {
    let rows = "SELECT agent, until, agency, code, name FROM agent_was ORDER BY agent, until";
    Ok(sqlx::query_as(rows).fetch_all(store.pool()).await?)
}

/// A list of numbers in JSON.
pub(super) fn numbers(json: &str) -> Result<Vec<i64>, Error> {
    serde_json::from_str(json).map_err(|error| Error::Content(error.to_string()))
}

impl Agent {
    fn agency(&self) -> AgencyRef {
        let Who { agency_id: id, agency_code, agency_name, .. } = &self.who;
        AgencyRef { id: *id, code: agency_code.clone(), name: agency_name.clone() }
    }

    fn set(&mut self, agency: AgencyRef, formerly: Vec<i64>) {
        let AgencyRef { id, code, name } = agency;
        (self.who.agency_id, self.who.agency_code, self.who.agency_name) = (id, code, name);
        self.formerly = formerly;
    }

    fn at(&self, position: Position) -> WhoThen {
        let place = self.was.partition_point(|was| was.until <= position);
        let before = place.checked_sub(1).and_then(|at| self.was.get(at));
        let start = before.map_or(Position(0), |was| was.until);
        let mut who = self.who.clone();
        let Some(Was { until, agency }) = self.was.get(place) else {
            return WhoThen { who: Some(who), during: start..Position(u64::MAX) };
        };
        let AgencyRef { id, code, name } = agency.clone();
        (who.agency_id, who.agency_code, who.agency_name) = (id, code, name);
        WhoThen { who: Some(who), during: start..*until }
    }

    fn new(who: Who, fingerprint: String, life: Life) -> Self {
        Self {
            who,
            was: Vec::new(),
            formerly: Vec::new(),
            fingerprint,
            life,
            heard_at: None,
            revoked: false,
            heard: None,
            unsaved: false,
            silence_told: false,
        }
    }
}
