use std::collections::BTreeMap;

use serde_json::Value;
use soc_archive::Agencies;
use soc_archive::hunt::{Cell, RecordBatch, table};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::Error;
use crate::store::Store;

/// Most rows of a table beside `events`.
const ROWS_MAX: usize = 200_000;

/// A table and the SQL that fills it; the last column is the agency's number, by which rows are
/// chosen, and is not shown.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Cell)],
    sql: &'static str,
}

use Cell::{Number, Text, Time};

const TABLES: [Table; 3] = [
    Table {
        name: "alerts",
        columns: &[
            ("id", Text),
            ("number", Number),
            ("rule", Text),
            ("title", Text),
            ("level", Text),
            ("state", Text),
            ("host", Text),
            ("agency", Text),
            ("count", Number),
            ("starts_at", Time),
            ("last_at", Time),
        ],
        sql: "SELECT id, number, rule, json_extract(rule_said, '$.title.en'),
                  CASE level WHEN 0 THEN 'informational' WHEN 1 THEN 'low' WHEN 2 THEN 'medium'
                      WHEN 3 THEN 'high' ELSE 'critical' END,
                  state, hostname, agency_code, count, starts_at, last_at, agency
              FROM alert ORDER BY number DESC",
    },
    Table {
        name: "hosts",
        columns: &[
            ("host", Text),
            ("agent", Text),
            ("agency", Text),
            ("os", Text),
            ("version", Text),
            ("state", Text),
            ("ip", Text),
            ("antivirus", Text),
            ("enrolled_at", Time),
            ("heard_at", Time),
        ],
        sql:
            "SELECT hostname, agent.id, code, os, version, state, ip, antivirus_state, enrolled_at,
                  heard_at, agency
              FROM agent JOIN agency ON agency.id = agent.agency WHERE revoked_at IS NULL",
    },
    Table {
        name: "ports",
        columns: &[
            ("host", Text),
            ("agency", Text),
            ("transport", Text),
            ("scope", Text),
            ("port", Number),
            ("address", Text),
            ("executable", Text),
            ("process", Text),
            ("user", Text),
            ("opened_at", Time),
            ("closed_at", Time),
        ],
        sql:
            "SELECT hostname, code, transport, scope, port, address, executable, process, user,
                  opened_at, closed_at, agent.agency
              FROM port JOIN agent ON agent.id = port.agent JOIN agency ON agency.id = agent.agency",
    },
];

/// All tables beside `events`, of the agencies that may be seen.
pub async fn all(
    store: &Store,
    agencies: &Agencies,
) -> Result<BTreeMap<String, RecordBatch>, Error> {
    let mut tables = BTreeMap::new();
    for Table { name, columns, sql } in TABLES {
        let rows = sqlx::query(sql).fetch_all(store.pool()).await?;
        let mut seen = Vec::new();
        for row in &rows {
            if agencies.hold(row.try_get(columns.len())?) && seen.len() < ROWS_MAX {
                seen.push(cells(row, columns)?);
            }
        }
        tables.insert(name.to_owned(), table(columns, &seen)?);
    }
    Ok(tables)
}

fn cells(row: &SqliteRow, columns: &[(&str, Cell)]) -> Result<Vec<Value>, sqlx::Error> {
    let cell = |(at, (_, cell)): (usize, &(&str, Cell))| {
        Ok(match cell {
            Text => row.try_get::<Option<String>, _>(at)?.into(),
            Number | Time => row.try_get::<Option<i64>, _>(at)?.into(),
        })
    };
    columns.iter().enumerate().map(cell).collect()
}
