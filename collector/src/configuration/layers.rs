//! What is in force, in memory.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use soc_event::{AgentId, Configuration, Layer, limits};
use sqlx::Row as _;

use super::{Error, Scope};
use crate::fleet::Fleet;
use crate::store::Store;

/// The newest text of every scope that says something, and the tree of agencies.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    texts: HashMap<Scope, (i64, String)>,
    /// Code and the one above.
    agencies: HashMap<i64, (String, Option<i64>)>,
}

impl Layers {
    pub(super) async fn load(store: &Store, fleet: &Fleet) -> Result<Self, Error> {
        let rows = sqlx::query(
            "SELECT scope, version, text FROM configuration WHERE version IN
                (SELECT MAX(version) FROM configuration GROUP BY scope)",
        )
        .fetch_all(store.pool())
        .await?;
        let mut texts = HashMap::new();
        for row in rows {
            let (scope, text): (String, String) = (row.try_get("scope")?, row.try_get("text")?);
            let scope: Scope = scope.parse().map_err(Error::Unknown)?;
            // A scope that says nothing any more is as if it had never said anything.
            if !text.trim().is_empty() {
                texts.insert(scope, (row.try_get("version")?, text));
            }
        }
        let agencies = fleet.agencies().await?.into_iter().map(|view| view.agency);
        let agencies = agencies.map(|agency| (agency.id, (agency.code, agency.parent)));
        Ok(Self { texts, agencies: agencies.collect() })
    }

    /// The scopes a machine stands in, the widest first.
    pub(super) fn scopes(&self, agent: AgentId, agency: Option<i64>) -> Vec<Scope> {
        let mut scopes = vec![Scope::Machine(agent)];
        scopes.extend(self.above(agency).into_iter().map(Scope::Agency));
        scopes.push(Scope::Fleet);
        scopes.reverse();
        scopes
    }

    /// An agency and those above it, as many as an agent takes: a circle, were there one, ends.
    pub(super) fn above(&self, agency: Option<i64>) -> Vec<i64> {
        let up = |id: &i64| self.agencies.get(id).and_then(|(_, parent)| *parent);
        let most = limits::CONFIGURATION_LAYERS_MAX - 2;
        std::iter::successors(agency, up).take(most).collect()
    }

    /// What people call a scope.
    pub(super) fn name(&self, scope: &Scope) -> String {
        match scope {
            Scope::Fleet => "fleet".to_owned(),
            Scope::Machine(_) => "machine".to_owned(),
            Scope::Agency(id) => {
                let code = self.agencies.get(id).map_or("?", |(code, _)| code.as_str());
                format!("agency {code}")
            }
        }
    }

    pub(super) fn text(&self, scope: &Scope) -> Option<&(i64, String)> {
        self.texts.get(scope)
    }

    /// A number of all versions that apply: no two combinations have the same, but for a chance of
    /// one in 2⁵³ (whole in JSON). 0 when nobody says anything.
    pub(super) fn version(&self, agent: AgentId, agency: Option<i64>) -> u64 {
        if self.texts.is_empty() {
            return 0;
        }
        let scopes = self.scopes(agent, agency);
        let versions: Vec<i64> = scopes
            .iter()
            .filter_map(|scope| self.text(scope))
            .map(|(version, _)| *version)
            .collect();
        number(&versions)
    }

    pub(super) fn configuration(&self, agent: AgentId, agency: Option<i64>) -> Configuration {
        let (mut versions, mut layers) = (Vec::new(), Vec::new());
        for scope in self.scopes(agent, agency) {
            if let Some((version, text)) = self.text(&scope) {
                versions.push(*version);
                layers.push(Layer { scope: self.name(&scope), text: text.clone() });
            }
        }
        let label: Vec<String> = versions.iter().map(ToString::to_string).collect();
        Configuration { version: number(&versions), label: label.join("+"), layers }
    }
}

fn number(versions: &[i64]) -> u64 {
    if versions.is_empty() {
        return 0;
    }
    let mut hash = Sha256::new();
    versions.iter().for_each(|version| hash.update(version.to_le_bytes()));
    let bytes: [u8; 32] = hash.finalize().into();
    let number = bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // 0 means none.
    (number >> 11).max(1)
}
