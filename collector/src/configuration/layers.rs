//! What is in force, in memory.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};
use soc_event::{AgentId, Configuration, Layer, limits};
use sqlx::Row as _;

use super::{Error, Scope};
use crate::alert;
use crate::fleet::Fleet;
use crate::store::Store;

/// Anomalies called normal that are handed to one machine; the latest.
const NORMAL_MAX: usize = 1_000;
/// Agencies above each other that an agent is told of; fleet and machine are said besides.
const AGENCIES_MAX: usize = limits::CONFIGURATION_LAYERS_MAX - 2;
/// What people call the layer of those.
const NORMAL: &str = "called normal";

/// The newest text of every scope that says something, and the tree of agencies.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    texts: HashMap<Scope, (i64, String)>,
    /// Code and the one above.
    agencies: HashMap<i64, (String, Option<i64>)>,
    /// Ids of anomalies that operators called normal, the latest first.
    normal: HashMap<Scope, Vec<String>>,
}

/// Where a machine stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    /// Its agency.
    pub(super) agency: Option<i64>,
    /// Past agencies it came from with them, nearest first: what they say still holds for it.
    pub(super) formerly: Vec<i64>,
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
        let agencies =
            fleet.agencies(&soc_archive::Agencies::All).await?.into_iter().map(|view| view.agency);
        let agencies = agencies.map(|agency| (agency.id, (agency.code, agency.parent)));
        let mut normal: HashMap<Scope, Vec<String>> = HashMap::new();
        for row in alert::called_normal(store).await? {
            let scope = row.machine.map_or(Scope::Agency(row.agency), Scope::Machine);
            normal.entry(scope).or_default().push(row.anomaly);
        }
        Ok(Self { texts, agencies: agencies.collect(), normal })
    }

    /// The scopes a machine stands in, the widest first.
    pub(super) fn scopes(&self, agent: AgentId, home: &Home) -> Vec<Scope> {
        let mut scopes = vec![Scope::Machine(agent)];
        let agencies = home.formerly.iter().copied().chain(self.above(home.agency));
        scopes.extend(agencies.take(AGENCIES_MAX).map(Scope::Agency));
        scopes.push(Scope::Fleet);
        scopes.reverse();
        scopes
    }

    /// An agency and those above it, as many as an agent takes: a circle, were there one, ends.
    pub(super) fn above(&self, agency: Option<i64>) -> Vec<i64> {
        let up = |id: &i64| self.agencies.get(id).and_then(|(_, parent)| *parent);
        std::iter::successors(agency, up).take(AGENCIES_MAX).collect()
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
    pub(super) fn version(&self, agent: AgentId, home: &Home) -> u64 {
        if self.texts.is_empty() && self.normal.is_empty() {
            return 0;
        }
        let scopes = self.scopes(agent, home);
        let versions: Vec<i64> = scopes
            .iter()
            .filter_map(|scope| self.text(scope))
            .map(|(version, _)| *version)
            .collect();
        number(&versions, &self.normal_in(&scopes))
    }

    pub(super) fn configuration(&self, agent: AgentId, home: &Home) -> Configuration {
        let (mut versions, mut layers) = (Vec::new(), Vec::new());
        let scopes = self.scopes(agent, home);
        for scope in &scopes {
            if let Some((version, text)) = self.text(scope) {
                versions.push(*version);
                layers.push(Layer { scope: self.name(scope), text: text.clone() });
            }
        }
        let mut label: Vec<String> = versions.iter().map(ToString::to_string).collect();
        let normal = self.normal_in(&scopes);
        let version = number(&versions, &normal);
        if !normal.is_empty() {
            label.push(format!("{} normal", normal.len()));
            // A list is laid over whole: what the texts say is in it as well.
            let said = layers.iter().flat_map(|layer| said_normal(&layer.text));
            let all: BTreeSet<String> = normal.into_iter().chain(said).collect();
            let quoted: Vec<String> = all.iter().map(|id| format!("{id:?}")).collect();
            let text = format!("[anomaly]\nnormal = [{}]\n", quoted.join(", "));
            layers.push(Layer { scope: NORMAL.to_owned(), text });
        }
        Configuration { version, label: label.join("+"), layers }
    }

    /// What is called normal in any of these scopes, in order.
    fn normal_in(&self, scopes: &[Scope]) -> BTreeSet<String> {
        let lists = scopes.iter().rev().filter_map(|scope| self.normal.get(scope));
        lists.flatten().take(NORMAL_MAX).cloned().collect()
    }
}

/// `anomaly.normal` of a text.
fn said_normal(text: &str) -> Vec<String> {
    let table: Option<toml::Table> = text.parse().ok();
    let list = table.as_ref().and_then(|table| table.get("anomaly")?.get("normal")?.as_array());
    let ids = list.into_iter().flatten().filter_map(toml::Value::as_str);
    ids.map(str::to_owned).collect()
}

fn number(versions: &[i64], normal: &BTreeSet<String>) -> u64 {
    if versions.is_empty() && normal.is_empty() {
        return 0;
    }
    let mut hash = Sha256::new();
    versions.iter().for_each(|version| hash.update(version.to_le_bytes()));
    normal.iter().for_each(|id| hash.update(id));
    let bytes: [u8; 32] = hash.finalize().into();
    let number = bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // 0 means none.
    (number >> 11).max(1)
}
