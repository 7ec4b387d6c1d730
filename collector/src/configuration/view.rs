//! What is shown of a scope: the shapes of the API, and the questions behind them.

use std::collections::HashSet;

use serde::Serialize;
use soc_event::{AgentId, Timestamp};
use sqlx::Row as _;

use super::layers::{Home, Layers};
use super::{Configurations, Error, Scope};

/// Versions that are shown.
const VERSIONS_MAX: i64 = 50;
/// Machines with trouble that are shown.
const TROUBLES_MAX: usize = 100;

/// A scope: what it says, what holds above it, and how its machines took it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct View {
    /// `fleet`, `agency:3`, `machine:UUID`
    pub scope: String,
    /// What people call it.
    pub name: String,
    /// Its versions, the newest (the one in force) first; at most 50.
    pub versions: Vec<VersionView>,
    /// What wider scopes say, the widest first.
    pub inherited: Vec<VersionView>,
    /// How the machines of the scope stand.
    pub machines: Standing,
    /// Machines that refused it or went back from it; at most 100.
    pub troubles: Vec<Trouble>,
}

/// One version of what a scope says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct VersionView {
    /// Its number.
    pub version: i64,
    /// Whose word it is.
    pub scope: String,
    /// What people call that scope.
    pub name: String,
    /// TOML; empty says nothing.
    pub text: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who said so.
    pub who: String,
    /// Why.
    pub why: String,
    /// The version whose text it is again.
    pub restores: Option<i64>,
}

/// How many machines run with what they should run with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Standing {
    /// In the scope.
    pub total: usize,
    /// Run with it.
    pub applied: usize,
    /// Have not said anything about it yet.
    pub waiting: usize,
    /// Refused it.
    pub refused: usize,
    /// Went back from it.
    pub rolled_back: usize,
    /// Nobody says anything about them.
    pub none: usize,
}

/// A machine that does not run with what it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Trouble {
    /// Which.
    pub machine: String,
    /// What it calls itself.
    pub hostname: String,
    /// `refused` or `rolled_back`
    pub outcome: String,
    /// What it said.
    pub reason: Option<String>,
    /// The versions it is about: `7+12`.
    pub label: String,
    /// When it said so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl Configurations {
    /// A scope as it is now.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such agency or machine, or when the database fails.
    pub async fn view(&self, scope: &Scope) -> Result<View, Error> {
        let layers = Layers::load(&self.0.store, &self.0.fleet).await?;
        let above = self.above(&layers, scope)?;
        let mut inherited = Vec::new();
        for wider in above.iter().filter(|wider| layers.text(wider).is_some()) {
            inherited.extend(self.versions(&layers, wider, 1).await?);
        }
        let (machines, troubles) = self.standing(&layers, scope).await?;
        Ok(View {
            scope: scope.as_text(),
            name: layers.name(scope),
            versions: self.versions(&layers, scope, VERSIONS_MAX).await?,
            inherited,
            machines,
            troubles,
        })
    }

    /// The scopes above one, the widest first.
    fn above(&self, layers: &Layers, scope: &Scope) -> Result<Vec<Scope>, Error> {
        let unknown = |what: &str| Error::Unknown(format!("there is no such {what}"));
        let mut all = match scope {
            Scope::Fleet => return Ok(Vec::new()),
            Scope::Machine(agent) => {
                let home = self.home_of(*agent);
                home.agency.ok_or_else(|| unknown("machine"))?;
                layers.scopes(*agent, &home)
            }
            Scope::Agency(id) if layers.name(scope) == "agency ?" => {
                return Err(Error::Unknown(format!("there is no agency {id}")));
            }
            Scope::Agency(id) => {
                let agencies = layers.above(Some(*id)).into_iter().rev().map(Scope::Agency);
                std::iter::once(Scope::Fleet).chain(agencies).collect()
            }
        };
        all.pop();
        Ok(all)
    }

    async fn versions(
        &self,
        layers: &Layers,
        scope: &Scope,
        most: i64,
    ) -> Result<Vec<VersionView>, Error> {
        let rows = sqlx::query(
            "SELECT version, text, at, who, why, restores FROM configuration
             WHERE scope = ? ORDER BY version DESC LIMIT ?",
        )
        .bind(scope.as_text())
        .bind(most)
        .fetch_all(self.0.store.pool())
        .await?;
        let version = |row: &sqlx::sqlite::SqliteRow| {
            Ok(VersionView {
                version: row.try_get("version")?,
                scope: scope.as_text(),
                name: layers.name(scope),
                text: row.try_get("text")?,
                at: Timestamp::from_micros(row.try_get("at")?),
                who: row.try_get("who")?,
                why: row.try_get("why")?,
                restores: row.try_get("restores")?,
            })
        };
        rows.iter().map(version).collect::<Result<_, sqlx::Error>>().map_err(Error::from)
    }

    async fn standing(
        &self,
        layers: &Layers,
        scope: &Scope,
    ) -> Result<(Standing, Vec<Trouble>), Error> {
        let rows = sqlx::query(
            "SELECT id, agency, formerly, hostname, configuration_outcome.version, label, outcome, reason, at
             FROM agent LEFT JOIN configuration_outcome ON agent = id
             WHERE revoked_at IS NULL ORDER BY hostname",
        )
        .fetch_all(self.0.store.pool())
        .await?;
        let (mut standing, mut troubles) = (Standing::default(), Vec::new());
        let mut inside: HashSet<i64> = HashSet::new();
        let mut outside: HashSet<i64> = HashSet::new();
        for row in &rows {
            let (machine, agency): (String, i64) = (row.try_get("id")?, row.try_get("agency")?);
            let agent: AgentId = machine.parse().map_err(Error::Unknown)?;
            let formerly = serde_json::from_str(row.try_get("formerly")?).unwrap_or_default();
            let home = Home { agency: Some(agency), formerly };
            let is_in = match scope {
                Scope::Fleet => true,
                Scope::Machine(wanted) => *wanted == agent,
                Scope::Agency(wanted) => {
                    let known = inside.contains(&agency) || outside.contains(&agency);
                    if !known {
                        let is_in = layers.above(Some(agency)).contains(wanted);
                        if is_in {
                            inside.insert(agency)
                        } else {
                            outside.insert(agency)
                        };
                    }
                    inside.contains(&agency) || home.formerly.contains(wanted)
                }
            };
            if !is_in {
                continue;
            }
            standing.total += 1;
            let wanted = layers.version(agent, &home);
            let looked_at: Option<i64> = row.try_get("version")?;
            let outcome: Option<String> = row.try_get("outcome")?;
            let is_about_it =
                looked_at.and_then(|version| u64::try_from(version).ok()) == Some(wanted);
            match outcome.filter(|_| is_about_it).as_deref() {
                _ if wanted == 0 => standing.none += 1,
                None => standing.waiting += 1,
                Some("applied") => standing.applied += 1,
                Some(outcome) => {
                    let is_refused = outcome == "refused";
                    standing.refused += usize::from(is_refused);
                    standing.rolled_back += usize::from(!is_refused);
                    if troubles.len() < TROUBLES_MAX {
                        troubles.push(Trouble {
                            machine,
                            hostname: row.try_get("hostname")?,
                            outcome: outcome.to_owned(),
                            reason: row.try_get("reason")?,
                            label: row.try_get("label")?,
                            at: Timestamp::from_micros(row.try_get("at")?),
                        });
                    }
                }
            }
        }
        Ok((standing, troubles))
    }
}
