//! Which ports are approved where, to be asked about many machines at once.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqlitePool;
use sqlx::{FromRow as _, QueryBuilder, Row as _};

use super::{Error, PortName};

/// Approvals that hold, and how agencies lie below one another.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    parents: HashMap<i64, i64>,
    agencies: HashMap<PortName, HashSet<i64>>,
    /// Machines with an approval of their own, and their agency.
    machines: HashMap<PortName, HashMap<String, i64>>,
}

impl Approvals {
    /// Those of one port, or all. Of machines only those that have the port open count.
    pub(super) async fn of(pool: &SqlitePool, port: Option<&PortName>) -> Result<Self, Error> {
        let mut query = QueryBuilder::new(
            "SELECT said.transport, said.scope, said.port, said.executable, said.agency,
                    said.agent, agent.agency AS place
             FROM port_approval AS said LEFT JOIN agent ON agent.id = said.agent
             WHERE said.revoked_at IS NULL AND (said.agent IS NULL OR EXISTS (
                SELECT 1 FROM port WHERE port.agent = said.agent AND closed_at IS NULL
                  AND port.transport = said.transport AND port.scope = said.scope
                  AND port.port = said.port AND port.executable = said.executable))",
        );
        if let Some(port) = port {
            query.push(" AND said.port = ").push_bind(port.port);
        }
        let parents: Vec<(i64, i64)> =
            sqlx::query_as("SELECT id, parent FROM agency WHERE parent IS NOT NULL")
                .fetch_all(pool)
                .await?;
        let mut found = Self { parents: parents.into_iter().collect(), ..Self::default() };
        for row in query.build().fetch_all(pool).await? {
            let name = PortName::from_row(&row)?;
            match (row.try_get("agency")?, row.try_get("agent")?, row.try_get("place")?) {
                (Some(agency), _, _) => {
                    found.agencies.entry(name).or_default().insert(agency);
                }
                (None, Some(agent), Some(place)) => {
                    found.machines.entry(name).or_default().insert(agent, place);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// On how many of the `machines` of an agency that have it open a port is approved.
    pub(super) fn in_agency(&self, port: &PortName, agency: i64, machines: i64) -> i64 {
        if self.holds(port, agency) {
            return machines;
        }
        let own = self.machines.get(port).into_iter().flatten();
        let count = own.filter(|(_, place)| **place == agency).count();
        i64::try_from(count).unwrap_or(i64::MAX).min(machines)
    }

    /// Whether a port is approved on a machine.
    pub(super) fn covers(&self, port: &PortName, agency: i64, agent: &str) -> bool {
        let own = || self.machines.get(port).is_some_and(|of| of.contains_key(agent));
        self.holds(port, agency) || own()
    }

    /// Whether it is approved for the agency or for one above it.
    fn holds(&self, port: &PortName, agency: i64) -> bool {
        let Some(approved) = self.agencies.get(port) else { return false };
        let mut seen = HashSet::new();
        let mut place = Some(agency);
        // A circle of agencies, were there one, ends.
        while let Some(here) = place.filter(|here| seen.insert(*here)) {
            if approved.contains(&here) {
                return true;
            }
            place = self.parents.get(&here).copied();
        }
        false
    }
}
