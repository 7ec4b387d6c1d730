//! What is kept of configurations from one start to the next.

use std::path::Path;

use serde::{Deserialize, Serialize};
use soc_event::Configuration;

/// The file in the state folder.
pub(super) const FILE: &str = "configuration.json";
/// So many starts during a trial mean that the agent does not survive the configuration.
const STARTS_MAX: u32 = 3;

/// The last good configuration, and the one on trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// The version the collector named last that was looked at.
    pub considered: u64,
    /// What has proved good; of version 0: this machine's file alone.
    pub good: Configuration,
    /// What is on trial.
    pub trial: Option<Tried>,
}

/// A configuration on trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    pub configuration: Configuration,
    /// How often the agent was started with it.
    pub starts: u32,
}

impl Kept {
    /// As it was left; nothing kept where there is no file or it is damaged.
    pub(super) fn load(state: &Path) -> Self {
        let Ok(bytes) = std::fs::read(state.join(FILE)) else { return Self::default() };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "{FILE} is damaged; going on with this machine's file alone");
            Self::default()
        })
    }

    /// Replaces the file whole or not at all.
    pub(super) fn save(&self, state: &Path) -> std::io::Result<()> {
        use std::io::Write as _;
        let temporary = state.join("configuration.json.new");
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(temporary, state.join(FILE))?;
        std::fs::File::open(state)?.sync_all()
    }

    /// What is to be run with.
    pub(super) fn running(&self) -> &Configuration {
        self.trial.as_ref().map_or(&self.good, |tried| &tried.configuration)
    }

    /// Another start; what was on trial and did not survive so many is given up and returned.
    pub(super) fn started(&mut self) -> Option<Configuration> {
        let tried = self.trial.as_mut()?;
        tried.starts += 1;
        let is_given_up = tried.starts > STARTS_MAX;
        is_given_up.then(|| self.trial.take().map(|tried| tried.configuration)).flatten()
    }
}
