//! What is open where, over all machines: each port once, however many machines have it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::{AgencyRef, Page, PageRequest, push_scope};
use crate::fleet::approvals::Approvals;
use crate::fleet::{Error, Fleet, PortName};

/// Whether a port is approved where it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortApprovals {
    /// On every machine that has it.
    All,
    /// Not on every machine that has it.
    Lacking,
}

/// Which ports are asked for; nothing chosen means all that are open where one may look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFilter {
    /// The number, or part of the program.
    pub q: Option<String>,
    /// `loopback`, `lan`, `any`, `namespace`
    pub scopes: Vec<String>,
    /// `tcp`, `udp`
    pub transport: Option<String>,
    /// Approved or not.
    pub approvals: Option<PortApprovals>,
    /// Open on no machine before this moment.
    pub since: Option<Timestamp>,
    /// On one machine only.
    pub rare: bool,
    /// Whose machines.
    pub agencies: Agencies,
}

impl PortFilter {
    /// All of these agencies.
    pub fn of(agencies: Agencies) -> Self {
        Self {
            q: None,
            scopes: Vec::new(),
            transport: None,
            approvals: None,
            since: None,
            rare: false,
            agencies,
        }
    }

    /// Ports that other machines can see.
    pub fn exposed(agencies: Agencies) -> Self {
        Self { scopes: vec!["lan".into(), "any".into()], ..Self::of(agencies) }
    }

    /// What SQL does not look at.
    fn admits(&self, port: &OpenPort) -> bool {
        let found = self.q.as_deref().is_none_or(|q| {
            let q = q.trim().to_lowercase();
            port.name.port.to_string() == q || port.name.executable.to_lowercase().contains(&q)
        });
        let approved = self
            .approvals
            .is_none_or(|asked| (asked == PortApprovals::All) == (port.approved == port.machines));
        let is_new = self.since.is_none_or(|since| port.first_opened >= since);
        found && approved && is_new && (!self.rare || port.machines == 1)
    }
}

/// The order of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortSort {
    /// By number.
    #[default]
    Port,
    /// By number of machines.
    Machines,
    /// By the moment it was first open.
    First,
    /// By program.
    Program,
}

/// The order of ports, and whether the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortOrder {
    /// By what.
    pub by: PortSort,
    /// From the end.
    pub down: bool,
}

/// A port of all machines that have it open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OpenPort {
    /// Which.
    #[serde(flatten)]
    pub name: PortName,
    /// Machines that have it open.
    pub machines: i64,
    /// Their agencies.
    pub agencies: i64,
    /// Machines whose firewall lets others get there.
    pub reachable: i64,
    /// Machines whose firewall does not.
    pub blocked: i64,
    /// Machines on which it is approved.
    pub approved: i64,
    /// When the first of these machines opened it, by its own clock.
    #[schema(value_type = String)]
    pub first_opened: Timestamp,
    /// One of the machines.
    pub machine: String,
    /// What that machine calls itself.
    pub hostname: String,
}

/// A machine that has a port open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PortMachine {
    /// Its agent.
    pub id: String,
    /// What it calls itself.
    pub hostname: String,
    /// Whose it is.
    pub agency: AgencyRef,
    /// The bound address.
    pub address: String,
    /// Name of the process.
    pub process: Option<String>,
    /// Whose process.
    pub user: Option<String>,
    /// `yes`, `no`, or nothing where it is not known.
    pub reachable: Option<String>,
    /// When it opened, by the machine's clock.
    #[schema(value_type = String)]
    pub opened_at: Timestamp,
    /// Whether it is approved there.
    pub approved: bool,
}

impl Fleet {
    /// Ports that pass the filter, a page of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_ports(
        &self,
        filter: &PortFilter,
        order: PortOrder,
        page: &PageRequest,
    ) -> Result<Page<OpenPort>, Error> {
        let mut ports = self.gathered(filter).await?;
        ports.sort_by(|one, other| {
            let by = match order.by {
                PortSort::Port => std::cmp::Ordering::Equal,
                PortSort::Machines => one.machines.cmp(&other.machines),
                PortSort::First => one.first_opened.cmp(&other.first_opened),
                PortSort::Program => one.name.executable.cmp(&other.name.executable),
            };
            let names = || (one.name.port, &one.name).cmp(&(other.name.port, &other.name));
            let all = by.then_with(names);
            if order.down { all.reverse() } else { all }
        });
        let total = i64::try_from(ports.len()).unwrap_or(i64::MAX);
        let first = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let items: Vec<_> = ports.into_iter().skip(first).take(limit).collect();
        let after = page.offset().saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX));
        Ok(Page { items, next: (after < total).then(|| after.to_string()), total })
    }

    /// How many ports pass the filter.
    pub(super) async fn count_open_ports(&self, filter: &PortFilter) -> Result<i64, Error> {
        Ok(i64::try_from(self.gathered(filter).await?.len()).unwrap_or(i64::MAX))
    }

    /// Machines that have a port open, by name, a page of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn port_machines(
        &self,
        name: &PortName,
        scope: &Agencies,
        page: &PageRequest,
    ) -> Result<Page<PortMachine>, Error> {
        let push = |query: &mut QueryBuilder<Sqlite>| {
            query.push(" FROM port JOIN agent ON agent.id = port.agent");
            query.push(" JOIN agency ON agency.id = agent.agency");
            query.push(" WHERE port.closed_at IS NULL AND agent.revoked_at IS NULL");
            query.push(" AND port.transport = ").push_bind(name.transport.clone());
            query.push(" AND port.scope = ").push_bind(name.scope.clone());
            query.push(" AND port.port = ").push_bind(name.port);
            query.push(" AND port.executable = ").push_bind(name.executable.clone());
            push_scope(query, "agent.agency", scope);
        };
        let mut count = QueryBuilder::new("SELECT COUNT(*)");
        push(&mut count);
        let total: i64 = count.build_query_scalar().fetch_one(self.0.store.pool()).await?;
        let mut query = QueryBuilder::new(
            "SELECT agent.id, hostname, agent.agency, code, name, address, process, user,
                    reachable, opened_at",
        );
        push(&mut query);
        query.push(" ORDER BY hostname COLLATE NOCASE, agent.id LIMIT ").push_bind(page.limit());
        query.push(" OFFSET ").push_bind(page.offset());
        let rows = query.build().fetch_all(self.0.store.pool()).await?;
        let approvals = Approvals::of(self.0.store.pool(), Some(name)).await?;
        let read = |row: &SqliteRow| port_machine(row, name, &approvals);
        let items = rows.iter().map(read).collect::<Result<Vec<_>, sqlx::Error>>()?;
        let after = page.offset().saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX));
        Ok(Page { items, next: (after < total).then(|| after.to_string()), total })
    }

    /// All that pass the filter, in no order.
    async fn gathered(&self, filter: &PortFilter) -> Result<Vec<OpenPort>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT port.transport, port.scope, port.port, port.executable, agent.agency,
                    COUNT(*) AS machines, SUM(reachable IS 'yes') AS reachable,
                    SUM(reachable IS 'no') AS blocked, MIN(opened_at) AS first_opened,
                    MIN(port.agent) AS machine
             FROM port CROSS JOIN agent ON agent.id = port.agent
             WHERE port.closed_at IS NULL AND agent.revoked_at IS NULL",
        );
        if !filter.scopes.is_empty() {
            query.push(" AND port.scope IN (SELECT value FROM json_each(");
            query.push_bind(serde_json::json!(filter.scopes).to_string()).push("))");
        }
        if let Some(transport) = &filter.transport {
            query.push(" AND port.transport = ").push_bind(transport.clone());
        }
        push_scope(&mut query, "agent.agency", &filter.agencies);
        query.push(" GROUP BY 1, 3, 2, 4, 5");
        let rows = query.build().fetch_all(self.0.store.pool()).await?;
        let approvals = Approvals::of(self.0.store.pool(), None).await?;
        let mut ports: HashMap<PortName, OpenPort> = HashMap::new();
        for row in &rows {
            self.add(&mut ports, row, &approvals)?;
        }
        Ok(ports.into_values().filter(|port| filter.admits(port)).collect())
    }

    /// Adds what one agency has of a port.
    fn add(
        &self,
        ports: &mut HashMap<PortName, OpenPort>,
        row: &SqliteRow,
        approvals: &Approvals,
    ) -> Result<(), Error> {
        let name = PortName {
            transport: row.try_get("transport")?,
            scope: row.try_get("scope")?,
            port: row.try_get("port")?,
            executable: row.try_get("executable")?,
        };
        let first_opened = Timestamp::from_micros(row.try_get("first_opened")?);
        let (agency, machines) = (row.try_get("agency")?, row.try_get("machines")?);
        let approved = approvals.in_agency(&name, agency, machines);
        let machine: String = row.try_get("machine")?;
        let port = ports.entry(name.clone()).or_insert_with(|| OpenPort {
            hostname: self.hostname(&machine),
            name,
            machines: 0,
            agencies: 0,
            reachable: 0,
            blocked: 0,
            approved: 0,
            first_opened,
            machine,
        });
        port.machines += machines;
        port.agencies += 1;
        port.reachable += row.try_get::<i64, _>("reachable")?;
        port.blocked += row.try_get::<i64, _>("blocked")?;
        port.approved += approved;
        port.first_opened = port.first_opened.min(first_opened);
        Ok(())
    }

    fn hostname(&self, agent: &str) -> String {
        let who = agent.parse::<AgentId>().ok().and_then(|agent| self.who(agent));
        who.map(|who| who.hostname).unwrap_or_default()
    }
}

fn port_machine(
    row: &SqliteRow,
    name: &PortName,
    approvals: &Approvals,
) -> Result<PortMachine, sqlx::Error> {
    let (id, agency): (String, i64) = (row.try_get("id")?, row.try_get("agency")?);
    Ok(PortMachine {
        approved: approvals.covers(name, agency, &id),
        id,
        hostname: row.try_get("hostname")?,
        agency: AgencyRef { id: agency, code: row.try_get("code")?, name: row.try_get("name")? },
        address: row.try_get("address")?,
        process: row.try_get("process")?,
        user: row.try_get("user")?,
        reachable: row.try_get("reachable")?,
        opened_at: Timestamp::from_micros(row.try_get("opened_at")?),
    })
}
