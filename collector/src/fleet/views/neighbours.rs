//! What is shown of neighbours: each once an agency, however many agents see it.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::{AgencyRef, Page, PageRequest, push_scope};
use crate::fleet::{Error, Fleet};

/// Unseen for so long, a neighbour is not shown and not counted.
const SHOWN_MICROS: i64 = 7 * 86_400 * 1_000_000;
/// Addresses and witnesses of one neighbour that are shown.
const LIST_MAX: usize = 16;

/// What an operator said of a neighbour without an agent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub enum NeighbourDecision {
    /// A printer, a telephone, a router: no agent can run on it.
    NotAComputer,
    /// A computer that shall have none.
    Accepted,
}

impl NeighbourDecision {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAComputer => "not_a_computer",
            Self::Accepted => "accepted",
        }
    }
}

/// Whether a neighbour has an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeighbourCoverage {
    /// It has none, and nobody said anything of it.
    #[default]
    Without,
    /// It has none, and somebody said what it is.
    Decided,
    /// It is one of ours.
    With,
    /// All of these.
    All,
}

/// Which neighbours are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourFilter {
    /// Part of the hardware address, an address, the name or the maker.
    pub q: Option<String>,
    /// Seen by this agent.
    pub witness: Option<AgentId>,
    /// With or without an agent.
    pub coverage: NeighbourCoverage,
    /// Whose networks.
    pub agencies: Agencies,
}

impl NeighbourFilter {
    /// All on the networks of these agencies.
    pub fn of(agencies: Agencies) -> Self {
        Self { q: None, witness: None, coverage: NeighbourCoverage::default(), agencies }
    }
}

/// A machine that sees a neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Witness {
    /// Its agent.
    pub id: String,
    /// What it calls itself.
    pub hostname: String,
}

/// What was said of a neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Decided {
    /// What it is.
    pub decision: NeighbourDecision,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// A machine on a network of an agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Neighbour {
    /// Whose network.
    pub agency: AgencyRef,
    /// Its hardware address.
    pub mac: String,
    /// Whether that was made up, as telephones do to hide themselves.
    pub private: bool,
    /// Its addresses.
    pub ip: Vec<String>,
    /// What it calls itself.
    pub name: Option<String>,
    /// Who made its card.
    pub vendor: Option<String>,
    /// Whether it is a way out of the network.
    pub gateway: bool,
    /// How it was noticed: arp, nd, dhcp, mdns.
    pub seen_by: Vec<String>,
    /// Which machines see it, at most 16.
    pub witnesses: Vec<Witness>,
    /// Whether it is an enrolled machine.
    pub has_agent: bool,
    /// When it was first seen.
    #[schema(value_type = String)]
    pub first_seen: Timestamp,
    /// When it was last reported as seen: daily, and when something about it changes.
    #[schema(value_type = String)]
    pub last_seen: Timestamp,
    /// What an operator said of it.
    pub decided: Option<Decided>,
}

impl Fleet {
    /// Neighbours that pass the filter, a page of them, those seen last first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn neighbours(
        &self,
        filter: &NeighbourFilter,
        page: &PageRequest,
    ) -> Result<Page<Neighbour>, Error> {
        let mut count = QueryBuilder::new("SELECT COUNT(*) FROM (");
        self.push_neighbours(&mut count, filter);
        let total = count.push(")").build_query_scalar().fetch_one(self.0.store.pool()).await?;
        let mut query = QueryBuilder::new("");
        self.push_neighbours(&mut query, filter);
        query.push(" ORDER BY seen_last DESC, seen.agency, seen.mac LIMIT ");
        query.push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
        let rows = query.build().fetch_all(self.0.store.pool()).await?;
        let items = rows.iter().map(neighbour).collect::<Result<Vec<_>, _>>()?;
        let after = page.offset().saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX));
        Ok(Page { items, next: (after < total).then(|| after.to_string()), total })
    }

    /// How many machines are known that have no agent and of which nobody said anything, by number
    /// of the agency; agencies without any are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn without_agent(&self, agencies: &Agencies) -> Result<HashMap<i64, i64>, Error> {
        let filter = NeighbourFilter::of(agencies.clone());
        let mut query = QueryBuilder::new("SELECT agency, COUNT(*) FROM (");
        self.push_neighbours(&mut query, &filter);
        query.push(") GROUP BY agency");
        let rows: Vec<(i64, i64)> = query.build_query_as().fetch_all(self.0.store.pool()).await?;
        Ok(rows.into_iter().collect())
    }

    /// One row a hardware address and agency.
    fn push_neighbours(&self, query: &mut QueryBuilder<Sqlite>, filter: &NeighbourFilter) {
        query.push(
            "SELECT seen.agency AS agency, agency.code, agency.name AS agency_name, seen.mac,
                MAX(seen.private) AS private, json_group_array(json(seen.ips)) AS ips,
                MAX(seen.name) AS name, MAX(seen.vendor) AS vendor, MAX(seen.gateway) AS gateway,
                json_group_array(json(seen.seen_by)) AS seen_by,
                json_group_array(json_object('id', seen.agent, 'hostname', seen.hostname))
                    AS witnesses,
                MIN(seen.first_seen) AS seen_first, MAX(seen.last_seen) AS seen_last,
                MAX(seen.has_agent) AS has_agent, decision, reason, decided_by, decided_at
             FROM (SELECT neighbour.*, agent.agency, agent.hostname,
                EXISTS (SELECT 1 FROM machine_address AS own JOIN agent AS owner
                        ON owner.id = own.agent
                        WHERE own.address = neighbour.mac AND owner.revoked_at IS NULL)
                OR EXISTS (SELECT 1 FROM json_each(neighbour.ips) AS ip
                        JOIN machine_address AS own ON own.address = ip.value
                        JOIN agent AS owner ON owner.id = own.agent
                        WHERE owner.agency = agent.agency AND owner.revoked_at IS NULL)
                    AS has_agent
                FROM neighbour JOIN agent ON agent.id = neighbour.agent
                WHERE agent.revoked_at IS NULL AND neighbour.last_seen >= ",
        );
        query.push_bind(self.0.clock.now().plus_micros(-SHOWN_MICROS).as_micros());
        push_scope(query, "agent.agency", &filter.agencies);
        query.push(
            ") AS seen JOIN agency ON agency.id = seen.agency
             LEFT JOIN neighbour_decision AS said
                ON said.agency = seen.agency AND said.mac = seen.mac
             WHERE TRUE",
        );
        if let Some(part) = &filter.q {
            let pattern = format!("%{}%", part.replace(['\\', '%', '_'], "_"));
            query.push(" AND (seen.mac LIKE ").push_bind(pattern.clone());
            query.push(" OR seen.ips LIKE ").push_bind(pattern.clone());
            query.push(" OR seen.name LIKE ").push_bind(pattern.clone());
            query.push(" OR seen.vendor LIKE ").push_bind(pattern).push(")");
        }
        query.push(" GROUP BY seen.agency, seen.mac HAVING ");
        query.push(match filter.coverage {
            NeighbourCoverage::Without => "MAX(has_agent) = 0 AND decision IS NULL",
            NeighbourCoverage::Decided => "MAX(has_agent) = 0 AND decision IS NOT NULL",
            NeighbourCoverage::With => "MAX(has_agent) = 1",
            NeighbourCoverage::All => "TRUE",
        });
        if let Some(witness) = filter.witness {
            query.push(" AND MAX(seen.agent = ").push_bind(witness.to_string()).push(") = 1");
        }
    }
}

fn neighbour(row: &SqliteRow) -> Result<Neighbour, Error> {
    let time = |name: &str| row.try_get::<i64, _>(name).map(Timestamp::from_micros);
    let lists = |name: &str| -> Result<Vec<String>, sqlx::Error> {
        let lists: Vec<Vec<String>> = serde_json::from_str(row.try_get(name)?).unwrap_or_default();
        let all: BTreeSet<String> = lists.into_iter().flatten().collect();
        Ok(all.into_iter().take(LIST_MAX).collect())
    };
    let mut witnesses: Vec<Witness> =
        serde_json::from_str(row.try_get("witnesses")?).unwrap_or_default();
    witnesses.truncate(LIST_MAX);
    Ok(Neighbour {
        agency: AgencyRef {
            id: row.try_get("agency")?,
            code: row.try_get("code")?,
            name: row.try_get("agency_name")?,
        },
        mac: row.try_get("mac")?,
        private: row.try_get("private")?,
        ip: lists("ips")?,
        name: row.try_get("name")?,
        vendor: row.try_get("vendor")?,
        gateway: row.try_get("gateway")?,
        seen_by: lists("seen_by")?,
        witnesses,
        has_agent: row.try_get("has_agent")?,
        first_seen: time("seen_first")?,
        last_seen: time("seen_last")?,
        decided: decided(row)?,
    })
}

fn decided(row: &SqliteRow) -> Result<Option<Decided>, sqlx::Error> {
    let Some(decision) = row.try_get::<Option<NeighbourDecision>, _>("decision")? else {
        return Ok(None);
    };
    Ok(Some(Decided {
        decision,
        reason: row.try_get("reason")?,
        by: row.try_get("decided_by")?,
        at: Timestamp::from_micros(row.try_get("decided_at")?),
    }))
}
