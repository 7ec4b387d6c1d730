use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::{
    AgencyRef, AntivirusSummary, MachineFilter, MachineRow, MachineSort, Page, PageRequest,
    push_scope,
};
use crate::fleet::{Error, Fleet};

/// Columns that [`Fleet::machine_row`] reads.
pub(super) const COLUMNS: &str = "agent.id, hostname, agency, code, name, state, heard_at, os, ip,
    antivirus_state, antivirus_product, antivirus_reasons, antivirus_signatures_at, cpu,
    memory_used, disk_used, clock_offset_us, version,
    (SELECT COUNT(*) FROM port WHERE port.agent = agent.id AND closed_at IS NULL) AS open_ports,
    (SELECT COUNT(*) FROM port WHERE port.agent = agent.id AND closed_at IS NULL
        AND scope <> 'loopback') AS open_ports_lan,
    COALESCE((SELECT MAX(level) FROM system_host JOIN information_system AS system
        ON system.id = system_host.system WHERE system_host.agent = agent.id), 0)
        AS importance";
pub(super) const TABLES: &str = " FROM agent JOIN agency ON agency.id = agent.agency";

const MICROS_PER_DAY: f64 = 86_400e6;

impl Fleet {
    /// Machines that pass the filter, a page of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn machines(
        &self,
        filter: &MachineFilter,
        sort: MachineSort,
        page: &PageRequest,
    ) -> Result<Page<MachineRow>, Error> {
        let mut count = QueryBuilder::new("SELECT COUNT(*)");
        count.push(TABLES);
        push_filter(&mut count, filter);
        let total: i64 = count.build_query_scalar().fetch_one(self.0.store.pool()).await?;

        let mut query = QueryBuilder::new("SELECT ");
        query.push(COLUMNS).push(TABLES);
        push_filter(&mut query, filter);
        query.push(" ORDER BY ").push(order(sort)).push(", agent.id LIMIT ");
        query.push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
        let rows = query.build().fetch_all(self.0.store.pool()).await?;
        let items = rows.iter().map(|row| self.machine_row(row)).collect::<Result<Vec<_>, _>>()?;
        let after = page.offset().saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX));
        Ok(Page { items, next: (after < total).then(|| after.to_string()), total })
    }

    /// Whether it is a machine of these agencies.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sees(&self, agencies: &Agencies, id: AgentId) -> Result<bool, Error> {
        let agency: Option<i64> = sqlx::query_scalar("SELECT agency FROM agent WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(self.0.store.pool())
            .await?;
        Ok(agency.is_some_and(|agency| agencies.hold(agency)))
    }

    pub(super) fn machine_row(&self, row: &SqliteRow) -> Result<MachineRow, Error> {
        let id: String = row.try_get("id")?;
        let saved = row.try_get::<Option<i64>, _>("heard_at")?.map(Timestamp::from_micros);
        let in_memory = id.parse::<AgentId>().ok().and_then(|id| self.0.known.heard_at(id));
        Ok(MachineRow {
            id,
            hostname: row.try_get("hostname")?,
            agency: AgencyRef {
                id: row.try_get("agency")?,
                code: row.try_get("code")?,
                name: row.try_get("name")?,
            },
            state: row.try_get("state")?,
            last_heard: saved.max(in_memory),
            os: row.try_get("os")?,
            ip: texts(row.try_get("ip")?),
            antivirus: summary(row, self.0.clock.now())?,
            open_ports: row.try_get("open_ports")?,
            open_ports_lan: row.try_get("open_ports_lan")?,
            alerts_open: 0,
            risk: 0.0,
            cpu: row.try_get("cpu")?,
            memory_used: row.try_get("memory_used")?,
            disk_used: row.try_get("disk_used")?,
            clock_offset_us: row.try_get("clock_offset_us")?,
            agent_version: row.try_get("version")?,
            importance: row.try_get("importance")?,
        })
    }
}

fn summary(row: &SqliteRow, now: Timestamp) -> Result<AntivirusSummary, Error> {
    let signatures_at: Option<i64> = row.try_get("antivirus_signatures_at")?;
    // Micros of any two moments of the years 1 to 9999 are far below what a float holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let age = |at: i64| now.as_micros().saturating_sub(at) as f64 / MICROS_PER_DAY;
    Ok(AntivirusSummary {
        state: row.try_get("antivirus_state")?,
        product: row.try_get("antivirus_product")?,
        signatures_age_days: signatures_at.map(age),
        reasons: texts(row.try_get("antivirus_reasons")?),
    })
}

/// A JSON list as texts; other values as they are written.
fn texts(json: &str) -> Vec<String> {
    let values: Vec<serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    values.into_iter().map(text).collect()
}

fn order(sort: MachineSort) -> &'static str {
    match sort {
        MachineSort::Hostname => "hostname COLLATE NOCASE",
        MachineSort::LastHeard => "heard_at",
        MachineSort::Agency => "code COLLATE NOCASE, hostname COLLATE NOCASE",
        MachineSort::State => "state, hostname COLLATE NOCASE",
        MachineSort::Antivirus => "antivirus_state, hostname COLLATE NOCASE",
        // More units are more risk, whatever the time (room `alert`).
        MachineSort::Risk => {
            "(SELECT sum(units) FROM risk WHERE kind = 'host' AND name = agent.id) DESC NULLS LAST,
             hostname COLLATE NOCASE"
        }
    }
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &MachineFilter) {
    query.push(" WHERE revoked_at IS NULL");
    push_scope(query, &filter.agencies);
    if let Some(code) = &filter.agency {
        query.push(" AND agent.agency IN (WITH RECURSIVE below (id) AS (");
        query.push("SELECT id FROM agency WHERE code = ").push_bind(code.clone());
        query.push(" UNION SELECT below FROM agency_below JOIN below ON above = below.id)");
        query.push(" SELECT id FROM below)");
    }
    if let Some(q) = filter.q.as_deref().filter(|q| !q.trim().is_empty()) {
        let pattern = like(q.trim());
        for (before, column) in [(" AND (", "hostname"), (" OR ", "ip"), (" OR ", "os")] {
            query.push(before).push(column).push(" LIKE ").push_bind(pattern.clone());
            query.push(" ESCAPE '\\'");
        }
        query.push(")");
    }
    push_words(query, "state", filter.states.iter().map(|state| state.as_str()));
    push_words(query, "antivirus_state", filter.antivirus.iter().map(|state| state.as_str()));
    if let Some(system) = filter.system {
        query.push(" AND agent.id IN (SELECT system_host.agent FROM system_host WHERE system = ");
        query.push_bind(system).push(")");
    }
    if let Some(reason) = &filter.antivirus_reason {
        query.push(" AND EXISTS (SELECT 1 FROM json_each(antivirus_reasons) AS reason");
        query.push(" WHERE reason.value = ").push_bind(reason.clone()).push(")");
    }
}

fn push_words(
    query: &mut QueryBuilder<Sqlite>,
    column: &'static str,
    words: impl ExactSizeIterator<Item = &'static str>,
) {
    if words.len() == 0 {
        return;
    }
    query.push(" AND ").push(column).push(" IN (");
    let mut list = query.separated(", ");
    words.for_each(|word| {
        list.push_bind(word);
    });
    query.push(")");
}

/// A pattern that finds the text anywhere, and nothing else by its signs.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// One machine, whosever it is.
pub(super) fn one(id: AgentId) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS);
    query.push(", inventory, heartbeat, enrolled_at, certificate_expires_at, fingerprint");
    query.push(TABLES);
    query
        .push(" WHERE (revoked_at IS NULL OR imported = 1) AND agent.id = ")
        .push_bind(id.to_string());
    push_scope(&mut query, &Agencies::All);
    query
}
