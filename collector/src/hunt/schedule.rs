use std::time::Duration;

use soc_archive::hunt::{Chosen, Part, Request};
use soc_event::{AgentId, Epoch, Event, EventId, Kind, Lane, Sequence, Timestamp};
use sqlx::Row as _;
use tokio::sync::watch;

use super::saved::{language, saved};
use super::{Error, Hunts, Saved, Schedule};
use crate::access::{Caller, Permission};
use crate::alert::{AgencyRef, EventView, Finding, MachineRef, Said, Text};
use crate::stop::stopped;

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Rows of a run that are counted; more is "at least so many".
const ROWS_MAX: usize = 10_000;
/// Of what was found, so many rows are told with the alert.
const ROWS_TOLD: usize = 10;
/// Longest text of those rows.
const TOLD_CHARS_MAX: usize = 4000;
/// Kind of the event behind an alert.
const FINDING: Kind = Kind::new("hunt.finding");

/// What one run found.
struct Found {
    rows: usize,
    told: String,
}

impl Hunts {
    /// Asks saved hunts when they are due, until told to stop.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.run_due().await {
                tracing::error!(%error, "scheduled hunts");
            }
            tokio::select! {
                () = stopped(&mut shutdown) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Asks everything that is due now, one after the other.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Alert`]: then a run may not be done, and is due again.
    pub async fn run_due(&self) -> Result<usize, Error> {
        let now = self.now();
        let due = sqlx::query("SELECT * FROM saved_hunt WHERE due_at <= ? ORDER BY due_at")
            .bind(now.as_micros())
            .fetch_all(self.0.store.pool())
            .await?;
        for row in &due {
            let runs: i64 = row.try_get("runs")?;
            let hunt = saved(row)?;
            let found = self.ask_for(&hunt, now).await;
            self.done(&hunt, runs, now, found).await?;
        }
        Ok(due.len())
    }

    async fn ask_for(&self, hunt: &Saved, now: Timestamp) -> Result<Found, Error> {
        let (owner, agencies) = self.owner(&hunt.owner).await?;
        let range = hunt.draft.range_s.saturating_mul(1_000_000);
        let request = Request {
            query: hunt.draft.query.clone(),
            language: language(&hunt.draft.language).ok_or(Error::Unknown)?,
            from: now.plus_micros(range.saturating_neg()),
            to: now,
            agencies,
            limit: Some(ROWS_MAX),
            chosen: Chosen::Fields(hunt.draft.columns.clone()),
        };
        let caller = Caller { who: owner, address: "schedule".into() };
        let mut asked = self.ask(&caller, request).await?;
        let mut found = Found { rows: 0, told: String::new() };
        while let Some(part) = asked.parts.recv().await {
            match part {
                Part::Rows(batch) => {
                    let room = ROWS_TOLD.saturating_sub(found.rows);
                    for row in soc_archive::hunt::json(&batch).into_iter().take(room) {
                        found.told.push_str(&serde_json::Value::Array(row).to_string());
                        found.told.push('\n');
                    }
                    found.rows = found.rows.saturating_add(batch.num_rows());
                }
                Part::Failed(error) => return Err(error.into()),
                Part::End { .. } => return Ok(found),
                Part::Waiting(_) | Part::Begin { .. } | Part::Progress { .. } => {}
            }
        }
        Err(Error::Refused("stopped before its end".into()))
    }

    /// A scheduled hunt sees what its owner may see at the time it runs.
    async fn owner(&self, name: &str) -> Result<(String, soc_archive::Agencies), Error> {
        let owner = self.0.access.on_behalf_of(name).await?;
        let owner = owner.filter(|owner| owner.may(Permission::Hunt)).ok_or(Error::Unknown)?;
        Ok((owner.name.clone(), self.0.access.reach(&owner).await?))
    }

    /// The alert, that the run is done, and when the next is due: all or nothing.
    async fn done(
        &self,
        hunt: &Saved,
        runs: i64,
        now: Timestamp,
        found: Result<Found, Error>,
    ) -> Result<(), Error> {
        let Some(schedule) = &hunt.draft.schedule else { return Ok(()) };
        let agency = self.agency_of(&hunt.owner).await?;
        let mut tx = self.0.store.write().await?;
        let mut raised = Vec::new();
        if let Ok(found) = &found
            && found.rows > 0
        {
            let finding = finding(hunt, schedule, (runs, now), agency, found);
            raised = self.0.alerts.raise(&mut tx, &[finding]).await?;
        }
        let (rows, error) = match &found {
            Ok(found) => (i64::try_from(found.rows).unwrap_or(i64::MAX), None),
            Err(error) => (0, Some(error.to_string())),
        };
        let next = now.plus_micros(schedule.every_s.saturating_mul(1_000_000));
        // Whoever changed or deleted it meanwhile is right.
        let changed = sqlx::query(
            "UPDATE saved_hunt SET runs = runs + 1, due_at = ?, last_at = ?, last_rows = ?,
                 last_error = ?
             WHERE id = ? AND runs = ? AND due_at IS NOT NULL",
        )
        .bind(next.as_micros())
        .bind(now.as_micros())
        .bind(rows)
        .bind(error)
        .bind(hunt.id)
        .bind(runs)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(tx.rollback().await?);
        }
        tx.commit().await?;
        self.0.alerts.announce(&raised);
        Ok(())
    }

    async fn agency_of(&self, owner: &str) -> Result<AgencyRef, Error> {
        let row: Option<(i64, String, String)> = sqlx::query_as(
            "SELECT agency.id, agency.code, agency.name FROM operator
             JOIN operator_agency ON operator = operator.name
             JOIN agency ON agency.id = operator_agency.agency
             WHERE operator.name = ? ORDER BY agency.id LIMIT 1",
        )
        .bind(owner)
        .fetch_optional(self.0.store.pool())
        .await?;
        Ok(row.map_or_else(AgencyRef::default, |(id, code, name)| AgencyRef { id, code, name }))
    }
}

fn finding(
    hunt: &Saved,
    schedule: &Schedule,
    (runs, now): (i64, Timestamp),
    agency: AgencyRef,
    found: &Found,
) -> Finding {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    let event_id = EventId {
        agent: AgentId::COLLECTOR,
        epoch: Epoch(number(hunt.id)),
        lane: Lane::Alert,
        sequence: Sequence(number(runs).saturating_add(1)),
    };
    let told: String = found.told.chars().take(TOLD_CHARS_MAX).collect();
    let event = Event::own(now, FINDING)
        .with("hunt.id", hunt.id)
        .with("hunt.name", hunt.draft.name.as_str())
        .with("hunt.query", hunt.draft.query.as_str())
        .with("hunt.rows", i64::try_from(found.rows).unwrap_or(i64::MAX))
        .with("hunt.owner", hunt.owner.as_str());
    let event = Event { raw: Some(told), ..event };
    let machine = MachineRef { id: AgentId::COLLECTOR, hostname: String::new() };
    let title = Text { en: schedule.title.clone(), vi: None };
    let description =
        Text { en: format!("The saved hunt \"{}\" found something.", hunt.draft.name), vi: None };
    Finding {
        rule: format!("hunt:{}", hunt.id),
        level: schedule.level,
        said: Said { title, description, ..Said::default() },
        agent: AgentId::COLLECTOR,
        hostname: String::new(),
        agency,
        group: vec![("hunt.name".to_owned(), hunt.draft.name.clone())],
        predicates: Vec::new(),
        correlation: None,
        event: EventView::new(0, &event_id, now, &event, machine),
        event_id,
        positions: Vec::new(),
        at: now,
        received: now,
        late: false,
    }
}
