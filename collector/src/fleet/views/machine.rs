use std::net::SocketAddr;

use soc_event::{AgentId, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{HeartbeatPoint, Items, Machine, MetricsListener, Port, machines};
use crate::fleet::{Approval, Error, Fleet};

/// Points of one chart at the most.
const POINTS_MAX: i64 = 500;
/// Ports of one list at the most, newest first.
const PORTS_MAX: i64 = 5000;

impl Fleet {
    /// One machine in full, where there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn machine(&self, id: AgentId) -> Result<Option<Machine>, Error> {
        let found = machines::one(id).build().fetch_optional(self.0.store.pool()).await?;
        let Some(row) = found else { return Ok(None) };
        let products: Vec<String> =
            sqlx::query_scalar("SELECT fields FROM antivirus WHERE agent = ? ORDER BY product")
                .bind(id.to_string())
                .fetch_all(self.0.store.pool())
                .await?;
        let test: Option<String> =
            sqlx::query_scalar("SELECT fields FROM antivirus_selftest WHERE agent = ?")
                .bind(id.to_string())
                .fetch_optional(self.0.store.pool())
                .await?;
        let json = |text: &str| serde_json::from_str(text).ok();
        let object = |name: &str| -> Result<Option<serde_json::Value>, sqlx::Error> {
            Ok(row.try_get::<Option<&str>, _>(name)?.and_then(json))
        };
        let mut rows = [self.machine_row(&row)?];
        self.explain_silence(&mut rows).await?;
        let [row_view] = rows;
        Ok(Some(Machine {
            row: row_view,
            inventory: object("inventory")?,
            antivirus_products: products.iter().filter_map(|text| json(text)).collect(),
            antivirus_selftest: test.as_deref().and_then(json),
            heartbeat: object("heartbeat")?,
            enrolled_at: time(&row, "enrolled_at")?,
            certificate_expires_at: time(&row, "certificate_expires_at")?,
            fingerprint: row.try_get("fingerprint")?,
            systems: self.systems_of(id).await?,
            record: self.host_record(id).await?,
        }))
    }

    /// Open ports, and with `history` those that have closed; newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ports(&self, id: AgentId, history: bool) -> Result<Items<Port>, Error> {
        let rows = sqlx::query(
            "WITH RECURSIVE above (id) AS (
                SELECT agency FROM agent WHERE id = ?1
                UNION SELECT value FROM agent, json_each(formerly) WHERE agent.id = ?1
                UNION SELECT parent FROM agency JOIN above USING (id)
                    WHERE parent IS NOT NULL AND valid_until IS NULL)
             SELECT shown.transport, shown.scope, address, shown.port, process, shown.executable,
                    user, unit, pid, opened_at, closed_at, fields,
                    approval.id AS approval, code, approved_by, approved_at, note,
                    (SELECT COUNT(*) FROM (
                        SELECT DISTINCT other.agent FROM port other
                        JOIN agent ON agent.id = other.agent
                        WHERE other.transport = shown.transport AND other.port = shown.port
                          AND other.scope = shown.scope AND other.executable = shown.executable
                          AND agency = (SELECT agency FROM agent WHERE id = ?1)
                        LIMIT 100)) AS machines_agency,
                    (SELECT COUNT(*) FROM (
                        SELECT DISTINCT other.agent FROM port other
                        WHERE other.transport = shown.transport AND other.port = shown.port
                          AND other.scope = shown.scope AND other.executable = shown.executable
                        LIMIT 100)) AS machines_fleet
             FROM port shown
             LEFT JOIN port_approval approval ON approval.id = (
                SELECT MIN(id) FROM port_approval
                WHERE revoked_at IS NULL AND transport = shown.transport
                  AND port_approval.scope = shown.scope AND port_approval.port = shown.port
                  AND port_approval.executable = shown.executable
                  AND (agent = ?1 OR agency IN (SELECT id FROM above)))
             LEFT JOIN agency ON agency.id = approval.agency
             WHERE shown.agent = ?1 AND (?2 OR closed_at IS NULL)
             ORDER BY closed_at IS NOT NULL, closed_at DESC, shown.port, shown.transport,
                      shown.scope, shown.id LIMIT ?3",
        )
        .bind(id.to_string())
        .bind(history)
        .bind(PORTS_MAX)
        .fetch_all(self.0.store.pool())
        .await?;
        let items = rows.iter().map(port).collect::<Result<_, _>>()?;
        Ok(Items { items })
    }

    /// Heartbeats from `from` to `to`, at most 500 points: more are averaged.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn heartbeats(
        &self,
        id: AgentId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Items<HeartbeatPoint>, Error> {
        let span = to.as_micros().saturating_sub(from.as_micros()).max(0);
        let rows = sqlx::query(
            "SELECT MAX(at) AS at, AVG(cpu) AS cpu, AVG(memory_used) AS memory_used,
                    AVG(memory_total) AS memory_total, AVG(disk_used) AS disk_used,
                    AVG(agent_memory) AS agent_memory, AVG(agent_cpu) AS agent_cpu,
                    AVG(spool_events) AS spool_events
             FROM heartbeat WHERE agent = ?1 AND at >= ?2 AND at <= ?3
             GROUP BY CASE WHEN (SELECT COUNT(*) FROM heartbeat
                                 WHERE agent = ?1 AND at >= ?2 AND at <= ?3) <= ?4
                      THEN at ELSE (at - ?2) / ?5 END
             ORDER BY at",
        )
        .bind(id.to_string())
        .bind(from.as_micros())
        .bind(to.as_micros())
        .bind(POINTS_MAX)
        .bind(span / POINTS_MAX + 1)
        .fetch_all(self.0.store.pool())
        .await?;
        let items = rows.iter().map(point).collect::<Result<_, _>>()?;
        Ok(Items { items })
    }

    /// Agents of the machine `host` that say in their inventory on which loopback address their own
    /// metrics can be read. Others cannot be reached from here, whatever they say.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn metrics_listeners(&self, host: &str) -> Result<Vec<MetricsListener>, Error> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT agent.id, hostname, code, inventory ->> '$.\"agent.metrics.address\"' AS address
             FROM agent JOIN agency ON agency.id = agent.agency
             WHERE revoked_at IS NULL AND hostname = ?1 AND address IS NOT NULL ORDER BY agent.id",
        )
        .bind(host)
        .fetch_all(self.0.store.pool())
        .await?;
        let listener = |(agent, hostname, agency_code, address)| MetricsListener {
            agent,
            hostname,
            agency_code,
            address,
        };
        let is_here = |found: &MetricsListener| {
            found.address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
        };
        Ok(rows.into_iter().map(listener).filter(is_here).collect())
    }
}

fn time(row: &SqliteRow, name: &str) -> Result<Timestamp, sqlx::Error> {
    Ok(Timestamp::from_micros(row.try_get(name)?))
}

fn port(row: &SqliteRow) -> Result<Port, sqlx::Error> {
    let closed_at: Option<i64> = row.try_get("closed_at")?;
    let executable: String = row.try_get("executable")?;
    let fields: &str = row.try_get("fields")?;
    Ok(Port {
        fields: serde_json::from_str(fields).unwrap_or_default(),
        approval: approval(row)?,
        machines_agency: row.try_get("machines_agency")?,
        machines_fleet: row.try_get("machines_fleet")?,
        transport: row.try_get("transport")?,
        scope: row.try_get("scope")?,
        address: row.try_get("address")?,
        port: row.try_get("port")?,
        process: row.try_get("process")?,
        executable: (!executable.is_empty()).then_some(executable),
        user: row.try_get("user")?,
        unit: row.try_get("unit")?,
        pid: row.try_get("pid")?,
        opened_at: time(row, "opened_at")?,
        closed_at: closed_at.map(Timestamp::from_micros),
    })
}

fn approval(row: &SqliteRow) -> Result<Option<Approval>, sqlx::Error> {
    let Some(id) = row.try_get::<Option<i64>, _>("approval")? else { return Ok(None) };
    Ok(Some(Approval {
        id,
        agency: row.try_get("code")?,
        by: row.try_get("approved_by")?,
        at: time(row, "approved_at")?,
        note: row.try_get("note")?,
    }))
}

fn point(row: &SqliteRow) -> Result<HeartbeatPoint, sqlx::Error> {
    Ok(HeartbeatPoint {
        at: time(row, "at")?,
        cpu: row.try_get("cpu")?,
        memory_used: row.try_get("memory_used")?,
        memory_total: row.try_get("memory_total")?,
        disk_used: row.try_get("disk_used")?,
        agent_memory: row.try_get("agent_memory")?,
        agent_cpu: row.try_get("agent_cpu")?,
        spool_events: row.try_get("spool_events")?,
    })
}
