//! What is held back now, in memory: asked for every finding.

use std::collections::HashMap;

use soc_event::Timestamp;
use soc_rules::{Event, Ruleset};

use super::condition::compile;
use super::{Condition, Error};
use crate::store::Store;

/// Exceptions that ended so long ago concern no event that is still to be evaluated, in
/// microseconds: 30 days.
const ENDED_KEPT_US: i64 = 30 * super::DAY_US;
/// Agencies above each other at the most.
const DEPTH_MAX: usize = 64;

/// Exceptions, rules that are switched off, and the tree of agencies.
#[derive(Default)]
pub struct InForce {
    exceptions: Vec<Known>,
    /// By number of exception here; nothing where there are none.
    conditions: Option<Ruleset>,
    /// Those of a rule, and those of all rules.
    of_rule: HashMap<String, Vec<usize>>,
    of_all: Vec<usize>,
    /// By rule and agency (0: all), whether it is on.
    settings: HashMap<String, HashMap<i64, bool>>,
    parents: HashMap<i64, i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Known {
    id: i64,
    rule: Option<String>,
    agent: Option<String>,
    agency: Option<i64>,
    conditions: String,
    from_at: i64,
    until: i64,
}

/// Where and when something was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// Id of the rule.
    pub rule: &'a str,
    /// Id of the machine.
    pub agent: &'a str,
    /// Number of its agency; 0 for none.
    pub agency: i64,
    /// When the event was received.
    pub received: Timestamp,
}

impl InForce {
    /// Whether findings of the rule have to be looked at closely: an exception may hide them.
    pub(crate) fn concerns(&self, rule: &str) -> bool {
        !self.of_all.is_empty() || self.of_rule.contains_key(rule)
    }

    /// Numbers of the exceptions that may hide a finding, the oldest first.
    pub(crate) fn may_hide(&self, found: Found<'_>) -> Vec<usize> {
        let own = self.of_rule.get(found.rule).into_iter().flatten();
        let covers = |number: &usize| {
            self.exceptions.get(*number).is_some_and(|one| self.covers(one, found))
        };
        let mut numbers: Vec<usize> = own.chain(&self.of_all).copied().filter(covers).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The first of these exceptions whose conditions hold.
    pub(crate) fn hiding(&self, numbers: &[usize], event: &dyn Event) -> Option<i64> {
        let conditions = self.conditions.as_ref()?;
        let hides = numbers.iter().find(|number| conditions.is_match(**number, event))?;
        self.exceptions.get(*hides).map(|one| one.id)
    }

    /// Whether the rule raises alerts in the agency: what was said for it, or for the nearest above.
    pub fn is_on(&self, rule: &str, agency: i64) -> bool {
        let Some(said) = self.settings.get(rule) else { return true };
        let nearest = self.above(agency).find_map(|agency| said.get(&agency));
        nearest.or_else(|| said.get(&0)).copied().unwrap_or(true)
    }

    /// How many exceptions hide at a time.
    pub(super) fn count_at(&self, now: Timestamp) -> i64 {
        let now = now.as_micros();
        let hides = |one: &&Known| one.from_at <= now && now < one.until;
        i64::try_from(self.exceptions.iter().filter(hides).count()).unwrap_or(i64::MAX)
    }

    fn covers(&self, one: &Known, found: Found<'_>) -> bool {
        let at = found.received.as_micros();
        one.from_at <= at
            && at < one.until
            && one.agent.as_deref().is_none_or(|agent| agent == found.agent)
            && one.agency.is_none_or(|top| self.above(found.agency).any(|agency| agency == top))
    }

    /// An agency and those above it.
    fn above(&self, agency: i64) -> impl Iterator<Item = i64> {
        let up = |agency: &i64| self.parents.get(agency).copied();
        std::iter::successors(Some(agency), up).take(DEPTH_MAX)
    }

    /// An exception that another version wrote, and this one cannot compile, hides nothing.
    fn index(&mut self) -> Result<(), Error> {
        let mut all: Vec<(i64, Vec<Condition>)> = Vec::new();
        self.exceptions.retain(|one| {
            let conditions = serde_json::from_str::<Vec<Condition>>(&one.conditions);
            let sound = conditions.ok().filter(|sound| compile(&[(one.id, sound)]).is_ok());
            if sound.is_none() {
                tracing::error!(
                    exception = one.id,
                    "an exception cannot be read; it hides nothing"
                );
            }
            let kept = sound.is_some();
            all.extend(sound.map(|sound| (one.id, sound)));
            kept
        });
        let all: Vec<(i64, &[Condition])> =
            all.iter().map(|(id, conditions)| (*id, conditions.as_slice())).collect();
        self.conditions = if all.is_empty() { None } else { Some(compile(&all)?) };
        for (number, one) in self.exceptions.iter().enumerate() {
            match &one.rule {
                Some(rule) => self.of_rule.entry(rule.clone()).or_default().push(number),
                None => self.of_all.push(number),
            }
        }
        Ok(())
    }
}

impl PartialEq for InForce {
    fn eq(&self, other: &Self) -> bool {
        self.exceptions == other.exceptions
            && self.settings == other.settings
            && self.parents == other.parents
    }
}

impl std::fmt::Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InForce")
            .field("exceptions", &self.exceptions.len())
            .finish_non_exhaustive()
    }
}

/// What the database says, but for what ended long ago.
pub(super) async fn load(store: &Store, now: Timestamp) -> Result<InForce, Error> {
    let exceptions = sqlx::query_as(
        "SELECT id, rule, agent, agency, conditions, from_at, until FROM exception
         WHERE until > ? ORDER BY id",
    )
    .bind(now.plus_micros(-ENDED_KEPT_US).as_micros())
    .fetch_all(store.pool())
    .await?;
    let settings: Vec<(String, i64, bool)> =
        sqlx::query_as("SELECT rule, agency, enabled FROM rule_setting")
            .fetch_all(store.pool())
            .await?;
    let parents: Vec<(i64, i64)> =
        sqlx::query_as("SELECT id, parent FROM agency WHERE parent IS NOT NULL")
            .fetch_all(store.pool())
            .await?;
    let mut loaded =
        InForce { exceptions, parents: parents.into_iter().collect(), ..InForce::default() };
    for (rule, agency, enabled) in settings {
        loaded.settings.entry(rule).or_default().insert(agency, enabled);
    }
    loaded.index()?;
    Ok(loaded)
}
