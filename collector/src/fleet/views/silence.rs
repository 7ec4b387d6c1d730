//! Why a machine may be silent: what is known of it and of its neighbours, never more.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::QueryBuilder;

use super::MachineRow;
use crate::fleet::{Error, Fleet, State};

/// Machines that fell silent within this time of each other did so together.
const TOGETHER_MICROS: i64 = 5 * 60 * 1_000_000;
/// So many machines at least make a line that failed.
const LINE_MIN: usize = 3;
/// A disk or memory this full keeps programs from working.
const FULL: f64 = 0.98;

/// What most likely made a machine silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilenceReason {
    /// Most machines of its agency fell silent at the same time: power or the line.
    Line,
    /// Its disk was full when it was last heard.
    DiskFull,
    /// Its memory was full when it was last heard.
    MemoryFull,
    /// It ended without a goodbye: power, cable, or somebody killed the agent.
    Abrupt,
}

/// When machines of an agency were last heard before they fell silent, and how many should be heard.
#[derive(Debug, Default)]
struct Quiet {
    heard_at: Vec<i64>,
    expected: usize,
}

impl Fleet {
    /// Says of silent machines why they may be.
    pub(super) async fn explain_silence(&self, rows: &mut [MachineRow]) -> Result<(), Error> {
        let silent = rows.iter().filter(|row| row.state == State::Silent);
        let mut agencies: Vec<i64> = silent.map(|row| row.agency.id).collect();
        agencies.sort_unstable();
        agencies.dedup();
        if agencies.is_empty() {
            return Ok(());
        }
        let quiet = self.quiet(&agencies).await?;
        for row in rows.iter_mut().filter(|row| row.state == State::Silent) {
            row.silence = Some(reason(row, quiet.get(&row.agency.id)));
        }
        Ok(())
    }

    async fn quiet(&self, agencies: &[i64]) -> Result<HashMap<i64, Quiet>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT agency, state = 'silent', heard_at FROM agent
             WHERE revoked_at IS NULL AND state IN ('online', 'silent')
               AND agency IN (SELECT value FROM json_each(",
        );
        query.push_bind(serde_json::json!(agencies).to_string()).push("))");
        let rows: Vec<(i64, bool, Option<i64>)> =
            query.build_query_as().fetch_all(self.0.store.pool()).await?;
        let mut quiet: HashMap<i64, Quiet> = HashMap::new();
        for (agency, is_silent, heard_at) in rows {
            let of = quiet.entry(agency).or_default();
            of.expected += 1;
            of.heard_at.extend(heard_at.filter(|_| is_silent));
        }
        Ok(quiet)
    }
}

fn reason(row: &MachineRow, quiet: Option<&Quiet>) -> SilenceReason {
    let heard = row.last_heard.map(soc_event::Timestamp::as_micros);
    if let (Some(heard), Some(quiet)) = (heard, quiet) {
        let near = |at: &&i64| at.abs_diff(heard) <= TOGETHER_MICROS.unsigned_abs();
        let together = quiet.heard_at.iter().filter(near).count();
        if together >= LINE_MIN && together * 5 >= quiet.expected * 4 {
            return SilenceReason::Line;
        }
    }
    let is_full = |share: Option<f64>| share.is_some_and(|share| share >= FULL);
    match () {
        () if is_full(row.disk_used) => SilenceReason::DiskFull,
        () if is_full(row.memory_used) => SilenceReason::MemoryFull,
        () => SilenceReason::Abrupt,
    }
}
