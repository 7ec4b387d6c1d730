//! What agents are to be configured like: said by people for the fleet, an agency or a machine.
//!
//! A scope says TOML of the shape of an agent's own file; what it says holds for all below it, and
//! the narrower scope wins, key by key. Every change is a new version, with who made it and why;
//! going back is a change, too. Agents lay the layers over their own file themselves and let
//! nothing past its limits; here is only looked at what can be known without the machine. What
//! became of it at each agent is projected from its `agent.configuration`.
//!
//! Asked with every batch, so what is in force is kept in memory. Knows no sensor's settings.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use soc_event::{AgentId, Configuration};
use tokio::sync::watch;

use crate::access::{Caller, Deed};
use crate::clock::Clock;
use crate::fleet::{self, Fleet};
use crate::store::{self, Store};

mod check;
mod layers;
mod outcome;
mod passing;
mod scope;
mod view;

pub use check::{Problem, check};
use layers::{Home, Layers};
pub(crate) use outcome::apply;
pub(crate) use passing::pass_on;
pub use scope::Scope;
pub use view::{Standing, Trouble, VersionView, View};

/// How often it is looked whether agencies have moved.
const RELOAD_EVERY: Duration = Duration::from_secs(30);
/// Longest reason, in characters.
const WHY_CHARS_MAX: usize = 500;

/// What cannot be done with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such scope or version.
    #[error("{0}")]
    Unknown(String),
    /// Somebody else changed it meanwhile: look at theirs first.
    #[error("it was changed meanwhile: version {0} is in force now")]
    Changed(i64),
    /// What is wrong with the text.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Problem>),
    /// The reason is missing or too long.
    #[error("say in 1 to {WHY_CHARS_MAX} characters why")]
    Why,
    /// The fleet cannot be asked.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A change of what a scope says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// TOML; empty to say nothing any more.
    pub text: String,
    /// Why, for those who read it later.
    pub why: String,
    /// The version that was looked at, so that nobody's change is overwritten unseen.
    pub after: Option<i64>,
    /// The version whose text this is again.
    pub restores: Option<i64>,
}

/// The room. Cheap to clone.
#[derive(Clone)]
pub struct Configurations(Arc<Inner>);

struct Inner {
    store: Store,
    fleet: Fleet,
    clock: Clock,
    layers: RwLock<Layers>,
}

impl Configurations {
    /// Reads what is in force.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn new(store: Store, fleet: Fleet, clock: Clock) -> Result<Self, Error> {
        let layers = RwLock::new(Layers::default());
        let this = Self(Arc::new(Inner { store, fleet, clock, layers }));
        this.reload().await?;
        Ok(this)
    }

    /// Follows the tree of agencies until told to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(RELOAD_EVERY) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
            if let Err(error) = self.reload().await {
                tracing::error!(%error, "configurations were not read again");
            }
        }
    }

    /// The version an agent should run with; 0 is none. From memory.
    pub fn version(&self, agent: AgentId) -> u64 {
        let layers = self.0.layers.read().unwrap_or_else(PoisonError::into_inner);
        layers.version(agent, &self.home_of(agent))
    }

    /// The configuration an agent should run with. From memory.
    pub fn of(&self, agent: AgentId) -> Configuration {
        let layers = self.0.layers.read().unwrap_or_else(PoisonError::into_inner);
        layers.configuration(agent, &self.home_of(agent))
    }

    fn home_of(&self, agent: AgentId) -> Home {
        let agency = self.0.fleet.who(agent).map(|who| who.agency_id);
        Home { agency, formerly: self.0.fleet.formerly(agent) }
    }

    /// Says something else about a scope; returns the version.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::Changed`], [`Error::Why`], or when the database fails.
    pub async fn set(&self, scope: &Scope, change: &Change, caller: &Caller) -> Result<i64, Error> {
        let problems = check(&change.text);
        if problems.iter().any(|problem| problem.is_error) {
            return Err(Error::Wrong(problems));
        }
        if change.why.trim().is_empty() || change.why.chars().count() > WHY_CHARS_MAX {
            return Err(Error::Why);
        }
        let mut tx = self.0.store.write().await?;
        let current: Option<i64> =
            sqlx::query_scalar("SELECT MAX(version) FROM configuration WHERE scope = ?")
                .bind(scope.as_text())
                .fetch_one(&mut *tx)
                .await?;
        if change.after.is_some_and(|after| after != current.unwrap_or(0)) {
            return Err(Error::Changed(current.unwrap_or(0)));
        }
        let now = self.0.clock.now();
        let version: i64 = sqlx::query_scalar(
            "INSERT INTO configuration (scope, text, at, who, why, restores)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING version",
        )
        .bind(scope.as_text())
        .bind(&change.text)
        .bind(now.as_micros())
        .bind(&caller.who)
        .bind(&change.why)
        .bind(change.restores)
        .fetch_one(&mut *tx)
        .await?;
        let action = match change.restores {
            Some(_) => "configuration restored",
            None => "configuration changed",
        };
        let subject = format!("{} v{version}", scope.as_text());
        let deed = Deed::new(&caller.who, &caller.address, action, &subject).with(&change.why);
        deed.write(&mut tx, now).await?;
        tx.commit().await?;
        self.reload().await?;
        Ok(version)
    }

    /// Says again what an earlier version of the scope said.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the scope never had it; as [`Self::set`] else.
    pub async fn restore(
        &self,
        scope: &Scope,
        version: i64,
        why: &str,
        caller: &Caller,
    ) -> Result<i64, Error> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT text FROM configuration WHERE version = ? AND scope = ?")
                .bind(version)
                .bind(scope.as_text())
                .fetch_optional(self.0.store.pool())
                .await?;
        let unknown = || Error::Unknown(format!("{} has no version {version}", scope.as_text()));
        let text = text.ok_or_else(unknown)?;
        let change = Change { text, why: why.to_owned(), after: None, restores: Some(version) };
        self.set(scope, &change, caller).await
    }

    /// Reads again what is in force: texts or the tree of agencies have changed.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let layers = Layers::load(&self.0.store, &self.0.fleet).await?;
        *self.0.layers.write().unwrap_or_else(PoisonError::into_inner) = layers;
        Ok(())
    }
}

impl std::fmt::Debug for Configurations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configurations").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
